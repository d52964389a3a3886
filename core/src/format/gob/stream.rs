//! Values of one Go Encoder, which defines each type once, and values for one Go Decoder.

use super::definitions::{Definitions, FIRST_ID};
use super::reader::Reader;
use super::types::{Head, Table, TypeId};
use super::value::Value;
use super::wire::take_message;
use super::writer;
use super::{Described, MAX_TYPES};
use crate::error::{Flaw, Malformed};
use crate::format::EncodeError;
use crate::format::whole::{self, Whole};
use core::marker::PhantomData;
use serde::{Deserialize, Deserializer, Serialize};

/// Decodes a payload of one value with its definitions, into any serde type. Values that do
/// not come alone are decoded by [`Stream`] or [`Decoder`].
///
/// The type needs no [`Described`]: that is for encoding.
///
/// # Errors
/// What is wrong with the payload, and in which field.
///
/// ```
/// // What Go sends of the integer 3.
/// let three: i64 = bellwire::gob::from_slice(&[3, 4, 0, 6])?;
/// assert_eq!(three, 3);
/// # Ok::<(), bellwire::Malformed>(())
/// ```
pub fn from_slice<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Malformed> {
    from_slice_with::<T, T, MAX_TYPES>(payload, |value| value)
}

/// The same for `take`, which gets the value where it was made, with room for so many types.
pub(super) fn from_slice_with<'a, T: Deserialize<'a>, R, const TYPES: usize>(
    payload: &'a [u8],
    take: impl FnOnce(T) -> R,
) -> Result<R, Malformed> {
    let mut table = Table::<TYPES>::new();
    let mut reader = Reader::of_stream(table.types(), payload, payload);
    read(&mut reader, Reader::finish_last, take)
}

/// The values that one Encoder wrote, one behind the other, where all of them are in memory.
///
/// The types of the values may differ. At most [`MAX_TYPES`] are defined in a stream.
///
/// ```
/// // Two strings and an integer.
/// let bytes = b"\x05\x0c\x00\x02hi\x05\x0c\x00\x02ho\x03\x04\x00\x06";
/// let mut stream = bellwire::gob::Stream::new(bytes);
/// assert_eq!(stream.next()?, Some("hi"));
/// assert_eq!(stream.next()?, Some("ho"));
/// assert_eq!(stream.next()?, Some(3));
/// assert_eq!(stream.next::<i64>()?, None);
/// # Ok::<(), bellwire::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Stream<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    table: Table,
}

impl<'a> Stream<'a> {
    /// The values in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            rest: bytes,
            table: Table::new(),
        }
    }

    /// The next value, or `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the value, and in which field. The stream is over then.
    #[allow(clippy::should_implement_trait)] // each value may be of a type of its own
    pub fn next<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, Malformed> {
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

/// One end of a conversation that decodes what one Go Encoder sends over time: each payload
/// brings the definitions that are new, the others are remembered in lent memory.
///
/// As the conversation goes on for as long as the sender likes, memory is all that a sender can
/// use up: [`Flaw::TooManyTypes`] says so. Definitions count with their names, about as
/// much as on the wire.
///
/// It fits behind a command in the format [`RawGob`](super::RawGob), in the context of its handler.
///
/// ```
/// use bellwire::gob::{Decoder, Described, Encoder, Type};
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// #[serde(rename_all = "UPPERCASE")]
/// struct Point {
///     x: i64,
///     y: i64,
/// }
///
/// impl Described for Point {
///     const TYPE: Type = Type::Struct("Point", &[("X", Type::Int), ("Y", Type::Int)]);
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
    /// A conversation that begins. `memory` is for the definitions.
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self {
            memory,
            used: 0,
            table: Table::new(),
        }
    }

    /// Decodes a payload: the definitions that are new, and one value.
    ///
    /// # Errors
    /// What is wrong with the payload, and in which field. The definitions in front of the value
    /// are remembered all the same, as Go does. [`Flaw::Unsupported`]: a definition within an
    /// interface value.
    pub fn decode<'a, T: Deserialize<'a>>(&mut self, payload: &'a [u8]) -> Result<T, Malformed> {
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
        read(&mut reader, Reader::finish_last, |value| value)
    }

    fn remember(&mut self, id: TypeId, definition: &[u8]) -> Result<(), Flaw> {
        let mut types = self.table.types();
        types.check_new(id)?;
        let end = self.used.saturating_add(definition.len());
        let space = self.memory.get_mut(self.used..end);
        let space = space.ok_or(Flaw::TooManyTypes)?;
        for (slot, byte) in space.iter_mut().zip(definition) {
            *slot = *byte;
        }
        let source = self.memory.get(..end).unwrap_or(&[]);
        let is_whole = types.define(id, source, self.used)?.is_empty();
        self.used = end;
        if !is_whole {
            return Err(Flaw::LeftOver);
        }
        Ok(())
    }
}

/// Reads a value for `take`, once `finish` has found no fault in what follows it.
fn read<'t, 'de, T: Deserialize<'de>, R>(
    reader: &mut Reader<'t, 'de>,
    finish: fn(&Reader<'t, 'de>) -> Result<(), Flaw>,
    take: impl FnOnce(T) -> R,
) -> Result<R, Malformed> {
    let ty = reader.start()?;
    let mut only = Only { reader, ty, finish };
    whole::read(&mut only, take).map_err(|flaw| Malformed {
        flaw,
        field: only.reader.field,
    })
}

/// A value that stands alone: for all that is left, or in its message.
struct Only<'r, 't, 'de> {
    reader: &'r mut Reader<'t, 'de>,
    ty: TypeId,
    finish: fn(&Reader<'t, 'de>) -> Result<(), Flaw>,
}

impl<'de> Whole<'de> for Only<'_, '_, 'de> {
    fn value(&mut self) -> impl Deserializer<'de, Error = Flaw> {
        Value {
            reader: &mut *self.reader,
            ty: self.ty,
            sent: true,
        }
    }

    fn finish(&self) -> Result<(), Flaw> {
        (self.finish)(self.reader)
    }
}

/// One end of a conversation that encodes for one Go Decoder: the definitions go out with
/// the first value.
///
/// It needs no memory, as all that it sends of a type is constant. Where values of several types
/// go to one Decoder, each has an Encoder whose ids begin at a `FIRST` of its own, 64 or more, so
/// that no id is defined twice: `Encoder::<Point, 70>`.
///
/// See [`Decoder`] for an example.
#[derive(Debug, Clone)]
pub struct Encoder<T: ?Sized, const FIRST: u32 = FIRST_ID> {
    defined: bool,
    values: PhantomData<fn(&T)>,
}

impl<T: Serialize + Described + ?Sized> Encoder<T> {
    /// A conversation that begins, with ids from 64 on.
    pub const fn new() -> Self {
        Self::with_ids()
    }
}

impl<T: Serialize + Described + ?Sized, const FIRST: u32> Encoder<T, FIRST> {
    /// A conversation that begins, with ids from `FIRST` on.
    pub const fn with_ids() -> Self {
        Self {
            defined: false,
            values: PhantomData,
        }
    }

    /// Encodes `value` at the start of `space`, and returns how many bytes it took.
    ///
    /// # Errors
    /// See [`EncodeError`]; what was written to `space` then does not count.
    pub fn encode(&mut self, value: &T, space: &mut [u8]) -> Result<usize, EncodeError> {
        let mut definitions = Definitions::<T, FIRST>::BYTES;
        if self.defined {
            definitions = &[];
        }
        let id = Definitions::<T, FIRST>::ID;
        let size = writer::write(value, definitions, id, &T::TYPE, space)?;
        self.defined = true;
        Ok(size)
    }
}

impl<T: Serialize + Described + ?Sized> Default for Encoder<T> {
    fn default() -> Self {
        Self::new()
    }
}
