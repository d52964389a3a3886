//! Refuses types that cannot be described, or whose values cannot be decoded again.

use quote::ToTokens;
use serde_derive_internals::ast::{Container, Data, Field, Variant};
use serde_derive_internals::attr::{Identifier, Name, TagType};
use syn::Error;

/// Checks the attributes of a type, of its variants and of its fields.
pub(crate) fn check(container: &Container<'_>) -> Result<(), Error> {
    let original = container.original;
    let attributes = &container.attrs;
    match attributes.tag() {
        TagType::External => {}
        TagType::None => return refuse(original, "an untagged enum cannot be decoded"),
        _ => return refuse(original, "an enum with a tag of its own cannot be decoded"),
    }
    if !matches!(attributes.identifier(), Identifier::No) {
        return refuse(original, "an identifier is not a payload");
    }
    match &container.data {
        Data::Struct(_, fields) => fields.iter().try_for_each(check_field),
        Data::Enum(variants) => check_variants(variants),
    }
}

fn check_variants(variants: &[Variant<'_>]) -> Result<(), Error> {
    let mut skipped = None;
    for variant in variants {
        let (original, attributes) = (variant.original, &variant.attrs);
        check_name(original, attributes.name())?;
        if attributes.untagged() {
            return refuse(original, "an untagged variant cannot be decoded");
        }
        match (
            attributes.skip_serializing(),
            attributes.skip_deserializing(),
        ) {
            (false, false) => {
                if let Some(skipped) = skipped {
                    let why = "a skipped variant must be the last, or later variants decode as their neighbours";
                    return refuse(skipped, why);
                }
            }
            (true, true) => skipped = Some(original),
            _ => return refuse(original, ONE_SIDED),
        }
        variant.fields.iter().try_for_each(check_field)?;
    }
    Ok(())
}

fn check_field(field: &Field<'_>) -> Result<(), Error> {
    let (original, attributes) = (field.original, &field.attrs);
    check_name(original, attributes.name())?;
    if attributes.flatten() {
        return refuse(
            original,
            "`flatten` hides the fields, so they cannot be described",
        );
    }
    if attributes.skip_serializing_if().is_some() {
        return refuse(
            original,
            "a field that `skip_serializing_if` leaves out cannot be decoded",
        );
    }
    if attributes.skip_serializing() != attributes.skip_deserializing() {
        return refuse(original, ONE_SIDED);
    }
    Ok(())
}

const ONE_SIDED: &str =
    "use `skip`: if only one side skips it, the other side decodes something else";

fn check_name(original: &impl ToTokens, name: &Name) -> Result<(), Error> {
    if name.serialize_name() == name.deserialize_name() {
        return Ok(());
    }
    refuse(
        original,
        "the names for serializing and for deserializing differ",
    )
}

/// Returns an error at `place`.
pub(crate) fn refuse<T>(place: &impl ToTokens, why: &str) -> Result<T, Error> {
    Err(Error::new_spanned(
        place,
        format!("cannot derive Schema: {why}"),
    ))
}
