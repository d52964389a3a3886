//! The reply to one request, as its handler sees it.

use crate::command::{NoReply, put};
use crate::error::{Fault, Text};
use crate::format::{EncodeError, Format};
use core::marker::PhantomData;

/// The right to answer one request, once, in the format `Rsp`.
///
/// Each of its methods uses it up and returns the [`Answered`] that a handler must return, so a
/// handler that compiles has answered.
#[derive(Debug)]
pub struct Reply<'a, Rsp = Untyped> {
    // No more than two words, or the compiler passes it, and a large value beside it, through memory.
    space: &'a mut [u8],
    format: PhantomData<fn() -> Rsp>,
}

/// In place of a format: the reply is not known yet to belong to a certain command.
#[derive(Debug)]
pub enum Untyped {}

/// What a handler returns: that it answered, or why it could not.
#[derive(Debug)]
#[must_use = "a handler returns it"]
pub struct Answered {
    /// The bytes at the start of the space that are the reply, or the reason of a refusal.
    size: usize,
    fault: Option<Fault>,
}

/// In place of the size of a reply that did not fit: beyond any limit.
const TOO_LONG: usize = usize::MAX;

impl<'a> Reply<'a> {
    /// A reply that is written at the start of `space`, which must be what the session gives for it:
    /// see [`Session::reply`](crate::Session::reply).
    pub fn new(space: &'a mut [u8]) -> Self {
        Self {
            space,
            format: PhantomData,
        }
    }

    /// The same reply, as one in the format `Rsp`: that of the command it is a reply to.
    pub fn typed<Rsp>(self) -> Reply<'a, Rsp> {
        Reply {
            space: self.space,
            format: PhantomData,
        }
    }
}

impl<Rsp: Format> Reply<'_, Rsp> {
    /// Answers with `value`. The peer gets an error line instead if the value cannot be encoded, takes more than
    /// [`Limits::reply`](crate::Limits::reply) bytes, or begins with `!` or `>`, which
    /// [the wire](crate::wire) keeps for error lines and pushes.
    pub fn send(self, value: Rsp::Sent<'_>) -> Answered {
        let size = put(self.space, Rsp::INTRODUCTION)
            .ok_or(EncodeError::NoRoom)
            .and_then(|space| Rsp::encode(value, space))
            .map(|size| size.saturating_add(Rsp::INTRODUCTION.len()));
        match size {
            Ok(_) if matches!(self.space.first(), Some(b'!' | b'>')) => {
                Answered::failed(Fault::Unencodable)
            }
            Ok(size) => Answered { size, fault: None },
            Err(EncodeError::NoRoom) => Answered {
                size: TOO_LONG,
                fault: None,
            },
            Err(EncodeError::Unencodable) => Answered::failed(Fault::Unencodable),
        }
    }
}

impl Reply<'_, NoReply> {
    /// Ends the handling of a command that has no reply.
    pub fn none(self) -> Answered {
        Answered {
            size: 0,
            fault: None,
        }
    }
}

impl<Rsp> Reply<'_, Rsp> {
    /// Refuses the request: the peer gets the error line `!refused NAME: reason`. Of the reason
    /// the first 64 bytes count; a line feed in it becomes a space.
    ///
    /// Where the command has no reply, the conversation ends with it; see [`NoReply`].
    pub fn refuse(self, reason: &str) -> Answered {
        let most = self.space.len().min(Text::new().capacity());
        let size = reason.floor_char_boundary(most);
        for (slot, byte) in self.space.iter_mut().zip(reason.bytes().take(size)) {
            *slot = byte;
        }
        Answered {
            size,
            fault: Some(Fault::Refused),
        }
    }

    /// Fails the request with any fault, as a registry of its own does with a payload that
    /// cannot be decoded.
    pub fn fail(self, fault: Fault) -> Answered {
        Answered::failed(fault)
    }
}

impl Answered {
    pub(crate) fn failed(fault: Fault) -> Self {
        Self {
            size: 0,
            fault: Some(fault),
        }
    }

    /// The bytes written, and what went wrong, if anything: then they are its reason.
    pub(crate) fn into_parts(self) -> (usize, Option<Fault>) {
        (self.size, self.fault)
    }
}
