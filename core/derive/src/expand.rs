//! The implementation of `Schema` for a type.

use crate::attributes::crate_path;
use crate::body::Body;
use crate::checks::{check, refuse};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use serde_derive_internals::ast::Container;
use serde_derive_internals::{Ctxt, Derive};
use syn::{DeriveInput, Error, Type, parse_quote};

/// Returns the implementation.
///
/// # Errors
/// serde's own errors about its attributes, or the first reason why the type cannot be described.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream, Error> {
    let krate = crate_path(&input.attrs)?;
    let context = Ctxt::new();
    let container = Container::from_ast(&context, input, Derive::Deserialize);
    context.check()?;
    let Some(container) = container else {
        return refuse(input, "unions have no description");
    };
    let mut body = Body::new(&container, &krate);
    let description = if let Some(ty) = converted(&container)? {
        body.describe(&ty)
    } else {
        check(&container)?;
        body.of_container(&container)?
    };
    let outer = body.outer();
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        if body.mentions(&parameter.ident) {
            parameter.bounds.push(parse_quote!(#krate::schema::Schema));
        }
    }
    let name = &input.ident;
    let (parameters, arguments, conditions) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters #krate::schema::Schema for #name #arguments #conditions {
            const TYPE: #krate::schema::Type = {
                #outer
                #description
            };
        }
    })
}

/// Returns the type that serde sends in place of this one: that of `into` and `from`.
fn converted(container: &Container<'_>) -> Result<Option<Type>, Error> {
    let attributes = &container.attrs;
    let from = attributes.type_from().or(attributes.type_try_from());
    match (attributes.type_into(), from) {
        (None, None) => Ok(None),
        (Some(into), Some(from)) if text(into) == text(from) => Ok(Some(into.clone())),
        _ => refuse(
            container.original,
            "`into` and `from` must name the same type",
        ),
    }
}

fn text(ty: &Type) -> String {
    ty.to_token_stream().to_string()
}
