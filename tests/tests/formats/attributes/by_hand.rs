//! Hand-written `Serialize` and `Deserialize` implementations that break their own announcements.

use bellwire::format::EncodeError;
use bellwire::{DecodeErrorKind, Format, Limits, Postcard};
use serde::de::{SeqAccess, Visitor};
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::{self, Display};

/// The container that a value is serialized as.
#[derive(Debug, Clone, Copy, Deserialize)]
enum Container {
    Seq,
    Map,
    Tuple,
    TupleStruct,
    TupleVariant,
    Struct,
    StructVariant,
}

/// A container that announces one number of elements and holds another.
#[derive(Debug, Deserialize)]
struct Announces(Container, usize, usize);

impl Serialize for Announces {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(container, announced, held) = *self;
        macro_rules! holds {
            ($begin:expr, |$inside:ident| $add:expr) => {{
                let mut $inside = $begin?;
                for _ in 0..held {
                    $add?;
                }
                $inside.end()
            }};
        }
        match container {
            Container::Seq => {
                holds!(to.serialize_seq(Some(announced)), |inside| inside
                    .serialize_element(&1u8))
            }
            Container::Map => {
                holds!(to.serialize_map(Some(announced)), |inside| inside
                    .serialize_entry(&1u8, &2u8))
            }
            Container::Tuple => {
                holds!(to.serialize_tuple(announced), |inside| inside
                    .serialize_element(&1u8))
            }
            Container::TupleStruct => {
                holds!(to.serialize_tuple_struct("", announced), |inside| inside
                    .serialize_field(&1u8))
            }
            Container::TupleVariant => {
                holds!(to.serialize_tuple_variant("", 0, "", announced), |inside| {
                    inside.serialize_field(&1u8)
                })
            }
            Container::Struct => {
                holds!(to.serialize_struct("", announced), |inside| inside
                    .serialize_field("", &1u8))
            }
            Container::StructVariant => {
                holds!(
                    to.serialize_struct_variant("", 0, "", announced),
                    |inside| inside.serialize_field("", &1u8)
                )
            }
        }
    }
}

fn encode<T>(value: &T) -> Result<usize, EncodeError>
where
    T: Serialize + serde::de::DeserializeOwned + 'static,
{
    Postcard::<T>::encode(value, &mut [0; 100])
}

#[test]
fn a_container_with_a_wrong_announced_length_is_not_encoded() {
    for container in [
        Container::Seq,
        Container::Map,
        Container::Tuple,
        Container::TupleStruct,
        Container::TupleVariant,
        Container::Struct,
        Container::StructVariant,
    ] {
        for announced in 0..4 {
            for held in 0..4 {
                let result = encode(&Announces(container, announced, held));
                assert_eq!(result.is_ok(), announced == held, "{container:?}");
                assert_ne!(result, Err(EncodeError::NoRoom));
            }
        }
        let endless = encode(&Announces(container, usize::MAX, 3));
        assert_eq!(endless, Err(EncodeError::Unencodable), "{container:?}");
    }
}

/// A map with a key that has no value.
#[derive(Debug, Deserialize)]
struct KeyOnly;

impl Serialize for KeyOnly {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_key(&1u8)?;
        map.end()
    }
}

/// A sequence or a map of unknown length.
#[derive(Debug, Deserialize)]
struct Unknown(bool);

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            to.serialize_seq(None)?.end()
        } else {
            to.serialize_map(None)?.end()
        }
    }
}

#[test]
fn incomplete_entries_and_unknown_lengths_are_not_encoded() {
    assert_eq!(encode(&KeyOnly), Err(EncodeError::Unencodable));
    assert_eq!(encode(&Unknown(true)), Err(EncodeError::Unencodable));
    assert_eq!(encode(&Unknown(false)), Err(EncodeError::Unencodable));
}

/// A sequence of a number and a unit. `TAKEN` of them are read.
#[derive(Debug, PartialEq)]
struct Uneven<const TAKEN: usize>;

impl<const TAKEN: usize> Serialize for Uneven<TAKEN> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(2))?;
        seq.serialize_element(&1u8)?;
        seq.serialize_element(&())?;
        seq.end()
    }
}

impl<'de, const TAKEN: usize> Deserialize<'de> for Uneven<TAKEN> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Uneven)
    }
}

impl<'de, const TAKEN: usize> Visitor<'de> for Uneven<TAKEN> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number and nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        assert_eq!(access.next_element::<u8>()?, Some(1));
        if TAKEN == 2 {
            access.next_element::<()>()?;
        }
        Ok(self)
    }
}

#[test]
fn elements_without_bytes_and_unread_elements_are_errors() {
    assert_eq!(encode(&Uneven::<2>), Err(EncodeError::Unencodable));
    let decoded = Postcard::<Uneven<2>>::decode(b"\x03\x02\x01\x00");
    assert_eq!(decoded, Err(DecodeErrorKind::BadLength.into()));
    let decoded = Postcard::<Uneven<1>>::decode(b"\x03\x02\x01\x00");
    assert_eq!(decoded, Err(DecodeErrorKind::LeftOver.into()));
    // The unread element would be decoded as the next value.
    let decoded = Postcard::<(Uneven<1>, u8)>::decode(b"\x03\x02\x01\x05");
    assert_eq!(decoded, Err(DecodeErrorKind::LeftOver.into()));
    assert_eq!(Postcard::<Uneven<1>>::decode(b"\x02\x01\x01"), Ok(Uneven));
}

/// A text that is formatted while it is serialized. If it grows, later formattings have one more `x`.
#[derive(Debug, Deserialize)]
struct Formatted {
    grows: bool,
    times: std::cell::Cell<u8>,
}

impl Display for Formatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times.set(self.times.get() + 1);
        let grown = self.grows && self.times.get() > 1;
        f.write_str("te")?;
        f.write_str(if grown { "xtx" } else { "xt" })
    }
}

impl Serialize for Formatted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[test]
fn formatted_text_is_encoded_only_if_stable_and_within_the_buffer() {
    let text = |grows| Formatted {
        grows,
        times: 0.into(),
    };
    let mut space = [0; 100];
    let size = Postcard::<Formatted>::encode(&text(false), &mut space).unwrap();
    assert_eq!(Postcard::<String>::decode(&space[..size]).unwrap(), "text");
    assert_eq!(encode(&text(true)), Err(EncodeError::Unencodable));
    for size in 0..size {
        let cut = Postcard::<Formatted>::encode(&text(false), &mut space[..size]);
        assert_eq!(cut, Err(EncodeError::NoRoom));
    }
}

/// A recursive type, through containers of each kind.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Nested {
    End,
    Newtype(Box<Nested>),
    Tuple(u8, Box<Nested>),
    Struct { inside: Box<Nested> },
    Some(Option<Box<Nested>>),
    Seq(Vec<Nested>),
    Wrapped(Wrapped),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(Box<Nested>);

#[test]
fn values_nested_beyond_max_depth_are_not_encoded() {
    type Nest = fn(Nested) -> Nested;
    let nests: [(Nest, u8); 6] = [
        (|inside| Nested::Newtype(Box::new(inside)), 1),
        (|inside| Nested::Tuple(1, Box::new(inside)), 2),
        (
            |inside| Nested::Struct {
                inside: Box::new(inside),
            },
            2,
        ),
        (|inside| Nested::Some(Some(Box::new(inside))), 2),
        (|inside| Nested::Seq(vec![inside]), 2),
        (|inside| Nested::Wrapped(Wrapped(Box::new(inside))), 2),
    ];
    for (nest, containers) in nests {
        let mut value = Nested::End;
        for levels in 0..40 {
            let mut space = [0; 200];
            // `End` is a variant itself.
            if levels * containers < Limits::MAX_DEPTH {
                let size = Postcard::<Nested>::encode(&value, &mut space).unwrap();
                assert_eq!(
                    Postcard::<Nested>::decode(&space[..size]).as_ref(),
                    Ok(&value)
                );
            } else {
                let result = Postcard::<Nested>::encode(&value, &mut space);
                assert_eq!(result, Err(EncodeError::Unencodable), "{levels}");
            }
            value = nest(value);
        }
    }
}
