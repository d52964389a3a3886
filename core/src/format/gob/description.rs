//! How a Rust type says which Go type it is sent as.

use crate::format::Ref;

/// A Go type, as far as gob tells types apart: widths of numbers are no part of it, nor are
/// pointers.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `int`, of whatever width; also `char`, as Go's rune, and an enum, as the variant's number.
    Int,
    /// `uint`, of whatever width; also an enum.
    Uint,
    /// `float64` or `float32`.
    Float,
    /// `complex128` or `complex64`, of a tuple of two floats.
    Complex,
    /// `string`; also an enum, as the variant's name.
    String,
    /// `[]byte`.
    Bytes,
    /// A slice of such elements.
    Slice(&'static Type),
    /// An array of so many elements.
    Array(u32, &'static Type),
    /// A map of such keys to such elements.
    Map(&'static Type, &'static Type),
    /// A struct: its name, and the names and types of its fields, named and ordered as serde
    /// names and orders them.
    Struct(&'static str, &'static [(&'static str, Type)]),
    /// The struct of this name that is around this type: how a type holds itself.
    Outer(&'static str),
}

/// A type whose values can be sent as gob, because it says which Go type they are.
///
/// Go sends a description of a type before its first value, and serde cannot give one: an
/// empty map has no types in it. So it stands here, as one constant. Decoding does not look
/// at it.
///
/// The names of the fields, as serde sees them, are those of the Go struct, which begin with a capital
/// letter. A field may be an `Option`, as it may be a pointer in Go: the type is that of the
/// value inside.
///
/// The constant is checked and turned into bytes by the compiler. It is an error there when
/// structs of one name differ, or when definitions take more than 2 KiB, or are too many.
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
