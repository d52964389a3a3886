//! The errors of requests and calls.

mod decode;

pub use decode::{DecodeError, DecodeErrorKind};

use crate::sentence::Sentence;
use crate::{Printable, RemoteError};
use core::convert::Infallible;
use core::fmt;

/// [`RequestError::detail`].
pub(crate) type Text = heapless::String<64, u8>;

/// The first word of an error line: the class of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Code {
    /// `unknown-command`: no command is registered under this name.
    UnknownCommand,
    /// `malformed`: the bytes are not valid in the command's format.
    Malformed,
    /// `too-large`: the bytes read so far are valid, but a limit of the receiver is exceeded.
    TooLarge,
    /// `refused`: the handler rejected the request, or the port speaks only TLS. The sentence is the reason.
    Refused,
    /// `failed`: the receiver could not produce a reply. The sender did nothing wrong.
    Failed,
    /// `timed-out`: the request was not complete in time.
    TimedOut,
    /// `busy`: the receiver accepts no requests now. Retry later.
    Busy,
    /// A code that this version does not know.
    Other,
}

impl Code {
    const WORDS: [(Code, &'static str); 7] = [
        (Code::UnknownCommand, "unknown-command"),
        (Code::Malformed, "malformed"),
        (Code::TooLarge, "too-large"),
        (Code::Refused, "refused"),
        (Code::Failed, "failed"),
        (Code::TimedOut, "timed-out"),
        (Code::Busy, "busy"),
    ];

    /// Returns the code as sent on the wire.
    pub fn as_str(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(code, _)| *code == self);
        known.map_or("other", |(_, word)| word)
    }

    pub(crate) fn from_word(word: &[u8]) -> Self {
        let known = Self::WORDS
            .iter()
            .find(|(_, known)| known.as_bytes() == word);
        known.map_or(Code::Other, |(code, _)| *code)
    }
}

/// The reason why a request or a reply failed.
///
/// [`Error`] tells a client who must act. In the log of a server:
///
/// - `EmptyName`, `NameTooLong`, `UnknownCommand`, `Decode`, `Truncated`: the client's programmer. Noise on a line and
///   port scanners cause them too.
/// - `PayloadTooLong`, `TimedOut`, `Busy`: the operator, if the clients are honest: raise a limit, or find the slow line.
/// - `MessageTooLong`, `Unencodable`, `Unanswered`, `Crashed`, and `Decode` with
///   [`Unsupported`](DecodeErrorKind::Unsupported): the server's own programmer. Their [`code`](Self::code) is
///   [`Code::Failed`].
/// - `Refused`: nobody. A handler said no.
///
/// ```
/// use bellwire::{Code, ErrorKind};
/// assert_eq!(ErrorKind::PayloadTooLong { limit: 302 }.code(), Code::TooLarge);
/// assert_eq!(ErrorKind::Crashed.code(), Code::Failed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command line is empty, or contains only spaces and carriage returns.
    EmptyName,
    /// The command line exceeds the limit: its line feed is not within the first `limit` bytes.
    NameTooLong {
        /// [`Limits::name`](crate::Limits::name), in bytes.
        limit: usize,
    },
    /// No command has the received name.
    UnknownCommand,
    /// The payload exceeds the receiver's limit.
    PayloadTooLong {
        /// [`Limits::payload`](crate::Limits::payload), in bytes.
        limit: usize,
    },
    /// The payload cannot be decoded.
    Decode(DecodeError),
    /// The stream ended in the middle of a request.
    Truncated,
    /// The request was not complete in time.
    TimedOut,
    /// The handler rejected the request.
    Refused,
    /// A request exceeds its sender's buffer, or a reply exceeds the sender's or the receiver's limit.
    MessageTooLong {
        /// The most bytes allowed.
        limit: usize,
    },
    /// The format cannot carry the value: for example a line that contains a line feed, a reply line
    /// that begins with `!` or `>`, or a sequence of unknown length.
    Unencodable,
    /// The reply is neither an error line nor in the format that the command declares.
    UnexpectedReply,
    /// The handler returned without a reply.
    Unanswered,
    /// The handler panicked. It may have left its state inconsistent, so the conversation ends.
    Crashed,
    /// The reply to an earlier request has not been taken yet.
    ReplyPending,
    /// The server accepts no more connections, has no room for the request, or is shutting down.
    Busy,
}

impl ErrorKind {
    /// Returns the code of this error's error line.
    pub fn code(&self) -> Code {
        match self {
            ErrorKind::UnknownCommand => Code::UnknownCommand,
            ErrorKind::NameTooLong { .. } | ErrorKind::PayloadTooLong { .. } => Code::TooLarge,
            ErrorKind::Decode(DecodeError { kind, .. }) => match kind {
                DecodeErrorKind::OverCapacity
                | DecodeErrorKind::TooDeep
                | DecodeErrorKind::TooManyTypes
                | DecodeErrorKind::TooManyMessages => Code::TooLarge,
                DecodeErrorKind::Unsupported => Code::Failed,
                _ => Code::Malformed,
            },
            ErrorKind::EmptyName | ErrorKind::Truncated | ErrorKind::UnexpectedReply => {
                Code::Malformed
            }
            ErrorKind::TimedOut => Code::TimedOut,
            ErrorKind::Refused => Code::Refused,
            ErrorKind::MessageTooLong { .. }
            | ErrorKind::Unencodable
            | ErrorKind::Unanswered
            | ErrorKind::Crashed
            | ErrorKind::ReplyPending => Code::Failed,
            ErrorKind::Busy => Code::Busy,
        }
    }

    /// Returns the error's sentence, for the wire and for [`fmt::Display`].
    pub(crate) fn sentence(&self) -> Sentence<'_> {
        match self {
            ErrorKind::EmptyName => Sentence::plain("empty command name"),
            ErrorKind::NameTooLong { limit } => {
                Sentence::numbered("command line exceeds ", *limit, " bytes")
            }
            ErrorKind::UnknownCommand => Sentence::plain("unknown command"),
            ErrorKind::PayloadTooLong { limit } => {
                Sentence::numbered("payload exceeds ", *limit, " bytes")
            }
            ErrorKind::Decode(error) => error.sentence(),
            ErrorKind::Truncated => Sentence::plain("stream ended inside a request"),
            ErrorKind::TimedOut => Sentence::plain("request took too long"),
            ErrorKind::Refused => Sentence::plain("rejected by the handler"),
            ErrorKind::MessageTooLong { limit } => {
                Sentence::numbered("message exceeds ", *limit, " bytes")
            }
            ErrorKind::Unencodable => Sentence::plain("format cannot carry the value"),
            ErrorKind::UnexpectedReply => Sentence::plain("unexpected kind of reply"),
            ErrorKind::Unanswered => Sentence::plain("handler sent no reply"),
            ErrorKind::Crashed => Sentence::plain("handler panicked"),
            ErrorKind::ReplyPending => Sentence::plain("earlier reply still pending"),
            ErrorKind::Busy => Sentence::plain("temporarily unavailable"),
        }
    }
}

/// A request, or a conversation, that a server answered with an error line, for the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestError {
    /// The command, if its name was recognized.
    pub command: Option<&'static str>,
    /// The reason.
    pub kind: ErrorKind,
    /// Further text, or empty.
    ///
    /// For [`ErrorKind::UnknownCommand`] this is the received name, with `?` for each byte that is not
    /// printable ASCII. For [`ErrorKind::Refused`] it is the handler's reason, if it gave one.
    /// It is cut to 64 bytes.
    pub detail: heapless::String<64, u8>,
    /// Whether this error ends the conversation, for example because the end of the request is unknown or
    /// the command has no reply.
    ///
    /// If it is `false`, the conversation may still end later without another error: when a skipped
    /// line exceeds [`Limits::skip`](crate::Limits::skip).
    pub fatal: bool,
}

impl RequestError {
    /// Returns an error without command or detail that does not end the conversation.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self {
            command: None,
            kind,
            detail: Text::new(),
            fatal: false,
        }
    }

    /// Passes the displayed text to `write` in pieces, for a device that has no room for `core::fmt`.
    ///
    /// The text is escaped with [`Printable`], because a handler's reason may quote its peer.
    pub fn write_to(&self, write: &mut dyn FnMut(&str)) {
        if let Some(command) = self.command {
            write(command);
            write(": ");
        }
        self.sentence()
            .write_to(&mut |part| Printable::new(part).write_to(write));
    }

    pub(crate) fn sentence(&self) -> Sentence<'_> {
        match &self.kind {
            ErrorKind::UnknownCommand if !self.detail.is_empty() => Sentence {
                parts: ["no command is named \"", &self.detail, "\""],
                number: None,
            },
            ErrorKind::Refused if !self.detail.is_empty() => Sentence::plain(&self.detail),
            kind => kind.sentence(),
        }
    }
}

/// The error of a call or a conversation. `E` is the stream's own error.
///
/// # Who must act
/// | error | who must act | did the command run? |
/// |---|---|---|
/// | `Remote`, code [`Busy`](Code::Busy) | nobody: dial again later | no |
/// | `Remote`, [`TimedOut`](Code::TimedOut) | the operator, if it lasts: the line is slow, or the server's limit is low | no |
/// | `Remote`, [`Refused`](Code::Refused) | the caller: the sentence is the handler's reason | the handler decided |
/// | `Remote`, [`TooLarge`](Code::TooLarge) | the caller sends less, or the operator raises the server's [`Limits`](crate::Limits) | no |
/// | `Remote`, [`UnknownCommand`](Code::UnknownCommand), [`Malformed`](Code::Malformed) | the programmer: the two ends do not share their commands | no |
/// | `Remote`, [`Failed`](Code::Failed) | the server's programmer: see its log | perhaps |
/// | `Remote`, [`Other`](Code::Other) | the caller's programmer: the server is newer | perhaps |
/// | `Protocol`, [`MessageTooLong`](ErrorKind::MessageTooLong) | the caller's programmer: the request exceeds `tx`, or the reply `rx` | only in the second case |
/// | `Protocol`, [`Unencodable`](ErrorKind::Unencodable), [`ReplyPending`](ErrorKind::ReplyPending) | the caller's programmer | no, nothing was sent |
/// | `Protocol`, [`Decode`](ErrorKind::Decode), [`UnexpectedReply`](ErrorKind::UnexpectedReply) | the programmer, as for `Malformed` | perhaps |
/// | `Closed`, `Transport` | the operator: the line or the server failed | perhaps |
///
/// A call that did not run may be repeated. If it perhaps ran, repeat it only if running it twice does no harm. After a
/// code that [ends the conversation](crate::wire), after `Closed` and after most `Transport` errors, the next call needs
/// a new connection.
///
/// ```
/// use bellwire::{Code, Error};
///
/// /// Returns whether the same call may succeed on a new connection and cannot run twice.
/// fn may_be_repeated<E>(error: &Error<E>) -> bool {
///     match error {
///         Error::Remote(error) => matches!(error.code, Code::Busy | Code::TimedOut),
///         _ => false,
///     }
/// }
/// # assert!(!may_be_repeated(&Error::<()>::Closed));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<E> {
    /// The server answered with an error line.
    Remote(RemoteError),
    /// The request could not be written, or the reply could not be read.
    Protocol(ErrorKind),
    /// The stream ended before the reply was complete, or the conversation was over already.
    Closed,
    /// The stream failed.
    Transport(E),
}

impl Error<Infallible> {
    /// Converts the error to the error type of a stream that can fail.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub fn widen<E>(self) -> Error<E> {
        match self {
            Error::Remote(error) => Error::Remote(error),
            Error::Protocol(kind) => Error::Protocol(kind),
            Error::Closed => Error::Closed,
            Error::Transport(never) => match never {},
        }
    }
}

impl<E> From<ErrorKind> for Error<E> {
    fn from(kind: ErrorKind) -> Self {
        Error::Protocol(kind)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write_to(&mut |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Remote(error) => error.fmt(f),
            Error::Protocol(kind) => kind.fmt(f),
            Error::Closed => f.write_str("stream closed without a full reply"),
            Error::Transport(error) => write!(f, "stream failed: {error}"),
        }
    }
}

impl core::error::Error for ErrorKind {}
impl core::error::Error for RequestError {}
impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}
