//! Values to encode, and types to decode to.

use arbitrary::{Arbitrary, Result, Unstructured};
use bellwire::HeapComplexData;
use bellwire::gob::{Described, Type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A structure of up to 20 levels, of which some exceed the capacities of the fixed one.
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

/// How many levels a structure has.
pub fn levels(data: &HeapComplexData) -> usize {
    1 + data.c.as_deref().map_or(0, levels)
}

/// What both formats carry: a field of every kind, with the widths of numbers that gob tells apart by
/// their range.
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
    /// Gob sends neither an absent number nor zero.
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

impl Described for Kinds {
    const TYPE: Type = Type::Struct(
        "Kinds",
        &[
            ("Yes", Type::Bool),
            ("I8", Type::Int),
            ("I16", Type::Int),
            ("I32", Type::Int),
            ("I64", Type::Int),
            ("U8", Type::Uint),
            ("U16", Type::Uint),
            ("U32", Type::Uint),
            ("U64", Type::Uint),
            ("Letter", Type::Int),
            ("Ratio", Type::Float),
            ("Single", Type::Float),
            ("Pair", Type::Complex),
            ("Text", Type::String),
            ("Ints", Type::Slice(&Type::Int)),
            ("Texts", Type::Slice(&Type::String)),
            ("Array", Type::Array(3, &Type::Int)),
            ("Table", Type::Map(&Type::String, &Type::Uint)),
            ("Lists", Type::Map(&Type::Int, &Type::Slice(&Type::String))),
            ("Number", Type::Int),
            ("Inside", Place::TYPE),
            ("Place", Place::TYPE),
            ("Places", Type::Slice(&Place::TYPE)),
            ("Side", Type::String),
            ("Next", Type::Outer("Kinds")),
        ],
    );
}

impl Described for Place {
    const TYPE: Type = Type::Struct("Place", &[("Room", Type::String), ("Seat", Type::Int)]);
}

/// What only postcard carries.
#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
pub enum Tree {
    /// Nothing.
    Leaf,
    /// One value.
    Wide(i128),
    /// Several.
    Pair(u128, Unit),
    /// Named ones, and more of the same.
    Branch {
        /// Whether it is.
        wrapped: Wrapped,
        /// Those below.
        children: Vec<Tree>,
    },
    /// One below the other.
    Below(Box<Option<Tree>>),
    /// What both formats carry.
    Kinds(Box<Kinds>),
}

/// Takes no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary, Serialize, Deserialize)]
pub struct Unit;

/// Takes what is in it.
#[derive(Debug, Clone, PartialEq, Arbitrary, Serialize, Deserialize)]
pub struct Wrapped(pub Option<(bool, char, f32)>);

impl Kinds {
    /// As gob carries it: a number that may be absent and is zero is absent, and so is a zero pair
    /// of either sign.
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
