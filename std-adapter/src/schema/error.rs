//! The errors of asking a server for descriptions.

use super::ParseError;
use crate::CallError;
use bellwire::{Code, Printable};
use std::error::Error;
use std::fmt;

/// Why a server's descriptions are not available.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FetchError {
    /// The server does not answer `HELP` or `SCHEMA`: it is older, or has no descriptions. The operator must enable
    /// them. The conversation is over; a client that can connect again does so at its next call.
    NotDescribed,
    /// The call failed. For a command that the server does not know or describe, this is
    /// [`CallError::Remote`] with the server's sentence.
    Call(CallError),
    /// The server sent a description that cannot be used.
    Parse(ParseError),
    /// The server described another command, which has this name, or the name is a topic's and a command was wanted.
    Other(String),
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Remote(line) if line.code == Code::UnknownCommand => Self::NotDescribed,
            error => Self::Call(error),
        }
    }
}

impl From<ParseError> for FetchError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDescribed => f.write_str("the server does not describe its commands"),
            Self::Call(error) => error.fmt(f),
            Self::Parse(error) => error.fmt(f),
            Self::Other(name) => {
                let shown = Printable::new(name).at_most(64);
                match name.strip_prefix('>') {
                    None => write!(
                        f,
                        "the server described another command: {}",
                        shown.quoted()
                    ),
                    Some(_) => write!(f, "{shown} is a topic, not a command"),
                }
            }
        }
    }
}

impl Error for FetchError {}
