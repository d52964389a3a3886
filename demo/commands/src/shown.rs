//! Received structures as one readable line.
//!
//! Written piece by piece, because `core::fmt` takes 3 KiB of a device's flash.

use bellwire::Printable;
use bellwire::complex_data::{Level, Nested};
use core::fmt;
use heapless::linear_map::LinearMapView;

/// One level of a structure, to display.
#[derive(Debug)]
pub struct Shown<'a> {
    n: i64,
    s: &'a str,
    m: &'a LinearMapView<heapless::String<16>, i64>,
    p: &'a [u8],
}

impl<'a, C: Nested> From<&'a Level<C>> for Shown<'a> {
    fn from(level: &'a Level<C>) -> Self {
        Self {
            n: level.n,
            s: &level.s,
            m: &level.m,
            p: &level.p,
        }
    }
}

impl Shown<'_> {
    /// Passes the line to `write`, in pieces.
    pub fn write_to(&self, write: &mut dyn FnMut(&str)) {
        write("N=");
        write_decimal(self.n, write);
        write(" S=");
        Printable::new(self.s).quoted().write_to(write);
        write(" M={");
        let mut between = "";
        for (key, n) in self.m {
            write(between);
            Printable::new(key.as_str()).quoted().write_to(write);
            write(": ");
            write_decimal(*n, write);
            between = ", ";
        }
        write("} P=\"");
        for byte in self.p.escape_ascii() {
            write_char(byte.into(), write);
        }
        write("\"");
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write_to(&mut |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

/// Passes a number's decimal digits to `write`.
pub fn write_decimal(number: i64, write: &mut dyn FnMut(&str)) {
    if number < 0 {
        write("-");
    }
    write_number(number.unsigned_abs(), 10, write);
}

/// Passes a number's hexadecimal digits to `write`.
pub fn write_hexadecimal(number: u32, write: &mut dyn FnMut(&str)) {
    write_number(number.into(), 16, write);
}

/// Passes a number's digits to `write`. `base` is at most 16.
fn write_number(number: u64, base: u64, write: &mut dyn FnMut(&str)) {
    if number >= base {
        write_number(number / base, base, write);
    }
    #[allow(clippy::cast_possible_truncation)] // a digit
    let digit = char::from_digit((number % base) as u32, 16);
    write_char(digit.unwrap_or('?'), write);
}

fn write_char(character: char, write: &mut dyn FnMut(&str)) {
    write(character.encode_utf8(&mut [0; 4]));
}

#[cfg(test)]
mod tests {
    use super::{Shown, write_decimal, write_hexadecimal};
    use bellwire::ComplexData;

    fn written(text: impl Fn(&mut dyn FnMut(&str))) -> String {
        let mut all = String::new();
        text(&mut |part| all += part);
        all
    }

    #[test]
    fn numbers_are_written_as_core_fmt_writes_them() {
        for number in [0, 9, 10, -1, 256, -1_000_000, i64::MAX, i64::MIN] {
            let decimal = written(|write| write_decimal(number, write));
            assert_eq!(decimal, number.to_string());
        }
        for number in [0, 0xf, 0x10, 0xabc_def0, u32::MAX] {
            let digits = written(|write| write_hexadecimal(number, write));
            assert_eq!(digits, format!("{number:x}"));
        }
    }

    #[test]
    fn a_structure_is_written_as_one_line() {
        let mut data = ComplexData {
            n: -23,
            s: "text".try_into().unwrap(),
            p: heapless::Vec::from_iter(*b"ab\x00\xff\n"),
            ..ComplexData::default()
        };
        data.m.insert("one".try_into().unwrap(), 1).unwrap();
        data.m.insert("two".try_into().unwrap(), -2).unwrap();
        assert_eq!(
            Shown::from(&data).to_string(),
            r#"N=-23 S="text" M={"one": 1, "two": -2} P="ab\x00\xff\n""#
        );
    }
}
