//! The answers of `HELP` and `SCHEMA`.

use crate::command::Command;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{EncodeError, End, Format, Frame, Line};

/// Lists a server's commands.
pub const HELP: Command<(), Lines> = Command::reserved("HELP");

/// Returns the description of one command, cut into lines.
pub const SCHEMA: Command<Line, Lines> = Command::reserved("SCHEMA");

/// Lines of text up to an empty line.
#[derive(Debug)]
pub enum Lines {}

impl Format for Lines {
    type Value<'a> = &'a str;
    type Sent<'a> = &'a str;

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        let rest = input.get(*progress..).unwrap_or(&[]);
        let end = match input {
            [b'\n', ..] => Some(1),
            _ => rest
                .windows(2)
                .position(|pair| pair == b"\n\n")
                .map(|at| at + *progress + 2),
        };
        *progress = input.len().saturating_sub(1);
        match end {
            Some(end) => Frame::Ends(end),
            None => Frame::Open(End::Unknown),
        }
    }

    fn decode(payload: &[u8]) -> Result<&str, DecodeError> {
        let text = payload
            .get(..payload.len().saturating_sub(1))
            .unwrap_or(&[]);
        core::str::from_utf8(text).map_err(|_| DecodeErrorKind::BadUtf8.into())
    }

    fn encode(_: &str, _: &mut [u8]) -> Result<usize, EncodeError> {
        Err(EncodeError::Unencodable)
    }
}

#[cfg(feature = "alloc")]
impl crate::format::OwnedReply for Lines {
    type Owned = alloc::string::String;

    fn into_owned(lines: &str) -> Self::Owned {
        lines.into()
    }
}

impl super::Description {
    /// Returns the FNV-1a hash of the description's text.
    pub fn fingerprint(&self) -> u32 {
        let mut hash = 0x811c_9dc5_u32;
        self.write_to(&mut |part| {
            for byte in part.bytes() {
                hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            }
        });
        hash
    }
}
