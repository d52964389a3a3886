//! Descriptions of types, commands and topics, for gob's definitions, for tools, and for a person with netcat.
//!
//! A type is described once, by a derive, with the feature `derive`:
//!
//! ```
//! # #[cfg(all(feature = "derive", feature = "postcard"))]
//! # {
//! use bellwire::schema::Description;
//! use bellwire::{Command, Postcard, Schema};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Schema)]
//! struct Reading {
//!     celsius: f32,
//!     at: u64,
//! }
//!
//! const READ: Command<(), Postcard<Reading>> = Command::new("READ");
//!
//! /// Both ends share the list of all commands.
//! const COMMANDS: &[Description] = &[READ.describe()];
//! assert_eq!(COMMANDS[0].to_string(), "READ -> postcard Reading{celsius: f32, at: u64}");
//! # }
//! ```
//!
//! # The derive
//! It reads serde's attributes with serde's own parser, and describes what serde sends.
//!
//! | Item or attribute | Description |
//! |---|---|
//! | struct, enum | its name and those of its fields and variants, as serde has them |
//! | newtype, `transparent`, `Box` | the type inside |
//! | unit struct; tuple struct | [`Type::Unit`]; [`Type::Tuple`] |
//! | `rename`, `rename_all`, `rename_all_fields` | honoured |
//! | `skip` of a field, or of the last variants | absent |
//! | `default`, `alias`, `deny_unknown_fields`, `borrow`, `bound`, `other` | change nothing |
//! | `into` with `from` or `try_from` of the same type | that type |
//! | `with = "serde_bytes"` | [`Type::Bytes`] |
//! | another `with`, or a field whose type has no [`Schema`] | the type in `#[schema(as = "TYPE")]` |
//! | a type that contains itself | [`Type::Outer`] inside; two types that contain each other have no description |
//! | type parameters | must be a [`Schema`] if a described field mentions them |
//! | `flatten`, `skip_serializing_if`, `tag`, `untagged`, names that differ for the two sides, `skip_serializing` or `skip_deserializing` alone, `skip` of a variant before others | a compile error, because such a value cannot be described or is not decoded again |
//!
//! If `bellwire` has another name in your crate, add `#[schema(crate = "path")]`. For a foreign type implement
//! [`Schema`] by hand, or name a stand-in with `#[schema(as = "TYPE")]`.
//!
//! # Drift between versions of a type
//! Two ends that were built from different versions of a type may misunderstand each other:
//!
//! | Change | [`Postcard`](crate::Postcard) | [`Gob`](crate::Gob) |
//! |---|---|---|
//! | a field is added | refused, or misread if another value follows | the new field is zero, or skipped |
//! | a field is removed | refused or misread | as above |
//! | a field is renamed | harmless | lost on one side, zero on the other |
//! | fields change places | **misread without an error** if the types agree | harmless |
//! | a number gets wider | harmless for unsigned numbers from `u16` on, and for signed ones from `i16` on | harmless |
//! | a variant is added at the end | refused by the older end | refused by the older end |
//! | a variant is added before others | **misread without an error** | harmless |
//!
//! So a command whose types change gets another name, such as `READ2`, and the server keeps the handler of the old one
//! as long as old clients exist. To notice a mistake, a client compares its descriptions with the server's when it
//! connects: each line of `HELP` ends with a fingerprint of the whole description, and `SCHEMA` has the text.
//!
//! # The notation
//! [`SCHEMA`](crate::wire) answers with this text, and `HELP` with its beginning:
//!
//! ```text
//! READ -> postcard Reading{celsius: f32, at: u64}
//! SET postcard Setting{target: f32, mode: Mode<Off | Heat | Both(f32, f32)>} -> line
//! ```
//!
//! ```abnf
//! command  = name [SP encoding] [" -> " encoding]       ; request, reply
//! topic    = ">" name SP encoding                       ; each value
//! encoding = format [SP type]                           ; "line", "postcard Reading{…}", "()" for an empty reply
//! type     = "bool" / "i8" / "i16" / "i32" / "i64" / "i128" / "u8" / "u16" / "u32" / "u64" / "u128"
//!          / "f32" / "f64" / "char" / "str" / "bytes" / "()"
//!          / "?" type                                   ; an optional value
//!          / "[" type "]"                               ; a list
//!          / "[" type "; " 1*DIGIT "]"                  ; an array of this length
//!          / "(" type ",)" / "(" type 1*(", " type) ")" ; a tuple
//!          / "{" type ": " type "}"                     ; a map
//!          / name "{" [field *(", " field)] "}"         ; a struct
//!          / name "<" [variant *(" | " variant)] ">"    ; an enum
//!          / "^" name                                   ; the enclosing type of this name
//! field    = name ": " type
//! variant  = name [content]
//! content  = "(" type ")" / "(" type ",)" / "(" type 1*(", " type) ")" / "{" [field *(", " field)] "}"
//! name     = word / DQUOTE *(character / escape) DQUOTE  ; see below
//! ```
//!
//! A word consists of ASCII letters, digits, `_` and `-`, and does not begin with a digit or `-`. Other names are in
//! quotes, with the escapes of [`Printable::quoted`](crate::Printable::quoted).

mod depth;
mod description;
mod lines;
pub(crate) mod listing;
mod notation;
mod types;

#[cfg(feature = "derive")]
pub use bellwire_derive::Schema;

#[doc(hidden)] // for the parser of descriptions in bellwire-std
pub use crate::name::check_name;
pub use description::Description;
#[doc(hidden)] // the reply format of `HELP` and `SCHEMA`
pub use lines::Lines;
pub use lines::{HELP, SCHEMA};
#[doc(hidden)] // for the registry of bellwire-std
pub use listing::HelpEntry;

use crate::command::{NoReply, ReplyFormat};
use crate::format::Line;

/// A type as serde sees it.
///
/// The widths of numbers are Rust's. A newtype is described as the type inside it, and so is a `Box`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Type {
    /// `bool`.
    Bool,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`, and `isize`.
    I64,
    /// `i128`.
    I128,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`, and `usize`.
    U64,
    /// `u128`.
    U128,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// Text.
    Str,
    /// Bytes that serde treats as one value, not as a list of numbers.
    Bytes,
    /// A value without content: `()`, or a unit struct.
    Unit,
    /// A value that may be absent.
    Option(&'static Type),
    /// A list of any length.
    Seq(&'static Type),
    /// A list of exactly this length.
    Array(u32, &'static Type),
    /// Values of different types.
    Tuple(&'static [Type]),
    /// A map from keys of the first type to values of the second.
    Map(&'static Type, &'static Type),
    /// A struct: its name, then its fields in the order in which serde sends them.
    Struct(&'static str, &'static [(&'static str, Type)]),
    /// An enum: its name, then its variants by serde's numbers. A variant's content is its only value, a
    /// [`Tuple`](Self::Tuple) of them, or a [`Struct`](Self::Struct) with the variant's name.
    Enum(&'static str, &'static [(&'static str, Option<Type>)]),
    /// The enclosing struct or enum of this name, for a type that contains itself.
    Outer(&'static str),
}

/// A type with a description.
#[diagnostic::on_unimplemented(
    message = "the type `{Self}` has no description",
    note = "add `#[derive(bellwire::Schema)]` to it, with bellwire's feature `derive`",
    note = "for a field of a foreign type, name one of the same serde form: `#[schema(as = \"TYPE\")]`"
)]
pub trait Schema {
    /// The description.
    const TYPE: Type;
}

/// The encoding of a payload: a format and a type. With the feature `alloc` it displays in the
/// [notation](self#the-notation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    /// The format's name in lower case: `line`, `postcard`, `gob`, or `()` for no payload.
    pub format: &'static str,
    /// The type of the value, if the format has types.
    pub ty: Option<&'static Type>,
}

/// A format with a description, or [`NoReply`].
///
/// Implement it for a format of your own. `HELP` then shows its name.
pub trait Described: ReplyFormat {
    /// The description of a payload in this format. The format's name is a word of the
    /// [notation](self#the-notation).
    const ENCODING: Encoding;
}

/// There is no reply to describe: the format has no name.
impl Described for NoReply {
    const ENCODING: Encoding = Encoding {
        format: "",
        ty: None,
    };
}

impl Described for () {
    const ENCODING: Encoding = Encoding {
        format: "()",
        ty: None,
    };
}

impl Described for Line {
    const ENCODING: Encoding = Encoding {
        format: "line",
        ty: None,
    };
}

#[cfg(feature = "postcard")]
impl<T: crate::Payload<Value<'static>: Schema> + ?Sized> Described for crate::Postcard<T> {
    const ENCODING: Encoding = Encoding {
        format: "postcard",
        ty: Some(&<T::Value<'static>>::TYPE),
    };
}
