//! Text up to a line feed.

use super::{EncodeError, Format, Frame};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::line;

/// One line of UTF-8 text with a line feed at its end.
///
/// A carriage return before the line feed is not part of the text, so a person at a terminal can be
/// a peer. As a reply a line has no prefix. It therefore begins with neither `!`, which marks
/// an error, nor `>`, which marks a push.
#[derive(Debug)]
pub enum Line {}

impl Format for Line {
    type Value<'a> = &'a str;
    type Sent<'a> = &'a str;
    const PREFIX: &'static [u8] = b"";

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        match line::find_end(input, progress) {
            Some(size) => Frame::Ends(size),
            None => Frame::OpenLine,
        }
    }

    fn decode(payload: &[u8]) -> Result<&str, DecodeError> {
        let text = core::str::from_utf8(line::strip_end(payload));
        text.map_err(|_| DecodeErrorKind::BadUtf8.into())
    }

    fn encode(text: &str, space: &mut [u8]) -> Result<usize, EncodeError> {
        let bytes = text.as_bytes();
        if line::has_line_feed(bytes) || bytes.ends_with(b"\r") {
            return Err(EncodeError::Unencodable);
        }
        let (body, rest) = space
            .split_at_mut_checked(bytes.len())
            .ok_or(EncodeError::NoRoom)?;
        body.copy_from_slice(bytes);
        *rest.first_mut().ok_or(EncodeError::NoRoom)? = b'\n';
        Ok(bytes.len().saturating_add(1))
    }
}
