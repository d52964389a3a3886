//! Fills the map of a fixed-capacity level.

use super::read::TEXT;
use core::fmt;
use heapless::linear_map::{Entry, LinearMapView};
use heapless::{LinearMap, String};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};

/// A map that is filled key by key. A trait object, because even the view of a map has the capacity
/// of its keys in its type.
pub(super) trait Keys {
    /// Adds a key and returns its value, which is 0.
    fn add(&mut self, key: &str) -> Result<&mut i64, Refused>;
}

/// Why a map refuses a key.
pub(super) enum Refused {
    /// The map has this key.
    Duplicate,
    /// The key exceeds its capacity.
    TooLong,
    /// The map has this many entries, its capacity.
    Full(usize),
}

impl<const M: usize, const KEY: usize> Keys for LinearMap<String<KEY>, i64, M> {
    fn add(&mut self, key: &str) -> Result<&mut i64, Refused> {
        add(self, key)
    }
}

fn add<'a, const KEY: usize>(
    map: &'a mut LinearMapView<String<KEY>, i64>,
    key: &str,
) -> Result<&'a mut i64, Refused> {
    let key = String::try_from(key).map_err(|_| Refused::TooLong)?;
    let before = map.len();
    match map.entry(key) {
        Entry::Occupied(_) => Err(Refused::Duplicate),
        Entry::Vacant(place) => place.insert(0).map_err(|_| Refused::Full(before)),
    }
}

/// The entries of a map. A duplicate key is refused.
pub(super) struct Entries<'a>(pub(super) &'a mut dyn Keys);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MAP)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some(value) = access.next_key_seed(Key(&mut *self.0))? {
            *value = access.next_value()?;
        }
        Ok(())
    }
}

/// Names a map in error sentences.
const MAP: &str = "a map of text to integer within its capacity";

/// A key, which is added to its map.
struct Key<'a>(&'a mut dyn Keys);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = &'a mut i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = &'a mut i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXT)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        self.0.add(key).map_err(|refused| match refused {
            Refused::Duplicate => E::duplicate_field("key"),
            Refused::TooLong => E::invalid_length(key.len(), &TEXT),
            Refused::Full(entries) => E::invalid_length(entries + 1, &MAP),
        })
    }
}
