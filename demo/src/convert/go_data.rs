//! The demo's structure as Go holds it, where maps and bytes may be nil.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bellwire::HeapComplexData;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Go's `complexData`. In JSON, as in Go, a field that is absent is zero, and one that is nil is null.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
pub(super) struct GoData {
    n: i64,
    s: String,
    m: Option<BTreeMap<String, i64>>,
    p: Option<Bytes>,
    c: Option<Box<GoData>>,
}

/// Bytes, which are base64 where a person may read them.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl From<HeapComplexData> for GoData {
    fn from(data: HeapComplexData) -> Self {
        Self {
            n: data.n,
            s: data.s,
            m: Some(data.m).filter(|m| !m.is_empty()),
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
            m: data.m.unwrap_or_default(),
            p: data.p.map(|bytes| bytes.0).unwrap_or_default(),
            c: data.c.map(|inner| Box::new((*inner).into())),
        }
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
                BASE64_STANDARD.decode(text).map(Bytes).map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Form)
        } else {
            deserializer.deserialize_bytes(Form)
        }
    }
}
