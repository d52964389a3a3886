//! Writes descriptions as text.

use super::{Description, Encoding, Type};
use crate::Printable;
use crate::sentence::write_decimal;
use core::fmt;

/// Receives the parts of a text in order.
type Sink<'s> = &'s mut dyn FnMut(&str);

impl Description {
    /// Passes the description's [text](super#the-notation) to `sink` in parts, without `core::fmt`.
    pub fn write_to(&self, sink: &mut dyn FnMut(&str)) {
        sink(self.name);
        if self.request.format != "()" {
            sink(" ");
            self.request.write_to(sink);
        }
        if let Some(reply) = &self.reply {
            sink(" -> ");
            reply.write_to(sink);
        }
    }
}

impl Description {
    /// Returns a hash of the description's text: 32-bit FNV-1a.
    ///
    /// Two ends that describe a command alike have the same fingerprint. It finds mistakes, and is no protection
    /// against a peer that chooses its description.
    pub fn fingerprint(&self) -> u32 {
        let mut hash = 0x811c_9dc5u32;
        self.write_to(&mut |part| {
            for byte in part.bytes() {
                hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            }
        });
        hash
    }
}

impl Encoding {
    fn write_to(&self, sink: Sink<'_>) {
        sink(self.format);
        if let Some(ty) = self.ty {
            sink(" ");
            ty.write_to(sink);
        }
    }
}

impl Type {
    /// Passes the type's [text](super#the-notation) to `sink` in parts, without `core::fmt`.
    pub fn write_to(&self, sink: &mut dyn FnMut(&str)) {
        let end = match self {
            Type::Bool => "bool",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::I128 => "i128",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::U128 => "u128",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::Str => "str",
            Type::Bytes => "bytes",
            Type::Unit => "()",
            Type::Option(some) => {
                sink("?");
                return some.write_to(sink);
            }
            Type::Seq(element) => {
                sink("[");
                element.write_to(sink);
                "]"
            }
            Type::Array(length, element) => {
                sink("[");
                element.write_to(sink);
                sink("; ");
                write_decimal(usize::try_from(*length).unwrap_or(usize::MAX), sink);
                "]"
            }
            Type::Tuple(elements) => return tuple(elements, sink),
            Type::Map(key, value) => {
                sink("{");
                key.write_to(sink);
                sink(": ");
                value.write_to(sink);
                "}"
            }
            Type::Struct(own, members) => {
                name(own, sink);
                return fields(members, sink);
            }
            Type::Enum(own, variants) => {
                name(own, sink);
                sink("<");
                let mut separator = "";
                for (own, content) in *variants {
                    sink(separator);
                    separator = " | ";
                    name(own, sink);
                    match content {
                        None => {}
                        Some(Type::Struct(inner, members)) if inner == own => {
                            fields(members, sink);
                        }
                        Some(Type::Tuple(elements)) => tuple(elements, sink),
                        Some(one) => {
                            sink("(");
                            one.write_to(sink);
                            sink(")");
                        }
                    }
                }
                ">"
            }
            Type::Outer(outer) => {
                sink("^");
                return name(outer, sink);
            }
        };
        sink(end);
    }
}

fn tuple(elements: &[Type], sink: Sink<'_>) {
    sink("(");
    let mut separator = "";
    for element in elements {
        sink(separator);
        separator = ", ";
        element.write_to(sink);
    }
    sink(if elements.len() == 1 { ",)" } else { ")" });
}

fn fields(fields: &[(&str, Type)], sink: Sink<'_>) {
    sink("{");
    let mut separator = "";
    for (own, ty) in fields {
        sink(separator);
        separator = ", ";
        name(own, sink);
        sink(": ");
        ty.write_to(sink);
    }
    sink("}");
}

/// Writes a name, in quotes if it is not a word.
fn name(name: &str, sink: Sink<'_>) {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    if name.as_bytes().first().is_some_and(begins) && name.bytes().all(is_word) {
        return sink(name);
    }
    Printable::new(name).quoted().write_to(sink);
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(f, |sink| self.write_to(sink))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(f, |sink| self.write_to(sink))
    }
}

fn display(f: &mut fmt::Formatter<'_>, write: impl FnOnce(Sink<'_>)) -> fmt::Result {
    let mut result = Ok(());
    write(&mut |part| result = result.and_then(|()| f.write_str(part)));
    result
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::Type;
    use std::string::ToString;

    /// A type, and its text.
    const CASES: &[(Type, &str)] = &[
        (Type::I128, "i128"),
        (Type::Option(&Type::Seq(&Type::Str)), "?[str]"),
        (Type::Array(16, &Type::U8), "[u8; 16]"),
        (Type::Array(0, &Type::U8), "[u8; 0]"),
        (Type::Array(u32::MAX, &Type::U8), "[u8; 4294967295]"),
        (Type::Tuple(&[]), "()"),
        (Type::Tuple(&[Type::U8]), "(u8,)"),
        (Type::Tuple(&[Type::U8, Type::Unit]), "(u8, ())"),
        (Type::Map(&Type::Str, &Type::I64), "{str: i64}"),
        (Type::Struct("Empty", &[]), "Empty{}"),
        (
            Type::Struct("Node", &[("next", Type::Option(&Type::Outer("Node")))]),
            "Node{next: ?^Node}",
        ),
        (
            Type::Enum(
                "Mode",
                &[
                    ("Off", None),
                    ("Level", Some(Type::U8)),
                    ("Both", Some(Type::Tuple(&[Type::F32, Type::F32]))),
                    ("Point", Some(Type::Struct("Point", &[("x", Type::I32)]))),
                    ("Other", Some(Type::Struct("Point", &[("x", Type::I32)]))),
                ],
            ),
            "Mode<Off | Level(u8) | Both(f32, f32) | Point{x: i32} | Other(Point{x: i32})>",
        ),
        (
            Type::Struct("kebab-name", &[("4th \"", Type::U8)]),
            r#"kebab-name{"4th \"": u8}"#,
        ),
    ];

    #[test]
    fn a_type_is_written_in_the_notation() {
        for (ty, text) in CASES {
            assert_eq!(ty.to_string(), *text);
        }
    }
}
