//! How a format reports the errors of serde's types.

use super::EncodeError;
use super::depth::TOO_DEEP;
use crate::error::DecodeErrorKind;
use core::fmt::Display;
use serde::de::{Error, Expected, Unexpected};

/// Maps the errors of serde's types to a [`DecodeErrorKind`]. Their messages are discarded.
impl Error for DecodeErrorKind {
    fn custom<T: Display>(_message: T) -> Self {
        DecodeErrorKind::BadValue
    }

    fn invalid_value(unexpected: Unexpected<'_>, _expected: &dyn Expected) -> Self {
        match unexpected {
            TOO_DEEP => DecodeErrorKind::TooDeep,
            _ => DecodeErrorKind::BadValue,
        }
    }

    fn invalid_length(_length: usize, _expected: &dyn Expected) -> Self {
        DecodeErrorKind::OverCapacity
    }

    fn duplicate_field(_field: &'static str) -> Self {
        DecodeErrorKind::DuplicateKey
    }
}

/// Reports that a type cannot be serialized. The message is discarded.
impl serde::ser::Error for EncodeError {
    fn custom<T: Display>(_message: T) -> Self {
        EncodeError::Unencodable
    }
}
