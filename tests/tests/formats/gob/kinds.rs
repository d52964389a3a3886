//! A struct with a field of every kind.

use bellwire_tests::base64::base64;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The Go program's struct `kinds`, without two fields, which the decoder skips.
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
    /// Returns the JSON that Go's `encoding/json` prints for the value.
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
