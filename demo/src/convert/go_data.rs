//! The demo's structure as Go holds it, where maps and bytes may be nil.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bellwire::HeapComplexData;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::{fmt, mem};

/// Go's `complexData`. In JSON, as in Go, a field that is absent is zero, and one that is nil is null.
/// Otherwise than in Go, a name that is unknown or comes twice is an error.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct GoData {
    n: i64,
    s: String,
    m: Option<Entries>,
    p: Option<Bytes>,
    c: Option<Box<GoData>>,
}

/// The fields, as they are named and ordered.
const FIELDS: [&str; 5] = ["N", "S", "M", "P", "C"];

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "UPPERCASE")]
enum Field {
    N,
    S,
    M,
    P,
    C,
}

/// A map, of which each key comes once.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Entries(BTreeMap<String, i64>);

/// Bytes, which are base64 where a person may read them.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl From<HeapComplexData> for GoData {
    fn from(data: HeapComplexData) -> Self {
        Self {
            n: data.n,
            s: data.s,
            m: Some(data.m).filter(|m| !m.is_empty()).map(Entries),
            p: Some(data.p).filter(|p| !p.is_empty()).map(Bytes),
            c: data.c.map(|inner| Box::new((*inner).into())),
        }
    }
}

impl From<GoData> for HeapComplexData {
    fn from(data: GoData) -> Self {
        Self {
            n: data.n,
            s: data.s,
            m: data.m.map(|entries| entries.0).unwrap_or_default(),
            p: data.p.map(|bytes| bytes.0).unwrap_or_default(),
            c: data.c.map(|inner| Box::new((*inner).into())),
        }
    }
}

impl<'de> Deserialize<'de> for GoData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        // No `visit_seq`: an array is no structure, though serde would take one.
        impl<'de> Visitor<'de> for Form {
            type Value = GoData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<GoData, A::Error> {
                let mut data = GoData::default();
                let mut come = [false; FIELDS.len()];
                while let Some(field) = access.next_key::<Field>()? {
                    let index = field as usize;
                    if mem::replace(&mut come[index], true) {
                        return Err(A::Error::duplicate_field(FIELDS[index]));
                    }
                    match field {
                        Field::N => data.n = access.next_value()?,
                        Field::S => data.s = access.next_value()?,
                        Field::M => data.m = access.next_value()?,
                        Field::P => data.p = access.next_value()?,
                        Field::C => data.c = access.next_value()?,
                    }
                }
                Ok(data)
            }
        }

        deserializer.deserialize_struct("complexData", &FIELDS, Form)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of integers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = access.next_key()? {
                    match entries.entry(key) {
                        Entry::Vacant(place) => drop(place.insert(access.next_value()?)),
                        Entry::Occupied(place) => {
                            let key = place.key();
                            return Err(A::Error::custom(format!("duplicate map key {key:?}")));
                        }
                    }
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Form)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl Visitor<'_> for Form {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes, or base64 of them")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                let bytes = BASE64_STANDARD.decode(text);
                bytes.map(Bytes).map_err(|_| E::custom("invalid base64"))
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Form)
        } else {
            deserializer.deserialize_bytes(Form)
        }
    }
}
