//! What can go wrong, by who must act.

use crate::Printable;
use crate::sentence::Sentence;
use core::convert::Infallible;
use core::fmt;

/// A short text that travels with a [`RequestError`]: a handler's reason, an unknown name.
/// What does not fit is cut.
pub type Text = heapless::String<64, u8>;

/// The first word of an error line: what kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Code {
    /// `unknown-command`: nothing is registered under this name.
    UnknownCommand,
    /// `malformed`: the bytes are not what the command's format allows.
    Malformed,
    /// `too-large`: well-formed as far as seen, but beyond a limit of the receiver.
    TooLarge,
    /// `refused`: the handler said no, and why.
    Refused,
    /// `failed`: the receiver could not produce a reply; not the sender's fault.
    Failed,
    /// `timed-out`: the request was not complete in time.
    TimedOut,
    /// `busy`: the receiver takes no requests now; later it may.
    Busy,
    /// A word that this version does not know.
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

    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(code, _)| *code == self);
        known.map_or("other", |(_, word)| word)
    }

    pub(crate) fn from_word(word: &str) -> Self {
        let known = Self::WORDS.iter().find(|(_, known)| *known == word);
        known.map_or(Code::Other, |(code, _)| *code)
    }
}

/// What is wrong with the bytes of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The value goes on after the payload's last byte.
    Truncated,
    /// Bytes follow the value.
    LeftOver,
    /// Text is not UTF-8.
    BadUtf8,
    /// A length or count is no number of at most 64 bits, or counts more than the bytes can hold.
    BadLength,
    /// A byte or number that the type does not allow: a bool of 2, an unknown variant, …
    BadValue,
    /// More elements or bytes than the receiving type has room for.
    OverCapacity,
    /// A map holds one key twice.
    DuplicateKey,
    /// Nested deeper than the receiving type or [`MAX_DEPTH`](crate::format::MAX_DEPTH) allows.
    TooDeep,
    /// The format cannot fill a value of this Rust type.
    Unsupported,
    /// A value, or a field, is of another type than the receiver's.
    WrongType,
    /// A number does not fit the receiver's type.
    OutOfRange,
    /// A value of a type that was not defined.
    UnknownType,
    /// A type was defined again, or one that is the format's own.
    DuplicateType,
    /// More types, or fields, than there is room for.
    TooManyTypes,
    /// A value is spread over more messages, or longer ones, than may be read to find its end.
    TooManyMessages,
}

/// A payload that cannot be decoded: what is wrong, and in which field of a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The innermost struct field in which it was found.
    pub field: Option<&'static str>,
}

impl From<DecodeErrorKind> for DecodeError {
    fn from(kind: DecodeErrorKind) -> Self {
        Self { kind, field: None }
    }
}

/// Why one request, or one reply, came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The line that should name a command holds only spaces.
    EmptyName,
    /// No line feed within the bytes that a command line may take.
    NameTooLong {
        /// [`Limits::name`](crate::Limits::name), bytes.
        limit: usize,
    },
    /// No command has the name that was sent.
    UnknownCommand,
    /// The payload goes beyond the receiver's limit.
    PayloadTooLong {
        /// [`Limits::payload`](crate::Limits::payload), bytes.
        limit: usize,
    },
    /// The payload cannot be decoded.
    Decode(DecodeError),
    /// The stream ended in the middle of a request.
    Truncated,
    /// The request was not complete in time.
    TimedOut,
    /// The handler refused.
    Refused,
    /// A request or reply is longer than its sender, or the reply's receiver, can hold.
    MessageTooLong {
        /// The bytes that it may take.
        limit: usize,
    },
    /// A value that its format cannot carry: a line with a line feed in it, a reply line
    /// that begins with `!`, a sequence of unknown length.
    Unencodable,
    /// A reply that is neither the command's kind of reply nor an error line.
    UnexpectedReply,
    /// The handler of a command returned without a reply.
    Unanswered,
    /// The handler of a command panicked. What it left behind is unknown, so the conversation
    /// ends.
    Crashed,
    /// The reply to an earlier request has not been taken.
    ReplyPending,
    /// The server takes no further connection, has no room for the request, or is stopping.
    Busy,
}

impl ErrorKind {
    /// The kind of error that an error line announces for this fault.
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

    /// The one sentence that says it; the wire and [`fmt::Display`] share it.
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
            ErrorKind::Decode(malformed) => malformed.sentence(),
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

impl DecodeError {
    fn sentence(&self) -> Sentence<'_> {
        let (before, field) = match self.field {
            Some(field) => (" in field ", field),
            None => ("", ""),
        };
        Sentence {
            parts: [self.kind.as_str(), before, field],
            number: None,
        }
    }
}

impl DecodeErrorKind {
    fn as_str(self) -> &'static str {
        match self {
            DecodeErrorKind::Truncated => "payload too short",
            DecodeErrorKind::LeftOver => "trailing bytes",
            DecodeErrorKind::BadUtf8 => "invalid UTF-8",
            DecodeErrorKind::BadLength => "invalid length",
            DecodeErrorKind::BadValue => "invalid value",
            DecodeErrorKind::OverCapacity => "capacity exceeded",
            DecodeErrorKind::DuplicateKey => "duplicate map key",
            DecodeErrorKind::TooDeep => "nested too deep",
            DecodeErrorKind::Unsupported => "unsupported type",
            DecodeErrorKind::WrongType => "wrong type",
            DecodeErrorKind::OutOfRange => "number out of range",
            DecodeErrorKind::UnknownType => "undefined type",
            DecodeErrorKind::DuplicateType => "type defined twice",
            DecodeErrorKind::TooManyTypes => "too many types or fields",
            DecodeErrorKind::TooManyMessages => "value spans too many messages",
        }
    }
}

/// A request that a server did not answer as declared: what an error line told the peer,
/// and what a log should say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestError {
    /// The command, where its name was understood.
    pub command: Option<&'static str>,
    /// What was wrong.
    pub kind: ErrorKind,
    /// With [`ErrorKind::UnknownCommand`] the name as sent, in which a byte that is not printable ASCII
    /// shows as `?`; with [`ErrorKind::Refused`] the handler's words, if it had any; else empty.
    pub detail: Text,
    /// Whether the conversation ends with it, because the end of the request is unknown
    /// or because the command has no reply that the error could stand for. Where it does not, it
    /// may still end later without a further word: when a line that is skipped goes on beyond
    /// [`Limits::skip`](crate::Limits::skip).
    pub fatal: bool,
}

impl RequestError {
    /// Of a fault without detail, outside of a command, that does not end the conversation.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self {
            command: None,
            kind,
            detail: Text::new(),
            fatal: false,
        }
    }

    /// Hands what it displays to `write`, in pieces, for a device that has no room for `core::fmt`.
    /// A handler's words may quote its peer, and show as [`Printable`] has them.
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
            fault => fault.sentence(),
        }
    }
}

/// The error line that a server sent in place of a reply. Its sentence shows as [`Printable`] has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RemoteError {
    /// Its code.
    pub code: Code,
    /// Its sentence, empty where the server has none; what goes beyond 96 bytes is cut.
    pub sentence: heapless::String<96, u8>,
}

/// Why a call, or a conversation, failed. `E` is the stream's own error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<E> {
    /// The server answered with an error line.
    Remote(RemoteError),
    /// The request could not be written, or the reply not be read.
    Protocol(ErrorKind),
    /// The stream ended, or ended earlier, before the reply was complete.
    Closed,
    /// The stream failed.
    Transport(E),
}

impl<E> Error<E> {}

impl Error<Infallible> {
    /// The same error, as one of a conversation over a stream that can fail.
    pub fn widen<E>(self) -> Error<E> {
        match self {
            Error::Remote(refusal) => Error::Remote(refusal),
            Error::Protocol(fault) => Error::Protocol(fault),
            Error::Closed => Error::Closed,
            Error::Transport(never) => match never {},
        }
    }
}

impl<E> From<ErrorKind> for Error<E> {
    fn from(fault: ErrorKind) -> Self {
        Error::Protocol(fault)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
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

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server error ({})", self.code)?;
        match self.sentence.as_str() {
            "" => Ok(()),
            sentence => write!(f, ": {}", Printable::new(sentence)),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Remote(refusal) => refusal.fmt(f),
            Error::Protocol(fault) => fault.fmt(f),
            Error::Closed => f.write_str("stream closed without a full reply"),
            Error::Transport(error) => write!(f, "stream failed: {error}"),
        }
    }
}

impl core::error::Error for DecodeErrorKind {}
impl core::error::Error for DecodeError {}
impl core::error::Error for ErrorKind {}
impl core::error::Error for RequestError {}
impl core::error::Error for RemoteError {}
impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}
