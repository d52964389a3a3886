//! The number of decoded postcard elements is bounded by the bytes received. Elements are counted, not timed.

use super::each;
use bellwire::{Format, Postcard};
use bellwire_tests::server::framed;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

thread_local! {
    /// The number of elements decoded.
    static ELEMENTS: Cell<usize> = const { Cell::new(0) };
    /// The largest capacity, in elements, that a decoder could have reserved.
    static ROOM: Cell<usize> = const { Cell::new(0) };
}

/// An element that counts its decodings.
struct Element<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ELEMENTS.set(ELEMENTS.get() + 1);
        T::deserialize(deserializer).map(Element)
    }
}

impl<T: Serialize> Serialize for Element<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A list that records the announced capacity.
struct List<T>(PhantomData<T>);

/// A map that records the announced capacity.
struct Map<K, V>(PhantomData<(K, V)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        ROOM.set(ROOM.get() + access.size_hint().unwrap_or(0));
        while access.next_element::<Element<T>>()?.is_some() {}
        Ok(self)
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Map(PhantomData))
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Map<K, V> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        ROOM.set(ROOM.get() + access.size_hint().unwrap_or(0));
        while access.next_entry::<Element<K>, V>()?.is_some() {}
        Ok(self)
    }
}

impl<T> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        unreachable!("lists are only decoded")
    }
}

impl<K, V> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        unreachable!("maps are only decoded")
    }
}

/// Checks that decoding `payload` decodes and reserves at most one element for each of its bytes.
#[track_caller]
fn is_linear<T>(payload: &[u8])
where
    T: Serialize + for<'de> Deserialize<'de> + 'static,
{
    ELEMENTS.set(0);
    ROOM.set(0);
    let _ = Postcard::<T>::decode(payload);
    let (elements, room, bytes) = (ELEMENTS.get(), ROOM.get(), payload.len());
    let of = type_name::<T>();
    assert!(elements <= bytes, "{elements} elements of {of} in {bytes}");
    assert!(room <= bytes, "room for {room} elements of {of} in {bytes}");
}

/// Does the same for many types.
fn every_type_is_linear(body: &[u8]) {
    let payload = framed(body);
    is_linear::<List<()>>(&payload);
    is_linear::<List<List<()>>>(&payload);
    is_linear::<List<List<List<()>>>>(&payload);
    is_linear::<List<(u8, List<()>)>>(&payload);
    is_linear::<List<(List<()>, List<u8>)>>(&payload);
    is_linear::<List<[[(); 8]; 8]>>(&payload);
    is_linear::<List<Option<List<u8>>>>(&payload);
    is_linear::<List<Map<(), ()>>>(&payload);
    is_linear::<Map<(), List<()>>>(&payload);
    is_linear::<Map<u8, Map<u16, List<()>>>>(&payload);
    is_linear::<List<Map<(), u8>>>(&payload);
    is_linear::<(List<u8>, List<List<u16>>)>(&payload);
}

#[test]
fn postcard_decodes_at_most_one_element_for_each_byte() {
    let count = || prop_oneof![any::<u64>(), 0u64..50].prop_map(leb128);
    let byte = prop_oneof![3 => 0u8..4, 1 => any::<u8>()].prop_map(|byte| vec![byte]);
    let body = vec(prop_oneof![1 => count(), 4 => byte], 0..50);
    each(body, |body| every_type_is_linear(&body.concat()));
}

#[test]
fn nested_counts_in_64_kilobytes_decode_at_most_one_element_for_each_byte() {
    // Each count is either small or as large as the remaining bytes allow.
    for inner in [0, 1, 100, 20_000] {
        for outer in [2, 15_000, 32_000] {
            let mut body = leb128(outer);
            while body.len() < 65_000 {
                body.extend(leb128(inner));
            }
            every_type_is_linear(&body);
        }
    }
    let mut falling = Vec::new();
    while falling.len() < 65_000 {
        let left = 65_000 - falling.len();
        falling.extend(leb128(left.saturating_sub(3) as u64));
    }
    every_type_is_linear(&falling);
}

fn leb128(number: u64) -> Vec<u8> {
    let mut space = [0; 10];
    postcard::to_slice(&number, &mut space)
        .expect("a u64 takes at most 10 bytes")
        .to_vec()
}
