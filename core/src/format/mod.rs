//! Payload formats: how to find the end of a payload, decode it and encode it.
//!
//! A format is one type that implements [`Format`]. The protocol needs no change for a new one. The formats
//! `Gob` and `Postcard` are features of the crate, on by default.
//!
//! # A format over serde
//! | Task | Item |
//! |---|---|
//! | accept owned and borrowing types | [`Payload`] |
//! | find the end of a line | [`Line::frame`](Format::frame) |
//! | bound the nesting | [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) |
//! | decode with few moves, and refuse bytes after the value | [`ValueReader`] |
//! | write values, and lengths in front of them | [`Output`] |
//! | report the errors of serde's types | [`DecodeErrorKind`] and [`EncodeError`], the error types of your `Deserializer` and `Serializer` |

mod depth;
#[cfg(feature = "gob")]
pub mod gob;
mod line;
mod output;
#[cfg(feature = "alloc")]
mod owned;
mod payload;
#[cfg(feature = "postcard")]
mod postcard;
mod serde_errors;
mod value_reader;
#[cfg(any(feature = "gob", feature = "postcard"))]
mod zigzag;

pub(crate) use depth::{MAX_DEPTH, TOO_DEEP};
#[cfg(feature = "gob")]
pub use gob::{Gob, RawGob};
pub use line::Line;
pub use output::Output;
#[cfg(feature = "alloc")]
pub use owned::OwnedReply;
pub use payload::Payload;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;
pub use value_reader::ValueReader;

use crate::error::{DecodeError, DecodeErrorKind};
use core::fmt;
use core::fmt::Display;

/// The encoding of a command's payloads on the wire.
///
/// An implementation is a stateless type without values. It is named as a parameter of
/// [`Command`](crate::Command).
///
/// # How to write a format
/// 1. Choose how a receiver finds the end: by a length in front, by a byte that the payload cannot contain, or by a
///    fixed size. [`frame`](Self::frame) looks for it in the bytes that have arrived. It must find the end of invalid
///    payloads too, so that the server can skip them. A format of lines calls [`Line`]'s `frame`.
/// 2. [`decode`](Self::decode) checks the whole payload. The value may borrow from it.
/// 3. [`encode`](Self::encode) writes only values that decode to themselves, and refuses the others.
/// 4. If a payload may begin with `!` or `>`, keep the default [`PREFIX`](Self::PREFIX).
///
/// Bytes come from a peer, so a format neither panics nor trusts a length. The example has a length in front. The
/// program `examples/own_format.rs` has a format on [`Line`].
///
/// ```
/// use bellwire::format::{EncodeError, Frame};
/// use bellwire::{Command, DecodeError, DecodeErrorKind, Format, Line};
///
/// /// Bytes after their length, a big-endian `u16`.
/// enum Blob {}
///
/// impl Format for Blob {
///     type Value<'a> = &'a [u8];
///     type Sent<'a> = &'a [u8];
///
///     fn frame(input: &[u8], _progress: &mut usize) -> Frame {
///         match input.first_chunk() {
///             Some(length) => Frame::Ends(2 + usize::from(u16::from_be_bytes(*length))),
///             None => Frame::Open,
///         }
///     }
///
///     fn decode(payload: &[u8]) -> Result<&[u8], DecodeError> {
///         Ok(payload.get(2..).ok_or(DecodeErrorKind::Truncated)?)
///     }
///
///     fn encode(value: &[u8], space: &mut [u8]) -> Result<usize, EncodeError> {
///         let length = u16::try_from(value.len()).map_err(|_| EncodeError::Unencodable)?;
///         let size = 2 + value.len();
///         let space = space.get_mut(..size).ok_or(EncodeError::NoRoom)?;
///         let (front, rest) = space.split_at_mut(2);
///         front.copy_from_slice(&length.to_be_bytes());
///         rest.copy_from_slice(value);
///         Ok(size)
///     }
/// }
///
/// const STORE: Command<Blob, Line> = Command::new("STORE");
/// # let mut space = [0; 8];
/// # assert_eq!(Blob::encode(b"abc", &mut space), Ok(5));
/// # assert_eq!(Blob::frame(&space, &mut 0), Frame::Ends(5));
/// # assert_eq!(Blob::decode(&space[..5]), Ok(&b"abc"[..]));
/// ```
pub trait Format: 'static {
    /// The type that a payload decodes to. It may borrow from the receive buffer.
    type Value<'a>;

    /// The type of a value to encode, most often a reference.
    type Sent<'a>;

    /// The bytes before a reply in this format.
    ///
    /// Their first byte distinguishes the reply from an error line, which begins with `!`, and from a
    /// [push](crate::topics), which begins with `>`. If a format has no prefix, its payloads that start with `!` or `>`
    /// cannot be replies.
    const PREFIX: &'static [u8] = b"OK\n";

    /// Finds the end of the payload at the start of `input`.
    ///
    /// `input` holds the bytes that have arrived, from the payload's first byte on. `progress` is 0
    /// at the start of each payload and belongs to the format. It can record the number of bytes
    /// already searched, so that the work for each byte stays bounded.
    fn frame(input: &[u8], progress: &mut usize) -> Frame;

    /// Decodes a whole payload. [`frame`](Self::frame) has found its end.
    ///
    /// # Errors
    /// Returns the first error, and no part of the value.
    fn decode(payload: &[u8]) -> Result<Self::Value<'_>, DecodeError>;

    /// Decodes a whole payload and passes the value to `take`.
    ///
    /// Override this for a format with large values. The default may copy the value several times on its way to
    /// `take`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode). Then `take` is not called.
    fn decode_with<'a, R>(
        payload: &'a [u8],
        take: impl FnOnce(Self::Value<'a>) -> R,
    ) -> Result<R, DecodeError> {
        Self::decode(payload).map(take)
    }

    /// Encodes `value` at the start of `space`, and returns the number of bytes written.
    ///
    /// # Errors
    /// See [`EncodeError`]. After an error the contents of `space` are unspecified.
    fn encode(value: Self::Sent<'_>, space: &mut [u8]) -> Result<usize, EncodeError>;
}

/// The result of [`Format::frame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The payload takes this many bytes. Some of them may not have arrived yet. A length that
    /// overflows is `usize::MAX`, which exceeds every limit.
    Ends(usize),
    /// More bytes are needed to find the end. If the payload exceeds the receiver's limit, the
    /// conversation ends.
    Open,
    /// The payload ends at the next line feed, which has not arrived. If the payload exceeds the
    /// receiver's limit, it is skipped up to there.
    OpenLine,
    /// The end cannot be found.
    Broken(DecodeErrorKind),
}

/// The reason why a value could not be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The space is too small for the value.
    NoRoom,
    /// The format cannot carry the value: for example a line that contains a line feed, a value that nests
    /// deeper than [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH), or one that would decode to another value.
    Unencodable,
}

impl Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodeError::NoRoom => "space too small for the value",
            EncodeError::Unencodable => "format cannot carry the value",
        })
    }
}

impl core::error::Error for EncodeError {}

/// The empty payload: a request is its command line alone, a reply is `OK` alone.
impl Format for () {
    type Value<'a> = ();
    type Sent<'a> = ();

    fn frame(_input: &[u8], _progress: &mut usize) -> Frame {
        Frame::Ends(0)
    }

    fn decode(_payload: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }

    fn encode((): (), _space: &mut [u8]) -> Result<usize, EncodeError> {
        Ok(0)
    }
}
