//! A peer's text, escaped for a log or a terminal.

use crate::sentence::{hexadecimal, write_decimal};
use core::fmt;

/// Displays a peer's text or bytes on one line of visible characters and spaces.
///
/// It escapes these as Rust's literals do: control characters, line and paragraph separators, characters
/// that reorder text (U+202E) or are invisible (U+200B), and bytes that are not UTF-8. So a peer can neither
/// begin a new line in a log nor control a terminal.
///
/// ```
/// use bellwire::Printable;
///
/// let sent = b"done\n\x1b[2J \xff \"\\ ok";
/// assert_eq!(Printable::new(sent).to_string(), r#"done\n\u{1b}[2J \xff "\ ok"#);
/// assert_eq!(Printable::new("a\"b").quoted().to_string(), r#""a\"b""#);
/// assert_eq!(Printable::new("abcdef").at_most(3).to_string(), "abc... (6 bytes)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a> {
    bytes: &'a [u8],
    limit: usize,
    quoted: bool,
}

impl<'a> Printable<'a> {
    /// Displays all of `bytes` without quotation marks. Backslashes are not escaped.
    pub fn new(bytes: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self {
            bytes: bytes.as_ref(),
            limit: usize::MAX,
            quoted: false,
        }
    }

    /// Adds quotation marks. Quotation marks and backslashes inside are escaped.
    #[must_use]
    pub fn quoted(self) -> Self {
        Self {
            quoted: true,
            ..self
        }
    }

    /// Displays at most `limit` bytes, cut between characters. If there are more, the total number follows.
    ///
    /// Each byte is displayed as at most 6 bytes.
    #[must_use]
    pub fn at_most(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Passes the displayed text to `write` in pieces, for a device that has no room for `core::fmt`.
    #[inline(never)] // size
    pub fn write_to(&self, write: &mut dyn FnMut(&str)) {
        let mark = if self.quoted { "\"" } else { "" };
        let shown = self.cut();
        write(mark);
        let mut rest = shown;
        while !rest.is_empty() {
            let text = start(rest);
            self.write_text(text, write);
            rest = rest.get(text.len()..).unwrap_or(&[]);
            if let [byte, after @ ..] = rest {
                write("\\x");
                write_hexadecimal(u32::from(*byte), 2, write);
                rest = after;
            }
        }
        write(mark);
        if shown.len() < self.bytes.len() {
            write("... (");
            write_decimal(self.bytes.len(), write);
            write(" bytes)");
        }
    }

    /// Returns the bytes up to the limit, cut between characters.
    fn cut(&self) -> &'a [u8] {
        let mut end = self.limit;
        // A character has at most three continuation bytes.
        for _ in 0..3 {
            if matches!(self.bytes.get(end), Some(0x80..=0xbf)) {
                end = end.saturating_sub(1);
            }
        }
        self.bytes.get(..end).unwrap_or(self.bytes)
    }

    fn write_text(&self, text: &str, write: &mut dyn FnMut(&str)) {
        let mut written = 0;
        for (at, character) in text.char_indices() {
            let Some(escape) = escape(character.into(), self.quoted) else {
                continue;
            };
            write(text.get(written..at).unwrap_or(""));
            match escape {
                Escape::Short(escape) => write(escape),
                Escape::Number => {
                    write("\\u{");
                    write_hexadecimal(character.into(), 1, write);
                    write("}");
                }
            }
            written = at.saturating_add(character.len_utf8());
        }
        write(text.get(written..).unwrap_or(""));
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write_to(&mut |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

/// Invisible characters (Unicode 16.0's `Default_Ignorable_Code_Point`), line and paragraph separators, and
/// annotation characters, as inclusive ranges.
const HIDDEN: [(u32, u32); 17] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

/// How a character is escaped.
#[derive(Clone, Copy)]
pub(crate) enum Escape {
    /// By these two characters.
    Short(&'static str),
    /// By its number, as in `\u{1b}`.
    Number,
}

/// Returns how the character with this number is escaped, or `None` if it is shown. `quoted` escapes quotation marks
/// and backslashes too.
pub(crate) const fn escape(character: u32, quoted: bool) -> Option<Escape> {
    Some(Escape::Short(match character {
        0x0a => "\\n",
        0x0d => "\\r",
        0x09 => "\\t",
        0x22 if quoted => "\\\"",
        0x5c if quoted => "\\\\",
        _ if is_hidden(character) => return Some(Escape::Number),
        _ => return None,
    }))
}

const fn is_hidden(character: u32) -> bool {
    let mut ranges = HIDDEN.as_slice();
    while let [(first, last), rest @ ..] = ranges {
        if *first <= character && character <= *last {
            return true;
        }
        ranges = rest;
    }
    // Control characters.
    matches!(character, 0..0x20 | 0x7f..0xa0)
}

/// Returns the text before the first byte that is not UTF-8.
fn start(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_else(|error| {
        let valid = bytes.get(..error.valid_up_to());
        str::from_utf8(valid.unwrap_or(&[])).unwrap_or("")
    })
}

/// Writes a number in at least `least` hexadecimal digits.
fn write_hexadecimal(number: u32, least: usize, write: &mut dyn FnMut(&str)) {
    let digits = hexadecimal(number);
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let first = zeros.min(digits.len().saturating_sub(least));
    let significant = digits.get(first..).unwrap_or(&[]);
    write(str::from_utf8(significant).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use super::{HIDDEN, Printable};
    extern crate std;
    use std::format;
    use std::string::{String, ToString};

    fn shown(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
        Printable::new(bytes).to_string()
    }

    #[test]
    fn visible_text_stays_as_it_is() {
        for text in [
            "",
            "Thank you.",
            "a \"b\" \\ c",
            "übel, 鈴, 🔔, é",
            "\u{a0}\u{3000}",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn control_and_hidden_characters_are_escaped() {
        for (character, escaped) in [
            ('\n', "\\n"),
            ('\r', "\\r"),
            ('\t', "\\t"),
            ('\0', "\\u{0}"),
            ('\x1b', "\\u{1b}"),
            ('\x7f', "\\u{7f}"),
            ('\u{9b}', "\\u{9b}"),
            ('\u{ad}', "\\u{ad}"),
            ('\u{61c}', "\\u{61c}"),
            ('\u{200b}', "\\u{200b}"),
            ('\u{200f}', "\\u{200f}"),
            ('\u{2028}', "\\u{2028}"),
            ('\u{2029}', "\\u{2029}"),
            ('\u{202e}', "\\u{202e}"),
            ('\u{2066}', "\\u{2066}"),
            ('\u{2069}', "\\u{2069}"),
            ('\u{feff}', "\\u{feff}"),
            ('\u{fffb}', "\\u{fffb}"),
            ('\u{e0041}', "\\u{e0041}"),
        ] {
            assert_eq!(shown(&format!("a{character}b")), format!("a{escaped}b"));
        }
    }

    #[test]
    fn the_neighbours_of_hidden_characters_are_not_escaped() {
        for (first, last) in HIDDEN {
            for (number, is_escaped) in [
                (first - 1, false),
                (first, true),
                (last, true),
                (last + 1, false),
            ] {
                let character = char::from_u32(number).unwrap();
                let shown = shown(&character.to_string());
                assert_eq!(shown.starts_with('\\'), is_escaped, "{number:x}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        assert_eq!(
            shown(b"a\xffb\xe2\x80c\xc3\xa9\x80"),
            r"a\xffb\xe2\x80cé\x80"
        );
    }

    #[test]
    fn quoted_text_is_a_rust_literal() {
        let quoted = Printable::new("\"a\" \\ \n\u{202e}'").quoted();
        assert_eq!(quoted.to_string(), r#""\"a\" \\ \n\u{202e}'""#);
    }

    #[test]
    fn text_over_the_limit_is_cut_and_its_length_shown() {
        for (limit, expected) in [
            (0, "... (9 bytes)"),
            (1, "a... (9 bytes)"),
            (2, "a... (9 bytes)"),
            (4, "aé\\n... (9 bytes)"),
            (7, "aé\\n... (9 bytes)"),
            (8, "aé\\n🔔... (9 bytes)"),
            (9, "aé\\n🔔b"),
            (usize::MAX, "aé\\n🔔b"),
        ] {
            let text = Printable::new("aé\n🔔b").at_most(limit);
            assert_eq!(text.to_string(), expected, "{limit}");
        }
    }
}
