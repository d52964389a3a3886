//! Where a value ends, found while its bytes arrive.

use super::reader::Reader;
use super::types::{Definition, Head, Table, TypeId, Types};
use super::wire::take_uint;
use super::{MAX_MESSAGE, MAX_TYPES};
use crate::error::Flaw;
use crate::format::{End, Frame};

/// Interface values are the one thing that makes a value span messages, so only where there may
/// be some does the end depend on what the messages say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interfaces {
    Followed,
    Refused,
}

/// Finds the end of the definitions and the value at the start of `input`.
///
/// Each definition is read once, when it is whole. A value without interfaces is not read at all.
/// One with interfaces is read from its start when a message of it is whole. Each message but the
/// last defines a type or follows one that does, so there are at most [`VALUE_MESSAGES`].
pub(super) fn find_end(input: &[u8], progress: &mut usize, interfaces: Interfaces) -> Frame {
    let mut place = Place::unpack(*progress);
    let frame = place.advance(input, interfaces);
    match place.pack() {
        Some(packed) => *progress = packed,
        None => return Frame::Broken(Flaw::BadLength),
    }
    match frame {
        Ok(Some(end)) => Frame::Ends(usize::try_from(end).unwrap_or(usize::MAX)),
        Ok(None) => Frame::Open(End::Unknown),
        Err(flaw) => Frame::Broken(flaw),
    }
}

/// The most messages of one value: the first, and two for each type.
const VALUE_MESSAGES: usize = 1 + 2 * MAX_TYPES;

/// What is known of the payload.
struct Place {
    /// Where the first message stands that is not settled.
    message: usize,
    /// Whether a type holds an interface.
    interface: bool,
    /// How many messages of the value stand in front of it.
    inside: usize,
}

impl Place {
    fn unpack(progress: usize) -> Self {
        Self {
            message: progress >> 8,
            interface: progress & 1 != 0,
            inside: progress >> 1 & 127,
        }
    }

    fn pack(&self) -> Option<usize> {
        let message = self.message.checked_mul(256)?;
        Some(message | usize::from(self.interface) | self.inside << 1)
    }

    /// Goes on to the value's end, or as far as the bytes reach.
    fn advance(&mut self, input: &[u8], interfaces: Interfaces) -> Result<Option<u64>, Flaw> {
        loop {
            let Some(rest) = input.get(self.message..) else {
                return Ok(None);
            };
            let mut body = rest;
            let Some(length) = arrived(take_uint(&mut body))? else {
                return Ok(None);
            };
            if length == 0 || length > MAX_MESSAGE {
                return Err(Flaw::BadLength);
            }
            let head = rest.len().saturating_sub(body.len());
            let end = (self.message as u64)
                .saturating_add(head as u64)
                .saturating_add(length);
            let message = usize::try_from(length)
                .ok()
                .and_then(|length| body.get(..length));
            if self.inside == 0 {
                let mut start = message.unwrap_or(body);
                match (Head::take(&mut start), message) {
                    (Err(Flaw::Truncated) | Ok(Head::Definition(_)), None) => return Ok(None),
                    (Ok(Head::Definition(_)), Some(_)) => {
                        self.interface |= Definition::take(&mut start, 0)?.interface;
                        self.message = usize::try_from(end).map_err(|_| Flaw::BadLength)?;
                        continue;
                    }
                    (Ok(Head::Value(ty)), _) if !self.interface && ty != TypeId::INTERFACE => {
                        return Ok(Some(end));
                    }
                    (Ok(Head::Value(_)), _) if interfaces == Interfaces::Refused => {
                        return Err(Flaw::Unsupported);
                    }
                    (head, _) => head?,
                };
            }
            if message.is_none() {
                return Ok(None);
            }
            let after = usize::try_from(end).map_err(|_| Flaw::BadLength)?;
            if is_whole(input.get(..after).unwrap_or(input))? {
                return Ok(Some(end));
            }
            self.inside = self.inside.saturating_add(1);
            if self.inside >= VALUE_MESSAGES {
                return Err(Flaw::TooManyTypes);
            }
            self.message = after;
        }
    }
}

/// Whether these messages hold a whole value.
fn is_whole(payload: &[u8]) -> Result<bool, Flaw> {
    let mut table = Table::<MAX_TYPES>::new();
    let mut reader = Reader::of_stream(Types(&mut table), payload, payload);
    reader.goes_on = true;
    let value = reader.start().and_then(|ty| reader.skip(ty));
    match value {
        Err(_) if reader.starved => Ok(false),
        value => value.map(|()| true),
    }
}

/// What was taken, unless bytes are missing.
fn arrived<T>(taken: Result<T, Flaw>) -> Result<Option<T>, Flaw> {
    match taken {
        Err(Flaw::Truncated) => Ok(None),
        taken => taken.map(Some),
    }
}
