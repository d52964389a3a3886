//! Compares a client's commands with those of its server.

use super::diff::diff;
use super::{FetchError, Listed, Signature, parse};
use crate::CallError;
use bellwire::schema::Description;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;

/// Why a client and its server may not understand each other.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CheckError {
    /// The server's descriptions are not available.
    Fetch(FetchError),
    /// Some commands differ, at least one. The programmer must bring both ends to the same version.
    Mismatch(Vec<Mismatch>),
}

/// A command that is missing on the server or differs there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The command's name. A topic's name begins with `>`.
    pub command: String,
    /// The difference, safe to print.
    pub difference: String,
}

/// A comparison of commands, one after the other.
pub(crate) struct Check {
    /// The fingerprints by the commands' names.
    listed: HashMap<String, Option<u32>>,
    mismatches: Vec<Mismatch>,
}

impl Check {
    /// Begins a comparison with the commands that the server lists.
    pub(crate) fn new(listed: Vec<Listed>) -> Self {
        let listed = listed.into_iter();
        Self {
            listed: listed
                .map(|command| (command.name, command.fingerprint))
                .collect(),
            mismatches: Vec::new(),
        }
    }

    /// Compares fingerprints. If they differ, returns the name by which to fetch the server's description.
    pub(crate) fn differs(&mut self, ours: &Description) -> Option<String> {
        let name = listed_name(ours);
        match self.listed.get(&name) {
            Some(Some(fingerprint)) => return (*fingerprint != ours.fingerprint()).then_some(name),
            Some(None) => self.add(ours, "not described by the server"),
            None => self.add(ours, "missing on the server"),
        }
        None
    }

    /// Compares a command with the server's description.
    ///
    /// # Errors
    /// A failed call.
    pub(crate) fn compare(
        &mut self,
        ours: &Description,
        theirs: Result<Signature, FetchError>,
    ) -> Result<(), CheckError> {
        match theirs {
            Ok(theirs) => match parse(&ours.to_string()) {
                Ok(signature) => {
                    if let Some(difference) = diff(&signature, &theirs) {
                        self.add(ours, difference);
                    }
                }
                Err(error) => self.add(ours, error),
            },
            Err(FetchError::Call(error)) if !matches!(error, CallError::Remote(_)) => {
                return Err(FetchError::Call(error).into());
            }
            Err(error) => self.add(ours, error),
        }
        Ok(())
    }

    /// Ends the comparison.
    pub(crate) fn finish(self) -> Result<(), CheckError> {
        if self.mismatches.is_empty() {
            return Ok(());
        }
        Err(CheckError::Mismatch(self.mismatches))
    }

    fn add(&mut self, ours: &Description, difference: impl fmt::Display) {
        self.mismatches.push(Mismatch {
            command: listed_name(ours),
            difference: difference.to_string(),
        });
    }
}

/// Returns the name by which `HELP` and `SCHEMA` know the command or topic.
fn listed_name(description: &Description) -> String {
    let mark = if description.is_topic() { ">" } else { "" };
    format!("{mark}{}", description.name())
}

impl From<FetchError> for CheckError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// The error of connecting with a check. [`get_ref`](io::Error::get_ref) returns the [`CheckError`].
impl From<CheckError> for io::Error {
    fn from(error: CheckError) -> Self {
        let kind = match &error {
            CheckError::Fetch(FetchError::Call(error)) => match error {
                CallError::NotSent(cause) | CallError::MayHaveRun(cause) => cause.kind(),
                _ => io::ErrorKind::Other,
            },
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            difference,
        } = self;
        match command.strip_prefix('>') {
            Some(topic) => write!(f, "topic {topic}: {difference}"),
            None => write!(f, "command {command}: {difference}"),
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Mismatch(mismatches) => {
                let mut separator = "";
                for mismatch in mismatches {
                    write!(f, "{separator}{mismatch}")?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}

impl Error for CheckError {}
