//! JSON exactly as Go's `encoding/json` writes it, byte for byte.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// Returns `value` as one line of JSON, without the line feed.
///
/// # Errors
/// If `value` has a number that is not finite, or a map whose keys are neither text nor numbers.
pub fn to_string(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, GoFormatter))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Go's differences from `serde_json`. Go escapes characters that could end a script in HTML or
/// JavaScript, and writes a float with an exponent only below 1e-6 and from 1e21.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for part in fragment.split_inclusive(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            match part.chars().next_back() {
                Some(last @ ('<' | '>' | '&' | '\u{2028}' | '\u{2029}')) => {
                    writer.write_all(&part.as_bytes()[..part.len() - last.len_utf8()])?;
                    write!(writer, "\\u{:04x}", u32::from(last))?;
                }
                _ => writer.write_all(part.as_bytes())?,
            }
        }
        Ok(())
    }

    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{value:e}");
            // Rust omits the plus sign.
            return match text.split_once('e') {
                Some((digits, power)) if !power.starts_with('-') => {
                    write!(writer, "{digits}e+{power}")
                }
                _ => writer.write_all(text.as_bytes()),
            };
        }
        write!(writer, "{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::to_string;

    #[track_caller]
    fn writes(value: impl serde::Serialize, json: &str) {
        assert_eq!(to_string(&value).unwrap(), json);
    }

    #[test]
    fn text_is_escaped_for_html_and_javascript() {
        writes(
            "<b>&\u{2028}\u{2029}",
            r#""\u003cb\u003e\u0026\u2028\u2029""#,
        );
        writes(
            "a\"\\/\n\r\t\u{8}\u{c}\u{1}\u{7f}é",
            "\"a\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\u{7f}é\"",
        );
    }

    #[test]
    fn floats_have_an_exponent_only_far_from_one() {
        writes(0.0, "0");
        writes(-0.0, "-0");
        writes(1.0, "1");
        writes(0.1, "0.1");
        writes(1e-6, "0.000001");
        writes(1.5e-7, "1.5e-7");
        writes(1e20, "100000000000000000000");
        writes(1e21, "1e+21");
        writes(-2.5e300, "-2.5e+300");
    }

    #[test]
    fn keys_that_are_numbers_are_written_as_text() {
        writes(std::collections::BTreeMap::from([(-1, 2)]), r#"{"-1":2}"#);
    }
}
