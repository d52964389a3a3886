//! The reply to one request, for its handler.

use crate::buffer::put;
use crate::command::NoReply;
use crate::error::{ErrorKind, Text};
use crate::format::{EncodeError, Format};
use core::marker::PhantomData;

/// The right to answer one request, once, in the format `Rsp`.
///
/// Each method consumes it and returns the [`ReplySent`] that a handler must return. So every
/// handler that compiles answers.
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Command, Endpoint, Postcard};
///
/// const HALVE: Command<Postcard<u32>, Postcard<u32>> = Command::new("HALVE");
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(HALVE, &|(), number, reply| match number % 2 {
///     0 => reply.send(&(number / 2)),
///     _ => reply.refuse("the number is odd"),
/// })?;
/// # }
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Reply<'a, Rsp = Untyped> {
    // Two words at most. The compiler passes anything larger, and a large value beside it, through
    // memory.
    space: &'a mut [u8],
    format: PhantomData<fn() -> Rsp>,
}

/// Stands in place of a format: the reply does not belong to a certain command yet.
#[derive(Debug)]
pub enum Untyped {}

/// The result of a handler: it answered, or it failed for a reason.
#[derive(Debug)]
#[must_use = "a handler returns it"]
pub struct ReplySent {
    /// The length of the reply, or of a refusal's reason, at the start of the space.
    size: usize,
    error: Option<ErrorKind>,
}

/// Stands in place of the size of a reply that did not fit. It exceeds every limit.
const TOO_LONG: usize = usize::MAX;

impl<'a> Reply<'a> {
    /// Creates a reply that is written to the start of `space`. The session must provide this
    /// space: see [`Session::reply`](crate::Session::reply).
    pub fn new(space: &'a mut [u8]) -> Self {
        Self {
            space,
            format: PhantomData,
        }
    }

    /// Returns the same reply in the format `Rsp` of its command.
    pub fn typed<Rsp>(self) -> Reply<'a, Rsp> {
        Reply {
            space: self.space,
            format: PhantomData,
        }
    }
}

impl<Rsp: Format> Reply<'_, Rsp> {
    /// Answers with `value`.
    ///
    /// The peer gets an error line instead if the value cannot be encoded, takes more than
    /// [`Limits::reply`](crate::Limits::reply) bytes, or begins with `!` or `>`. [The
    /// wire](crate::wire) keeps these two for error lines and pushes.
    pub fn send(self, value: Rsp::Sent<'_>) -> ReplySent {
        let size = put(self.space, Rsp::PREFIX)
            .ok_or(EncodeError::NoRoom)
            .and_then(|space| Rsp::encode(value, space))
            .map(|size| size.saturating_add(Rsp::PREFIX.len()));
        match size {
            Ok(_) if matches!(self.space.first(), Some(b'!' | b'>')) => {
                ReplySent::failed(ErrorKind::Unencodable)
            }
            Ok(size) => ReplySent { size, error: None },
            Err(EncodeError::NoRoom) => ReplySent {
                size: TOO_LONG,
                error: None,
            },
            Err(EncodeError::Unencodable) => ReplySent::failed(ErrorKind::Unencodable),
        }
    }
}

impl Reply<'_, NoReply> {
    /// Ends the handling of a command that has no reply.
    pub fn none(self) -> ReplySent {
        ReplySent {
            size: 0,
            error: None,
        }
    }
}

impl<Rsp> Reply<'_, Rsp> {
    /// Refuses the request: the peer gets the error line `!refused NAME: reason`.
    ///
    /// Only the first 64 bytes of the reason are sent. A line feed in it becomes a space. If the
    /// command has no reply, this ends the conversation; see [`NoReply`].
    pub fn refuse(self, reason: &str) -> ReplySent {
        let most = self.space.len().min(Text::new().capacity());
        let size = reason.floor_char_boundary(most);
        for (slot, byte) in self.space.iter_mut().zip(reason.bytes().take(size)) {
            *slot = byte;
        }
        ReplySent {
            size,
            error: Some(ErrorKind::Refused),
        }
    }

    /// Fails the request with this error.
    ///
    /// A registry of your own uses this, for example for a payload that cannot be decoded.
    pub fn fail(self, kind: ErrorKind) -> ReplySent {
        ReplySent::failed(kind)
    }
}

impl ReplySent {
    pub(crate) fn failed(kind: ErrorKind) -> Self {
        Self {
            size: 0,
            error: Some(kind),
        }
    }

    /// Returns the bytes written and the error, if any. With an error, the bytes are its reason.
    pub(crate) fn into_parts(self) -> (usize, Option<ErrorKind>) {
        (self.size, self.error)
    }
}
