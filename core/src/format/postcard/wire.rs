//! The numbers and byte strings of postcard's encoding.

use crate::error::DecodeErrorKind;
use crate::format::{EncodeError, Output};
use serde::Serialize;

pub(super) fn kind(error: &postcard::Error) -> DecodeErrorKind {
    use postcard::Error as E;
    match error {
        E::DeserializeUnexpectedEnd => DecodeErrorKind::Truncated,
        E::DeserializeBadUtf8 => DecodeErrorKind::BadUtf8,
        _ => DecodeErrorKind::BadValue,
    }
}

/// Takes a LEB128 number of at most `bits` bits off the front of `input`.
#[inline(never)] // size
pub(super) fn take_leb128(input: &mut &[u8], bits: u32) -> Result<u64, DecodeErrorKind> {
    let mut number = 0;
    let mut left = bits;
    while let [byte, rest @ ..] = *input {
        *input = rest;
        let part = byte & 0x7f;
        number |= u64::from(part).wrapping_shl(bits.wrapping_sub(left));
        let beyond = part.checked_shr(left).unwrap_or(0);
        left = left.saturating_sub(7);
        match *byte == part {
            _ if beyond != 0 => return Err(DecodeErrorKind::BadValue),
            true => return Ok(number),
            false if left == 0 => return Err(DecodeErrorKind::BadValue),
            false => {}
        }
    }
    Err(DecodeErrorKind::Truncated)
}

#[allow(clippy::cast_possible_truncation)] // seven bits at a time
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
pub(super) fn put_leb128(output: &mut Output<'_>, mut number: u64) -> Result<(), EncodeError> {
    while number > 0x7f {
        output.byte(number as u8 | 0x80)?;
        number >>= 7;
    }
    output.byte(number as u8)
}

pub(super) fn put_counted(output: &mut Output<'_>, bytes: &[u8]) -> Result<(), EncodeError> {
    put_leb128(output, bytes.len() as u64)?;
    output.bytes(bytes)
}

/// Writes a float or a 128-bit number, with the postcard crate.
pub(super) fn put_other(
    output: &mut Output<'_>,
    number: &impl Serialize,
) -> Result<(), EncodeError> {
    let written = postcard::to_slice(number, output.space()).map_err(|_| EncodeError::NoRoom)?;
    let size = written.len();
    output.fill(size);
    Ok(())
}
