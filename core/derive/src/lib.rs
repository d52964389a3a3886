//! `derive(Schema)` for `bellwire`. Its documentation is in `bellwire::schema`.
#![forbid(unsafe_code)]

mod attributes;
mod body;
mod checks;
mod expand;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Describes a serde type. See `bellwire::schema`.
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
