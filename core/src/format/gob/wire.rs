//! The numbers and byte strings of gob, taken from the front of a slice.

use super::limits::MAX_MESSAGE;
use super::steps::step;
use crate::error::DecodeErrorKind;

/// Takes an unsigned number. It is one byte below 128, or the negated count of the big-endian bytes
/// that follow. Leading zero bytes are allowed, as in Go.
#[cfg_attr(target_pointer_width = "64", inline)]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
pub(super) fn take_uint(input: &mut &[u8]) -> Result<u64, DecodeErrorKind> {
    step();
    let (&first, rest) = input.split_first().ok_or(DecodeErrorKind::Truncated)?;
    *input = rest;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    take_long_uint(input, usize::from(first.wrapping_neg()))
}

fn take_long_uint(input: &mut &[u8], size: usize) -> Result<u64, DecodeErrorKind> {
    if size > 8 {
        return Err(DecodeErrorKind::BadLength);
    }
    let bytes = take_bytes(input, size)?;
    let mut number = 0;
    for byte in bytes {
        number = number << 8 | u64::from(*byte);
    }
    Ok(number)
}

/// Takes a number of bytes, elements or fields. One beyond `usize` cannot be in memory.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
pub(super) fn take_size(input: &mut &[u8]) -> Result<usize, DecodeErrorKind> {
    usize::try_from(take_uint(input)?).map_err(|_| DecodeErrorKind::BadLength)
}

/// Returns the float whose bits, in reverse order of bytes, are this number.
pub(super) fn float(number: u64) -> f64 {
    f64::from_bits(number.swap_bytes())
}

/// Takes `size` bytes.
#[inline]
pub(super) fn take_bytes<'a>(
    input: &mut &'a [u8],
    size: usize,
) -> Result<&'a [u8], DecodeErrorKind> {
    let (bytes, rest) = input
        .split_at_checked(size)
        .ok_or(DecodeErrorKind::Truncated)?;
    *input = rest;
    Ok(bytes)
}

/// Takes a count of bytes, then the bytes.
pub(super) fn take_counted<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeErrorKind> {
    let size = take_size(input)?;
    take_bytes(input, size)
}

/// Takes a message: its length, then its bytes.
pub(super) fn take_message<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeErrorKind> {
    let size = take_size(input)?;
    if size as u64 > MAX_MESSAGE {
        return Err(DecodeErrorKind::BadLength);
    }
    take_bytes(input, size)
}
