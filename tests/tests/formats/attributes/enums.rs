//! Attributes of enums and of variants.

use super::Fate::{Changed, Refused, Same, Unreadable};
use super::{arrives, arrives_in_postcard};
use bellwire::schema::{Schema, Type};
use serde::{Deserialize, Serialize};

/// An enum of each kind of variant, with an attribute, as a field between others. Checks each
/// variant's fate in postcard.
macro_rules! container {
    ($attribute:meta => $unit:expr, $newtype:expr, $tuple:expr, $structure:expr) => {{
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[$attribute]
        enum Container {
            Unit,
            Newtype(Inner),
            Tuple(u8, u8),
            Struct { a: u8 },
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Inner {
            a: u8,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Outer {
            b: u8,
            container: Container,
            data: Vec<u8>,
        }

        for (container, expected) in [
            (Container::Unit, $unit),
            (Container::Newtype(Inner { a: 5 }), $newtype),
            (Container::Tuple(5, 6), $tuple),
            (Container::Struct { a: 5 }, $structure),
        ] {
            let (b, data) = (3, vec![1, 120]);
            let outer = Outer { b, container, data };
            arrives_in_postcard(stringify!($attribute), &outer, expected);
        }
    }};
}

#[test]
fn enum_attributes_round_trip_except_tags() {
    container! { doc = "none" => Same, Same, Same, Same }
    container! { serde(rename_all = "lowercase") => Same, Same, Same, Same }
    container! { serde(rename_all_fields = "UPPERCASE") => Same, Same, Same, Same }
    // Such a variant is written like a struct. Only a format that names its types can read it.
    container! { serde(tag = "t", content = "c") => Unreadable, Unreadable, Unreadable, Unreadable }
    container! { serde(untagged) => Unreadable, Unreadable, Unreadable, Unreadable }
}

#[test]
fn an_internally_tagged_enum_is_unreadable_in_postcard() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t")]
    enum Tagged {
        Unit,
        Struct { a: u8 },
    }

    impl Schema for Tagged {
        const TYPE: Type = Type::Struct("Tagged", &[("t", Type::Str), ("a", Type::U64)]);
    }

    arrives("tag", &Tagged::Unit, [Unreadable, Same]);
    arrives("tag", &Tagged::Struct { a: 5 }, [Unreadable, Same]);
}

#[test]
fn an_adjacently_tagged_enum_is_unreadable_in_postcard() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Tagged {
        Unit,
        Newtype(u8),
    }

    impl Schema for Tagged {
        const TYPE: Type = Type::Struct("Tagged", &[("t", Type::Str), ("c", Type::U64)]);
    }

    arrives("tag and content", &Tagged::Unit, [Unreadable, Unreadable]);
    arrives("tag and content", &Tagged::Newtype(5), [Unreadable, Same]);
    arrives("tag and content", &Tagged::Newtype(0), [Unreadable, Same]);
}

#[test]
fn an_untagged_enum_is_unreadable_in_postcard() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Unit,
        Newtype(u8),
        Struct { a: u8 },
    }

    impl Schema for Untagged {
        const TYPE: Type = Type::U64;
    }

    arrives("untagged", &Untagged::Unit, [Unreadable, Refused]);
    arrives("untagged", &Untagged::Newtype(5), [Unreadable, Same]);
    arrives(
        "untagged",
        &Untagged::Struct { a: 5 },
        [Unreadable, Refused],
    );
}

/// An enum whose variant `B` has an attribute. Checks the fates of all variants in postcard and gob.
macro_rules! variant {
    ($attribute:meta => $postcard:expr, $gob:expr) => {{
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Variant {
            A,
            #[$attribute]
            B,
            C,
            D,
        }

        impl Schema for Variant {
            const TYPE: Type = Type::Str;
        }

        let variants = [Variant::A, Variant::B, Variant::C, Variant::D];
        for ((variant, postcard), gob) in variants.into_iter().zip($postcard).zip($gob) {
            arrives(stringify!($attribute), &variant, [postcard, gob]);
        }
    }};
}

#[test]
fn variant_attributes_round_trip_except_skips() {
    variant! { doc = "none" => [Same; 4], [Same; 4] }
    variant! { serde(rename = "x") => [Same; 4], [Same; 4] }
    variant! { serde(alias = "x") => [Same; 4], [Same; 4] }
    // The derive renumbers the other variants for reading, but not for writing.
    variant! { serde(skip) => [Same, Refused, Changed, Unreadable], [Same, Refused, Same, Same] }
    variant! { serde(skip_deserializing) => [Same, Changed, Changed, Unreadable], [Same, Unreadable, Same, Same] }
    variant! { serde(skip_serializing) => [Same, Refused, Same, Same], [Same, Refused, Same, Same] }
}

#[test]
fn an_enum_with_an_other_variant_round_trips() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        A,
        B,
        #[serde(other)]
        Other,
    }

    impl Schema for Variant {
        const TYPE: Type = Type::Str;
    }

    arrives("other", &Variant::A, [Same, Same]);
    arrives("other", &Variant::B, [Same, Same]);
    arrives("other", &Variant::Other, [Same, Same]);
}

#[test]
fn an_enum_with_an_untagged_variant_is_unreadable_in_postcard() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        A,
        #[serde(untagged)]
        B(u8),
    }

    arrives_in_postcard("untagged", &Variant::A, Unreadable);
    arrives_in_postcard("untagged", &Variant::B(5), Unreadable);
}

#[test]
fn a_skipped_variant_shifts_the_later_variants() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        A,
        #[serde(skip)]
        #[allow(dead_code)] // only takes a number
        B,
        C,
        D,
    }

    impl Schema for Variant {
        const TYPE: Type = Type::I64;
    }

    arrives("skip", &Variant::A, [Same, Same]);
    arrives("skip", &Variant::C, [Changed, Changed]);
    arrives("skip", &Variant::D, [Unreadable, Unreadable]);
}

#[test]
fn gob_does_not_encode_a_variant_with_content_as_a_number() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Content {
        Number(u8),
    }

    impl Schema for Content {
        const TYPE: Type = Type::U64;
    }

    arrives("a newtype variant", &Content::Number(5), [Same, Refused]);
}
