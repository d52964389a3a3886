//! The error of a call: why it failed, and whether it may be repeated.

use bellwire::{ErrorKind, RemoteError};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a call failed, and whether it may be repeated.
///
/// | variant | the command | the caller |
/// |---|---|---|
/// | `Remote` | the server rejected it, or it failed there | reads the code and the sentence |
/// | `Request` | was not sent | must change the request |
/// | `Reply` | ran | must not repeat the call blindly |
/// | `NotSent` | did not run | may repeat the call |
/// | `MayHaveRun` | may have run | repeats the call only if running twice is harmless |
///
/// ```
/// use bellwire_std::{CallError, Cause};
///
/// let error = CallError::NotSent(Cause::Closed);
/// assert!(error.is_repeatable());
/// assert_eq!(error.to_string(), "request not sent: connection closed");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CallError {
    /// The server answered this call with an error line.
    Remote(Box<RemoteError>),
    /// The request cannot be encoded, or exceeds the client's limit. Nothing was sent.
    Request(ErrorKind),
    /// The reply arrived, but it cannot be decoded or exceeds the client's limit. The command ran.
    Reply(ErrorKind),
    /// The command did not run: nothing was sent, or the server ended the conversation before it.
    NotSent(Cause),
    /// The connection failed after a part of the request was sent. The command may have run.
    MayHaveRun(Cause),
}

/// Why a connection failed. One failure can concern many calls, so it can be cloned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Cause {
    /// The connection is closed.
    Closed,
    /// The time limit of the call has passed.
    TimedOut,
    /// Too many calls wait already.
    Busy,
    /// The server ended the conversation with an error line that concerns another call.
    Remote(Box<RemoteError>),
    /// The server sent bytes that are not the expected reply.
    Protocol(ErrorKind),
    /// The server sent a push that is malformed, or of a topic without a subscription.
    UnexpectedPush,
    /// The connection could not be opened, read or written.
    Transport(Arc<io::Error>),
}

impl CallError {
    /// Returns whether the call may be repeated without running the command twice: only after
    /// [`NotSent`](Self::NotSent).
    pub fn is_repeatable(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// Returns the error of a request without reply that was sent, at least in part, before `cause` ended the
    /// conversation.
    pub(crate) fn ended(cause: Cause) -> Self {
        match cause {
            Cause::Remote(error) => Self::Remote(error),
            cause => Self::MayHaveRun(cause),
        }
    }
}

impl Cause {
    /// Returns the kind of the I/O error that describes it best.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Closed => io::ErrorKind::UnexpectedEof,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Transport(error) => error.kind(),
            Self::Protocol(_) | Self::UnexpectedPush => io::ErrorKind::InvalidData,
            Self::Busy | Self::Remote(_) => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(error) => error.fmt(f),
            Self::Request(kind) => write!(f, "invalid request: {kind}"),
            Self::Reply(kind) => write!(f, "unusable reply: {kind}"),
            Self::NotSent(cause) => write!(f, "request not sent: {cause}"),
            Self::MayHaveRun(cause) => write!(f, "request sent, reply lost: {cause}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection closed"),
            Self::TimedOut => f.write_str("time limit exceeded"),
            Self::Busy => f.write_str("too many waiting calls"),
            Self::Remote(error) => error.fmt(f),
            Self::Protocol(kind) => kind.fmt(f),
            Self::UnexpectedPush => {
                f.write_str("push is malformed, or of a topic without a subscription")
            }
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotSent(cause) | Self::MayHaveRun(cause) => cause.source(),
            Self::Remote(_) | Self::Request(_) | Self::Reply(_) => None,
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventError;

    #[test]
    fn only_a_call_that_was_not_sent_is_repeatable() {
        assert!(CallError::NotSent(Cause::Busy).is_repeatable());
        for error in [
            CallError::MayHaveRun(Cause::Closed),
            CallError::Reply(ErrorKind::UnexpectedReply),
        ] {
            assert!(!error.is_repeatable(), "{error}");
        }
    }

    #[test]
    fn the_source_of_a_failed_connection_is_the_error_of_the_system() {
        let inner = io::Error::from(io::ErrorKind::BrokenPipe);
        let cause = Cause::Transport(Arc::new(inner));
        let error = CallError::NotSent(cause.clone());
        let event = EventError::Ended(error.clone());
        let errors: [&dyn Error; 3] = [&cause, &error, &event];
        for error in errors {
            let source = error.source().unwrap().downcast_ref::<io::Error>();
            assert_eq!(source.unwrap().kind(), io::ErrorKind::BrokenPipe);
        }
        assert!(Cause::Closed.source().is_none());
    }
}
