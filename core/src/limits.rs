//! The limits of a server for each request.

use crate::format::MAX_DEPTH;

/// The most bytes that a server accepts and sends for one request.
///
/// # How large the buffers must be
/// Four buffers carry a conversation. Size each for its longest message. As an example, take a command
/// `SET: Command<Line, Line>`. A request has up to 301 bytes of text, and a reply up to 80.
///
/// | buffer | holds | bytes for `SET` |
/// |---|---|---|
/// | server's receive buffer | the longest payload | 302 |
/// | server's transmit buffer | the longest reply twice, and at least 160 bytes; see below for topics | 162 |
/// | client's receive buffer | the longest reply, and at least 160 bytes | 160 |
/// | client's transmit buffer | the longest name with its line feed, then its payload | 306 |
///
/// A line takes its text and a line feed. A reply in another format takes the three bytes `OK` and line feed before its
/// payload. [`Postcard`](crate::Postcard) puts the length before the value: one byte for up to 127 bytes, two for up
/// to 16383. [`Format::encode`](crate::Format::encode) tells the size of a value in any format.
///
/// An error line takes up to 160 bytes. A larger buffer saves time with pipelined requests: more of them arrive in one
/// read, and more replies leave in one write.
///
/// With [`topics`](crate::topics), the server's transmit buffer holds pushes beside the larger of
/// [`reply`](Self::reply) and 160 bytes, and the client's receive buffer holds the longest push.
///
/// If a message does not fit:
///
/// | too small | the client gets |
/// |---|---|
/// | server's receive buffer | `!too-large SET: payload exceeds 302 bytes`; the conversation goes on, see [`skip`](Self::skip) |
/// | server's transmit buffer, for the reply | `!failed SET: message exceeds 81 bytes`, after the handler ran |
/// | server's transmit buffer, for an error line | a shorter sentence |
/// | client's receive buffer | [`ErrorKind::MessageTooLong`](crate::ErrorKind::MessageTooLong), after the handler ran |
/// | client's transmit buffer | [`ErrorKind::MessageTooLong`](crate::ErrorKind::MessageTooLong); nothing was sent |
/// | server's transmit buffer or client's receive buffer, for a push | [the number](crate::topics::Push::Lost) of lost pushes |
///
/// ```
/// use bellwire::{ClientConnection, Command, Error, ErrorKind, Format, Line};
///
/// const SET: Command<Line, Line> = Command::new("SET");
///
/// let text = "x".repeat(301);
/// assert_eq!(Line::encode(&text, &mut [0; 400]), Ok(302));
///
/// let (mut rx, mut tx) = ([0; 160], [0; 306]);
/// let mut client = ClientConnection::new(&mut rx, &mut tx);
/// assert_eq!(client.request(SET, &text), Ok(()));
///
/// let (mut rx, mut tx) = ([0; 160], [0; 305]);
/// let mut client = ClientConnection::new(&mut rx, &mut tx);
/// let too_long = ErrorKind::MessageTooLong { limit: 305 };
/// assert_eq!(client.request(SET, &text), Err(Error::Protocol(too_long)));
/// ```
///
/// # Custom limits
/// [`for_buffers`](Self::for_buffers) has the defaults.
///
/// ```
/// use bellwire::Limits;
/// let limits = Limits { payload: 256, ..Limits::for_buffers(1024, 1024) };
/// assert_eq!(limits.reply, 512);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command line, with its line feed and the spaces and carriage returns around the name.
    pub name: usize,
    /// Bytes of a payload, with its length prefix or line feed.
    pub payload: usize,
    /// Bytes of a reply. An error line takes up to 160 bytes in any case. A request runs only if the larger of the
    /// two fits.
    pub reply: usize,
    /// Bytes of the longest payload that is skipped. If a rejected payload's end can be found, the server skips it
    /// and the conversation continues. A longer payload ends the conversation. For a line that exceeds `payload`, the
    /// bytes after the first `payload` bytes count. After its last line, a server that closes with
    /// [`blocking::close`](crate::blocking::close) discards at most `skip` bytes.
    pub skip: usize,
}

impl Limits {
    /// The most structs, options, sequences, maps and variants that nest in a payload of a format over serde.
    ///
    /// It bounds the recursion and the memory that a peer can cause.
    pub const MAX_DEPTH: u8 = MAX_DEPTH;

    /// Returns the limits for a receive and a transmit buffer of these sizes in bytes.
    ///
    /// - `name`: 64, or the receive buffer if that is smaller.
    /// - `payload`: the receive buffer.
    /// - `reply`: half the transmit buffer. Replies to pipelined requests gather in the rest.
    /// - `skip`: 16 receive buffers.
    ///
    /// Raise `reply` if the transmit buffer need not hold the longest reply twice.
    pub const fn for_buffers(receive: usize, transmit: usize) -> Self {
        Self {
            name: if receive < 64 { receive } else { 64 },
            payload: receive,
            reply: transmit / 2,
            skip: receive.saturating_mul(16),
        }
    }
}
