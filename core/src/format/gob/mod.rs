//! Go's `encoding/gob`: Go programs are peers, byte for byte.
//!
//! | For | there is |
//! |---|---|
//! | a command whose payload a fresh Go Encoder writes and a fresh Go Decoder reads | [`Gob`] |
//! | a value's type, as Go is told of it | [`Described`] and [`Type`] |
//! | one Encoder and one Decoder for many values of a connection | [`Encoder`] and [`Decoder`], behind [`RawGob`] |
//! | many values that are all in memory | [`Stream`] |
//! | one value, into a type without description | [`from_slice`] |
//!
//! # Types
//! Fields are matched by name; what only the sender has is passed over, what only the receiver has
//! becomes zero. Go sends no zero values, so an absent number is 0, text and bytes and
//! collections are empty, an `Option` is `None`, and a nested struct is all zeros, without a
//! `#[serde(default)]`. An enum without content is a variant's name in a string, or its number.
//!
//! | Go | Rust, through serde |
//! |---|---|
//! | `int`, `int8` … `int64`, `rune` | `i8` … `i64`, `char` |
//! | `uint`, `uint8` … `uint64` | `u8` … `u64` |
//! | `float32`, `float64` | `f32`, `f64` |
//! | `complex64`, `complex128` | a tuple of two floats |
//! | `bool`, `string` | `bool`, `&str` and owned strings |
//! | `[]byte`, and what `GobEncode` or `MarshalBinary` wrote (`time.Time`) | `&[u8]` and whatever takes bytes, `Vec<u8>` |
//! | slice, array | sequences; an array also into a Rust array or tuple of its length |
//! | map | maps |
//! | struct | structs |
//! | pointer, nil or not | `Option`, or the value itself |
//! | interface value | what the value inside it fits; nil is zero or `None` |
//!
//! A type that asks for anything ([`deserialize_any`](serde::Deserializer::deserialize_any)) gets what
//! the stream describes: structs as maps from the names of the fields that were sent, a complex number
//! as a sequence of two.
//!
//! # Attributes
//! A value decodes to the same value, or it is refused when it is encoded
//! ([`EncodeError::Unencodable`]), except for zeros that Go does not send,
//! and for types that a format cannot tell from others:
//!
//! | Attribute or value | A value of it |
//! |---|---|
//! | `rename`, `default`, `with`, `borrow`, `transparent`, `from`, `into`, `remote`, `other` | decodes to the same |
//! | `tag` of an enum, `untagged` | decodes to the same, if its [`Type`] describes it; else it is refused |
//! | `tag` with `content` of an enum | the same, but a variant without content is refused by the receiver |
//! | `skip` of a field | decodes to the same, with the field's default |
//! | `skip_serializing_if` | decodes to the same if the field is zero; else **the field decodes to zero**, whatever its `default` |
//! | `skip_serializing` or `skip_deserializing` of a field alone | **the field decodes to zero** or to its default |
//! | `Some` of zero, of `None` or of an empty text or collection | **decodes to `None`**, as Go's pointer to zero decodes to nil |
//! | `skip` of a variant | decodes to the same by its name; by its number, **a later variant decodes to its neighbour** |
//! | `skip_deserializing` of a variant, `alias` of a field | is encoded, and refused by the receiver |
//! | `flatten`, a variant with content, `None` in a list, `i128`, `u128`, sequences and maps of unknown length | is refused |
//!
//! # Where Go and Bellwire differ
//! | | Go | Bellwire | because |
//! |---|---|---|---|
//! | text that is not UTF-8 | taken | refused, unless it is passed over or received as bytes | a `str` is UTF-8 |
//! | nil and empty | a nil map and an empty one differ on the wire, nil and empty slices and bytes do not | all are empty; what is empty is sent as Go sends nil | Rust has no nil |
//! | absent fields | keep what the receiver holds | become zero | decoding makes a value, it does not merge |
//! | a key twice in a map | the last one counts | up to the receiving type; [`ComplexData`](crate::ComplexData) refuses | silent loss is no service |
//! | two fields of one name in a type | the last one counts | refused by derived types if both are sent | the same |
//! | a struct's end missing at a message's end | taken | refused | elements that take no bytes can be counted for ever |
//! | bytes behind the value in its message | ignored | refused | nobody writes them by accident |
//! | a negative count of map entries | an empty map | refused | the same |
//! | a bool other than 0 and 1 | true | refused | the same |
//! | numbers in more bytes than needed | taken | taken | harmless |
//! | a wrong type of a field that was not sent | refused | refused at the first value of the struct; not looked at inside an `Option` | later values cost only the bytes they have, and serde shows the type inside only with a value |
//! | a field's name of more than 128 bytes | taken | refused by a receiver of anything | the name would come again with each value |
//! | types that are defined late in a long value | taken | [`DecodeErrorKind::TooManyMessages`](crate::DecodeErrorKind::TooManyMessages) beyond 12 steps a byte in all | the value is read again for each of its messages |
//! | an array into a slice, a string or `time.Time` into bytes, an interface's value into its own type | refused | taken | the value is kept whole, and Rust has no other way to it |
//! | a type that is named but not defined | refused | refused where a value of it comes | what does not matter is not looked up |
//! | an interface that is nil or defines types, in what is passed over | misread | passed over | the bytes tell how |
//! | values nested without end | stack overflow | [`DecodeErrorKind::TooDeep`](crate::DecodeErrorKind::TooDeep) beyond [`MAX_DEPTH`](super::MAX_DEPTH) | no peer chooses how deep this end recurses |
//!
//! # Bounds
//! A stream defines at most [`MAX_TYPES`] types, fewer where [`Gob`] is told so, with [`MAX_FIELDS`] fields
//! in all, a message takes at most [`MAX_MESSAGE`] bytes, and a type to decode to has at most 64 fields.
//! No count is believed that exceeds the unread bytes, nothing is reserved ahead, and unwanted values are
//! skipped without recursion. `#[serde(alias)]` and `#[serde(flatten)]` do not go with fields that may be
//! absent, as serde does not show them as what they are.
//!
//! Reading takes at most 80 steps for each byte of the payload, and makes at most one element of the
//! receiver's type for each. A step is a number or a name taken off the input, or a look at one type, field or
//! name.

mod access;
mod compound;
mod constant;
mod definitions;
mod description;
mod deserializer;
mod fields;
mod frame;
mod output;
mod reader;
mod skip;
mod steps;
mod stream;
mod types;
mod value;
mod wire;
mod writer;

pub use description::{Described, Type};
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use steps::take_steps;
pub use stream::{Decoder, Encoder, Stream, from_slice};

use super::{EncodeError, Format, Frame, Payload};
use crate::error::DecodeError;
use core::marker::PhantomData;
use definitions::{Definitions, FIRST_ID};
use frame::Interfaces;

/// The most types that a stream may define.
pub const MAX_TYPES: usize = 32;

/// The most fields that the structs of a stream may have in all.
pub const MAX_FIELDS: u32 = 256;

/// The most bytes of a message, as on Go's smallest machines.
pub const MAX_MESSAGE: u64 = (1 << 30) - 1;

/// A value of any [`Described`] serde type as a fresh Go Encoder sends it: the definitions of its
/// types, then the value.
///
/// `TYPES` is how many types a payload may define, those that only the sender has among them; one with
/// more is refused with [`DecodeErrorKind::TooManyTypes`](crate::DecodeErrorKind::TooManyTypes). Each takes 16 bytes of the stack
/// while a value is decoded, so a small machine names what it needs: `Gob<ComplexData, 8>`. Less than `T`
/// needs itself, or more than [`MAX_TYPES`], does not compile.
///
/// Where the payload ends is known from the messages' lengths, so a value that is refused is
/// skipped exactly. Only a value with interfaces in it must be read to find its end, for which there is
/// room for [`MAX_TYPES`] whatever `TYPES` is.
///
/// ```
/// use bellwire::{Command, ComplexData, NoReply, gob::Gob};
///
/// const GOB: Command<Gob<ComplexData>, NoReply> = Command::new("GOB");
/// ```
///
/// A ComplexData has two types, its struct and its map:
///
/// ```
/// use bellwire::format::Format;
/// use bellwire::{ComplexData, gob::Gob};
///
/// let mut space = [0; 256];
/// let size = Gob::<ComplexData, 2>::encode(&ComplexData::default(), &mut space)?;
/// let data = Gob::<ComplexData, 2>::decode(&space[..size])?;
/// assert_eq!(data, ComplexData::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0080
/// use bellwire::format::Format;
/// use bellwire::{ComplexData, gob::Gob};
///
/// let _ = Gob::<ComplexData, 1>::encode(&ComplexData::default(), &mut [0; 256]);
/// ```
#[derive(Debug)]
pub struct Gob<T, const TYPES: usize = MAX_TYPES>(PhantomData<fn() -> T>);

impl<T: Payload + Described, const TYPES: usize> Gob<T, TYPES> {
    /// Checked where a payload is encoded or decoded.
    const HAS_ROOM: () = assert!(
        Definitions::<T, FIRST_ID>::COUNT <= TYPES && TYPES <= MAX_TYPES,
        "TYPES must be enough for the payload's own types, and no more than MAX_TYPES"
    );
}

impl<T: Payload + Described, const TYPES: usize> Format for Gob<T, TYPES> {
    type Value<'a> = T::Value<'a>;
    type Sent<'a> = &'a T::Value<'a>;

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        frame::find_end(input, progress, Interfaces::Followed)
    }

    fn decode(payload: &[u8]) -> Result<T::Value<'_>, DecodeError> {
        Self::decode_with(payload, |value| value)
    }

    fn decode_with<'a, R>(
        payload: &'a [u8],
        take: impl FnOnce(T::Value<'a>) -> R,
    ) -> Result<R, DecodeError> {
        let () = Self::HAS_ROOM;
        stream::from_slice_with::<_, _, TYPES>(payload, take)
    }

    fn encode(value: &T::Value<'_>, space: &mut [u8]) -> Result<usize, EncodeError> {
        let () = Self::HAS_ROOM;
        let definitions = Definitions::<T, FIRST_ID>::BYTES;
        let id = Definitions::<T, FIRST_ID>::ID;
        writer::write(value, definitions, id, &T::TYPE, space)
    }
}

/// The bytes of one value and the definitions in front of it, if any, as they are: for a [`Decoder`]
/// in the context of the handler, and from an [`Encoder`].
///
/// Types that hold interfaces are refused, as the end of their values can only be found by
/// whoever knows the earlier definitions.
///
/// ```
/// use bellwire::gob::{Decoder, RawGob};
/// use bellwire::{Command, ComplexData, Endpoint, Line};
///
/// const STORE: Command<RawGob, Line> = Command::new("STORE");
///
/// /// The context of one connection.
/// struct App<'m> {
///     decoder: Decoder<'m>,
///     last: ComplexData,
/// }
///
/// let mut endpoint = Endpoint::<App, 1>::new();
/// endpoint.handle(STORE, &|app, payload, reply| match app.decoder.decode(payload) {
///     Ok(data) => {
///         app.last = data;
///         reply.send("Stored.")
///     }
///     Err(_) => reply.refuse("that is no ComplexData"),
/// })?;
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
#[derive(Debug)]
pub enum RawGob {}

impl Format for RawGob {
    type Value<'a> = &'a [u8];
    type Sent<'a> = &'a [u8];

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        frame::find_end(input, progress, Interfaces::Refused)
    }

    fn decode(payload: &[u8]) -> Result<&[u8], DecodeError> {
        Ok(payload)
    }

    /// # Errors
    /// [`EncodeError::Unencodable`] also where the bytes are not one value.
    fn encode(payload: &[u8], space: &mut [u8]) -> Result<usize, EncodeError> {
        match Self::frame(payload, &mut 0) {
            Frame::Ends(size) if size == payload.len() => {}
            _ => return Err(EncodeError::Unencodable),
        }
        let space = space.get_mut(..payload.len());
        space.ok_or(EncodeError::NoRoom)?.copy_from_slice(payload);
        Ok(payload.len())
    }
}
