//! Commands of every server that lists its commands, for a client.

use crate::command::Command;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{EncodeError, Format, Frame, Line};

/// Asks for a list of the commands: one line for each, of at most 160 bytes. The value of the reply is text
/// with a line feed after each line.
pub const HELP: Command<(), Lines> = Command::reserved("HELP");

/// Asks for the description of the command with the sent name. The lines of the reply, without their line feeds, are
/// the text of the [`Description`](super::Description).
pub const SCHEMA: Command<Line, Lines> = Command::reserved("SCHEMA");

/// Lines of text, up to an empty line. The value has a line feed after each line, and no empty line.
///
/// ```
/// use bellwire::schema::Lines;
/// use bellwire::Format;
///
/// assert_eq!(Lines::decode(b"one\ntwo\n\n"), Ok("one\ntwo\n"));
/// assert_eq!(Lines::decode(b"\n"), Ok(""));
/// ```
#[derive(Debug)]
pub enum Lines {}

impl Format for Lines {
    type Value<'a> = &'a str;
    type Sent<'a> = &'a str;

    /// `progress` counts the searched bytes.
    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        let rest = input.get(*progress..).unwrap_or(&[]);
        let end = match input {
            [b'\n', ..] => Some(1),
            _ => rest
                .windows(2)
                .position(|pair| pair == b"\n\n")
                .map(|at| at.saturating_add(*progress).saturating_add(2)),
        };
        // The last byte may be the first line feed of two.
        *progress = input.len().saturating_sub(1);
        end.map_or(Frame::Open, Frame::Ends)
    }

    fn decode(payload: &[u8]) -> Result<&str, DecodeError> {
        let text = payload
            .strip_suffix(b"\n")
            .ok_or(DecodeErrorKind::Truncated)?;
        core::str::from_utf8(text).map_err(|_| DecodeErrorKind::BadUtf8.into())
    }

    fn encode(text: &str, space: &mut [u8]) -> Result<usize, EncodeError> {
        let whole = text.is_empty() || text.ends_with('\n');
        if !whole || text.starts_with('\n') || text.contains("\n\n") {
            return Err(EncodeError::Unencodable);
        }
        let (body, rest) = space
            .split_at_mut_checked(text.len())
            .ok_or(EncodeError::NoRoom)?;
        body.copy_from_slice(text.as_bytes());
        *rest.first_mut().ok_or(EncodeError::NoRoom)? = b'\n';
        Ok(text.len().saturating_add(1))
    }
}

#[cfg(feature = "alloc")]
impl crate::format::OwnedReply for Lines {
    type Owned = alloc::string::String;

    fn into_owned(text: &str) -> alloc::string::String {
        text.into()
    }
}
