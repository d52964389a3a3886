//! Reads the parts of postcard's encoding, with bounded work.

use super::wire::{kind, take_leb128};
use crate::error::DecodeErrorKind;
use crate::format::ValueReader;
use crate::format::depth::deeper;
use crate::format::zigzag::signed;
use serde::Deserialize;
use serde::de::Deserializer;

/// Decodes values from the front of a payload.
pub(super) struct Reader<'de> {
    pub(super) rest: &'de [u8],
    depth: u8,
    /// The unread elements and entries of all open containers. Each takes at least one byte.
    pub(super) owed: usize,
    /// The current struct field, for errors.
    pub(super) field: Option<&'static str>,
}

impl<'de> Reader<'de> {
    pub(super) fn new(payload: &'de [u8]) -> Self {
        Self {
            rest: payload,
            depth: 0,
            owed: 0,
            field: None,
        }
    }

    pub(super) fn unsigned<T: TryFrom<u64>>(&mut self, bits: u32) -> Result<T, DecodeErrorKind> {
        T::try_from(take_leb128(&mut self.rest, bits)?).map_err(|_| DecodeErrorKind::BadValue)
    }

    pub(super) fn signed<T: TryFrom<i64>>(&mut self, bits: u32) -> Result<T, DecodeErrorKind> {
        T::try_from(signed(take_leb128(&mut self.rest, bits)?))
            .map_err(|_| DecodeErrorKind::BadValue)
    }

    /// Reads a bool, an `i8`, a float or a 128-bit number, with the postcard crate.
    pub(super) fn other<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeErrorKind> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|error| kind(&error))?;
        self.rest = rest;
        Ok(value)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeErrorKind> {
        let byte = self.split(1)?;
        Ok(byte.first().copied().unwrap_or(0))
    }

    fn split(&mut self, size: usize) -> Result<&'de [u8], DecodeErrorKind> {
        let (head, rest) = self
            .rest
            .split_at_checked(size)
            .ok_or(DecodeErrorKind::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// Reads a length. One that exceeds `usize` becomes `usize::MAX`.
    fn length(&mut self) -> Result<usize, DecodeErrorKind> {
        match take_leb128(&mut self.rest, 64) {
            Ok(length) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
            Err(DecodeErrorKind::BadValue) => Err(DecodeErrorKind::BadLength),
            Err(kind) => Err(kind),
        }
    }

    #[inline(never)] // size
    pub(super) fn bytes(&mut self) -> Result<&'de [u8], DecodeErrorKind> {
        let length = self.length()?;
        self.split(length)
    }

    #[inline(never)] // size
    pub(super) fn text(&mut self) -> Result<&'de str, DecodeErrorKind> {
        core::str::from_utf8(self.bytes()?).map_err(|_| DecodeErrorKind::BadUtf8)
    }

    /// Reads the count of a sequence or map. It fails if the unread bytes are too few.
    pub(super) fn count(&mut self) -> Result<usize, DecodeErrorKind> {
        let count = self.length()?;
        let owed = self.owed.saturating_add(count);
        if owed > self.rest.len() {
            return Err(DecodeErrorKind::BadLength);
        }
        self.owed = owed;
        Ok(count)
    }

    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeErrorKind>,
    ) -> Result<T, DecodeErrorKind> {
        self.depth = deeper(self.depth).ok_or(DecodeErrorKind::TooDeep)?;
        let result = read(self);
        self.depth = self.depth.wrapping_sub(1);
        result
    }
}

impl<'de> ValueReader<'de> for Reader<'de> {
    fn deserializer(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind> {
        self
    }

    fn finish(&self) -> Result<(), DecodeErrorKind> {
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }
}
