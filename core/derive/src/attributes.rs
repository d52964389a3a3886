//! The attribute `#[schema(…)]`.

use syn::{Attribute, LitStr, Path, Type};

/// Returns the path of the crate `bellwire`: `#[schema(crate = "…")]`, or `::bellwire`.
pub(crate) fn crate_path(attributes: &[Attribute]) -> syn::Result<Path> {
    let path = find(attributes, "crate")?.map(|text| text.parse());
    path.unwrap_or_else(|| syn::parse_str("::bellwire"))
}

/// Returns the type that stands for a field's own type: `#[schema(as = "…")]`.
pub(crate) fn stand_in(attributes: &[Attribute]) -> syn::Result<Option<Type>> {
    find(attributes, "as")?.map(|text| text.parse()).transpose()
}

fn find(attributes: &[Attribute], name: &str) -> syn::Result<Option<LitStr>> {
    let mut found = None;
    for attribute in attributes {
        if !attribute.path().is_ident("schema") {
            continue;
        }
        attribute.parse_nested_meta(|meta| {
            let text: LitStr = meta.value()?.parse()?;
            if meta.path.is_ident(name) {
                found = Some(text);
            } else if !meta.path.is_ident("as") && !meta.path.is_ident("crate") {
                return Err(meta.error("expected `as = \"TYPE\"` or `crate = \"PATH\"`"));
            }
            Ok(())
        })?;
    }
    Ok(found)
}
