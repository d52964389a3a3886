//! A type as Go sees it.

use crate::schema::Type;

/// A Go type, as gob distinguishes types. The widths of numbers do not count, nor do pointers.
#[derive(Debug, Clone, Copy)]
pub(super) enum GoType {
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    String,
    Bytes,
    Slice(&'static Type),
    Array(u32, &'static Type),
    Map(&'static Type, &'static Type),
    Struct(&'static str, &'static [(&'static str, Type)]),
    /// The enclosing struct with this name.
    Outer(&'static str),
    /// Go has no such type.
    None,
}

impl GoType {
    /// Returns the Go type of a Rust type.
    pub(super) const fn of(ty: &'static Type) -> Self {
        match ty {
            Type::Bool => Self::Bool,
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Char => Self::Int,
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Self::Uint,
            Type::F32 | Type::F64 => Self::Float,
            Type::Tuple([Type::F32 | Type::F64, Type::F32 | Type::F64]) => Self::Complex,
            Type::Str => Self::String,
            Type::Enum(_, variants) if have_no_content(variants) => Self::String,
            Type::Bytes | Type::Seq(Type::U8) => Self::Bytes,
            Type::Unit => Self::Struct("", &[]),
            Type::Option(some) => Self::of(some),
            Type::Seq(element) => Self::Slice(element),
            Type::Array(length, element) => Self::Array(*length, element),
            Type::Map(key, value) => Self::Map(key, value),
            Type::Struct(name, fields) => Self::Struct(name, fields),
            Type::Outer(name) => Self::Outer(name),
            Type::I128 | Type::U128 | Type::Tuple(_) | Type::Enum(..) => Self::None,
        }
    }
}

const fn have_no_content(variants: &[(&str, Option<Type>)]) -> bool {
    let mut rest = variants;
    while let [(_, content), tail @ ..] = rest {
        if content.is_some() {
            return false;
        }
        rest = tail;
    }
    true
}
