//! What arrives, as a line for a person.
//!
//! It is written piece by piece, as `core::fmt` takes 3 KiB of a device's flash.

use bellwire::complex_data::{Level, Map, Nested};
use core::fmt;

/// One level of a structure.
#[derive(Debug)]
pub struct Shown<'a> {
    n: i64,
    s: &'a str,
    m: &'a Map,
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
    /// Hands the line to `write`.
    pub fn write_to(&self, write: &mut dyn FnMut(&str)) {
        write("N=");
        write_decimal(self.n, write);
        write(" S=");
        Quoted(self.s).write_to(write);
        write(" M={");
        let mut between = "";
        for (key, n) in self.m {
            write(between);
            Quoted(key).write_to(write);
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

/// Text in quotation marks, without control characters that a terminal would obey.
#[derive(Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    /// Hands it to `write`.
    pub fn write_to(&self, write: &mut dyn FnMut(&str)) {
        write("\"");
        for character in self.0.chars() {
            match character {
                '"' | '\\' => {
                    write("\\");
                    write_char(character, write);
                }
                _ if character.is_control() => {
                    write("\\u{");
                    write_hexadecimal(character.into(), write);
                    write("}");
                }
                _ => write_char(character, write),
            }
        }
        write("\"");
    }
}

/// Hands the digits of a number to `write`.
pub fn write_decimal(number: i64, write: &mut dyn FnMut(&str)) {
    if number < 0 {
        write("-");
    }
    write_number(number.unsigned_abs(), 10, write);
}

/// Hands the digits of a number to `write`.
pub fn write_hexadecimal(number: u32, write: &mut dyn FnMut(&str)) {
    write_number(number.into(), 16, write);
}

/// The base is at most 16.
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
