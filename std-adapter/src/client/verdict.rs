//! The meaning of an error line for the calls that wait.

use bellwire::{Code, RemoteError};

/// The most bytes of an error line, with its line feed.
pub(crate) const ERROR_LINE: usize = 160;

/// Which calls an error line concerns.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It answers the oldest waiting call. If it is the `last` line of the conversation, the later calls did not run.
    Oldest { error: RemoteError, last: bool },
    /// It rejects a command without reply that was sent before. The server ended the conversation, so no waiting call
    /// ran.
    Earlier(RemoteError),
    /// It names a command that was not sent. The conversation is over, and the waiting calls may have run.
    Unknown(RemoteError),
}

impl Verdict {
    /// Judges `line`, which arrived while the reply to the command `waiting` was expected. `silent` has the names of
    /// the commands without reply that were sent.
    pub(crate) fn new(line: &[u8], waiting: &'static str, silent: &[&'static str]) -> Self {
        let error = RemoteError::parse(line, waiting);
        if error.other_command().is_none() {
            // These two codes, and a line that names no command, are the last line of a conversation.
            let last = error.command.is_none() || is_passing(&error);
            return Self::Oldest { error, last };
        }
        match name(line, silent) {
            Some(error) => Self::Earlier(error),
            None => Self::Unknown(error),
        }
    }
}

/// Returns whether the error concerns the conversation, which it ends, and not the command.
pub(crate) fn is_passing(error: &RemoteError) -> bool {
    matches!(error.code, Code::TimedOut | Code::Busy)
}

/// Bytes that no call awaits. They end the conversation.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// The beginning of an error line.
    Incomplete,
    /// An error line. It is about a command without reply, or about the conversation.
    Error(RemoteError),
    /// Other bytes.
    Unexpected,
}

/// Judges `bytes`, which are not empty. `silent` is as for [`Verdict::new`].
pub(crate) fn unasked(bytes: &[u8], silent: &[&'static str]) -> Unasked {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    match (bytes.first(), end) {
        (Some(b'!'), Some(end)) => {
            let line = &bytes[..=end];
            let error = name(line, silent);
            Unasked::Error(error.unwrap_or_else(|| RemoteError::parse(line, "-")))
        }
        (Some(b'!'), None) if bytes.len() < ERROR_LINE => Unasked::Incomplete,
        _ => Unasked::Unexpected,
    }
}

/// Returns the error of `line` if it names one of these commands.
fn name(line: &[u8], commands: &[&'static str]) -> Option<RemoteError> {
    let mut errors = commands.iter().map(|name| RemoteError::parse(line, name));
    errors.find(|error| error.command.is_some())
}
