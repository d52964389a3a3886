//! The requests to send and the replies to expect.

use super::called::{Called, Judge};
use bellwire::{ClientConnection, Command, Format, Printable, ReplyFormat};
use clap::ValueEnum;
use commands::{GOB, POSTCARD, STRING, TEXT};
use std::error::Error;

/// The most bytes that one read returns.
pub(super) const READ: usize = 64 * 1024;

/// The most bytes that a connection may have in flight.
const MOST: usize = 64 << 20;

/// The demo's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Named {
    /// STRING with the tutorial's text.
    String,
    /// POSTCARD with the tutorial's structure.
    Postcard,
    /// GOB with the tutorial's structure, which has no reply, and STRING, as one request.
    Gob,
}

/// The most bytes of an error code that are shown; Bellwire's longest code has 15.
const CODE: usize = 32;

/// The reason why a connection under load failed, or a reply is wrong.
pub(super) type Failure = String;

/// Bytes from the command line.
#[derive(Debug, Clone)]
pub(super) struct Bytes(pub(super) Vec<u8>);

/// One request and its reply, each repeated until any bytes to send or compare are one slice.
pub(super) struct Load {
    requests: Vec<u8>,
    request: usize,
    replies: Vec<u8>,
    reply: usize,
    /// The requests that each connection keeps in flight.
    pub(super) pipeline: usize,
    /// Judges each reply whose bytes differ from the expected ones. Without it, such a reply ends its connection.
    pub(super) judge: Option<Judge>,
}

impl Load {
    pub(super) fn named(command: Named, pipeline: usize) -> Result<Self, Box<dyn Error>> {
        match command {
            Named::String => Self::new(&encode(STRING, TEXT)?, b"Thank you.\n", pipeline),
            Named::Postcard => {
                let request = encode(POSTCARD, &commands::value())?;
                Self::new(&request, b"Received.\n", pipeline)
            }
            Named::Gob => {
                let request = [encode(GOB, &commands::value())?, encode(STRING, TEXT)?].concat();
                Self::new(&request, b"Thank you.\n", pipeline)
            }
        }
    }

    pub(super) fn called(called: Called, pipeline: usize) -> Result<Self, Box<dyn Error>> {
        let load = Self::new(&called.request, &called.reply, pipeline)?;
        Ok(Self {
            judge: Some(called.into_judge()),
            ..load
        })
    }

    pub(super) fn new(
        request: &[u8],
        reply: &[u8],
        pipeline: usize,
    ) -> Result<Self, Box<dyn Error>> {
        if request.is_empty() || reply.is_empty() {
            return Err("a request and its reply must not be empty".into());
        }
        let size = request.len().checked_mul(pipeline.saturating_add(1));
        if size.is_none_or(|size| size > MOST) {
            let limit = MOST >> 20;
            return Err(format!("the requests in flight exceed {limit} MiB per connection").into());
        }
        Ok(Self {
            requests: request.repeat(pipeline + 1),
            request: request.len(),
            replies: reply.repeat(READ / reply.len() + 2),
            reply: reply.len(),
            pipeline,
            judge: None,
        })
    }

    /// Returns the expected reply.
    pub(super) fn reply(&self) -> &[u8] {
        &self.replies[..self.reply]
    }

    /// Returns the size of `requests` requests, in bytes.
    pub(super) fn size(&self, requests: usize) -> usize {
        requests * self.request
    }

    /// Returns the last `size` bytes of a series of whole requests.
    pub(super) fn unsent(&self, size: usize) -> &[u8] {
        let start = (self.request - size % self.request) % self.request;
        &self.requests[start..start + size]
    }

    /// Compares `arrived` with the expected bytes, from `read` bytes into a reply. Returns the number
    /// of replies that `arrived` completes, and the number of bytes of the next one. If a reply is
    /// wrong, returns the number of correct replies before it, and the bytes from its start.
    pub(super) fn check<'a>(
        &self,
        read: usize,
        arrived: &'a [u8],
    ) -> Result<(usize, usize), (usize, &'a [u8])> {
        let end = read + arrived.len();
        let expected = &self.replies[read..end];
        if arrived == expected {
            return Ok((end / self.reply, end % self.reply));
        }
        let same = arrived.iter().zip(expected).take_while(|(a, b)| a == b);
        let right = (read + same.count()) / self.reply;
        let start = (right * self.reply).saturating_sub(read);
        Err((right, &arrived[start..]))
    }
}

/// Returns the name under which a wrong reply is counted.
pub(super) fn name(instead: &[u8]) -> Failure {
    match instead.strip_prefix(b"!") {
        Some(line) => {
            let code = line.split(|byte| b" \r\n".contains(byte)).next();
            let code = Printable::new(code.unwrap_or_default()).at_most(CODE);
            format!("refused: {code}")
        }
        None => "wrong reply".to_owned(),
    }
}

fn encode<Req: Format, Rsp: ReplyFormat>(
    command: Command<Req, Rsp>,
    value: Req::Sent<'_>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut memory = [0; 4096];
    let mut caller = ClientConnection::new(&mut [], &mut memory);
    caller.request(command, value)?;
    Ok(caller.pending().to_vec())
}

/// Resolves the escapes `\n`, `\r`, `\t`, `\\` and `\xNN` as Rust does.
pub(super) fn unescape(text: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escaped.as_bytes() {
            [b'n', ..] => (Some(b'\n'), 1),
            [b'r', ..] => (Some(b'\r'), 1),
            [b't', ..] => (Some(b'\t'), 1),
            [b'\\', ..] => (Some(b'\\'), 1),
            [b'x', ..] => {
                let digits = escaped.get(1..3).unwrap_or("");
                (u8::from_str_radix(digits, 16).ok(), 3)
            }
            _ => (None, 0),
        };
        bytes.push(byte.ok_or_else(|| format!("unknown escape at \\{escaped}"))?);
        rest = &escaped[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Load, unescape};

    #[test]
    fn unsent_bytes_end_with_a_whole_request() {
        let load = Load::new(b"abc", b"xy", 2).unwrap();
        assert_eq!(load.unsent(6), b"abcabc");
        assert_eq!(load.unsent(4), b"cabc");
        assert_eq!(load.unsent(1), b"c");
        assert_eq!(load.unsent(0), b"");
    }

    #[test]
    fn replies_are_checked_wherever_a_read_splits_them() {
        let load = Load::new(b"a", b"xyz", 4).unwrap();
        assert_eq!(load.check(0, b"xyzxy"), Ok((1, 2)));
        assert_eq!(load.check(2, b"z"), Ok((1, 0)));
        assert_eq!(load.check(1, b"y"), Ok((0, 2)));
        assert_eq!(load.check(0, b"xyz!no\n"), Err((1, &b"!no\n"[..])));
        assert_eq!(load.check(2, b"Q"), Err((0, &b"Q"[..])));
    }

    #[test]
    fn escapes_mean_the_same_as_in_rust() {
        assert_eq!(
            unescape(r"A\n\r\t\\\x00\xff").unwrap().0,
            b"A\n\r\t\\\0\xff"
        );
        assert!(unescape(r"\q").is_err() && unescape(r"\x1").is_err() && unescape("\\").is_err());
    }
}
