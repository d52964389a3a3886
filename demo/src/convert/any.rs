//! Whatever a stream says that it holds.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::mem::discriminant;

/// A value of any type.
#[derive(Debug)]
pub(super) enum Any {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Any>),
    /// A struct or a map, in the order of the stream.
    Entries(Vec<(Any, Any)>),
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Any::Nil => serializer.serialize_unit(),
            Any::Bool(value) => serializer.serialize_bool(*value),
            Any::Int(value) => serializer.serialize_i64(*value),
            Any::Uint(value) => serializer.serialize_u64(*value),
            Any::Float(value) if value.is_nan() => serializer.serialize_str("NaN"),
            Any::Float(f64::INFINITY) => serializer.serialize_str("Infinity"),
            Any::Float(f64::NEG_INFINITY) => serializer.serialize_str("-Infinity"),
            Any::Float(value) => serializer.serialize_f64(*value),
            Any::Text(text) => serializer.serialize_str(text),
            Any::Bytes(bytes) => serializer.serialize_str(&BASE64_STANDARD.encode(bytes)),
            Any::List(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                elements
                    .iter()
                    .try_for_each(|element| list.serialize_element(element))?;
                list.end()
            }
            Any::Entries(entries) if !have_names(entries) => serializer.collect_seq(entries),
            Any::Entries(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Whether the keys can be the names of a JSON object, and different ones stay different.
fn have_names(entries: &[(Any, Any)]) -> bool {
    let Some((first, _)) = entries.first() else {
        return true;
    };
    entries.iter().all(|(key, _)| {
        let is_name = match key {
            Any::Bool(_) | Any::Int(_) | Any::Uint(_) | Any::Text(_) | Any::Bytes(_) => true,
            Any::Float(value) => value.is_finite(),
            Any::Nil | Any::List(_) | Any::Entries(_) => false,
        };
        is_name && discriminant(key) == discriminant(first)
    })
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Any, E> {
        Ok(Any::Nil)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Any, E> {
        Ok(Any::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Any, E> {
        Ok(Any::Uint(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Any, E> {
        Ok(Any::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.into()))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Any, E> {
        Ok(Any::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Any, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Any::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Any, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Any::Entries(entries))
    }
}
