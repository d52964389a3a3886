//! What `derive(Schema)` makes of a type.
#![allow(dead_code, clippy::zero_sized_map_values)] // only the descriptions are used

use bellwire::schema::{Schema, Type};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Derives for an item, and compares the notation of its type `$name`.
macro_rules! describes {
    ($($(#[$meta:meta])* $claim:ident: $ty:ty { $($item:item)* } => $text:literal;)*) => {$(
        #[test]
        $(#[$meta])*
        fn $claim() {
            $(#[derive(Serialize, Deserialize, Schema)] $item)*
            assert_eq!(<$ty as Schema>::TYPE.to_string(), $text);
        }
    )*};
}

describes! {
    a_struct_has_its_name_and_fields: A { struct A { a: u8, b: bool } }
        => "A{a: u8, b: bool}";
    a_struct_without_fields_is_not_a_unit: A { struct A {} }
        => "A{}";
    a_unit_struct_is_a_unit: A { struct A; }
        => "()";
    a_newtype_is_the_type_inside: A { struct A(u16); }
        => "u16";
    a_tuple_struct_is_a_tuple: A { struct A(u8, char); }
        => "(u8, char)";
    an_enum_has_its_variants_and_their_content:
        A { enum A { Unit, New(u8), Tuple(u8, i8), Struct { x: f32 } } }
        => "A<Unit | New(u8) | Tuple(u8, i8) | Struct{x: f32}>";

    rename_names_a_field: A { struct A { #[serde(rename = "type")] a: u8 } }
        => "A{type: u8}";
    rename_names_a_type: A { #[serde(rename = "point")] struct A { a: u8 } }
        => "point{a: u8}";
    rename_all_names_the_fields: A { #[serde(rename_all = "PascalCase")] struct A { one_two: u8 } }
        => "A{OneTwo: u8}";
    rename_all_names_the_variants: A { #[serde(rename_all = "kebab-case")] enum A { OneTwo } }
        => "A<one-two>";
    rename_all_of_a_variant_names_its_fields:
        A { enum A { #[serde(rename_all = "UPPERCASE")] B { a: u8 } } }
        => "A<B{A: u8}>";
    rename_all_fields_names_the_fields_of_all_variants:
        A { #[serde(rename_all_fields = "UPPERCASE")] enum A { B { a: u8 }, C { b: u8 } } }
        => "A<B{A: u8} | C{B: u8}>";
    a_name_that_is_no_word_is_quoted: A { struct A { #[serde(rename = "a b")] a: u8 } }
        => r#"A{"a b": u8}"#;

    a_skipped_field_is_absent: A { struct A { a: u8, #[serde(skip)] b: u16 } }
        => "A{a: u8}";
    a_skipped_field_of_a_tuple_is_absent: A { struct A(u8, #[serde(skip)] u16, i8); }
        => "(u8, i8)";
    a_skipped_last_variant_is_absent: A { enum A { B, #[serde(skip)] C } }
        => "A<B>";
    default_changes_nothing: A { #[derive(Default)] #[serde(default)] struct A { #[serde(default)] a: u8 } }
        => "A{a: u8}";
    alias_changes_nothing: A { struct A { #[serde(alias = "b")] a: u8 } }
        => "A{a: u8}";
    transparent_is_the_type_inside: A { #[serde(transparent)] struct A { a: u8 } }
        => "u8";
}

#[derive(Serialize, Deserialize, Schema)]
struct Node {
    value: i32,
    next: Option<Box<Node>>,
    others: Vec<Self>,
}

#[derive(Serialize, Deserialize, Schema)]
enum Tree {
    Leaf,
    Fork(Box<Tree>, Box<Tree>),
}

#[derive(Serialize, Deserialize, Schema)]
struct Pair<T> {
    one: T,
    more: Vec<T>,
}

#[derive(Serialize, Deserialize, Schema)]
struct Borrows<'a> {
    text: &'a str,
    raw: &'a [u8],
    #[serde(borrow)]
    cow: Cow<'a, str>,
}

#[derive(Serialize, Deserialize, Schema)]
struct Hinted {
    #[serde(with = "seconds")]
    #[schema(as = "u64")]
    time: std::time::Duration,
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(time.as_secs())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

#[derive(Clone, Serialize, Deserialize, Schema)]
#[serde(into = "u8", from = "u8")]
enum Converted {
    Any,
}

impl From<u8> for Converted {
    fn from(_: u8) -> Self {
        Self::Any
    }
}

impl From<Converted> for u8 {
    fn from(_: Converted) -> Self {
        0
    }
}

#[derive(Serialize, Deserialize, Schema)]
struct Arrays {
    bytes: [u8; 4],
    none: [i64; 0],
    nested: [[f32; 2]; 3],
}

#[derive(Serialize, Deserialize, Schema)]
struct Std {
    map: HashMap<String, u8>,
    tree: BTreeMap<u16, ()>,
    set: HashSet<char>,
    ordered: BTreeSet<i128>,
    queue: VecDeque<Option<usize>>,
}

#[derive(Serialize, Deserialize, Schema)]
struct Heapless {
    text: heapless::String<8>,
    list: heapless::Vec<u8, 4>,
    map: heapless::LinearMap<heapless::String<4>, i64, 2>,
}

#[test]
fn types_with_parameters_hints_and_collections_are_described() {
    for (ty, text) in [
        (
            Node::TYPE,
            "Node{value: i32, next: ?^Node, others: [^Node]}",
        ),
        (Tree::TYPE, "Tree<Leaf | Fork(^Tree, ^Tree)>"),
        (<Pair<u8>>::TYPE, "Pair{one: u8, more: [u8]}"),
        (<Pair<String>>::TYPE, "Pair{one: str, more: [str]}"),
        (Borrows::TYPE, "Borrows{text: str, raw: [u8], cow: str}"),
        (Converted::TYPE, "u8"),
        (Hinted::TYPE, "Hinted{time: u64}"),
        (
            Arrays::TYPE,
            "Arrays{bytes: [u8; 4], none: [i64; 0], nested: [[f32; 2]; 3]}",
        ),
        (
            Std::TYPE,
            "Std{map: {str: u8}, tree: {u16: ()}, set: [char], ordered: [i128], queue: [?u64]}",
        ),
        (
            Heapless::TYPE,
            "Heapless{text: str, list: [u8], map: {str: i64}}",
        ),
        (
            bellwire::ComplexData::TYPE,
            "complexData{N: i64, S: str, M: {str: i64}, P: bytes, C: ?^complexData}",
        ),
    ] {
        assert_eq!(ty.to_string(), text);
    }
}

#[test]
fn a_type_may_be_described_by_hand() {
    struct Celsius(f32);

    impl Schema for Celsius {
        const TYPE: Type = Type::F32;
    }

    #[derive(Schema)]
    struct Reading {
        temperature: Celsius,
    }

    assert_eq!(Reading::TYPE.to_string(), "Reading{temperature: f32}");
}
