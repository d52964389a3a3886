//! The output of a value.

use crate::format::depth::deeper;
use crate::format::{self, EncodeError};
use crate::schema::Type;

/// The bytes of a value, and its nesting.
pub(super) struct Output<'s> {
    pub(super) out: format::Output<'s>,
    depth: u8,
    /// The type of the whole value. Enclosing structs are found in it by name.
    pub(super) root: &'static Type,
}

impl<'s> Output<'s> {
    pub(super) fn new(space: &'s mut [u8], root: &'static Type) -> Self {
        Self {
            out: format::Output::new(space),
            depth: 0,
            root,
        }
    }

    pub(super) fn uint(&mut self, number: u64) -> Result<(), EncodeError> {
        if number < 0x80 {
            return self.out.byte((number & 0x7f) as u8);
        }
        let (bytes, skip) = long_uint(number);
        self.out.bytes(bytes.get(skip..).unwrap_or(&[]))
    }

    /// Returns whether the float at place `start` is zero, of either sign.
    pub(super) fn is_zero_float(&self, start: usize) -> bool {
        let written = self.out.written().get(start..);
        matches!(written, Some([0] | [0xff, 0x80]))
    }

    pub(super) fn counted(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.uint(bytes.len() as u64)?;
        self.out.bytes(bytes)
    }

    /// Writes the length of the bytes after place `start` to `start`, which has one reserved byte.
    pub(super) fn set_length(&mut self, start: usize) -> Result<(), EncodeError> {
        let length = self.out.size().saturating_sub(start.saturating_add(1));
        let (bytes, mut skip) = long_uint(length as u64);
        if length < 0x80 {
            skip = 8; // the number itself, without a count of its bytes
        }
        self.out.set_prefix(start, bytes.get(skip..).unwrap_or(&[]))
    }

    /// Enters a level of nesting. The limit for sending is the same as for receiving.
    pub(super) fn deepen(&mut self) -> Result<(), EncodeError> {
        self.depth = deeper(self.depth).ok_or(EncodeError::Unencodable)?;
        Ok(())
    }

    /// Leaves the level that [`deepen`](Self::deepen) entered.
    pub(super) fn surface(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
    }
}

/// Encodes a number of 128 or more. Returns the bytes, and how many of them to skip.
fn long_uint(number: u64) -> ([u8; 9], usize) {
    let zeros = number.leading_zeros() / 8;
    let mut bytes = [0; 9];
    for (slot, byte) in bytes.iter_mut().skip(1).zip(number.to_be_bytes()) {
        *slot = byte;
    }
    let skip = usize::try_from(zeros).unwrap_or(0);
    if let Some(count) = bytes.get_mut(skip) {
        *count = (zeros.wrapping_sub(8) & 0xff) as u8;
    }
    (bytes, skip)
}
