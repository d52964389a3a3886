//! Types that cannot be described, and the reasons.

use crate::expand::expand;

/// A type, and the error of its derive.
const REFUSED: &[(&str, &str)] = &[
    (
        "struct A { #[serde(flatten)] b: B }",
        "`flatten` hides the fields, so they cannot be described",
    ),
    (
        "struct A { #[serde(skip_serializing_if = \"f\")] b: u8 }",
        "a field that `skip_serializing_if` leaves out cannot be decoded",
    ),
    (
        "struct A { #[serde(skip_serializing)] b: u8 }",
        "use `skip`: if only one side skips it, the other side decodes something else",
    ),
    (
        "struct A { #[serde(skip_deserializing)] b: u8 }",
        "use `skip`: if only one side skips it, the other side decodes something else",
    ),
    (
        "enum A { B, #[serde(skip_deserializing)] C }",
        "use `skip`: if only one side skips it, the other side decodes something else",
    ),
    (
        "enum A { #[serde(skip)] B, C }",
        "a skipped variant must be the last, or later variants decode as their neighbours",
    ),
    (
        "#[serde(untagged)] enum A { B(u8) }",
        "an untagged enum cannot be decoded",
    ),
    (
        "enum A { #[serde(untagged)] B(u8) }",
        "an untagged variant cannot be decoded",
    ),
    (
        "#[serde(tag = \"t\")] enum A { B }",
        "an enum with a tag of its own cannot be decoded",
    ),
    (
        "#[serde(tag = \"t\", content = \"c\")] enum A { B }",
        "an enum with a tag of its own cannot be decoded",
    ),
    (
        "#[serde(field_identifier)] enum A { B }",
        "an identifier is not a payload",
    ),
    (
        "struct A { #[serde(rename(serialize = \"b\", deserialize = \"c\"))] b: u8 }",
        "the names for serializing and for deserializing differ",
    ),
    (
        "#[serde(into = \"u8\")] struct A { b: u8 }",
        "`into` and `from` must name the same type",
    ),
    (
        "#[serde(into = \"u8\", from = \"u16\")] struct A { b: u8 }",
        "`into` and `from` must name the same type",
    ),
    (
        "struct A { #[serde(with = \"m\")] b: u8 }",
        "name the type that is sent: #[schema(as = \"TYPE\")]",
    ),
    (
        "enum A { #[serde(with = \"m\")] B(u8) }",
        "name the type that is sent: #[schema(as = \"TYPE\")]",
    ),
    (
        "struct A(#[serde(skip)] u8);",
        "a newtype without its field has no content",
    ),
];

#[test]
fn a_type_that_cannot_be_decoded_again_is_refused_with_the_reason() {
    for (item, reason) in REFUSED {
        let error = expand(&syn::parse_str(item).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot derive Schema: {reason}"),
            "{item}"
        );
    }
}

#[test]
fn errors_of_serdes_attributes_are_reported() {
    let item = syn::parse_str("struct A { #[serde(renam = \"b\")] b: u8 }").unwrap();
    let error = expand(&item).unwrap_err().to_string();
    assert!(error.contains("unknown serde field attribute"), "{error}");
}

#[test]
fn an_unknown_schema_attribute_is_an_error() {
    let item = syn::parse_str("struct A { #[schema(like = \"u8\")] b: u8 }").unwrap();
    let error = expand(&item).unwrap_err().to_string();
    assert_eq!(error, "expected `as = \"TYPE\"` or `crate = \"PATH\"`");
}
