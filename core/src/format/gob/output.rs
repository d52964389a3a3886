//! The memory that a value is written to.

use super::Type;
use crate::format::{EncodeError, MAX_DEPTH, make_room};
use core::fmt::{self, Write};

/// Memory that is filled from the front.
pub(super) struct Output<'s> {
    space: &'s mut [u8],
    pub(super) size: usize,
    depth: u8,
    /// The type of the whole value. Enclosing structs are found in it by name.
    pub(super) root: &'static Type,
}

impl<'s> Output<'s> {
    pub(super) fn new(space: &'s mut [u8], root: &'static Type) -> Self {
        Self {
            space,
            size: 0,
            depth: 0,
            root,
        }
    }

    pub(super) fn byte(&mut self, byte: u8) -> Result<(), EncodeError> {
        *self.space.get_mut(self.size).ok_or(EncodeError::NoRoom)? = byte;
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let free = self.space.get_mut(self.size..).unwrap_or(&mut []);
        let (space, _) = free
            .split_at_mut_checked(bytes.len())
            .ok_or(EncodeError::NoRoom)?;
        space.copy_from_slice(bytes);
        self.size = self.size.saturating_add(bytes.len());
        Ok(())
    }

    pub(super) fn uint(&mut self, number: u64) -> Result<(), EncodeError> {
        if number < 0x80 {
            return self.byte((number & 0x7f) as u8);
        }
        let (bytes, skip) = long_uint(number);
        self.bytes(bytes.get(skip..).unwrap_or(&[]))
    }

    /// Returns whether the float at place `start` is zero, of either sign.
    pub(super) fn is_zero_float(&self, start: usize) -> bool {
        let written = self.space.get(start..self.size);
        matches!(written, Some([0] | [0xff, 0x80]))
    }

    pub(super) fn counted(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.uint(bytes.len() as u64)?;
        self.bytes(bytes)
    }

    /// Writes the length of the bytes after place `start` to `start`, which has one reserved byte.
    pub(super) fn set_length(&mut self, start: usize) -> Result<(), EncodeError> {
        let body = start.saturating_add(1);
        let length = self.size.saturating_sub(body);
        let (bytes, mut skip) = long_uint(length as u64);
        if length < 0x80 {
            skip = 8; // the number itself, without a count of its bytes
        }
        let prefix = bytes.get(skip..).unwrap_or(&[]);
        let shift = prefix.len().saturating_sub(1);
        if shift > 0 {
            let rest = self.space.get_mut(body..).unwrap_or(&mut []);
            make_room(rest, length, shift)?;
        }
        let head = self.space.get_mut(start..).unwrap_or(&mut []);
        for (slot, byte) in head.iter_mut().zip(prefix) {
            *slot = *byte;
        }
        self.size = self.size.saturating_add(shift);
        Ok(())
    }

    /// Enters a level of nesting. The limit for sending is the same as for receiving.
    pub(super) fn deepen(&mut self) -> Result<(), EncodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(EncodeError::Unencodable);
        }
        self.depth = self.depth.wrapping_add(1); // below the limit
        Ok(())
    }

    /// Leaves the level that [`deepen`](Self::deepen) entered.
    pub(super) fn surface(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
    }
}

impl Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).map_err(|_| fmt::Error)
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
