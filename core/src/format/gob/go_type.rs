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

/// Returns whether two descriptions are of one Go type. Structs are identified by their names.
pub(super) const fn is_same(a: &'static Type, b: &'static Type) -> bool {
    match (GoType::of(a), GoType::of(b)) {
        (GoType::Bool, GoType::Bool)
        | (GoType::Int, GoType::Int)
        | (GoType::Uint, GoType::Uint)
        | (GoType::Float, GoType::Float)
        | (GoType::Complex, GoType::Complex)
        | (GoType::String, GoType::String)
        | (GoType::Bytes, GoType::Bytes) => true,
        (GoType::Slice(a), GoType::Slice(b)) => is_same(a, b),
        (GoType::Array(m, a), GoType::Array(n, b)) => m == n && is_same(a, b),
        (GoType::Map(j, a), GoType::Map(k, b)) => is_same(j, k) && is_same(a, b),
        (GoType::Struct(a, _) | GoType::Outer(a), GoType::Struct(b, _) | GoType::Outer(b)) => {
            is_equal(a, b)
        }
        _ => false,
    }
}

/// Returns whether two descriptions of one type have the same fields, at all levels.
pub(super) const fn agree(a: &'static Type, b: &'static Type) -> bool {
    match (GoType::of(a), GoType::of(b)) {
        (GoType::Slice(a), GoType::Slice(b)) => agree(a, b),
        (GoType::Array(m, a), GoType::Array(n, b)) => m == n && agree(a, b),
        (GoType::Map(j, a), GoType::Map(k, b)) => agree(j, k) && agree(a, b),
        (GoType::Struct(a, fields), GoType::Struct(b, others)) => {
            is_equal(a, b) && have_same_fields(fields, others)
        }
        _ => is_same(a, b),
    }
}

const fn have_same_fields(a: &'static [(&str, Type)], b: &'static [(&str, Type)]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() {
        if !is_equal(a[index].0, b[index].0) || !agree(&a[index].1, &b[index].1) {
            return false;
        }
        index += 1;
    }
    a.len() == b.len()
}

const fn is_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    a.len() == b.len()
}

#[cfg(test)]
mod tests {
    use super::{Type, have_same_fields, is_equal};

    const A: (&str, Type) = ("A", Type::I64);
    const B: (&str, Type) = ("B", Type::I8);
    const OTHER_A: (&str, Type) = ("A", Type::Bool);

    #[test]
    fn the_same_fields_have_equal_names_types_and_count() {
        assert!(have_same_fields(&[A, B], &[A, B]));
        assert!(!have_same_fields(&[A], &[B]));
        assert!(!have_same_fields(&[A], &[OTHER_A]));
        assert!(!have_same_fields(&[A], &[A, B]));
        assert!(!have_same_fields(&[A, B], &[A]));
    }

    #[test]
    fn a_prefix_of_a_name_is_a_different_name() {
        assert!(is_equal("name", "name"));
        assert!(!is_equal("name", "names"));
        assert!(!is_equal("names", "name"));
    }
}
