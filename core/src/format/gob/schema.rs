//! The Go types of Rust types.

use crate::format::Ref;

/// A Go type, as gob distinguishes types. The widths of numbers do not count, nor do pointers.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `int` of any width. Also `char` as Go's `rune`, and an enum as the variant's number.
    Int,
    /// `uint` of any width. Also an enum as the variant's number.
    Uint,
    /// `float64` or `float32`.
    Float,
    /// `complex128` or `complex64`, for a tuple of two floats.
    Complex,
    /// `string`. Also an enum as the variant's name.
    String,
    /// `[]byte`.
    Bytes,
    /// A slice of elements of this type.
    Slice(&'static Type),
    /// An array of this length with elements of this type.
    Array(u32, &'static Type),
    /// A map from keys of the first type to elements of the second.
    Map(&'static Type, &'static Type),
    /// A struct: its name, then the names and types of its fields. The names and their order must
    /// be those that serde uses.
    Struct(&'static str, &'static [(&'static str, Type)]),
    /// The enclosing struct with this name, for a type that contains itself.
    Outer(&'static str),
}

/// A type whose values can be sent as gob, because it describes its Go type.
///
/// Go sends the definition of a type before its first value. serde cannot supply one: an empty map,
/// for example, does not show the types of its entries. So this trait has it as a constant.
/// Decoding does not use it.
///
/// The names of the fields, as serde sees them, are those of the Go struct. They begin with a
/// capital letter. A field may be an `Option`, as a field may be a pointer in Go. Its type is that
/// of the value inside.
///
/// The compiler checks the constant and turns it into bytes. It is a compile error if two structs
/// of one name differ, if the definitions take more than 2 KiB, or if there are more than
/// [`MAX_TYPES`](super::MAX_TYPES).
///
/// ```
/// use bellwire::gob::{Described, Gob, Type};
/// use bellwire::{Command, Line};
/// use std::collections::BTreeMap;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Reading {
///     id: u32,
///     name: String,
///     values: Vec<f64>,
///     tags: BTreeMap<String, i16>,
///     place: Option<Place>,
/// }
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Place {
///     room: String,
/// }
///
/// impl Described for Reading {
///     const TYPE: Type = Type::Struct(
///         "Reading",
///         &[
///             ("Id", Type::Uint),
///             ("Name", Type::String),
///             ("Values", Type::Slice(&Type::Float)),
///             ("Tags", Type::Map(&Type::String, &Type::Int)),
///             ("Place", Place::TYPE),
///         ],
///     );
/// }
///
/// impl Described for Place {
///     const TYPE: Type = Type::Struct("Place", &[("Room", Type::String)]);
/// }
///
/// const READING: Command<Gob<Reading>, Line> = Command::new("READING");
/// ```
pub trait Described {
    /// The Go type.
    const TYPE: Type;
}

impl<T: Described + ?Sized> Described for Ref<T> {
    const TYPE: Type = T::TYPE;
}

impl<T: Described + ?Sized> Described for &T {
    const TYPE: Type = T::TYPE;
}

impl Described for bool {
    const TYPE: Type = Type::Bool;
}

impl Described for i64 {
    const TYPE: Type = Type::Int;
}

impl Described for u64 {
    const TYPE: Type = Type::Uint;
}

impl Described for f64 {
    const TYPE: Type = Type::Float;
}

impl Described for str {
    const TYPE: Type = Type::String;
}

impl Described for [u8] {
    const TYPE: Type = Type::Bytes;
}
