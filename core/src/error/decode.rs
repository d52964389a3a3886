//! The errors of payloads.

use crate::sentence::Sentence;
use core::fmt;

/// The reason why a payload cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The payload ends before the value is complete.
    Truncated,
    /// Bytes follow the value.
    LeftOver,
    /// Text is not UTF-8.
    BadUtf8,
    /// A length or count exceeds 64 bits, or the unread bytes cannot hold that many.
    BadLength,
    /// The type does not allow this byte or number: a bool of 2, an unknown variant, …
    BadValue,
    /// The value has more elements or bytes than the receiving type can hold.
    OverCapacity,
    /// A map contains the same key twice.
    DuplicateKey,
    /// The value nests deeper than the receiving type or [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) allows.
    TooDeep,
    /// The format cannot decode to this Rust type.
    Unsupported,
    /// A value or field has another type than the receiver's.
    WrongType,
    /// A number does not fit the receiver's type.
    OutOfRange,
    /// A value's type was not defined.
    UnknownType,
    /// A type was defined twice, or a definition uses the id of a built-in type.
    DuplicateType,
    /// There are more types or fields than the receiver can hold.
    TooManyTypes,
    /// The value spans too many messages, or they are too long: finding its end would take too many steps.
    TooManyMessages,
}

/// The error for a payload that cannot be decoded, with the struct field that it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// The reason.
    pub kind: DecodeErrorKind,
    /// The innermost struct field in which the error was found, if any.
    pub field: Option<&'static str>,
}

impl From<DecodeErrorKind> for DecodeError {
    fn from(kind: DecodeErrorKind) -> Self {
        Self { kind, field: None }
    }
}

impl DecodeError {
    pub(super) fn sentence(&self) -> Sentence<'_> {
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

impl core::error::Error for DecodeErrorKind {}
impl core::error::Error for DecodeError {}
