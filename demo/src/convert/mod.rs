//! `bellwire decode` and `bellwire encode`: convert structures between their encodings and JSON.

mod any;
mod go_data;

use crate::json;
use any::Any;
use bellwire::format::{EncodeError, Frame};
use bellwire::gob::{Encoder, Stream};
use bellwire::{DecodeError, DecodeErrorKind, Format, HeapComplexData, Postcard};
use go_data::GoData;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Read, Write};

/// An encoding of structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DataFormat {
    /// Go's encoding/gob.
    Gob,
    /// Postcard with a length prefix.
    Postcard,
}

/// The type of the encoded values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DataType {
    /// The demo's structure, printed as Go's encoding/json does: absent fields are null or zero.
    ComplexData,
    /// Any type that a gob stream describes. Prints the sent fields, by name, and maps in the order of the
    /// stream. Complex numbers are pairs. A value whose Go type marshals itself, such as time.Time, is
    /// printed as those bytes in base64. Floats that JSON lacks are "NaN", "Infinity" and "-Infinity". A map is an object if its
    /// keys are all text, all numbers, all bools or all bytes. Other maps, for example with structs as
    /// keys, are arrays of [key, value] pairs.
    Any,
}

/// The command line of `bellwire decode`.
#[derive(Debug, clap::Args)]
pub struct DecodeArguments {
    /// The encoding of the values.
    #[arg(long, value_enum)]
    format: DataFormat,
    /// The type of the values.
    #[arg(long = "type", value_enum, default_value = "complex-data")]
    data_type: DataType,
}

/// The command line of `bellwire encode`.
#[derive(Debug, clap::Args)]
pub struct EncodeArguments {
    /// The encoding to write.
    #[arg(long, value_enum)]
    format: DataFormat,
}

/// Decodes the values on standard input, and prints each as a line of JSON.
///
/// # Errors
/// At the first malformed value. Earlier values have been printed.
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
            Err("postcard does not describe its types; --type any needs gob".into())
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

/// Decodes the first value of `rest`, and advances `rest` past it.
fn next_postcard(rest: &mut &[u8]) -> Result<Option<GoData>, DecodeError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let end = match Postcard::<HeapComplexData>::frame(rest, &mut 0) {
        Frame::Broken(kind) => return Err(kind.into()),
        Frame::Ends(end) if end <= rest.len() => end,
        Frame::Ends(_) | Frame::Open | Frame::OpenLine => {
            return Err(DecodeErrorKind::Truncated.into());
        }
    };
    let (payload, behind) = rest.split_at(end);
    *rest = behind;
    Postcard::<HeapComplexData>::decode(payload).map(|data| Some(data.into()))
}

/// Reads JSON values from standard input, and writes each encoded to standard output. Gob is written
/// as one Go `Encoder` does: type definitions precede the first value.
///
/// # Errors
/// At the first invalid value. Earlier values have been written.
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
