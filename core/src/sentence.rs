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
#[allow(clippy::cast_possible_truncation)] // a digit
pub(crate) fn write_decimal(number: usize, write: &mut dyn FnMut(&str)) {
    let mut rest = u32::try_from(number).unwrap_or(u32::MAX);
    let mut digits = [0; 10];
    let mut first = 0;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            first = place;
            break;
        }
    }
    let significant = digits.get(first..).unwrap_or(&[]);
    write(core::str::from_utf8(significant).unwrap_or(""));
}
