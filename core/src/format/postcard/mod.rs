//! Length-prefixed postcard.

mod access;
mod de;
mod reader;
mod ser;
mod wire;

use super::{EncodeError, Format, Frame, Output, Payload, ValueReader};
use crate::error::{DecodeError, DecodeErrorKind};
use core::marker::PhantomData;
use reader::Reader;
use ser::Writer;
use serde::Serialize;
use serde::de::DeserializeSeed;
use wire::{put_leb128, take_leb128};

/// A value of any serde type in [postcard](https://postcard.jamesmunns.com)'s encoding, after its
/// length in bytes as a LEB128 number.
///
/// Because of the length, the payload's end is known even if its bytes are invalid, so a rejected payload is
/// skipped exactly. Bytes left over after the value are an error.
///
/// # Bounds
/// These rules are stricter than postcard's. Each element of a sequence and each entry of a map takes at least
/// one byte. A count must not exceed the unread bytes. So a payload has at most as many elements as bytes, and
/// the receiver reserves space for no more. Containers nest at most
/// [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) deep.
///
/// # Types
/// Postcard sends no names. A struct is decoded by the order of its fields, an enum by the numbers of its
/// variants. A value decodes to the same value, or its encoding fails with
/// [`EncodeError::Unencodable`]. The exceptions are types that a format cannot recognize:
///
/// | Attribute or type | Its value |
/// |---|---|
/// | `rename`, `alias`, `default`, `with`, `borrow`, `transparent`, `from`, `into`, `remote`, `other` | decodes to the same value; with `alias`, an error may name another field |
/// | `skip` of a field | decodes to the same value, with the field's default |
/// | `skip_serializing_if` of a struct's field | fails to encode if the field would be left out |
/// | `flatten`; other sequences and maps of unknown length | fails to encode |
/// | a `Serialize` that writes more or fewer elements or fields than it announces | fails to encode |
/// | elements or entries that take no bytes, as in `Vec<()>` | fails to encode |
/// | a value that nests deeper than [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) | fails to encode |
/// | `tag` or `untagged` of an enum | is encoded, but fails to decode ([`DecodeErrorKind::Unsupported`]) |
/// | `skip` or `skip_deserializing` of a variant | is encoded, but **a later variant decodes to its neighbour**, because serde numbers the variants differently in the two directions |
/// | `skip_serializing` or `skip_deserializing` of a field alone, `tag` of a struct | is encoded, but **decodes to another value** or fails to decode |
/// | `skip_serializing_if` of a tuple's field | is encoded, but **decodes to another value** or fails to decode if the field is left out |
///
/// Do not send the types in the last four rows, with one exception: the last variants of an enum can be skipped.
#[derive(Debug)]
pub struct Postcard<T: ?Sized>(PhantomData<fn() -> *const T>);

impl<T: Payload + ?Sized> Format for Postcard<T> {
    type Value<'a> = T::Value<'a>;
    type Sent<'a> = &'a T::Value<'a>;

    fn frame(input: &[u8], _progress: &mut usize) -> Frame {
        let mut rest = input;
        match take_leb128(&mut rest, 64) {
            Ok(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let prefix = input.len().saturating_sub(rest.len());
                Frame::Ends(length.saturating_add(prefix))
            }
            Err(DecodeErrorKind::Truncated) => Frame::Open,
            Err(_) => Frame::Broken(DecodeErrorKind::BadLength),
        }
    }

    fn decode(payload: &[u8]) -> Result<T::Value<'_>, DecodeError> {
        Self::decode_with(payload, |value| value)
    }

    fn decode_with<'a, R>(
        payload: &'a [u8],
        take: impl FnOnce(T::Value<'a>) -> R,
    ) -> Result<R, DecodeError> {
        let mut reader = reader_of(payload)?;
        reader.read(take).map_err(|kind| DecodeError {
            kind,
            field: reader.field,
        })
    }

    fn encode(value: &T::Value<'_>, space: &mut [u8]) -> Result<usize, EncodeError> {
        Postcard::encode_any(value, space)
    }
}

/// For tools that know the type only at run time.
impl Postcard<()> {
    /// Encodes a value of any type at the start of `space`. Returns the number of bytes written.
    ///
    /// # Errors
    /// See [`EncodeError`]. After an error the contents of `space` are unspecified.
    pub fn encode_any<T: Serialize + ?Sized>(
        value: &T,
        space: &mut [u8],
    ) -> Result<usize, EncodeError> {
        // Reserve one byte for the length, enough for most values. A longer length moves the value.
        let mut output = Output::new(space);
        output.byte(0)?;
        value.serialize(Writer::new(&mut output))?;
        let size = output.size().saturating_sub(1);
        let mut memory = [0; 10];
        let mut prefix = Output::new(&mut memory);
        put_leb128(&mut prefix, size as u64)?;
        output.set_prefix(0, prefix.written())?;
        Ok(output.size())
    }

    /// Decodes a whole payload with a serde seed.
    ///
    /// # Errors
    /// Returns the first error, with its field.
    pub fn decode_seed<'a, S: DeserializeSeed<'a>>(
        seed: S,
        payload: &'a [u8],
    ) -> Result<S::Value, DecodeError> {
        let mut reader = reader_of(payload)?;
        let value = seed.deserialize(&mut reader).and_then(|value| {
            reader.finish()?;
            Ok(value)
        });
        value.map_err(|kind| DecodeError {
            kind,
            field: reader.field,
        })
    }
}

/// Returns a reader of the value after its length.
fn reader_of(payload: &[u8]) -> Result<Reader<'_>, DecodeErrorKind> {
    let mut body = payload;
    take_leb128(&mut body, 64).map_err(|_| DecodeErrorKind::BadLength)?;
    Ok(Reader::new(body))
}

#[cfg(feature = "alloc")]
mod owned {
    use super::Postcard;
    use crate::format::OwnedReply;
    use alloc::string::String;
    use alloc::vec::Vec;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    impl<T: Serialize + DeserializeOwned + Send + 'static> OwnedReply for Postcard<T> {
        type Owned = T;

        fn into_owned(value: T) -> T {
            value
        }
    }

    impl OwnedReply for Postcard<str> {
        type Owned = String;

        fn into_owned(text: &str) -> String {
            text.into()
        }
    }

    impl OwnedReply for Postcard<[u8]> {
        type Owned = Vec<u8>;

        fn into_owned(bytes: &[u8]) -> Vec<u8> {
            bytes.into()
        }
    }
}
