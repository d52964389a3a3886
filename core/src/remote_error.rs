//! The error line, as a client receives it.

use crate::error::Code;
use crate::sentence::cut;
use crate::{Printable, line};
use core::fmt;

/// An error line that a server sent in place of a reply.
///
/// Its sentence is displayed with [`Printable`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RemoteError {
    /// The command that waited for the reply, if the line names it.
    pub command: Option<&'static str>,
    /// The code, such as `refused`.
    pub code: Code,
    /// The sentence, empty if the server sent none. It is cut to 96 bytes.
    pub sentence: heapless::String<96, u8>,
}

impl RemoteError {
    /// Parses the error line that arrived while the reply to the command `waiting` was expected.
    ///
    /// If the line's first word is not a known code, it is part of the sentence.
    ///
    /// ```
    /// use bellwire::{Code, RemoteError};
    ///
    /// let error = RemoteError::parse(b"!refused SET: too warm\n", "SET");
    /// assert_eq!((error.command, error.code), (Some("SET"), Code::Refused));
    /// assert_eq!(error.sentence, "too warm");
    ///
    /// let error = RemoteError::parse(b"!refused LOG: disk full\n", "SET");
    /// assert_eq!((error.command, error.other_command()), (None, Some("LOG")));
    /// ```
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub fn parse(line: &[u8], waiting: &'static str) -> Self {
        let line = line::trim(line.strip_prefix(b"!").unwrap_or(line));
        let end = line.iter().position(|byte| *byte == b' ');
        let end = end.unwrap_or(line.len());
        let code = Code::from_word(line.get(..end).unwrap_or(line));
        let rest = match code {
            Code::Other => line,
            _ => line::trim(line.get(end..).unwrap_or(&[])),
        };
        let (command, sentence) = match rest.strip_prefix(waiting.as_bytes()) {
            Some([]) if code != Code::Other => (Some(waiting), &[][..]),
            Some([b':', sentence @ ..]) if code != Code::Other => (Some(waiting), sentence),
            _ => (None, rest),
        };
        let sentence = core::str::from_utf8(line::trim(sentence));
        Self {
            command,
            code,
            sentence: cut(sentence.unwrap_or("invalid UTF-8 in the error line")),
        }
    }

    /// Returns the name of the command that the line names, if it is not the one that waited for the reply.
    ///
    /// If that command has no reply and was sent before the waiting one, the server ended the conversation
    /// after it, and the waiting one did not run.
    pub fn other_command(&self) -> Option<&str> {
        let end = self.sentence.bytes().position(|byte| byte == b':')?;
        self.sentence.get(..end).filter(|_| self.names_another())
    }

    /// Returns whether [`other_command`](Self::other_command) returns a name, in few bytes of code.
    pub(crate) fn names_another(&self) -> bool {
        let mut bytes = self.sentence.bytes();
        self.command.is_none()
            && self.code != Code::Other
            && bytes.find(|byte| matches!(byte, b' ' | b':')) == Some(b':')
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server error ({})", self.code)?;
        if let Some(command) = self.command {
            write!(f, ": {command}")?;
        }
        match self.sentence.as_str() {
            "" => Ok(()),
            sentence => write!(f, ": {}", Printable::new(sentence)),
        }
    }
}

impl core::error::Error for RemoteError {}
