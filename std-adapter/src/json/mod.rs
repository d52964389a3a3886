//! JSON for payloads whose types are known only at run time. Requires the feature `json`.
//!
//! [`encode`] and [`decode`] need an [`Encoding`]: the one of a command's [description](crate::schema::parse). The
//! payload's bytes come from the core's own serializers, so they are those of a program with the Rust type.
//!
//! ```
//! use bellwire_std::{json, schema};
//!
//! let set = schema::parse("SET postcard Setting{target: f32, mode: Mode<Off | Heat>}")?;
//! let payload = json::encode(&set.request, r#"{"mode": "Heat", "target": 21.5}"#)?;
//! let text = json::decode(&set.request, &payload)?;
//! assert_eq!(text, r#"{"target":21.5,"mode":"Heat"}"#);
//!
//! let error = json::encode(&set.request, r#"{"mode": "Off", "target": "warm"}"#).unwrap_err();
//! assert_eq!(error.to_string(), r#"field "target": expected f32, found string"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The JSON form
//! It is `serde_json`'s for the same Rust type, on one line, with fields in the type's order.
//!
//! | type | JSON |
//! |---|---|
//! | `bool` | `true` or `false` |
//! | integers, up to 128 bits | a number with all its digits |
//! | `f32`, `f64` | a number; NaN and infinities become `null`, and `null` is not accepted for a float |
//! | `char`, `str` | a string |
//! | `bytes`, `[u8]` | an array of numbers |
//! | `()` | `null` |
//! | `?T` | `null`, or the value; so `?()` and `??T` lose their inner state |
//! | lists, arrays, tuples | an array |
//! | maps | an object; keys are texts, characters, numbers, booleans or variants without content, all as strings |
//! | structs | an object |
//! | an enum | `"Variant"`, or `{"Variant": content}` if the variant has content |
//! | the format `line` | a string |
//! | the format `()` | `null` |
//!
//! Gob leaves zeros out, so an optional zero becomes `null`. It cannot carry some types at all; see
//! [`gob`](bellwire::gob#types).
//!
//! The reader is strict. Unknown fields, duplicate keys, missing fields and numbers out of range are errors. Only an
//! optional field may be missing. [`JsonError`] names the field.
//!
//! # Bounds
//! The description and the payload may come from an untrusted peer. Values nest at most
//! [`Limits::MAX_DEPTH`](bellwire::Limits::MAX_DEPTH) deep. JSON from a payload takes at most [`MAX_TEXT`] bytes.

mod error;
mod key;
mod place;
mod read;
mod remote;
mod scalar;
mod topic;
mod value;
mod write;

pub use error::JsonError;
pub use remote::{JsonCallError, RemoteCommand};
pub use topic::RemoteTopic;

use bellwire::format::EncodeError;
use bellwire::schema::{Encoding, Type};
use bellwire::{Format, Gob, Line, Postcard};
use value::Value;

/// The longest JSON text that [`decode`] returns, in bytes. Fuzz targets have a lower limit.
pub const MAX_TEXT: usize = if cfg!(fuzzing) { 65_536 } else { 64 << 20 };

/// The longest payload that [`encode`] returns, in bytes.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// Encodes a JSON text as a payload.
///
/// An empty text stands for `null`.
///
/// # Errors
/// The text is not JSON, or it does not fit the type: the caller must change it. If the format has no JSON form, no
/// text does.
pub fn encode(encoding: &Encoding, json: &str) -> Result<Vec<u8>, JsonError> {
    let json = match json.trim_ascii() {
        "" => "null",
        json => json,
    };
    match (encoding.format, encoding.ty) {
        ("()", _) => read::read(&Type::Unit, json).map(|_| Vec::new()),
        ("line", _) => match read::read(&Type::Str, json)? {
            Value::Str(text) => encode_line(&text),
            _ => Err(JsonError::new("expected a string")),
        },
        ("postcard", Some(ty)) => {
            let value = read::read(ty, json)?;
            grow("postcard", |space| Postcard::encode_any(&value, space))
        }
        ("gob", Some(ty)) => {
            let value = read::read(ty, json)?;
            Gob::check_type(ty).map_err(JsonError::new)?;
            grow("gob", |space| Gob::encode_any(ty, &value, space))
        }
        (format, _) => Err(JsonError::no_form(format)),
    }
}

/// Encodes a text as a payload of the format `line`.
///
/// # Errors
/// The text contains a line feed, or ends with a carriage return.
pub fn encode_line(text: &str) -> Result<Vec<u8>, JsonError> {
    grow("line", |space| Line::encode(text, space))
}

/// Decodes a payload to a JSON text.
///
/// # Errors
/// The payload is not in the format, or does not fit the type: the two ends do not share the description.
pub fn decode(encoding: &Encoding, payload: &[u8]) -> Result<String, JsonError> {
    match (encoding.format, encoding.ty) {
        ("()", _) => Ok("null".to_owned()),
        ("line", _) => match Line::decode(payload) {
            Ok(text) => serde_json::to_string(text).map_err(JsonError::new),
            Err(error) => Err(JsonError::new(error)),
        },
        ("postcard", Some(ty)) => write::write(ty, |seed| Postcard::decode_seed(seed, payload)),
        ("gob", Some(ty)) => write::write(ty, |seed| Gob::decode_seed(seed, payload)),
        (format, _) => Err(JsonError::no_form(format)),
    }
}

/// Encodes into memory that grows until the payload fits.
fn grow(
    format: &str,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Vec<u8>, JsonError> {
    let mut space = vec![0; 1024];
    loop {
        match encode(&mut space) {
            Ok(size) => {
                space.truncate(size);
                return Ok(space);
            }
            Err(EncodeError::NoRoom) if space.len() < MAX_PAYLOAD => {
                space.resize(4 * space.len(), 0);
            }
            Err(EncodeError::NoRoom) => return Err(JsonError::new("payload exceeds 64 MiB")),
            Err(EncodeError::Unencodable) => {
                return Err(JsonError::new(format_args!(
                    "the format {format} cannot carry this value"
                )));
            }
        }
    }
}
