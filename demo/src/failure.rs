//! The failure of a client's subcommand, and its exit code.

use bellwire_std::json::{JsonCallError, JsonError};
use bellwire_std::schema::{FetchError, ParseError};
use bellwire_std::{CallError, Cause};
use std::error::Error;
use std::fmt;
use std::io;

/// An error with the exit code that tells a script who must act.
#[derive(Debug)]
pub struct Failure {
    /// 1: the server refused or replied wrongly, or this machine failed. 2: the command line or its input is wrong. 3:
    /// the connection failed.
    pub code: u8,
    error: Box<dyn Error>,
}

const REFUSED: u8 = 1;
/// As for every other subcommand.
const OTHER: u8 = 1;
const USAGE: u8 = 2;
const TRANSPORT: u8 = 3;

impl Failure {
    /// Returns the failure of a wrong argument or input.
    pub fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self {
            code: USAGE,
            error: error.into(),
        }
    }

    /// Returns the failure of a wrong reply, or of this machine.
    pub(crate) fn other(error: impl Into<Box<dyn Error>>) -> Self {
        Self {
            code: OTHER,
            error: error.into(),
        }
    }

    /// Returns the failure of a connection.
    pub(crate) fn transport(error: impl Into<Box<dyn Error>>) -> Self {
        Self {
            code: TRANSPORT,
            error: error.into(),
        }
    }

    /// Returns whether standard output took no more.
    pub(crate) fn is_unprinted(&self) -> bool {
        self.error.is::<crate::output::Unprinted>()
    }

    fn new(code: u8, error: impl Error + 'static) -> Self {
        Self {
            code,
            error: Box::new(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(TRANSPORT, error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::Remote(_) => REFUSED,
            CallError::NotSent(Cause::Remote(_)) | CallError::MayHaveRun(Cause::Remote(_)) => {
                REFUSED
            }
            CallError::Request(_) => USAGE,
            _ => TRANSPORT,
        };
        Self::new(code, error)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Call(error) => error.into(),
            FetchError::NotDescribed => Self::new(REFUSED, error),
            error => Self::new(TRANSPORT, error),
        }
    }
}

impl From<JsonCallError> for Failure {
    fn from(error: JsonCallError) -> Self {
        match error {
            JsonCallError::Request(error) => error.into(),
            JsonCallError::Call(error) => error.into(),
            error => Self::new(TRANSPORT, error),
        }
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::new(USAGE, error)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::new(USAGE, error)
    }
}

impl From<crate::output::Unprinted> for Failure {
    fn from(error: crate::output::Unprinted) -> Self {
        Self::new(OTHER, error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
