//! Formats: where a payload ends, how it is decoded, how it is encoded.
//!
//! A format is one type that implements [`Format`]; nothing else in the crate knows it by name.

pub mod gob;
mod line;
mod postcard;
mod postcard_access;
mod postcard_output;
mod postcard_reader;
mod postcard_writer;
mod whole;
mod zigzag;

pub use gob::{Gob, RawGob};
pub use line::Line;
pub use postcard::Postcard;

use crate::error::{Flaw, Malformed};
use core::cell::Cell;
use core::fmt;
use core::fmt::Display;
use core::marker::PhantomData;
use serde::de::{DeserializeOwned, Error, Expected, Unexpected};
use serde::{Deserialize, Serialize};

/// The deepest nesting of containers (structs, options, sequences, maps, variants) that a payload
/// may have, so that no peer chooses how deep this end recurses or how much it keeps in mind.
pub const MAX_DEPTH: u8 = 32;

/// How the payloads of a command look on the wire.
///
/// Implementations are stateless types that are never instantiated: they are named as a parameter
/// of [`Command`](crate::Command).
pub trait Format: 'static {
    /// What a payload decodes to; it may borrow from the receive buffer.
    type Value<'a>;

    /// What is handed over to be encoded, most often a reference.
    type Sent<'a>;

    /// What stands before a reply in this format, so that its first byte tells it from an error
    /// line. Only a format whose payloads never start with `!` may leave it out.
    const INTRODUCTION: &'static [u8] = b"OK\n";

    /// Finds the end of the payload at the start of `input`.
    ///
    /// `input` is what has arrived so far, always from the payload's first byte on. `progress`
    /// starts at 0 with each payload and is the format's own: it keeps there how far it has
    /// looked, so that the work for each arriving byte stays bounded.
    fn frame(input: &[u8], progress: &mut usize) -> Frame;

    /// Decodes a whole payload, as delimited by [`frame`](Self::frame).
    ///
    /// # Errors
    /// What is wrong with it. Nothing is returned of a payload that is wrong in part.
    fn decode(payload: &[u8]) -> Result<Self::Value<'_>, Malformed>;

    /// Decodes a whole payload for `take`, which gets the value where it was made.
    ///
    /// A format of large values does better than this with its own, as each time that a result
    /// is opened and made anew the value in it may be moved.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); `take` is not called then.
    fn decode_with<'a, R>(
        payload: &'a [u8],
        take: impl FnOnce(Self::Value<'a>) -> R,
    ) -> Result<R, Malformed> {
        Self::decode(payload).map(take)
    }

    /// Encodes `value` at the start of `space`, and returns how many bytes it took.
    ///
    /// # Errors
    /// See [`EncodeError`]; what was written to `space` then does not count.
    fn encode(value: Self::Sent<'_>, space: &mut [u8]) -> Result<usize, EncodeError>;
}

/// What [`Format::frame`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The payload takes this many bytes, which need not all be here yet. A length that does not
    /// fit is the largest number, which is beyond every limit.
    Ends(usize),
    /// More bytes are needed to tell. Should they go beyond the receiver's limit, the payload
    /// is refused and its end found as said here.
    Open(End),
    /// No end can be found.
    Broken(Flaw),
}

/// How to find the end of a payload that is too long to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is the next line feed.
    LineFeed,
    /// It cannot be told: the conversation ends.
    Unknown,
}

/// Why a value could not be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The space is too small for it.
    NoRoom,
    /// The format cannot carry it, such as a line that holds a line feed, a value that nests deeper
    /// than [`MAX_DEPTH`], or one that would decode to another.
    Unencodable,
}

/// Moves the first `length` bytes of `space` towards its end by `shift`, where a length prefix takes more
/// bytes than were kept for it.
fn make_room(space: &mut [u8], length: usize, shift: usize) -> Result<(), EncodeError> {
    let space = space.get_mut(..length.saturating_add(shift));
    let space = space.ok_or(EncodeError::NoRoom)?;
    if cfg!(target_pointer_width = "64") {
        space.copy_within(..length, shift);
    } else {
        // This can panic, for all that the compiler sees in a program that does it at two places.
        move_back(space, shift);
    }
    Ok(())
}

/// Moves bytes towards the end by `shift`, one by one from the last on, so that none is written over that is
/// still to be moved. See also [`Buffer::space`](crate::Buffer::space), which moves bytes to the front.
fn move_back(space: &mut [u8], shift: usize) {
    let cells = Cell::from_mut(space).as_slice_of_cells();
    let to = cells.get(shift..).unwrap_or(&[]);
    let from = cells.get(..to.len()).unwrap_or(&[]);
    for (to, from) in to.iter().zip(from).rev() {
        to.set(from.get());
    }
}

impl Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodeError::NoRoom => "the space is too small for the value",
            EncodeError::Unencodable => "the format cannot carry the value",
        })
    }
}

impl core::error::Error for EncodeError {}

/// What a type says when it cannot be serialized.
impl serde::ser::Error for EncodeError {
    fn custom<T: Display>(_message: T) -> Self {
        EncodeError::Unencodable
    }
}

/// A Rust type, or family of types, that the serde formats carry.
///
/// Every owned serde type is one by itself. A type that borrows from the receive buffer is named
/// as [`Ref`].
pub trait Payload: 'static {
    /// The type, as it borrows for `'a`.
    type Value<'a>: Serialize + Deserialize<'a>;
}

impl<T: Serialize + DeserializeOwned + 'static> Payload for T {
    type Value<'a> = T;
}

/// Names a payload type that borrows: `Postcard<Ref<str>>` carries `&str`.
///
/// ```
/// use bellwire::{Borrowed, Command, Line, Postcard, Ref};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Reading<'a> {
///     sensor: &'a str,
///     raw: &'a [u8],
/// }
///
/// impl Borrowed for Reading<'static> {
///     type Value<'a> = Reading<'a>;
/// }
///
/// const READING: Command<Postcard<Ref<Reading<'static>>>, Line> = Command::new("READING");
/// ```
#[derive(Debug)]
pub struct Ref<T: ?Sized>(PhantomData<fn() -> *const T>);

/// A family of types that differ only in how long they borrow. See [`Ref`].
pub trait Borrowed: 'static {
    /// The type, as it borrows for `'a`.
    type Value<'a>: Serialize + Deserialize<'a>;
}

impl<T: Borrowed + ?Sized> Payload for Ref<T> {
    type Value<'a> = T::Value<'a>;
}

impl Borrowed for str {
    type Value<'a> = &'a str;
}

impl Borrowed for [u8] {
    type Value<'a> = &'a [u8];
}

/// The empty payload: as a request, a bare command; as a reply, a bare `OK`.
impl Format for () {
    type Value<'a> = ();
    type Sent<'a> = ();

    fn frame(_input: &[u8], _progress: &mut usize) -> Frame {
        Frame::Ends(0)
    }

    fn decode(_payload: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }

    fn encode((): (), _space: &mut [u8]) -> Result<usize, EncodeError> {
        Ok(0)
    }
}

/// What a type says when it refuses what it is given.
impl Error for Flaw {
    fn custom<T: Display>(_message: T) -> Self {
        Flaw::BadValue
    }

    fn invalid_value(unexpected: Unexpected<'_>, _expected: &dyn Expected) -> Self {
        match unexpected {
            TOO_DEEP => Flaw::TooDeep,
            _ => Flaw::BadValue,
        }
    }

    fn invalid_length(_length: usize, _expected: &dyn Expected) -> Self {
        Flaw::OverCapacity
    }

    fn duplicate_field(_field: &'static str) -> Self {
        Flaw::DuplicateKey
    }
}

/// What a type whose nesting ends says of a value that nests on.
pub(crate) const TOO_DEEP: Unexpected<'static> = Unexpected::Other("deeper nesting");

#[cfg(test)]
mod tests {
    use super::{EncodeError, make_room, move_back};

    #[test]
    fn what_moves_back_is_whole_and_has_room() {
        for size in 0..20 {
            for shift in 0..=size {
                let bytes: [u8; 20] = *b"abcdefghijklmnopqrst";
                let (mut one, mut other) = (bytes, bytes);
                move_back(&mut one[..size], shift);
                assert_eq!(one[shift..size], bytes[..size - shift]);
                assert_eq!(make_room(&mut other[..size], size - shift, shift), Ok(()));
                assert_eq!(one, other);
                let more = make_room(&mut other[..size], size - shift + 1, shift);
                assert_eq!(more, Err(EncodeError::NoRoom));
            }
        }
    }
}
