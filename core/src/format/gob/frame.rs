//! Finds the end of a value while its bytes arrive.

use super::id::{Head, TypeId};
use super::limits::{MAX_MESSAGE, MAX_TYPES};
use super::reader::Reader;
use super::types::{Definition, Table};
use super::wire::take_uint;
use crate::error::DecodeErrorKind;
use crate::format::Frame;

/// How to find the end of a value that may contain interfaces.
///
/// Only interface values make a value span several messages. Without them, the lengths of the
/// messages suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interfaces {
    Followed,
    Refused,
}

/// Finds the end of the definitions and the value at the start of `input`.
///
/// Reads each definition once, when it is complete. Does not read a value without interfaces: its length
/// suffices. Reads a value with interfaces from its start each time that one of its messages is complete,
/// within [`STEPS_PER_BYTE`].
pub(super) fn find_end(input: &[u8], progress: &mut usize, interfaces: Interfaces) -> Frame {
    let mut place = Place::unpack(*progress);
    let frame = place.advance(input, interfaces);
    match place.pack() {
        Some(packed) => *progress = packed,
        None => return Frame::Broken(DecodeErrorKind::BadLength),
    }
    match frame {
        Ok(Some(end)) => Frame::Ends(usize::try_from(end).unwrap_or(usize::MAX)),
        Ok(None) => Frame::Open,
        Err(kind) => Frame::Broken(kind),
    }
}

/// The most steps of all readings of a value with interfaces, for each byte of the payload so far.
/// A step is a value or a field that is skipped.
///
/// A value that a Go program sends takes about half a step for each byte. So even one that defines `MAX_TYPES` types,
/// each in its own message, mostly stays within the limit, although it is read again after each message.
const STEPS_PER_BYTE: usize = 12;

/// The low bits of `progress`: one for `interface`, the others for `spent`.
const SPENT_BITS: u32 = 10;
const SPENT_UNITS: usize = 32;

/// The state of the search, packed into `progress`.
struct Place {
    /// The offset of the first message that has not been read.
    message: usize,
    /// Whether a type contains an interface.
    interface: bool,
    /// The steps taken for each byte before `message`, in units of 1/32, rounded up. Nonzero once the value
    /// has begun.
    spent: usize,
}

impl Place {
    fn unpack(progress: usize) -> Self {
        let low = progress & ((1 << SPENT_BITS) - 1);
        Self {
            message: progress >> SPENT_BITS,
            interface: low & 1 != 0,
            spent: low >> 1,
        }
    }

    fn pack(&self) -> Option<usize> {
        let message = self.message.checked_mul(1 << SPENT_BITS)?;
        Some(message | usize::from(self.interface) | self.spent << 1)
    }

    /// Advances to the end of the value, or as far as the bytes reach.
    fn advance(
        &mut self,
        input: &[u8],
        interfaces: Interfaces,
    ) -> Result<Option<u64>, DecodeErrorKind> {
        loop {
            let Some(rest) = input.get(self.message..) else {
                return Ok(None);
            };
            let mut body = rest;
            let Some(length) = arrived(take_uint(&mut body))? else {
                return Ok(None);
            };
            if length == 0 || length > MAX_MESSAGE {
                return Err(DecodeErrorKind::BadLength);
            }
            let head = rest.len().saturating_sub(body.len());
            let end = (self.message as u64)
                .saturating_add(head as u64)
                .saturating_add(length);
            let message = usize::try_from(length)
                .ok()
                .and_then(|length| body.get(..length));
            if self.spent == 0 {
                let mut start = message.unwrap_or(body);
                match (Head::take(&mut start), message) {
                    (Err(DecodeErrorKind::Truncated) | Ok(Head::Definition(_)), None) => {
                        return Ok(None);
                    }
                    (Ok(Head::Definition(_)), Some(_)) => {
                        self.interface |= Definition::take(&mut start, 0, None)?.interface;
                        self.message =
                            usize::try_from(end).map_err(|_| DecodeErrorKind::BadLength)?;
                        continue;
                    }
                    (Ok(Head::Value(ty)), _) if !self.interface && ty != TypeId::INTERFACE => {
                        return Ok(Some(end));
                    }
                    (Ok(Head::Value(_)), _) if interfaces == Interfaces::Refused => {
                        return Err(DecodeErrorKind::Unsupported);
                    }
                    (head, _) => head?,
                };
            }
            if message.is_none() {
                return Ok(None);
            }
            let after = usize::try_from(end).map_err(|_| DecodeErrorKind::BadLength)?;
            let payload = input.get(..after).unwrap_or(input);
            // On 32 bits, `pack` refuses a value of several messages beyond 4 MiB.
            let most = after.wrapping_mul(STEPS_PER_BYTE);
            let spent = self.message.wrapping_mul(self.spent) / SPENT_UNITS;
            let mut budget = most.saturating_sub(spent);
            if is_whole(payload, &mut budget)? {
                return Ok(Some(end));
            }
            let spent = most.saturating_sub(budget).wrapping_mul(SPENT_UNITS);
            self.spent = spent.div_ceil(after.max(1));
            self.message = after;
        }
    }
}

/// Returns whether these messages hold a whole value. Subtracts the steps of reading from the
/// budget.
fn is_whole(payload: &[u8], budget: &mut usize) -> Result<bool, DecodeErrorKind> {
    let mut table = Table::<MAX_TYPES>::new();
    let mut reader = Reader::of_stream(table.types(), payload, payload);
    reader.goes_on = true;
    reader.budget = *budget;
    let value = reader.start().and_then(|ty| reader.skip(ty));
    *budget = reader.budget;
    match value {
        Err(_) if reader.starved => Ok(false),
        value => value.map(|()| true),
    }
}

/// Returns `None` if bytes are missing.
fn arrived<T>(taken: Result<T, DecodeErrorKind>) -> Result<Option<T>, DecodeErrorKind> {
    match taken {
        Err(DecodeErrorKind::Truncated) => Ok(None),
        taken => taken.map(Some),
    }
}
