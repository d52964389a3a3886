//! Values to encode and types to decode.

use arbitrary::{Arbitrary, Result, Unstructured};
use bellwire::HeapComplexData;
use bellwire::schema::{Schema, Type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Returns a structure of up to 20 levels. Some exceed the capacities of `ComplexData`.
pub fn complex_data(source: &mut Unstructured<'_>) -> Result<HeapComplexData> {
    let mut data = level(source)?;
    for _ in 0..source.int_in_range(0..=19)? {
        if !source.ratio(2, 3)? {
            break;
        }
        data = HeapComplexData {
            c: Some(Box::new(data)),
            ..level(source)?
        };
    }
    Ok(data)
}

fn level(source: &mut Unstructured<'_>) -> Result<HeapComplexData> {
    Ok(HeapComplexData {
        n: source.arbitrary()?,
        s: source.arbitrary()?,
        m: source.arbitrary()?,
        p: source.arbitrary()?,
        c: None,
    })
}

/// Returns the number of levels of a structure.
pub fn levels(data: &HeapComplexData) -> usize {
    1 + data.c.as_deref().map_or(0, levels)
}

/// A type that both formats support, with a field of every kind. Gob distinguishes the widths of its numbers
/// only by their range.
#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Kinds {
    yes: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    letter: char,
    ratio: f64,
    single: f32,
    pair: (f64, f64),
    text: String,
    ints: Vec<i64>,
    texts: Vec<String>,
    array: [i64; 3],
    table: BTreeMap<String, u8>,
    lists: BTreeMap<i32, Vec<String>>,
    /// Gob sends neither `None` nor zero.
    number: Option<i64>,
    inside: Place,
    place: Option<Place>,
    places: Vec<Place>,
    side: Side,
    next: Option<Box<Kinds>>,
}

#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    room: String,
    seat: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Arbitrary, Serialize, Deserialize)]
enum Side {
    Left,
    Right,
}

impl Schema for Kinds {
    const TYPE: Type = Type::Struct(
        "Kinds",
        &[
            ("Yes", Type::Bool),
            ("I8", Type::I64),
            ("I16", Type::I64),
            ("I32", Type::I64),
            ("I64", Type::I64),
            ("U8", Type::U64),
            ("U16", Type::U64),
            ("U32", Type::U64),
            ("U64", Type::U64),
            ("Letter", Type::I64),
            ("Ratio", Type::F64),
            ("Single", Type::F64),
            ("Pair", Type::Tuple(&[Type::F64, Type::F64])),
            ("Text", Type::Str),
            ("Ints", Type::Seq(&Type::I64)),
            ("Texts", Type::Seq(&Type::Str)),
            ("Array", Type::Array(3, &Type::I64)),
            ("Table", Type::Map(&Type::Str, &Type::U64)),
            ("Lists", Type::Map(&Type::I64, &Type::Seq(&Type::Str))),
            ("Number", Type::I64),
            ("Inside", Place::TYPE),
            ("Place", Place::TYPE),
            ("Places", Type::Seq(&Place::TYPE)),
            ("Side", Type::Str),
            ("Next", Type::Outer("Kinds")),
        ],
    );
}

impl Schema for Place {
    const TYPE: Type = Type::Struct("Place", &[("Room", Type::Str), ("Seat", Type::I64)]);
}

/// A type that only postcard supports.
#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
pub enum Tree {
    /// A variant without data.
    Leaf,
    /// A variant with one value.
    Wide(i128),
    /// A variant with two values.
    Pair(u128, Unit),
    /// A variant with named fields, which is recursive.
    Branch {
        /// An optional tuple.
        wrapped: Wrapped,
        /// The nodes below.
        children: Vec<Tree>,
    },
    /// A variant with an optional node below.
    Below(Box<Option<Tree>>),
    /// The type that both formats support.
    Kinds(Box<Kinds>),
}

/// A struct without fields, encoded in no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary, Serialize, Deserialize)]
pub struct Unit;

/// A newtype, encoded like its content.
#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
pub struct Wrapped(pub Option<(bool, char, f32)>);

impl Kinds {
    /// Returns the value as it arrives over gob: an optional zero becomes `None`, and a zero float or pair
    /// loses its sign.
    #[must_use]
    pub fn without_absent_zeros(mut self) -> Self {
        self.number = self.number.filter(|number| *number != 0);
        if self.ratio == 0.0 {
            self.ratio = 0.0;
        }
        if self.single == 0.0 {
            self.single = 0.0;
        }
        if self.pair == (0.0, 0.0) {
            self.pair = (0.0, 0.0);
        }
        self.next = self.next.map(|next| Box::new(next.without_absent_zeros()));
        self
    }
}
