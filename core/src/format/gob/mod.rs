//! Go's `encoding/gob`, byte for byte. Go programs can be peers.
//!
//! | Task | Item |
//! |---|---|
//! | Define a command whose payloads are from a fresh Go Encoder and for a fresh Go Decoder | [`Gob`] |
//! | Describe a value's type to Go | [`Schema`] |
//! | Use one Encoder and one Decoder for many values of a connection | [`Encoder`] and [`Decoder`], with [`RawGob`] |
//! | Decode many values that are all in memory | [`Stream`] |
//! | Decode one value to a type without a description | [`Gob::from_slice`] |
//!
//! # Types
//! Fields are matched by name. A field that only the sender has is skipped. A field that only the receiver has
//! becomes zero. Go does not send zero values. So an absent number is 0, an absent text, byte string or
//! collection is empty, an absent `Option` is `None`, and an absent struct is all zeros, without
//! `#[serde(default)]`. An enum whose variants have no content is sent as the variant's name or number.
//!
//! | Go | Rust, through serde |
//! |---|---|
//! | `int`, `int8` … `int64`, `rune` | `i8` … `i64`, `char` |
//! | `uint`, `uint8` … `uint64` | `u8` … `u64` |
//! | `float32`, `float64` | `f32`, `f64` |
//! | `complex64`, `complex128` | a tuple of two floats |
//! | `bool`, `string` | `bool`, `&str` and owned strings |
//! | `[]byte`, and the result of `GobEncode` or `MarshalBinary` (`time.Time`) | `&[u8]`, all types that accept bytes, `Vec<u8>` |
//! | slice, array | sequences; an array also to a Rust array or tuple of its length |
//! | map | maps |
//! | struct | structs |
//! | pointer, nil or not | `Option`, or the value itself |
//! | interface value | a type for the value inside; nil is zero or `None` |
//!
//! A type that calls [`deserialize_any`](serde::Deserializer::deserialize_any) gets the type that the stream
//! describes. A struct becomes a map from the names of the sent fields. A complex number becomes a sequence of
//! two floats.
//!
//! # Attributes
//! A value decodes to the same value, or its encoding fails with [`EncodeError::Unencodable`]. The exceptions are
//! zeros, which Go does not send, and types that a format cannot recognize:
//!
//! | Attribute or value | Its value |
//! |---|---|
//! | `rename`, `default`, `with`, `borrow`, `transparent`, `from`, `into`, `remote`, `other` | decodes to the same value |
//! | `tag` of an enum, `untagged` | decodes to the same value if its [`Type`] describes it; else fails to encode |
//! | `tag` with `content` of an enum | the same, but a variant without content fails to decode |
//! | `skip` of a field | decodes to the same value, with the field's default |
//! | `skip_serializing_if` | decodes to the same value if the field is zero; else **the field decodes to zero**, whatever its `default` |
//! | `skip_serializing` or `skip_deserializing` of a field alone | **the field decodes to zero** or to its default |
//! | `Some` of zero, of `None` or of an empty text or collection | **decodes to `None`**, as Go's pointer to zero decodes to nil |
//! | `skip` of a variant | decodes to the same value if sent by name; if sent by number, **a later variant decodes to its neighbour** |
//! | `skip_deserializing` of a variant, `alias` of a field | is encoded, but fails to decode |
//! | `flatten`, a variant with content, `None` in a list, `i128`, `u128`, sequences and maps of unknown length | fails to encode |
//!
//! # Where Go and Bellwire differ
//! "Error" means that decoding fails.
//!
//! | Input | Go | Bellwire | Reason |
//! |---|---|---|---|
//! | text that is not UTF-8 | accepted | error, unless it is skipped or decoded as bytes | a `str` is UTF-8 |
//! | nil and empty | nil and empty maps differ on the wire, nil and empty slices and bytes do not | all decode as empty; empty is sent as Go sends nil | Rust has no nil |
//! | absent fields | keep the receiver's value | become zero | decoding makes a new value and does not merge |
//! | a duplicate map key | the last one counts | the receiving type decides; an error in [`ComplexData`](crate::ComplexData) | data must not be lost silently |
//! | two fields of one name in a type | the last one counts | error in derived types if both are sent | data must not be lost silently |
//! | a message that ends before the end mark of a struct | accepted | error | without the mark, elements that take no bytes could be counted without limit |
//! | bytes after the value in its message | ignored | error | no encoder writes them |
//! | a negative count of map entries | an empty map | error | no encoder writes it |
//! | a bool other than 0 and 1 | true | error | no encoder writes it |
//! | numbers in more bytes than needed | accepted | accepted | harmless |
//! | a field of a wrong type that is not sent | error | error at the first value of the struct; not checked inside an `Option` | later values cost only their own bytes; serde shows the type inside an `Option` only with a value |
//! | a field name of more than 128 bytes | accepted | error with `deserialize_any` | the name would be repeated with each value |
//! | types that are defined late in a long value | accepted | [`DecodeErrorKind::TooManyMessages`](crate::DecodeErrorKind::TooManyMessages) after 12 steps for each byte, in total | the value is read again for each of its messages |
//! | an array to a slice, a string or `time.Time` to bytes, an interface's value to its own type | error | accepted | the value is preserved, and Rust has no other type for it |
//! | a type that is named but not defined | error | error at a value of that type | unused types are not looked up |
//! | an interface in skipped data, if it is nil or defines types | misread | skipped | the bytes tell how to skip it |
//! | values nested without limit | stack overflow | [`DecodeErrorKind::TooDeep`](crate::DecodeErrorKind::TooDeep) beyond [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) | the peer must not control the recursion |
//!
//! # Bounds
//! A stream defines at most 32 types, or fewer if [`Gob`] sets a lower limit. They have at most
//! 256 fields in total. A message takes less than 1 GiB, the same as for Go on 32-bit machines. The receiver's
//! struct has at most 64 fields. A count must not exceed the unread bytes. Nothing is reserved in advance, and
//! unwanted values are skipped without recursion.
//!
//! Do not use `#[serde(alias)]` and `#[serde(flatten)]` for fields that may be absent, because serde does not
//! show their real names and types.
//!
//! Decoding takes at most 80 steps, and creates at most one element of the receiver's type, for each byte of the
//! payload. A step reads one number or name, or looks at one type, field or name. A struct type is compared with
//! the receiver's at its first value in a [`Stream`] or [`Decoder`], and again after a value that a `Decoder`
//! refuses. That comparison is beyond the bound: at most 256 fields with the receiver's 64. Always decode a type
//! to the same receiver.
//!
//! The list of a struct's fields takes less than 64 KiB. On 32 bits, a value of several messages takes at most
//! 4 MiB.

mod access;
mod compound;
mod constant;
mod de;
mod definitions;
mod fields;
mod frame;
mod go_type;
mod id;
mod limits;
mod list;
mod output;
#[cfg(feature = "alloc")]
mod owned;
mod reader;
mod ser;
mod skip;
mod slot;
mod steps;
mod stream;
mod structure;
mod types;
mod value;
mod wire;

#[doc(hidden)] // for tests
pub use limits::{MAX_FIELDS, MAX_MESSAGE, MAX_TYPES};
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use steps::take_steps;
pub use stream::{Decoder, Encoder, Stream};

use super::{EncodeError, Format, Frame, Payload};
use crate::error::DecodeError;
use crate::schema::{Described, Encoding, Schema, Type};
use core::marker::PhantomData;
use definitions::{Definitions, FIRST_ID, Table};
use frame::Interfaces;
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};

/// A value of any serde type with a [`Schema`], encoded as a fresh Go Encoder does: the definitions of its
/// types, then the value.
///
/// `TYPES` is the most types that a payload may define, including types that only the sender has. A payload with
/// more fails with [`DecodeErrorKind::TooManyTypes`](crate::DecodeErrorKind::TooManyTypes). Each type takes
/// 16 bytes of stack during decoding. So on a small machine set the number that you need: `Gob<ComplexData, 8>`.
/// A number below the number of types in `T`, or above 32, does not compile.
///
/// The messages' lengths tell the payload's end, so a rejected payload is skipped exactly. Only a value that
/// contains interfaces must be read to find its end. This search has room for 32 types, whatever
/// `TYPES` is.
///
/// ```
/// use bellwire::{Command, ComplexData, NoReply, gob::Gob};
///
/// const GOB: Command<Gob<ComplexData>, NoReply> = Command::new("GOB");
/// ```
///
/// A `ComplexData` has two types, its struct and its map:
///
/// ```
/// use bellwire::{ComplexData, Format, gob::Gob};
///
/// let mut space = [0; 256];
/// let size = Gob::<ComplexData, 2>::encode(&ComplexData::default(), &mut space)?;
/// let data = Gob::<ComplexData, 2>::decode(&space[..size])?;
/// assert_eq!(data, ComplexData::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0080
/// use bellwire::{ComplexData, Format, gob::Gob};
///
/// let _ = Gob::<ComplexData, 1>::encode(&ComplexData::default(), &mut [0; 256]);
/// ```
#[derive(Debug)]
pub struct Gob<T: ?Sized, const TYPES: usize = MAX_TYPES>(PhantomData<fn() -> *const T>);

impl<T: Payload<Value<'static>: Schema> + ?Sized, const TYPES: usize> Gob<T, TYPES> {
    /// Evaluated in `encode` and `decode_with`, at compile time.
    const HAS_ROOM: () = assert!(
        Definitions::<T::Value<'static>, FIRST_ID>::COUNT <= TYPES && TYPES <= MAX_TYPES,
        "TYPES must be at least the number of types in T and at most 32"
    );
}

impl<T: Payload<Value<'static>: Schema> + ?Sized, const TYPES: usize> Format for Gob<T, TYPES> {
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
        let definitions = Definitions::<T::Value<'static>, FIRST_ID>::BYTES;
        let id = Definitions::<T::Value<'static>, FIRST_ID>::ID;
        ser::write(value, definitions, id, &<T::Value<'static>>::TYPE, space)
    }
}

impl<T: Payload<Value<'static>: Schema> + ?Sized, const TYPES: usize> Described for Gob<T, TYPES> {
    const ENCODING: Encoding = Encoding {
        format: "gob",
        ty: Some(&<T::Value<'static>>::TYPE),
    };
}

/// For types without a [`Schema`], and for tools that know the type only at run time.
impl Gob<()> {
    /// Decodes a payload of one value with its definitions, into any serde type.
    ///
    /// Use [`Stream`] or [`Decoder`] for values that share definitions.
    ///
    /// # Errors
    /// Returns the first error, with its field.
    ///
    /// ```
    /// // Go's encoding of the integer 3.
    /// let three: i64 = bellwire::Gob::from_slice(&[3, 4, 0, 6])?;
    /// assert_eq!(three, 3);
    /// # Ok::<(), bellwire::DecodeError>(())
    /// ```
    pub fn from_slice<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, DecodeError> {
        stream::from_slice_with::<T, T, MAX_TYPES>(payload, |value| value)
    }

    /// Decodes the payload with a serde seed.
    ///
    /// # Errors
    /// Returns the first error, with its field.
    pub fn decode_seed<'a, S: DeserializeSeed<'a>>(
        seed: S,
        payload: &'a [u8],
    ) -> Result<S::Value, DecodeError> {
        stream::decode_seed(seed, payload)
    }

    /// Encodes a value of the type `ty` at the start of `space`. Returns the number of bytes written.
    ///
    /// It computes the definitions at run time. So no device should use it: it takes more than 2 KiB of stack, and CI
    /// does not prove that it cannot panic.
    ///
    /// # Errors
    /// See [`EncodeError`]; [`EncodeError::Unencodable`] also for a type that [`check_type`](Self::check_type)
    /// refuses. After an error the contents of `space` are unspecified.
    pub fn encode_any<T: Serialize + ?Sized>(
        ty: &'static Type,
        value: &T,
        space: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let table = Table::of(ty, FIRST_ID).map_err(|_| EncodeError::Unencodable)?;
        ser::write(value, table.bytes(), table.id_of(ty), ty, space)
    }

    /// Checks that Go can have the type `ty`. If a command names such a type, this is a compile error.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn check_type(ty: &'static Type) -> Result<(), &'static str> {
        Table::of(ty, FIRST_ID).map(|_| ())
    }
}

/// The raw bytes of one value, with the definitions before it, if any.
///
/// Decode them with a [`Decoder`] in the handler's context. To send a value, encode it with an [`Encoder`].
///
/// Types that contain interfaces are rejected. Their values' end can only be found with the earlier definitions of
/// the stream, which this format does not keep.
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
///     Err(_) => reply.refuse("not a ComplexData"),
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
    /// [`EncodeError::Unencodable`] if the bytes are not exactly one value; [`EncodeError::NoRoom`] if `space` is too
    /// small.
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

impl Described for RawGob {
    const ENCODING: Encoding = Encoding {
        format: "gob",
        ty: None,
    };
}
