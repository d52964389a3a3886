//! JSON by a description equals `serde_json`'s for the same Rust type.

use super::random::Random;
use bellwire::schema::{Encoding, Schema, Type};
use bellwire::{Format, Postcard};
use bellwire_std::json::{decode, encode};
use bellwire_std::schema::parse;
use fastrand::Rng;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Kinds {
    yes: bool,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    single: f32,
    double: f64,
    letter: char,
    #[serde(rename = "a \"name\"\n")]
    text: String,
    unit: (),
    empty: Empty,
    option: Option<i32>,
    options: Vec<Option<bool>>,
    array: [i8; 3],
    bytes: Bytes,
    wrapped: Wrapped,
    side: Side,
    mode: Mode,
    tree: Tree,
    maps: Maps,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Maps {
    texts: BTreeMap<String, u8>,
    letters: BTreeMap<char, i16>,
    flags: BTreeMap<bool, Option<u8>>,
    sides: BTreeMap<Side, Mode>,
    small: BTreeMap<i8, Vec<u8>>,
    large: BTreeMap<u128, String>,
    optional: BTreeMap<Option<u64>, u8>,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Empty {}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Wrapped(u64);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Schema)]
pub(crate) enum Side {
    Left,
    #[serde(rename = "the other")]
    Right,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
enum Mode {
    Off,
    Level(u8),
    Both(f32, Option<f32>),
    Point { x: i32, side: Option<Side> },
    Nothing(()),
    Modes(Vec<Mode>),
}

/// A type that contains itself.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub(crate) struct Tree {
    name: String,
    left: Option<Box<Tree>>,
    more: Vec<Tree>,
}

#[derive(Debug, Deserialize)]
struct Bytes(Vec<u8>);

impl Schema for Bytes {
    const TYPE: Type = Type::Bytes;
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl Random for Kinds {
    fn random(rng: &mut Rng) -> Self {
        Self {
            yes: Random::random(rng),
            signed: Random::random(rng),
            unsigned: Random::random(rng),
            single: Random::random(rng),
            double: Random::random(rng),
            letter: Random::random(rng),
            text: Random::random(rng),
            unit: (),
            empty: Empty {},
            option: Random::random(rng),
            options: Random::random(rng),
            array: Random::random(rng),
            bytes: Bytes(Random::random(rng)),
            wrapped: Wrapped(Random::random(rng)),
            side: Random::random(rng),
            mode: Random::random(rng),
            tree: Random::random(rng),
            maps: Random::random(rng),
        }
    }
}

impl Random for Maps {
    fn random(rng: &mut Rng) -> Self {
        let optional: BTreeMap<u64, u8> = Random::random(rng);
        Self {
            texts: Random::random(rng),
            letters: Random::random(rng),
            flags: Random::random(rng),
            sides: Random::random(rng),
            small: Random::random(rng),
            large: Random::random(rng),
            optional: optional
                .into_iter()
                .map(|(key, value)| (Some(key), value))
                .collect(),
        }
    }
}

impl Random for Side {
    fn random(rng: &mut Rng) -> Self {
        if rng.bool() {
            return Self::Left;
        }
        Self::Right
    }
}

impl Random for Mode {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(..6) {
            0 => Self::Off,
            1 => Self::Level(Random::random(rng)),
            2 => Self::Both(Random::random(rng), Random::random(rng)),
            3 => Self::Point {
                x: Random::random(rng),
                side: Random::random(rng),
            },
            4 => Self::Nothing(()),
            _ => Self::Modes(vec![Self::Level(1), Self::Modes(vec![Self::Off])]),
        }
    }
}

impl Random for Tree {
    fn random(rng: &mut Rng) -> Self {
        Self::up_to(4, rng)
    }
}

impl Tree {
    fn up_to(levels: usize, rng: &mut Rng) -> Self {
        let mut below = || match levels.checked_sub(1) {
            Some(levels) if rng.bool() => Some(Self::up_to(levels, rng)),
            _ => None,
        };
        Self {
            left: below().map(Box::new),
            more: below().into_iter().collect(),
            name: Random::random(rng),
        }
    }
}

/// A value's JSON and its payload, both made without a description.
pub(crate) struct Encoded {
    json: String,
    payload: Vec<u8>,
}

impl Encoded {
    pub(crate) fn new<F, T>(value: &T) -> Self
    where
        F: for<'a> Format<Sent<'a> = &'a T>,
        T: Serialize,
    {
        let mut payload = vec![0; 65536];
        let size = F::encode(value, &mut payload).unwrap();
        payload.truncate(size);
        Self {
            json: serde_json::to_string(value).unwrap(),
            payload,
        }
    }
}

/// Checks that the payload has the same JSON by a description, and the JSON the same payload.
pub(crate) fn is_the_same(value: &Encoded, encoding: &Encoding) {
    let Encoded { json, payload } = value;
    assert_eq!(decode(encoding, payload).as_ref(), Ok(json));
    assert_eq!(encode(encoding, json).as_ref(), Ok(payload), "{json}");
}

#[test]
fn the_json_of_postcard_equals_serde_json_for_random_values() {
    let parsed = parse(&format!("A postcard {}", Kinds::TYPE)).unwrap();
    let constant = Encoding {
        format: "postcard",
        ty: Some(&Kinds::TYPE),
    };
    for seed in 0..500 {
        let value = Kinds::random(&mut Rng::with_seed(seed));
        let value = Encoded::new::<Postcard<Kinds>, _>(&value);
        is_the_same(&value, &constant);
        is_the_same(&value, &parsed.request);
    }
}
