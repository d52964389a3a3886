//! Writes the bytes of postcard's encoding.

use super::EncodeError;
use core::fmt::{self, Write};
use serde::Serialize;

/// Memory that is filled from the front.
pub(super) struct Output<'s> {
    space: &'s mut [u8],
    /// The number of bytes written.
    pub(super) size: usize,
}

impl<'s> Output<'s> {
    pub(super) fn new(space: &'s mut [u8]) -> Self {
        Self { space, size: 0 }
    }

    fn free(&mut self) -> &mut [u8] {
        self.space.get_mut(self.size..).unwrap_or(&mut [])
    }

    pub(super) fn byte(&mut self, byte: u8) -> Result<(), EncodeError> {
        let slot = self.free().first_mut();
        *slot.ok_or(EncodeError::NoRoom)? = byte;
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let slots = self.free().get_mut(..bytes.len());
        slots.ok_or(EncodeError::NoRoom)?.copy_from_slice(bytes);
        self.size = self.size.saturating_add(bytes.len());
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation)] // seven bits at a time
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub(super) fn leb128(&mut self, mut number: u64) -> Result<(), EncodeError> {
        while number > 0x7f {
            self.byte(number as u8 | 0x80)?;
            number >>= 7;
        }
        self.byte(number as u8)
    }

    pub(super) fn counted(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.leb128(bytes.len() as u64)?;
        self.bytes(bytes)
    }

    /// Writes a float or a 128-bit number, with the postcard crate.
    pub(super) fn other(&mut self, number: &impl Serialize) -> Result<(), EncodeError> {
        let written = postcard::to_slice(number, self.free()).map_err(|_| EncodeError::NoRoom)?;
        let size = written.len();
        self.size = self.size.saturating_add(size);
        Ok(())
    }
}

impl Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
