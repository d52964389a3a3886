//! The description of a type, as an expression.

use crate::attributes::stand_in;
use crate::checks::refuse;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use serde_derive_internals::ast::{Container, Data, Field, Style, Variant};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Error, ExprPath, Path, Type};

/// Describes one type, and notes which types it mentions.
pub(crate) struct Body<'a> {
    krate: &'a Path,
    /// The type's own identifier, and its name for serde.
    own: &'a Ident,
    name: String,
    is_recursive: bool,
    mentioned: Vec<TokenStream>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(container: &Container<'a>, krate: &'a Path) -> Self {
        Self {
            krate,
            own: &container.original.ident,
            name: container.attrs.name().serialize_name().to_owned(),
            is_recursive: false,
            mentioned: Vec::new(),
        }
    }

    /// Returns the description of a struct or enum.
    pub(crate) fn of_container(&mut self, container: &Container<'_>) -> Result<TokenStream, Error> {
        match &container.data {
            Data::Enum(variants) => self.of_enum(variants),
            Data::Struct(_, fields) if container.attrs.transparent() => {
                match fields.iter().find(|field| field.attrs.transparent()) {
                    Some(field) => self.of_field(field),
                    None => refuse(container.original, "`transparent` needs one field"),
                }
            }
            Data::Struct(style, fields) => {
                let name = self.name.clone();
                let krate = self.krate;
                let content = self.content(*style, &name, fields)?;
                Ok(content.unwrap_or_else(|| quote!(#krate::schema::Type::Unit)))
            }
        }
    }

    fn of_enum(&mut self, variants: &[Variant<'_>]) -> Result<TokenStream, Error> {
        let mut described = Vec::new();
        for variant in variants
            .iter()
            .filter(|variant| !variant.attrs.skip_serializing())
        {
            let name = variant.attrs.name().serialize_name();
            let attributes = &variant.attrs;
            let stand_in = stand_in(&variant.original.attrs)?;
            let content = match stand_in {
                Some(ty) => Some(self.describe(&ty)),
                None if own(attributes
                    .serialize_with()
                    .or(attributes.deserialize_with()))
                .is_some() =>
                {
                    return refuse(variant.original, WITH);
                }
                None => self.content(variant.style, name, &variant.fields)?,
            };
            let none = || quote!(::core::option::Option::None);
            let content = content.map_or_else(
                none,
                |content| quote!(::core::option::Option::Some(#content)),
            );
            described.push(quote!((#name, #content)));
        }
        let (krate, name) = (self.krate, &self.name);
        Ok(quote!(#krate::schema::Type::Enum(#name, &[#(#described),*])))
    }

    /// Returns the description of the fields of a struct or variant, or `None` if there can be none.
    fn content(
        &mut self,
        style: Style,
        name: &str,
        fields: &[Field<'_>],
    ) -> Result<Option<TokenStream>, Error> {
        let mut described = Vec::new();
        for field in fields {
            if field.attrs.skip_serializing() {
                if matches!(style, Style::Newtype) {
                    return refuse(field.original, "a newtype without its field has no content");
                }
                continue;
            }
            let ty = self.of_field(field)?;
            described.push(match style {
                Style::Struct => {
                    let name = field.attrs.name().serialize_name();
                    quote!((#name, #ty))
                }
                _ => ty,
            });
        }
        let krate = self.krate;
        Ok(match style {
            Style::Unit => None,
            Style::Newtype => described.pop(),
            Style::Tuple => Some(quote!(#krate::schema::Type::Tuple(&[#(#described),*]))),
            Style::Struct => Some(quote!(#krate::schema::Type::Struct(#name, &[#(#described),*]))),
        })
    }

    fn of_field(&mut self, field: &Field<'_>) -> Result<TokenStream, Error> {
        let attributes = &field.attrs;
        let with = own(attributes
            .serialize_with()
            .or(attributes.deserialize_with()));
        match (stand_in(&field.original.attrs)?, with) {
            (Some(ty), _) => Ok(self.describe(&ty)),
            (None, None) => Ok(self.describe(field.ty)),
            (None, Some(with)) if is_serde_bytes(&with.path) => {
                let krate = self.krate;
                Ok(quote!(#krate::schema::Type::Bytes))
            }
            (None, Some(_)) => refuse(field.original, WITH),
        }
    }

    /// Returns the description of a type. The type that is being described stands in it by name.
    pub(crate) fn describe(&mut self, ty: &Type) -> TokenStream {
        let mut ty = ty.clone();
        let mut replace = Replace {
            own: self.own,
            found: false,
        };
        replace.visit_type_mut(&mut ty);
        self.is_recursive |= replace.found;
        let krate = self.krate;
        self.mentioned.push(ty.to_token_stream());
        quote!(<#ty as #krate::schema::Schema>::TYPE)
    }

    /// Returns the local type that stands for the described type inside itself.
    pub(crate) fn outer(&self) -> Option<TokenStream> {
        let (krate, name) = (self.krate, &self.name);
        self.is_recursive.then(|| {
            quote! {
                struct Outer;
                impl #krate::schema::Schema for Outer {
                    const TYPE: #krate::schema::Type = #krate::schema::Type::Outer(#name);
                }
            }
        })
    }

    /// Returns whether the description mentions this type parameter.
    pub(crate) fn mentions(&self, parameter: &Ident) -> bool {
        self.mentioned
            .iter()
            .any(|tokens| contains(tokens.clone(), parameter))
    }
}

const WITH: &str = "name the type that is sent: #[schema(as = \"TYPE\")]";

/// Replaces the described type by `Outer`.
struct Replace<'a> {
    own: &'a Ident,
    found: bool,
}

impl VisitMut for Replace<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && let [segment] = &*path.path.segments.iter().collect::<Vec<_>>()
            && (segment.ident == *self.own || segment.ident == "Self")
        {
            self.found = true;
            *ty = syn::parse_quote!(Outer);
            return;
        }
        visit_type_mut(self, ty);
    }
}

/// Returns the function that the user named. serde names one of its own for a `Cow` with `borrow`.
fn own(with: Option<&ExprPath>) -> Option<&ExprPath> {
    with.filter(|with| {
        let first = with.path.segments.first();
        first.is_none_or(|first| first.ident != "_serde")
    })
}

fn is_serde_bytes(path: &Path) -> bool {
    path.segments
        .first()
        .is_some_and(|first| first.ident == "serde_bytes")
}

fn contains(tokens: TokenStream, ident: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *ident,
        TokenTree::Group(group) => contains(group.stream(), ident),
        _ => false,
    })
}
