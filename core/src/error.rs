//! What can go wrong, by who must act.

use crate::Printable;
use crate::sentence::Sentence;
use core::convert::Infallible;
use core::fmt;

/// A short text that travels with a [`Rejection`]: a handler's reason, an unknown name.
/// What does not fit is cut.
pub type Text = heapless::String<64, u8>;

/// Who can mend an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Party {
    /// The other end: it sent what the wire rules or the command do not allow.
    Peer,
    /// This end: a limit, a buffer or a type is too small, or a handler failed.
    Local,
    /// Whoever keeps the byte stream: it failed, ended or was too slow.
    Transport,
}

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
pub enum Flaw {
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
pub struct Malformed {
    /// What is wrong.
    pub flaw: Flaw,
    /// The innermost struct field in which it was found.
    pub field: Option<&'static str>,
}

impl From<Flaw> for Malformed {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, field: None }
    }
}

/// Why one request, or one reply, came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
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
    Malformed(Malformed),
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

impl Fault {
    /// The kind of error that an error line announces for this fault.
    pub fn code(&self) -> Code {
        match self {
            Fault::UnknownCommand => Code::UnknownCommand,
            Fault::NameTooLong { .. } | Fault::PayloadTooLong { .. } => Code::TooLarge,
            Fault::Malformed(Malformed { flaw, .. }) => match flaw {
                Flaw::OverCapacity | Flaw::TooDeep | Flaw::TooManyTypes | Flaw::TooManyMessages => {
                    Code::TooLarge
                }
                Flaw::Unsupported => Code::Failed,
                _ => Code::Malformed,
            },
            Fault::EmptyName | Fault::Truncated | Fault::UnexpectedReply => Code::Malformed,
            Fault::TimedOut => Code::TimedOut,
            Fault::Refused => Code::Refused,
            Fault::MessageTooLong { .. }
            | Fault::Unencodable
            | Fault::Unanswered
            | Fault::Crashed
            | Fault::ReplyPending => Code::Failed,
            Fault::Busy => Code::Busy,
        }
    }

    /// Who can mend it, seen from the end that found it.
    pub fn party(&self) -> Party {
        match self {
            Fault::Truncated | Fault::TimedOut => Party::Transport,
            Fault::Refused | Fault::NameTooLong { .. } => Party::Peer,
            _ => match self.code() {
                Code::UnknownCommand | Code::Malformed => Party::Peer,
                _ => Party::Local,
            },
        }
    }

    /// The one sentence that says it; the wire and [`fmt::Display`] share it.
    pub(crate) fn sentence(&self) -> Sentence<'_> {
        match self {
            Fault::EmptyName => Sentence::plain("the command name is empty"),
            Fault::NameTooLong { limit } => Sentence::numbered(
                "no line feed within the ",
                *limit,
                " bytes of a command line",
            ),
            Fault::UnknownCommand => Sentence::plain("no command has this name"),
            Fault::PayloadTooLong { limit } => {
                Sentence::numbered("the payload exceeds ", *limit, " bytes")
            }
            Fault::Malformed(malformed) => malformed.sentence(),
            Fault::Truncated => Sentence::plain("the stream ended in the middle of a request"),
            Fault::TimedOut => Sentence::plain("the request was not complete in time"),
            Fault::Refused => Sentence::plain("the handler refused"),
            Fault::MessageTooLong { limit } => {
                Sentence::numbered("the message exceeds ", *limit, " bytes")
            }
            Fault::Unencodable => {
                Sentence::plain("the value cannot be written in the command's format")
            }
            Fault::UnexpectedReply => {
                Sentence::plain("the reply is not of the kind that the command declares")
            }
            Fault::Unanswered => Sentence::plain("the handler gave no reply"),
            Fault::Crashed => Sentence::plain("the handler crashed"),
            Fault::ReplyPending => {
                Sentence::plain("the reply to an earlier request has not been taken")
            }
            Fault::Busy => Sentence::plain("the server takes no requests now"),
        }
    }
}

impl Malformed {
    fn sentence(&self) -> Sentence<'_> {
        let (before, field) = match self.field {
            Some(field) => (", in field ", field),
            None => ("", ""),
        };
        Sentence {
            parts: [self.flaw.as_str(), before, field],
            number: None,
        }
    }
}

impl Flaw {
    fn as_str(self) -> &'static str {
        match self {
            Flaw::Truncated => "the payload ends before the value does",
            Flaw::LeftOver => "bytes are left over after the value",
            Flaw::BadUtf8 => "the text is not UTF-8",
            Flaw::BadLength => "a length is not possible",
            Flaw::BadValue => "a value is not allowed by its type",
            Flaw::OverCapacity => "more elements or bytes than there is room for",
            Flaw::DuplicateKey => "a key stands twice in a map",
            Flaw::TooDeep => "nested too deep",
            Flaw::Unsupported => "the format cannot fill this type",
            Flaw::WrongType => "a value is not of the receiver's type",
            Flaw::OutOfRange => "a number does not fit the receiver's type",
            Flaw::UnknownType => "a type was not defined",
            Flaw::DuplicateType => "a type is defined twice",
            Flaw::TooManyTypes => "more types are defined than there is room for",
            Flaw::TooManyMessages => "the value is spread over too many messages",
        }
    }
}

/// A request that a server did not answer as declared: what an error line told the peer,
/// and what a log should say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rejection {
    /// The command, where its name was understood.
    pub command: Option<&'static str>,
    /// What was wrong.
    pub fault: Fault,
    /// With [`Fault::UnknownCommand`] the name as sent, in which a byte that is not printable ASCII
    /// shows as `?`; with [`Fault::Refused`] the handler's words, if it had any; else empty.
    pub detail: Text,
    /// Whether the conversation ends with it, because the end of the request is unknown
    /// or because the command has no reply that the error could stand for. Where it does not, it
    /// may still end later without a further word: when a line that is skipped goes on beyond
    /// [`Limits::skip`](crate::Limits::skip).
    pub fatal: bool,
}

impl Rejection {
    /// Of a fault without detail, outside of a command, that does not end the conversation.
    pub(crate) fn of(fault: Fault) -> Self {
        Self {
            command: None,
            fault,
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
        match &self.fault {
            Fault::UnknownCommand if !self.detail.is_empty() => Sentence {
                parts: ["no command is named \"", &self.detail, "\""],
                number: None,
            },
            Fault::Refused if !self.detail.is_empty() => Sentence::plain(&self.detail),
            fault => fault.sentence(),
        }
    }
}

/// The error line that a server sent in place of a reply. Its sentence shows as [`Printable`] has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refusal {
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
    Refused(Refusal),
    /// The request could not be written, or the reply not be read.
    Fault(Fault),
    /// The stream ended, or ended earlier, before the reply was complete.
    Closed,
    /// The stream failed.
    Transport(E),
}

impl<E> Error<E> {
    /// Who can mend it.
    pub fn party(&self) -> Party {
        match self {
            Error::Refused(refusal) => match refusal.code {
                // The peer's peer is this end.
                Code::UnknownCommand | Code::Malformed | Code::TooLarge => Party::Local,
                _ => Party::Peer,
            },
            Error::Fault(fault) => fault.party(),
            Error::Closed | Error::Transport(_) => Party::Transport,
        }
    }
}

impl Error<Infallible> {
    /// The same error, as one of a conversation over a stream that can fail.
    pub fn widen<E>(self) -> Error<E> {
        match self {
            Error::Refused(refusal) => Error::Refused(refusal),
            Error::Fault(fault) => Error::Fault(fault),
            Error::Closed => Error::Closed,
            Error::Transport(never) => match never {},
        }
    }
}

impl<E> From<Fault> for Error<E> {
    fn from(fault: Fault) -> Self {
        Error::Fault(fault)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write_to(&mut |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused ({})", self.code)?;
        match self.sentence.as_str() {
            "" => Ok(()),
            sentence => write!(f, ": {}", Printable::new(sentence)),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Fault(fault) => fault.fmt(f),
            Error::Closed => {
                f.write_str("the other end closed the stream before the reply was complete")
            }
            Error::Transport(error) => write!(f, "the stream failed: {error}"),
        }
    }
}

impl core::error::Error for Flaw {}
impl core::error::Error for Malformed {}
impl core::error::Error for Fault {}
impl core::error::Error for Rejection {}
impl core::error::Error for Refusal {}
impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}
