//! Many values in one stream: of one Go Encoder, which defines each type once, and for one Go
//! Decoder.

use super::definitions::{Definitions, FIRST_ID};
use super::id::{Head, TypeId};
use super::limits::MAX_TYPES;
use super::reader::Reader;
use super::ser;
use super::types::Table;
use super::value::Value;
use super::wire::take_message;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{EncodeError, ValueReader};
use crate::schema::Schema;
use core::marker::PhantomData;
use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize};

/// Decodes a payload of one value, with space for `TYPES` types, and passes the value to `take`.
pub(super) fn from_slice_with<'a, T: Deserialize<'a>, R, const TYPES: usize>(
    payload: &'a [u8],
    take: impl FnOnce(T) -> R,
) -> Result<R, DecodeError> {
    let mut table = Table::<TYPES>::new();
    let mut reader = Reader::of_stream(table.types(), payload, payload);
    read(&mut reader, Reader::finish_last, take)
}

/// Decodes a payload of one value with `seed`.
pub(super) fn decode_seed<'a, S: DeserializeSeed<'a>>(
    seed: S,
    payload: &'a [u8],
) -> Result<S::Value, DecodeError> {
    let mut table = Table::<MAX_TYPES>::new();
    let mut reader = Reader::of_stream(table.types(), payload, payload);
    let (ty, finish) = (reader.start()?, Reader::finish_last as fn(&_) -> _);
    let mut only = Only {
        reader: &mut reader,
        ty,
        finish,
    };
    only.read_seed(seed).map_err(|kind| DecodeError {
        kind,
        field: only.reader.field,
    })
}

/// The values that one Encoder wrote, in sequence, all of them in memory.
///
/// The values may have different types. A stream defines at most 32.
///
/// ```
/// // Two strings and an integer.
/// let bytes = b"\x05\x0c\x00\x02hi\x05\x0c\x00\x02ho\x03\x04\x00\x06";
/// let mut stream = bellwire::gob::Stream::new(bytes);
/// assert_eq!(stream.next()?, Some("hi"));
/// assert_eq!(stream.next()?, Some("ho"));
/// assert_eq!(stream.next()?, Some(3));
/// assert_eq!(stream.next::<i64>()?, None);
/// # Ok::<(), bellwire::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Stream<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    table: Table,
}

impl<'a> Stream<'a> {
    /// Creates a stream of the values in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            rest: bytes,
            table: Table::new(),
        }
    }

    /// Returns the next value, or `None` at the end.
    ///
    /// # Errors
    /// Returns the first error, with its field. After an error the stream is at its end.
    #[allow(clippy::should_implement_trait)] // each value may be of a type of its own
    pub fn next<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let rest = core::mem::take(&mut self.rest);
        let mut reader = Reader::of_stream(self.table.types(), self.bytes, rest);
        let value = read(&mut reader, Reader::finish, |value| value)?;
        self.rest = reader.following;
        Ok(Some(value))
    }
}

/// Decodes the values that one Go Encoder sends over time.
///
/// Each payload holds the definitions that are new. The decoder keeps them in lent memory, which is
/// all that a sender can use up, no matter how long the conversation lasts. When it is full,
/// decoding returns [`DecodeErrorKind::TooManyTypes`]. A definition takes about as many bytes as on the wire,
/// its names included.
///
/// Use it with a command in the format [`RawGob`](super::RawGob), and keep it in the context of the
/// handler.
///
/// ```
/// use bellwire::gob::{Decoder, Encoder};
/// use bellwire::schema::{Schema, Type};
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// #[serde(rename_all = "UPPERCASE")]
/// struct Point {
///     x: i64,
///     y: i64,
/// }
///
/// impl Schema for Point {
///     const TYPE: Type = Type::Struct("Point", &[("X", Type::I64), ("Y", Type::I64)]);
/// }
///
/// let (mut memory, mut space) = ([0; 128], [0; 128]);
/// let mut decoder = Decoder::new(&mut memory);
/// let mut encoder = Encoder::new();
/// for x in 1..4 {
///     let point = Point { x, y: 9 };
///     let size = encoder.encode(&point, &mut space)?;
///     assert_eq!(size, if x == 1 { 31 + 8 } else { 8 });
///     assert_eq!(decoder.decode::<Point>(&space[..size])?, point);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder<'m> {
    memory: &'m mut [u8],
    used: usize,
    table: Table,
}

impl<'m> Decoder<'m> {
    /// Creates a decoder at the start of a conversation. `memory` stores the definitions.
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self {
            memory,
            used: 0,
            table: Table::new(),
        }
    }

    /// Decodes a payload: the new definitions and one value.
    ///
    /// # Errors
    /// Returns the first error, with its field. The definitions before the value are kept even then, as in Go. Returns
    /// [`DecodeErrorKind::Unsupported`] if an interface value contains a definition.
    pub fn decode<'a, T: Deserialize<'a>>(&mut self, payload: &'a [u8]) -> Result<T, DecodeError> {
        let mut rest = payload;
        loop {
            let mut following = rest;
            let mut message = take_message(&mut following)?;
            let Head::Definition(id) = Head::take(&mut message)? else {
                break;
            };
            self.remember(id, message)?;
            rest = following;
        }
        let definitions = self.memory.get(..self.used).unwrap_or(&[]);
        let mut reader = Reader::of_payload(self.table.types(), definitions, rest);
        let value = read(&mut reader, Reader::finish_last, |value| value);
        if value.is_err() {
            // The comparison may have found the error, and must find it again.
            reader.types.forget_compared();
        }
        value
    }

    fn remember(&mut self, id: TypeId, definition: &[u8]) -> Result<(), DecodeErrorKind> {
        let mut types = self.table.types();
        types.check_new(id)?;
        let end = self.used.saturating_add(definition.len());
        let space = self.memory.get_mut(self.used..end);
        let space = space.ok_or(DecodeErrorKind::TooManyTypes)?;
        for (slot, byte) in space.iter_mut().zip(definition) {
            *slot = *byte;
        }
        let source = self.memory.get(..end).unwrap_or(&[]);
        let is_whole = types.define(id, source, self.used)?.is_empty();
        self.used = end;
        if !is_whole {
            return Err(DecodeErrorKind::LeftOver);
        }
        Ok(())
    }
}

/// Reads a value and passes it to `take`, unless `finish` finds an error in the bytes after it.
fn read<'t, 'de, T: Deserialize<'de>, R>(
    reader: &mut Reader<'t, 'de>,
    finish: fn(&Reader<'t, 'de>) -> Result<(), DecodeErrorKind>,
    take: impl FnOnce(T) -> R,
) -> Result<R, DecodeError> {
    let ty = reader.start()?;
    let mut only = Only { reader, ty, finish };
    only.read(take).map_err(|kind| DecodeError {
        kind,
        field: only.reader.field,
    })
}

/// A value that is alone in the remaining bytes, or in its message.
struct Only<'r, 't, 'de> {
    reader: &'r mut Reader<'t, 'de>,
    ty: TypeId,
    finish: fn(&Reader<'t, 'de>) -> Result<(), DecodeErrorKind>,
}

impl<'de> ValueReader<'de> for Only<'_, '_, 'de> {
    fn deserializer(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind> {
        Value {
            reader: &mut *self.reader,
            ty: self.ty,
            sent: true,
        }
    }

    fn finish(&self) -> Result<(), DecodeErrorKind> {
        (self.finish)(self.reader)
    }
}

/// Encodes values for one Go Decoder. The first value carries the definitions.
///
/// It needs no memory: all that it sends of a type is constant. If several types go to one Decoder,
/// use one Encoder for each type. Give each its own range of ids with `FIRST`, which is 64 or more,
/// so that no id is defined twice: `Encoder::<Point, 70>`.
///
/// See [`Decoder`] for an example.
#[derive(Debug, Clone)]
pub struct Encoder<T: ?Sized, const FIRST: u32 = FIRST_ID> {
    defined: bool,
    values: PhantomData<fn(&T)>,
}

impl<T: Serialize + Schema + ?Sized> Encoder<T> {
    /// Creates an encoder at the start of a conversation, with ids from 64 on.
    pub const fn new() -> Self {
        Self::with_ids()
    }
}

impl<T: Serialize + Schema + ?Sized, const FIRST: u32> Encoder<T, FIRST> {
    /// Creates an encoder at the start of a conversation, with ids from `FIRST` on.
    pub const fn with_ids() -> Self {
        Self {
            defined: false,
            values: PhantomData,
        }
    }

    /// Encodes `value` at the start of `space`, and returns the number of bytes written.
    ///
    /// # Errors
    /// See [`EncodeError`]. After an error the contents of `space` are unspecified.
    pub fn encode(&mut self, value: &T, space: &mut [u8]) -> Result<usize, EncodeError> {
        let mut definitions = Definitions::<T, FIRST>::BYTES;
        if self.defined {
            definitions = &[];
        }
        let id = Definitions::<T, FIRST>::ID;
        let size = ser::write(value, definitions, id, &T::TYPE, space)?;
        self.defined = true;
        Ok(size)
    }
}

impl<T: Serialize + Schema + ?Sized> Default for Encoder<T> {
    fn default() -> Self {
        Self::new()
    }
}
