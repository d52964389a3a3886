//! Writes descriptions as text, at compile time.

use super::{Encoding, Type};
use crate::printable::{Escape, escape};
use crate::sentence::{decimal, hexadecimal};

/// A text that grows in borrowed space. It counts the bytes that do not fit too.
pub(super) struct Text<'a> {
    space: &'a mut [u8],
    size: usize,
}

impl<'a> Text<'a> {
    pub(super) const fn new(space: &'a mut [u8]) -> Self {
        Self { space, size: 0 }
    }

    /// Returns the size of the whole text.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    pub(super) const fn add(&mut self, part: &str) {
        self.add_bytes(part.as_bytes());
    }

    const fn add_bytes(&mut self, part: &[u8]) {
        if let Some((_, free)) = self.space.split_at_mut_checked(self.size)
            && let Some((free, _)) = free.split_at_mut_checked(part.len())
        {
            free.copy_from_slice(part);
        }
        self.size = self.size.saturating_add(part.len());
    }
}

/// Writes the formats and types of a command, which follow its name.
pub(super) const fn encodings(request: &Encoding, reply: Option<&Encoding>, text: &mut Text<'_>) {
    if !is_empty(request) {
        text.add(" ");
        encoding(request, text);
    }
    if let Some(reply) = reply {
        text.add(" -> ");
        encoding(reply, text);
    }
}

/// Returns whether the encoding is `()`, the absence of a payload.
const fn is_empty(encoding: &Encoding) -> bool {
    matches!(encoding.format.as_bytes(), b"()")
}

/// Returns whether the format has a name that the notation allows.
pub(super) const fn has_name(encoding: &Encoding) -> bool {
    is_empty(encoding) || is_word(encoding.format)
}

const fn encoding(encoding: &Encoding, text: &mut Text<'_>) {
    text.add(encoding.format);
    if let Some(own) = encoding.ty {
        text.add(" ");
        ty(own, text);
    }
}

pub(super) const fn ty(own: &Type, text: &mut Text<'_>) {
    let end = match own {
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
            text.add("?");
            return ty(some, text);
        }
        Type::Seq(element) => {
            text.add("[");
            ty(element, text);
            "]"
        }
        Type::Array(length, element) => {
            text.add("[");
            ty(element, text);
            text.add("; ");
            text.add_bytes(decimal(*length, &mut [0; 10]));
            "]"
        }
        Type::Tuple(elements) => return tuple(elements, text),
        Type::Map(key, value) => {
            text.add("{");
            ty(key, text);
            text.add(": ");
            ty(value, text);
            "}"
        }
        Type::Struct(own, members) => {
            name(own, text);
            return fields(members, text);
        }
        Type::Enum(own, members) => {
            name(own, text);
            return variants(members, text);
        }
        Type::Outer(outer) => {
            text.add("^");
            return name(outer, text);
        }
    };
    text.add(end);
}

const fn tuple(elements: &[Type], text: &mut Text<'_>) {
    text.add("(");
    let mut rest = elements;
    while let [element, tail @ ..] = rest {
        ty(element, text);
        if !tail.is_empty() {
            text.add(", ");
        }
        rest = tail;
    }
    text.add(if elements.len() == 1 { ",)" } else { ")" });
}

const fn fields(fields: &[(&str, Type)], text: &mut Text<'_>) {
    text.add("{");
    let mut rest = fields;
    while let [(own, field), tail @ ..] = rest {
        name(own, text);
        text.add(": ");
        ty(field, text);
        if !tail.is_empty() {
            text.add(", ");
        }
        rest = tail;
    }
    text.add("}");
}

const fn variants(variants: &[(&str, Option<Type>)], text: &mut Text<'_>) {
    text.add("<");
    let mut rest = variants;
    while let [(own, content), tail @ ..] = rest {
        name(own, text);
        match content {
            None => {}
            Some(Type::Struct(inner, members)) if is_same(inner, own) => fields(members, text),
            Some(Type::Tuple(elements)) => tuple(elements, text),
            Some(one) => {
                text.add("(");
                ty(one, text);
                text.add(")");
            }
        }
        if !tail.is_empty() {
            text.add(" | ");
        }
        rest = tail;
    }
    text.add(">");
}

/// Writes a name, in quotes if it is not a word.
const fn name(name: &str, text: &mut Text<'_>) {
    if is_word(name) {
        return text.add(name);
    }
    text.add("\"");
    let mut rest = name;
    while let Some((character, tail)) = split_first(rest) {
        let number = code_point(character);
        match escape(number, true) {
            None => text.add(character),
            Some(Escape::Short(escape)) => text.add(escape),
            Some(Escape::Number) => {
                text.add("\\u{");
                let zeros = number.leading_zeros() as usize / 4;
                text.add_bytes(from(
                    &hexadecimal(number),
                    if zeros < 8 { zeros } else { 7 },
                ));
                text.add("}");
            }
        }
        rest = tail;
    }
    text.add("\"");
}

/// Returns whether `name` needs no quotes.
const fn is_word(name: &str) -> bool {
    let mut rest = name.as_bytes();
    if matches!(rest, [] | [b'0'..=b'9' | b'-', ..]) {
        return false;
    }
    while let [byte, tail @ ..] = rest {
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-') {
            return false;
        }
        rest = tail;
    }
    true
}

const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([a, one_tail @ ..], [b, other_tail @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (one_tail, other_tail);
    }
    one.is_empty() && other.is_empty()
}

/// Returns the first character and the rest.
const fn split_first(text: &str) -> Option<(&str, &str)> {
    let mut size = 1;
    while size < 4 && !text.is_char_boundary(size) {
        size += 1;
    }
    text.split_at_checked(size)
}

/// Returns the number of the only character of `text`.
const fn code_point(text: &str) -> u32 {
    let (first, rest) = match text.as_bytes() {
        [first @ 0xf0..=0xff, rest @ ..] => (*first & 0x07, rest),
        [first @ 0xe0..=0xff, rest @ ..] => (*first & 0x0f, rest),
        [first @ 0xc0..=0xff, rest @ ..] => (*first & 0x1f, rest),
        [first, rest @ ..] => (*first, rest),
        [] => return 0,
    };
    let (mut number, mut rest) = (first as u32, rest);
    while let [byte, tail @ ..] = rest {
        number = (number << 6) | (*byte & 0x3f) as u32;
        rest = tail;
    }
    number
}

/// Returns the digits from index `first` on.
const fn from(digits: &[u8], first: usize) -> &[u8] {
    match digits.split_at_checked(first) {
        Some((_, significant)) => significant,
        None => digits,
    }
}

#[cfg(feature = "alloc")]
mod display {
    use super::{Text, encoding, ty};
    use crate::schema::{Encoding, Type};
    use alloc::vec;
    use core::fmt;

    impl fmt::Display for Encoding {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            display(f, |text| encoding(self, text))
        }
    }

    impl fmt::Display for Type {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            display(f, |text| ty(self, text))
        }
    }

    fn display(f: &mut fmt::Formatter<'_>, write: impl Fn(&mut Text<'_>)) -> fmt::Result {
        let mut text = Text::new(&mut []);
        write(&mut text);
        let mut space = vec![0; text.size()];
        write(&mut Text::new(&mut space));
        f.write_str(str::from_utf8(&space).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, ty};
    use crate::schema::Type;

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
        for (own, expected) in CASES {
            assert_eq!(written(own, &mut [0; 128]), *expected);
        }
    }

    #[test]
    fn a_quoted_name_is_escaped_like_printable_text() {
        extern crate std;
        use std::string::ToString;

        let characters = [
            "\0",
            "\n",
            "\u{7f}",
            "\u{9b}",
            "é",
            "\u{202e}",
            "鈴",
            "\u{e0041}",
            "🔔",
        ];
        for character in characters {
            let ty = Type::Outer(character);
            let quoted = crate::Printable::new(character).quoted().to_string();
            assert_eq!(written(&ty, &mut [0; 16]), std::format!("^{quoted}"));
        }
    }

    fn written<'s>(own: &Type, space: &'s mut [u8]) -> &'s str {
        let mut text = Text::new(space);
        ty(own, &mut text);
        let size = text.size();
        core::str::from_utf8(&space[..size]).unwrap()
    }
}
