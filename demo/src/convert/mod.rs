//! `bellwire decode` and `bellwire encode`: structures between their encodings and JSON.

mod any;
mod go_data;

use crate::json;
use any::Any;
use bellwire::format::{EncodeError, Format, Frame};
use bellwire::gob::{Encoder, Stream};
use bellwire::{DecodeError, DecodeErrorKind, HeapComplexData, Postcard};
use go_data::GoData;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Read, Write};

/// An encoding of structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DataFormat {
    /// Go's encoding/gob.
    Gob,
    /// Postcard, with its length in front.
    Postcard,
}

/// What the bytes are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DataType {
    /// The demo's structure, as Go's encoding/json prints it: what is absent is null or zero.
    ComplexData,
    /// Whatever a gob stream says that it holds: the fields that were sent, by name; maps in the
    /// order of the stream, complex numbers as pairs, and what marshals itself, such as a time, as
    /// base64 of its bytes. Floats that JSON lacks are "NaN", "Infinity" and "-Infinity". A map is an
    /// object if its keys are of one kind: text, numbers, bools or bytes. Another map, such as one
    /// with structs as keys, is an array of [key, value] pairs.
    Any,
}

/// What `bellwire decode` is told.
#[derive(Debug, clap::Args)]
pub struct DecodeArguments {
    /// How the values are encoded.
    #[arg(long, value_enum)]
    format: DataFormat,
    /// What they are.
    #[arg(long = "type", value_enum, default_value = "complex-data")]
    data_type: DataType,
}

/// What `bellwire encode` is told.
#[derive(Debug, clap::Args)]
pub struct EncodeArguments {
    /// How to encode the values.
    #[arg(long, value_enum)]
    format: DataFormat,
}

/// Prints each value that comes on standard input as a line of JSON.
///
/// # Errors
/// At the first value that is malformed; those in front of it are printed.
pub fn decode(arguments: &DecodeArguments) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let mut rest = &bytes[..];
    let mut stream = Stream::new(&bytes);
    match (arguments.format, arguments.data_type) {
        (DataFormat::Gob, DataType::ComplexData) => print_each(|| stream.next::<GoData>()),
        (DataFormat::Gob, DataType::Any) => print_each(|| stream.next::<Any>()),
        (DataFormat::Postcard, DataType::ComplexData) => print_each(|| next_postcard(&mut rest)),
        (DataFormat::Postcard, DataType::Any) => {
            Err("postcard does not say what it holds; only gob does".into())
        }
    }
}

fn print_each<T: Serialize>(
    mut next: impl FnMut() -> Result<Option<T>, DecodeError>,
) -> Result<(), Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut result = Ok(());
    loop {
        match next() {
            Ok(Some(value)) => writeln!(out, "{}", json::to_string(&value)?)?,
            Ok(None) => break,
            Err(malformed) => {
                result = Err(malformed.into());
                break;
            }
        }
    }
    out.flush()?;
    result
}

/// Takes the next value off the front of `rest`.
fn next_postcard(rest: &mut &[u8]) -> Result<Option<GoData>, DecodeError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let end = match Postcard::<HeapComplexData>::frame(rest, &mut 0) {
        Frame::Broken(flaw) => return Err(flaw.into()),
        Frame::Ends(end) if end <= rest.len() => end,
        Frame::Ends(_) | Frame::Open(_) => return Err(DecodeErrorKind::Truncated.into()),
    };
    let (payload, behind) = rest.split_at(end);
    *rest = behind;
    Postcard::<HeapComplexData>::decode(payload).map(|data| Some(data.into()))
}

/// Writes each value that comes as JSON on standard input to standard output; in gob, as one Go Encoder
/// does, with the definitions in front of the first.
///
/// # Errors
/// At the first value that is wrong; those in front of it are written.
pub fn encode(arguments: &EncodeArguments) -> Result<(), Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut encoder = Encoder::<HeapComplexData>::new();
    let mut space = vec![0; 1024];
    let mut values = serde_json::Deserializer::from_reader(io::stdin().lock());
    while values.end().is_err() {
        let value = match serde_path_to_error::deserialize::<_, GoData>(&mut values) {
            Ok(value) => HeapComplexData::from(value),
            Err(error) => {
                out.flush()?;
                return Err(error.into());
            }
        };
        let size = loop {
            let size = match arguments.format {
                DataFormat::Gob => encoder.encode(&value, &mut space),
                DataFormat::Postcard => Postcard::<HeapComplexData>::encode(&value, &mut space),
            };
            match size {
                Err(EncodeError::NoRoom) => space.resize(2 * space.len(), 0),
                size => break size?,
            }
        };
        out.write_all(&space[..size])?;
    }
    out.flush()?;
    Ok(())
}
