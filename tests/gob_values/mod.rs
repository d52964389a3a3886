//! Receivers for what the Go program sends, and their JSON as Go prints it.

use bellwire::HeapComplexData;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// The Go program's struct `kinds`, but for two fields that are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Kinds<'a> {
    bool: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    rune: char,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    pair: (f64, f64),
    text: &'a str,
    raw: &'a [u8],
    ints: Vec<i64>,
    texts: Vec<&'a str>,
    pairs: Vec<[f64; 2]>,
    array: [i64; 3],
    octets: [u8; 3],
    table: BTreeMap<String, u8>,
    lists: BTreeMap<i32, Vec<String>>,
    number: Option<i64>,
    place: Option<Place>,
    inside: Place,
    places: Vec<Place>,
    deep: Option<Box<Option<Place>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    room: String,
    seat: i64,
}

impl Place {
    fn json(&self) -> Value {
        json!({ "Room": self.room, "Seat": self.seat })
    }
}

impl Kinds<'_> {
    /// As Go's encoding/json prints it.
    pub(crate) fn json(&self) -> Value {
        let places: Vec<Value> = self.places.iter().map(Place::json).collect();
        let deep = self.deep.as_ref().and_then(|deep| deep.as_ref().as_ref());
        let mut fields = json!({
            "Bool": self.bool,
            "I8": self.i8, "I16": self.i16, "I32": self.i32, "I64": self.i64,
            "Rune": u32::from(self.rune),
            "U8": self.u8, "U16": self.u16, "U32": self.u32, "U64": self.u64,
            "F32": self.f32, "F64": self.f64, "Pair": self.pair,
            "Text": self.text, "Raw": base64(self.raw),
            "Ints": self.ints, "Texts": self.texts, "Pairs": self.pairs,
            "Array": self.array, "Octets": self.octets,
        });
        let more = json!({
            "Table": self.table, "Lists": self.lists, "Number": self.number,
            "Place": self.place.as_ref().map(Place::json),
            "Inside": self.inside.json(), "Places": places, "Deep": deep.map(Place::json),
        });
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more);
        }
        fields
    }
}

/// As Go's encoding/json prints the mission's struct.
pub(crate) fn complex_data_json(data: &HeapComplexData) -> Value {
    let c = data.c.as_deref().map(complex_data_json);
    json!({ "N": data.n, "S": data.s, "M": data.m, "P": base64(&data.p), "C": c })
}

/// Whatever a stream describes.
#[derive(Debug)]
pub(crate) struct Any(pub(crate) Value);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Any)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(base64(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Any(element)) = access.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = serde_json::Map::new();
        while let Some((Any(key), Any(value))) = access.next_entry()? {
            let key = match key {
                Value::String(key) => key,
                key => key.to_string(),
            };
            entries.insert(key, value);
        }
        Ok(entries.into())
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        for index in 0..3 {
            bits = bits << 8 | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index)) as usize & 63];
            text.push(if index <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}
