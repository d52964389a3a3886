//! Sentences for people, written to the wire without `core::fmt`.

use core::fmt;

/// A sentence in parts. They can be written without `core::fmt`, which would link panic paths.
#[derive(Clone, Copy)]
pub(crate) struct Sentence<'a> {
    pub(crate) parts: [&'a str; 3],
    /// Follows the first part.
    pub(crate) number: Option<usize>,
}

impl<'a> Sentence<'a> {
    pub(crate) fn plain(text: &'a str) -> Self {
        Self {
            parts: [text, "", ""],
            number: None,
        }
    }

    pub(crate) fn numbered(before: &'a str, number: usize, after: &'a str) -> Self {
        Self {
            parts: [before, after, ""],
            number: Some(number),
        }
    }

    pub(crate) fn write_to(&self, write: &mut dyn FnMut(&str)) {
        let [first, second, third] = self.parts;
        write(first);
        if let Some(number) = self.number {
            write_decimal(number, write);
        }
        write(second);
        write(third);
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write_to(&mut |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

/// Returns the longest start of `text` that fits, cut between characters.
pub(crate) fn cut<const N: usize>(text: &str) -> heapless::String<N, u8> {
    let fitting = text.get(..text.floor_char_boundary(N));
    let mut cut = heapless::String::new();
    // It fits.
    let _ = cut.push_str(fitting.unwrap_or(""));
    cut
}

/// Writes decimal digits without `core::fmt`, which would link panic paths.
///
/// A number beyond 32 bits shows as `u32::MAX`, because small machines divide no wider numbers.
pub(crate) fn write_decimal(number: usize, write: &mut dyn FnMut(&str)) {
    let mut space = [0; 10];
    let digits = decimal(u32::try_from(number).unwrap_or(u32::MAX), &mut space);
    write(core::str::from_utf8(digits).unwrap_or(""));
}

/// Returns the decimal digits of a number.
pub(crate) const fn decimal(number: u32, space: &mut [u8; 10]) -> &[u8] {
    let mut rest = number;
    let mut first = space.len();
    while first > 0 {
        first -= 1;
        space[first] = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    match space.split_at_checked(first) {
        Some((_, digits)) => digits,
        None => &[],
    }
}

/// Returns eight hexadecimal digits.
pub(crate) const fn hexadecimal(number: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    let mut rest = number;
    let mut free = digits.as_mut_slice();
    while let [digit, after @ ..] = free {
        rest = rest.rotate_left(4);
        let value = (rest & 15).to_le_bytes()[0];
        *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
        free = after;
    }
    digits
}
