//! Attributes of structs, and kinds of fields.

use super::Fate::{Changed, Hidden, Refused, Same};
use super::{arrives, arrives_in_postcard, fate};
use bellwire::gob::Gob;
use bellwire::schema::{Schema, Type};
use bellwire::{Format, Payload, Postcard};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A struct of a number and a text, with an attribute.
macro_rules! container {
    ($attribute:meta, [$n:literal, $s:literal] => $fates:expr) => {{
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        #[$attribute]
        struct Container {
            number_n: i32,
            text_s: String,
        }

        impl Schema for Container {
            const TYPE: Type = Type::Struct("Container", &[($n, Type::I64), ($s, Type::Str)]);
        }

        let container = Container {
            number_n: 5,
            text_s: "hi".into(),
        };
        arrives(stringify!($attribute), &container, $fates);
        arrives(stringify!($attribute), &Container::default(), $fates);
    }};
}

#[test]
fn struct_attributes_round_trip_except_tag() {
    container! { doc = "none", ["number_n", "text_s"] => [Same, Same] }
    container! { serde(rename = "x"), ["number_n", "text_s"] => [Same, Same] }
    container! { serde(rename_all = "PascalCase"), ["NumberN", "TextS"] => [Same, Same] }
    container! { serde(default), ["number_n", "text_s"] => [Same, Same] }
    container! { serde(deny_unknown_fields), ["number_n", "text_s"] => [Same, Same] }
    container! { serde(crate = "serde"), ["number_n", "text_s"] => [Same, Same] }
    container! { serde(expecting = "x"), ["number_n", "text_s"] => [Same, Same] }
    container! { serde(bound = ""), ["number_n", "text_s"] => [Same, Same] }
    // The tag is written but not read. Gob does not encode a field that the type does not describe.
    container! { serde(tag = "tag"), ["number_n", "text_s"] => [Hidden, Refused] }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    text: String,
}

impl Schema for Transparent {
    const TYPE: Type = Type::Str;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
struct Into(i64);

impl From<i64> for Into {
    fn from(number: i64) -> Self {
        Self(number - 1)
    }
}

impl From<Into> for i64 {
    fn from(into: Into) -> Self {
        into.0 + 1
    }
}

impl Schema for Into {
    const TYPE: Type = Type::I64;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
struct TryInto(i8);

impl TryFrom<i64> for TryInto {
    type Error = std::num::TryFromIntError;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        i8::try_from(number).map(Self)
    }
}

impl From<TryInto> for i64 {
    fn from(into: TryInto) -> Self {
        into.0.into()
    }
}

impl Schema for TryInto {
    const TYPE: Type = Type::I64;
}

/// A type of another crate, with a private field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Far(i32);

impl Far {
    fn number(&self) -> i32 {
        self.0
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Far")]
struct Near {
    #[serde(getter = "Far::number")]
    number: i32,
}

impl From<Near> for Far {
    fn from(near: Near) -> Self {
        Self(near.number)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct HoldsRemote {
    #[serde(with = "Near")]
    far: Far,
    b: u8,
}

impl Schema for HoldsRemote {
    const TYPE: Type = Type::Struct(
        "HoldsRemote",
        &[
            ("far", Type::Struct("Far", &[("number", Type::I64)])),
            ("b", Type::U64),
        ],
    );
}

#[test]
fn transparent_converted_and_remote_types_round_trip() {
    let text = "hi".to_owned();
    arrives("transparent", &Transparent { text }, [Same, Same]);
    arrives("from and into", &Into(5), [Same, Same]);
    arrives("try_from and into", &TryInto(5), [Same, Same]);
    let holds = HoldsRemote { far: Far(5), b: 3 };
    arrives("remote and getter", &holds, [Same, Same]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Borrows<'a> {
    text: &'a str,
    #[serde(borrow)]
    cow: std::borrow::Cow<'a, str>,
    bytes: &'a [u8],
}

enum Borrow {}

impl Payload for Borrow {
    type Value<'a> = Borrows<'a>;
}

impl Schema for Borrows<'_> {
    const TYPE: Type = Type::Struct(
        "Borrows",
        &[
            ("text", Type::Str),
            ("cow", Type::Str),
            ("bytes", Type::Bytes),
        ],
    );
}

#[test]
fn borrowing_types_round_trip() {
    fn same<F>()
    where
        F: for<'a> Format<Value<'a> = Borrows<'a>, Sent<'a> = &'a Borrows<'a>>,
    {
        let (text, cow, bytes) = ("text", "cow".into(), &b"bytes"[..]);
        let value = Borrows { text, cow, bytes };
        let mut space = [0; 200];
        let size = F::encode(&value, &mut space).unwrap();
        assert_eq!(F::decode(&space[..size]), Ok(value));
    }
    same::<Postcard<Borrow>>();
    same::<Gob<Borrow>>();
}

/// A struct with a field `a` of a certain type.
macro_rules! kind {
    ($kind:ty: $value:expr => $expected:expr) => {{
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Kind {
            a: $kind,
            b: u8,
        }

        let a: $kind = $value;
        arrives_in_postcard(stringify!($kind), &Kind { a, b: 3 }, $expected);
    }};
    ($kind:ty: $value:expr, $ty:expr => $fates:expr) => {{
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Kind {
            a: $kind,
            b: u8,
        }

        impl Schema for Kind {
            const TYPE: Type = Type::Struct("Kind", &[("a", $ty), ("b", Type::U64)]);
        }

        let a: $kind = $value;
        arrives(stringify!($kind), &Kind { a, b: 3 }, $fates);
    }};
}

#[test]
#[allow(clippy::zero_sized_map_values)] // checks entries without bytes
fn each_kind_of_field_arrives_as_documented() {
    kind! { char: 'é', Type::I64 => [Same, Same] }
    kind! { f32: -0.5, Type::F64 => [Same, Same] }
    kind! { i128: i128::MIN, Type::I64 => [Same, Refused] }
    kind! { u128: 5, Type::U64 => [Same, Refused] }
    kind! { BTreeMap<i32, String>: BTreeMap::from([(-1, "a".into())]), Type::Map(&Type::I64, &Type::Str) => [Same, Same] }
    kind! { BTreeSet<()>: BTreeSet::new() => Same }
    kind! { BTreeMap<(), u8>: BTreeMap::from([((), 5)]) => Same }
    kind! { (u8, String): (5, "a".into()) => Same }
    kind! { [u16; 3]: [1, 2, 300], Type::Array(3, &Type::U64) => [Same, Same] }
    kind! { Result<u8, String>: Err("a".into()) => Same }
    kind! { std::time::Duration: std::time::Duration::from_millis(5), Type::Struct("D", &[("secs", Type::U64), ("nanos", Type::U64)]) => [Same, Same] }
    kind! { std::net::IpAddr: "::1".parse().unwrap() => Same }
    // Elements and entries without bytes are not encoded: any number of them could be announced.
    kind! { Vec<()>: vec![] => Same }
    kind! { Vec<()>: vec![()] => Refused }
    kind! { Vec<[(); 3]>: vec![[(); 3]; 2] => Refused }
    kind! { BTreeSet<()>: BTreeSet::from([()]) => Refused }
    kind! { BTreeMap<(), ()>: BTreeMap::from([((), ())]) => Refused }
    kind! { Vec<Vec<()>>: vec![vec![], vec![]] => Same }
    // Postcard distinguishes `Some(0)` from `None`. Go's gob sends both as a nil pointer.
    kind! { Option<u8>: None, Type::U64 => [Same, Same] }
    kind! { Option<u8>: Some(5), Type::U64 => [Same, Same] }
    kind! { Option<u8>: Some(0), Type::U64 => [Same, Changed] }
    kind! { Option<Option<u8>>: Some(None), Type::U64 => [Same, Changed] }
    kind! { Option<Option<u8>>: Some(Some(5)), Type::U64 => [Same, Same] }
    kind! { Option<String>: Some(String::new()), Type::Str => [Same, Changed] }
    kind! { Option<Vec<u8>>: Some(vec![]), Type::Bytes => [Same, Changed] }
    kind! { Option<()>: Some(()) => Same }
}

#[test]
fn a_list_with_absent_values_round_trips_only_in_postcard() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct List(Vec<Option<u8>>);

    impl Schema for List {
        const TYPE: Type = Type::Seq(&Type::U64);
    }

    assert_eq!(fate::<Gob<List>, _>(&List(vec![Some(1), None])), Refused);
    arrives_in_postcard("a list of options", &List(vec![Some(1), None]), Same);
}
