//! The failures of a call, without the text of an error line.

use crate::error::{DecodeError, DecodeErrorKind, Error, ErrorKind};
use crate::format::EncodeError;

/// An [`Error`] other than [`Error::Remote`], without the limits.
///
/// It is small: a machine of 32 bits returns it in a register. An error line stays in the receive buffer until the
/// driver's last step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure<E> {
    /// The reply to an earlier request has not been taken yet.
    Pending,
    /// The request cannot be written.
    Request(EncodeError),
    /// The reply cannot be read.
    Reply(ReplyFault),
    Closed,
    Transport(E),
}

impl<E> Failure<E> {
    /// Returns the error, for buffers of `rx` and `tx` bytes.
    pub(crate) fn error(self, rx: usize, tx: usize) -> Error<E> {
        Error::Protocol(match self {
            Failure::Pending => ErrorKind::ReplyPending,
            Failure::Request(EncodeError::NoRoom) => ErrorKind::MessageTooLong { limit: tx },
            Failure::Request(EncodeError::Unencodable) => ErrorKind::Unencodable,
            Failure::Reply(fault) => fault.kind(rx),
            Failure::Closed => return Error::Closed,
            Failure::Transport(error) => return Error::Transport(error),
        })
    }
}

/// The reason why a reply or a push cannot be read.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum ReplyFault {
    Unexpected,
    Malformed(DecodeErrorKind),
    TooLong,
}

impl ReplyFault {
    /// Returns the kind of error, for a receiver that holds at most `limit` bytes.
    pub(crate) fn kind(self, limit: usize) -> ErrorKind {
        match self {
            ReplyFault::Unexpected => ErrorKind::UnexpectedReply,
            ReplyFault::Malformed(kind) => ErrorKind::Decode(DecodeError::from(kind)),
            ReplyFault::TooLong => ErrorKind::MessageTooLong { limit },
        }
    }
}
