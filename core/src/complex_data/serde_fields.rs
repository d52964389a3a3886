//! How serde carries the fields of a fixed-capacity level.

use crate::format::TOO_DEEP;
use core::fmt;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};

/// What a level says of another one below it that it has no room for.
pub(super) fn deepest<E: Error>() -> E {
    E::invalid_value(TOO_DEEP, &"no further level")
}

/// A map written in the order of its keys, and refused when a key comes twice.
pub(super) mod sorted_map {
    use super::{Error, MapAccess, Visitor, fmt};
    use crate::complex_data::Map;
    use serde::ser::SerializeMap;
    use serde::{Deserializer, Serializer};

    pub(in crate::complex_data) fn serialize<S: Serializer>(
        map: &Map,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sorted = serializer.serialize_map(Some(map.len()))?;
        let mut last = None;
        for _ in 0..map.len() {
            let behind = map
                .iter()
                .filter(|(key, _)| last.is_none_or(|last| *key > last));
            if let Some((key, value)) = behind.min_by_key(|(key, _)| *key) {
                sorted.serialize_entry(key, value)?;
                last = Some(key);
            }
        }
        sorted.end()
    }

    pub(in crate::complex_data) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Map, D::Error> {
        deserializer.deserialize_map(Entries)
    }

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Map;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of text to integer within its capacity")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
            let mut map = Map::new();
            while let Some((key, value)) = access.next_entry()? {
                match map.insert(key, value) {
                    Ok(None) => {}
                    Ok(Some(_)) => return Err(A::Error::duplicate_field("key")),
                    Err(_) => return Err(A::Error::invalid_length(map.len() + 1, &self)),
                }
            }
            Ok(map)
        }
    }
}

/// Bytes in one piece, where the format can carry them so.
pub(super) mod bytes {
    use super::{Error, SeqAccess, Visitor, fmt};
    use crate::complex_data::P_CAPACITY;
    use heapless::Vec;
    use serde::{Deserializer, Serializer};

    pub(in crate::complex_data) fn serialize<S: Serializer>(
        bytes: &Vec<u8, P_CAPACITY>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(in crate::complex_data) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8, P_CAPACITY>, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8, P_CAPACITY>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes within their capacity")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            Vec::from_slice(bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = access.next_element()? {
                let full = |_| A::Error::invalid_length(P_CAPACITY + 1, &self);
                bytes.push(byte).map_err(full)?;
            }
            Ok(bytes)
        }
    }
}
