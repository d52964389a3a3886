//! Gob streams written by Go.

use bellwire::complex_data::Inner;
use bellwire::format::EncodeError;
use bellwire::schema::{Schema, Type};
use bellwire::{ComplexData, Format};
use serde::{Deserialize, Serialize};

/// Many streams and the values that Go decodes from them. `tests/go` wrote the table and explains its columns.
pub const VECTORS: &str = include_str!("../gob_vectors.tsv");

/// The tutorial's value as a new Encoder of Go sends it, with map entries sorted by key.
pub const TUTORIAL: &str = "387f0301010b636f6d706c65784461746101ff8000010501014e010400010153010c0001\
    014d01ff8200010150010a0001014301ff800000001eff810401010e6d61705b737472696e675d696e7401ff82\
    00010c0104000061ff80012e010b737472696e672064617461010303\
    6f6e65020574687265650603\
    74776f04010361626301\
    01fe02000121526563757273697665207374727563747\
    33f205069656365206f662063616b652101030230310202313004023131060000";

/// Returns the value of [`TUTORIAL`].
pub fn tutorial() -> ComplexData {
    let map = |entries: [(&str, i64); 3]| {
        let entries = entries.into_iter();
        entries
            .map(|(key, n)| (key.try_into().unwrap(), n))
            .collect()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().unwrap(),
        m: map([("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().unwrap(),
        c: Some(Inner {
            n: 256,
            s: "Recursive structs? Piece of cake!".try_into().unwrap(),
            m: map([("01", 1), ("10", 2), ("11", 3)]),
            ..Inner::default()
        }),
    }
}

/// Decodes hexadecimal digits.
pub fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Encodes a payload of up to 4096 bytes.
///
/// # Errors
/// The errors of [`Format::encode`].
pub fn encode<F: Format>(value: F::Sent<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut space = [0; 4096];
    F::encode(value, &mut space).map(|size| space[..size].to_vec())
}

/// Returns the name and stream of each vector that holds exactly one complexData and that Go accepts.
pub fn vectors() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = VECTORS.lines();
    lines.filter_map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, "complexData", "ok", values, stream] if !values.contains("},{") => {
            Some((name, bytes(stream)))
        }
        _ => None,
    })
}

/// A struct that is named `place` in Go.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Place {
    /// A text.
    pub room: String,
    /// A number.
    pub seat: i64,
}

impl Schema for Place {
    const TYPE: Type = Type::Struct("place", &[("Room", Type::Str), ("Seat", Type::I64)]);
}
