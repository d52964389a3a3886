//! Attributes of fields, at each position of a field.

use super::Fate::{self, Changed, Hidden, Refused, Same, Unreadable};
use super::{arrives, arrives_in_postcard};
use bellwire::schema::{Schema, Type};
use serde::{Deserialize, Serialize};

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes the field by reference
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_five(number: &u8) -> bool {
    *number == 5
}

fn five() -> u8 {
    5
}

/// Writes a number as one of another type.
mod wide {
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(number: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::from(*number) << 8)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
        u64::deserialize(from).map(|number| number.to_be_bytes()[6])
    }
}

/// A struct whose field `a` has an attribute, as the first, the middle and the last field, and in a
/// variant. Checks the fates in postcard and gob with `a` 0 and 5. In gob, the field is named
/// `$name`.
macro_rules! field {
    ($attribute:meta, $name:literal => $postcard:expr, $gob:expr) => {{
        const A: (&str, Type) = ($name, Type::U64);
        const B: (&str, Type) = ("b", Type::U64);
        const DATA: (&str, Type) = ("data", Type::Bytes);

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct First {
            #[$attribute]
            a: u8,
            b: u8,
            data: Vec<u8>,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Middle {
            b: u8,
            #[$attribute]
            a: u8,
            data: Vec<u8>,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Last {
            b: u8,
            data: Vec<u8>,
            #[$attribute]
            a: u8,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Variant {
            Struct {
                #[$attribute]
                a: u8,
                b: u8,
                data: Vec<u8>,
            },
        }

        impl Schema for First {
            const TYPE: Type = Type::Struct("First", &[A, B, DATA]);
        }

        impl Schema for Middle {
            const TYPE: Type = Type::Struct("Middle", &[B, A, DATA]);
        }

        impl Schema for Last {
            const TYPE: Type = Type::Struct("Last", &[B, DATA, A]);
        }

        let attribute = stringify!($attribute);
        for ((a, postcard_fate), gob_fate) in [0, 5].into_iter().zip($postcard).zip($gob) {
            let (b, data) = (3, vec![1, 120]);
            let fates: [Fate; 2] = [postcard_fate, gob_fate];
            arrives(
                attribute,
                &First {
                    a,
                    b,
                    data: data.clone(),
                },
                fates,
            );
            arrives(
                attribute,
                &Middle {
                    b,
                    a,
                    data: data.clone(),
                },
                fates,
            );
            arrives(
                attribute,
                &Last {
                    b,
                    data: data.clone(),
                    a,
                },
                fates,
            );
            let variant = Variant::Struct { a, b, data };
            arrives_in_postcard(attribute, &variant, fates[0]);
        }
    }};
}

#[test]
fn attributes_of_named_fields_arrive_as_documented() {
    // The attribute and the name in gob, then the fates of 0 and 5 in postcard and in gob.
    field! { doc = "none", "a" => [Same, Same], [Same, Same] }
    field! { serde(rename = "x"), "x" => [Same, Same], [Same, Same] }
    field! { serde(alias = "x"), "a" => [Same, Same], [Unreadable, Unreadable] }
    field! { serde(default), "a" => [Same, Same], [Same, Same] }
    field! { serde(default = "five"), "a" => [Same, Same], [Same, Same] }
    field! { serde(with = "wide"), "a" => [Same, Same], [Same, Same] }
    // A skipped field arrives as its declared default.
    field! { serde(skip), "a" => [Same, Changed], [Same, Changed] }
    field! { serde(skip, default = "five"), "a" => [Changed, Same], [Changed, Same] }
    // Postcard notices an omitted field. In gob, an omitted field is zero.
    field! { serde(skip_serializing_if = "is_zero"), "a" => [Refused, Same], [Same, Same] }
    field! { serde(default, skip_serializing_if = "is_zero"), "a" => [Refused, Same], [Same, Same] }
    field! { serde(default = "five", skip_serializing_if = "is_five"), "a" => [Same, Refused], [Same, Changed] }
    // A field that only one side has.
    field! { serde(skip_serializing, default), "a" => [Hidden, Hidden], [Same, Changed] }
    field! { serde(skip_deserializing), "a" => [Hidden, Hidden], [Same, Changed] }
}

/// The same for a tuple struct and a tuple variant.
macro_rules! unnamed_field {
    ($attribute:meta => $postcard:expr) => {{
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct First(#[$attribute] u8, u8, Vec<u8>);

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Last(u8, Vec<u8>, #[$attribute] u8);

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Variant {
            Tuple(u8, #[$attribute] u8, Vec<u8>),
        }

        let attribute = stringify!($attribute);
        for (a, expected) in [0, 5].into_iter().zip($postcard) {
            let (b, data) = (3, vec![1, 120]);
            let first = First(a, b, data.clone());
            arrives_in_postcard(attribute, &first, expected);
            let last = Last(b, data.clone(), a);
            arrives_in_postcard(attribute, &last, expected);
            let variant = Variant::Tuple(b, a, data);
            arrives_in_postcard(attribute, &variant, expected);
        }
    }};
}

#[test]
fn attributes_of_unnamed_fields_arrive_as_documented() {
    // The attribute, then the fates of 0 and 5 in postcard. Gob has no tuples of several types.
    unnamed_field! { doc = "none" => [Same, Same] }
    unnamed_field! { serde(with = "wide") => [Same, Same] }
    unnamed_field! { serde(skip) => [Same, Changed] }
    unnamed_field! { serde(skip, default = "five") => [Changed, Same] }
    // The derive announces one field less, so postcard cannot notice it.
    unnamed_field! { serde(skip_serializing_if = "is_zero") => [Hidden, Same] }
}

#[test]
fn flattened_fields_are_not_encoded() {
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        b: u8,
        #[serde(flatten)]
        inner: Inner,
    }

    impl Schema for Outer {
        const TYPE: Type = Type::Struct("Outer", &[("b", Type::U64), ("a", Type::U64)]);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Rest {
        b: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }

    impl Schema for Rest {
        const TYPE: Type = Type::Struct("Rest", &[("b", Type::U64), ("a", Type::U64)]);
    }

    let inner = Inner { a: 5 };
    arrives("a struct", &Outer { b: 3, inner }, [Refused, Refused]);
    let rest = BTreeMap::from([("a".to_owned(), 5)]);
    arrives("a map", &Rest { b: 3, rest }, [Refused, Refused]);
}
