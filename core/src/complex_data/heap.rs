//! The heap-allocated variant of ComplexData.

use super::{Level, Nested};
use crate::DecodeErrorKind;
use alloc::boxed::Box;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A ComplexData on the heap, without fixed capacities.
///
/// It has the same bytes on the wire as [`ComplexData`](super::ComplexData) and converts to and
/// from it.
///
/// ```
/// use bellwire::{ComplexData, HeapComplexData};
///
/// let fixed = ComplexData { n: 23, ..ComplexData::default() };
/// let heap = HeapComplexData::from(&fixed);
/// assert_eq!(ComplexData::try_from(&heap), Ok(fixed));
/// ```
///
/// When decoding, [`Limits::payload`](crate::Limits::payload) bounds the memory that a peer can
/// make this end allocate. [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) bounds the nesting, both when
/// decoding and when encoding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "complexData")]
pub struct HeapComplexData {
    /// `N`, an integer.
    #[serde(rename = "N")]
    pub n: i64,
    /// `S`, a string.
    #[serde(rename = "S")]
    pub s: String,
    /// `M`, a map from strings to integers.
    #[serde(rename = "M", deserialize_with = "entries")]
    pub m: BTreeMap<String, i64>,
    /// `P`, bytes.
    #[serde(
        rename = "P",
        serialize_with = "write_bytes",
        deserialize_with = "bytes"
    )]
    pub p: Vec<u8>,
    /// `C`, the next level, if any.
    #[serde(rename = "C")]
    pub c: Option<Box<HeapComplexData>>,
}

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize>
    From<&Level<C, S, P, M, KEY>> for HeapComplexData
{
    fn from(level: &Level<C, S, P, M, KEY>) -> Self {
        level.to_heap()
    }
}

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize>
    TryFrom<&HeapComplexData> for Level<C, S, P, M, KEY>
{
    type Error = DecodeErrorKind;

    /// Converts to fixed capacities.
    ///
    /// # Errors
    /// Returns [`DecodeErrorKind::OverCapacity`] or [`DecodeErrorKind::TooDeep`] if the value does not fit.
    fn try_from(data: &HeapComplexData) -> Result<Self, DecodeErrorKind> {
        Self::from_heap(data)
    }
}

pub(super) fn from_level<
    C: Nested,
    const S: usize,
    const P: usize,
    const M: usize,
    const KEY: usize,
>(
    level: &Level<C, S, P, M, KEY>,
) -> HeapComplexData {
    let entries = level.m.iter();
    HeapComplexData {
        n: level.n,
        s: level.s.as_str().into(),
        m: entries.map(|(key, n)| (key.as_str().into(), *n)).collect(),
        p: level.p.to_vec(),
        // Through the trait: with `From` here, the trait bounds of the conversion would recurse
        // without end.
        c: level.c.as_ref().map(|inner| Box::new(inner.to_heap())),
    }
}

pub(super) fn to_level<
    C: Nested,
    const S: usize,
    const P: usize,
    const M: usize,
    const KEY: usize,
>(
    data: &HeapComplexData,
) -> Result<Level<C, S, P, M, KEY>, DecodeErrorKind> {
    let over = |_| DecodeErrorKind::OverCapacity;
    let mut level = Level {
        n: data.n,
        s: data.s.as_str().try_into().map_err(over)?,
        p: data.p.as_slice().try_into().map_err(over)?,
        c: data.c.as_deref().map(C::from_heap).transpose()?,
        ..Level::default()
    };
    for (key, n) in &data.m {
        let key = key.as_str().try_into().map_err(over)?;
        level
            .m
            .insert(key, *n)
            .map_err(|_| DecodeErrorKind::OverCapacity)?;
    }
    Ok(level)
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, i64>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = BTreeMap<String, i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of text to integer")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some(key) = access.next_key()? {
                let Entry::Vacant(place) = map.entry(key) else {
                    return Err(A::Error::duplicate_field("key"));
                };
                place.insert(access.next_value()?);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Entries)
}

#[allow(clippy::ptr_arg)] // serde hands over the field as it is
fn write_bytes<S: Serializer>(bytes: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.into())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = access.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }

    deserializer.deserialize_byte_buf(Bytes)
}
