//! The client's side of one conversation, without I/O.

use crate::Buffer;
use crate::command::{Command, Expected, ReplyFormat};
use crate::error::{Code, Error, ErrorKind, RemoteError};
use crate::format::{Format, Frame, Line};
use crate::line;
use crate::sentence::cut;
use core::convert::Infallible;

/// The most bytes of a reply that is skipped because it exceeds the buffer. A longer one ends the
/// conversation. A server's limit is [`Limits::skip`](crate::Limits::skip).
const SKIP: usize = 65536;

/// The client's side of one conversation as a state machine, over two lent buffers.
///
/// [`blocking::Client`](crate::blocking::Client) and, with the feature `async`, `asynch::Client`
/// run it over an embedded-io stream. With the feature `smoltcp`, `smoltcp::Client` runs it over a
/// socket. A driver of your own repeats four steps for each call:
///
/// 1. If [`is_waiting`](Self::is_waiting), an earlier call was cancelled before its reply arrived. Send all
///    [`pending`](Self::pending) bytes, then receive into [`space`](Self::space) until
///    [`skip`](Self::skip) returns `true`.
/// 2. Call [`request`](Self::request), and send all [`pending`](Self::pending) bytes.
/// 3. Receive into [`space`](Self::space) until [`has_reply`](Self::has_reply) returns `true`.
/// 4. Take the [`reply`](Self::reply).
///
/// A reply is never mistaken for the reply to another call, even after errors and cancelled calls. The
/// client skips it, or ends the conversation if the reply's end cannot be found.
///
/// ```
/// use bellwire::{ClientConnection, Command, Line};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let (mut rx, mut tx) = ([0; 64], [0; 64]);
/// let mut client = ClientConnection::new(&mut rx, &mut tx);
/// client.request(STRING, "hi")?;
/// assert_eq!(client.pending(), b"STRING\nhi\n"); // send this
/// client.sent(10);
/// client.space()[..11].copy_from_slice(b"Thank you.\n"); // received
/// client.received(11);
/// assert!(client.has_reply()?);
/// assert_eq!(client.reply(STRING)?, "Thank you.");
/// # Ok::<(), bellwire::Error<core::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct ClientConnection<'b> {
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    /// The expected reply.
    expected: Option<Expected>,
    /// [`Stage::Opening`] if no reply is expected.
    stage: Stage,
    /// The bytes of the reply that the current stage has searched.
    progress: usize,
    /// The received bytes at the front that belong to earlier replies.
    past: usize,
    ended: bool,
    /// Whether the end of a reply could not be found. Then the received bytes have no meaning.
    lost: bool,
}

/// The state of the reply at the front of the receive buffer.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Unknown: its first bytes will tell.
    Opening,
    /// An incomplete error line.
    ErrorLine,
    /// An incomplete payload. It starts after `start` bytes of [`Format::PREFIX`].
    Payload { start: usize },
    /// A whole error line of `end` bytes.
    Refused { end: usize },
    /// A whole reply. The payload is the bytes from `start` to `end`.
    Replied { start: usize, end: usize },
}

impl<'b> ClientConnection<'b> {
    /// Creates a client at the start of a conversation.
    ///
    /// `rx` holds one reply at a time. `tx` holds at least one request. An error line takes up to
    /// 160 bytes of `rx`; one that does not fit ends the conversation.
    pub fn new(rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        Self {
            rx: Buffer::new(rx),
            tx: Buffer::new(tx),
            expected: None,
            stage: Stage::Opening,
            progress: 0,
            past: 0,
            ended: false,
            lost: false,
        }
    }

    /// Begins another conversation with the same buffers.
    pub fn reset(&mut self) {
        self.rx.clear();
        self.tx.clear();
        self.expect(None);
        self.past = 0;
        self.ended = false;
        self.lost = false;
    }

    /// Returns whether a reply is expected that has not been taken.
    pub fn is_waiting(&self) -> bool {
        self.expected.is_some()
    }

    /// Returns the space for received bytes. It is never empty while a reply is expected and
    /// [`has_reply`](Self::has_reply) returns `false`.
    pub fn space(&mut self) -> &mut [u8] {
        self.drop_past();
        self.rx.space()
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as received.
    pub fn received(&mut self, n: usize) {
        self.rx.fill(n);
    }

    /// Notes the end of the stream: no more bytes will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the bytes that are ready to be sent.
    pub fn pending(&self) -> &[u8] {
        self.tx.filled()
    }

    /// Counts the first `n` bytes of [`pending`](Self::pending) as sent.
    pub fn sent(&mut self, n: usize) {
        self.tx.consume(n);
    }

    /// Appends a request to the [`pending`](Self::pending) bytes.
    ///
    /// # Errors
    /// - [`ErrorKind::MessageTooLong`], [`ErrorKind::Unencodable`]: no part of the request was written.
    /// - [`ErrorKind::ReplyPending`]: see [`is_waiting`](Self::is_waiting).
    /// - [`Error::Closed`]: the conversation is over.
    pub fn request<Req: Format, Rsp: ReplyFormat>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
    ) -> Result<(), Error<Infallible>> {
        if self.ended {
            return Err(Error::Closed);
        }
        if self.is_waiting() {
            return Err(ErrorKind::ReplyPending.into());
        }
        command.write(value, &mut self.tx)?;
        self.expect(Rsp::EXPECTED);
        Ok(())
    }

    /// Returns whether the expected reply has arrived completely.
    ///
    /// # Errors
    /// - [`Error::Closed`]: the stream ended before the reply was complete.
    /// - [`Error::Protocol`]: the reply is not in the format that the command declares, or it exceeds the
    ///   receive buffer.
    ///
    /// After [`ErrorKind::MessageTooLong`] for a reply whose end is known, the client skips it and accepts
    /// the next call. After all other errors the conversation is over.
    pub fn has_reply(&mut self) -> Result<bool, Error<Infallible>> {
        self.drop_past();
        let Some(expected) = self.expected else {
            return Ok(false);
        };
        loop {
            let arrived = self.rx.filled();
            match self.stage {
                Stage::Opening => {
                    let prefix = expected.prefix;
                    let known = arrived.get(..prefix.len()).unwrap_or(arrived);
                    self.stage = match arrived.first() {
                        None => return self.more(),
                        Some(b'!') => Stage::ErrorLine,
                        Some(_) if known == prefix => Stage::Payload {
                            start: prefix.len(),
                        },
                        Some(_) if prefix.starts_with(known) => return self.more(),
                        Some(_) => return self.give_up(ErrorKind::UnexpectedReply),
                    };
                }
                Stage::ErrorLine => match line::find_end(arrived, &mut self.progress) {
                    Some(end) => self.stage = Stage::Refused { end },
                    None => return self.more(),
                },
                Stage::Payload { start } => {
                    let payload = arrived.get(start..).unwrap_or(&[]);
                    let end = match (expected.frame)(payload, &mut self.progress) {
                        Frame::Ends(size) => size.saturating_add(start),
                        Frame::Open(_) => return self.more(),
                        Frame::Broken(error) => {
                            return self.give_up(ErrorKind::Decode(error.into()));
                        }
                    };
                    if end <= arrived.len() {
                        self.stage = Stage::Replied { start, end };
                    } else if end <= self.rx.capacity() {
                        return self.more();
                    } else if end <= SKIP {
                        self.take(end);
                        return Err(self.too_long().into());
                    } else {
                        return self.give_up(self.too_long());
                    }
                }
                Stage::Refused { .. } | Stage::Replied { .. } => return Ok(true),
            }
        }
    }

    /// Takes the reply. It may borrow from the receive buffer until the next call.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server sent an error line.
    /// - [`ErrorKind::Decode`]: the reply cannot be decoded.
    /// - [`ErrorKind::ReplyPending`]: it has not arrived completely; see [`has_reply`](Self::has_reply).
    ///
    /// After each error the next call is possible, unless the server closes the stream.
    pub fn reply<Req, Rsp: Format>(
        &mut self,
        _command: Command<Req, Rsp>,
    ) -> Result<Rsp::Value<'_>, Error<Infallible>> {
        match self.stage {
            Stage::Replied { start, end } => {
                self.take(end);
                let payload = self.rx.filled().get(start..end).unwrap_or(&[]);
                Rsp::decode(payload).map_err(|error| ErrorKind::Decode(error).into())
            }
            Stage::Refused { end } => {
                self.take(end);
                let line = self.rx.filled().get(1..end).unwrap_or(&[]);
                Err(Error::Remote(remote_error(line)))
            }
            _ => Err(ErrorKind::ReplyPending.into()),
        }
    }

    /// Skips the reply to a cancelled call if it has arrived completely, and returns whether it has.
    ///
    /// A faulty reply is skipped too, because it does not concern other calls.
    ///
    /// # Errors
    /// As [`has_reply`](Self::has_reply), if the conversation is over.
    pub fn skip(&mut self) -> Result<bool, Error<Infallible>> {
        match self.has_reply() {
            Ok(true) => {
                if let Stage::Refused { end } | Stage::Replied { end, .. } = self.stage {
                    self.take(end);
                }
                Ok(true)
            }
            Err(Error::Protocol(_)) if !self.ended => Ok(true),
            other => other,
        }
    }

    /// Returns whether the server has ended the conversation.
    ///
    /// Call it after the last request, when the client has shut down its sending. It tells whether
    /// requests without a reply failed.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server ended the conversation with an error line.
    /// - [`Error::Closed`]: the stream ended inside an error line or a skipped reply, or the conversation was over
    ///   earlier.
    /// - [`ErrorKind::UnexpectedReply`]: other bytes arrived.
    pub fn is_over(&mut self) -> Result<bool, Error<Infallible>> {
        if self.lost {
            return Err(Error::Closed);
        }
        let between = !self.is_waiting();
        if between {
            // Expect a line during this call only. The search resumes after the bytes already searched.
            self.expected = Line::EXPECTED;
        }
        match self.has_reply() {
            Err(Error::Closed) if self.rx.is_empty() && self.past == 0 => Ok(true),
            Ok(true) => match self.reply(Command::<(), Line>::new("-")) {
                Err(Error::Remote(error)) => Err(Error::Remote(error)),
                _ => self.give_up(ErrorKind::UnexpectedReply),
            },
            Ok(false) if between => {
                self.expected = None;
                Ok(false)
            }
            other => other,
        }
    }

    fn expect(&mut self, reply: Option<Expected>) {
        self.expected = reply;
        self.stage = Stage::Opening;
        self.progress = 0;
    }

    /// Marks the reply at the front, of `size` bytes, as taken. Its bytes are removed later.
    fn take(&mut self, size: usize) {
        self.expect(None);
        self.past = size;
    }

    fn drop_past(&mut self) {
        let arrived = self.rx.filled().len();
        let now = self.past.min(arrived);
        self.rx.consume(now);
        self.past = self.past.saturating_sub(now);
    }

    /// Asks for more bytes. Fails if the stream has ended or the buffer is full.
    fn more(&mut self) -> Result<bool, Error<Infallible>> {
        if self.ended {
            self.expect(None);
            Err(Error::Closed)
        } else if self.rx.room() == 0 {
            self.give_up(self.too_long())
        } else {
            Ok(false)
        }
    }

    fn too_long(&self) -> ErrorKind {
        let limit = self.rx.capacity();
        ErrorKind::MessageTooLong { limit }
    }

    /// Ends the conversation, because the end of the reply cannot be found.
    fn give_up(&mut self, kind: ErrorKind) -> Result<bool, Error<Infallible>> {
        self.expect(None);
        self.ended = true;
        self.lost = true;
        Err(kind.into())
    }
}

/// Parses an error line without its `!`. If its first word is not a known code, it is part of the
/// sentence.
fn remote_error(line: &[u8]) -> RemoteError {
    let text = core::str::from_utf8(line::trim(line));
    let text = text.unwrap_or("invalid UTF-8 in the error line");
    let (word, sentence) = text.split_once(' ').unwrap_or((text, ""));
    let code = Code::from_word(word);
    let known = code != Code::Other;
    RemoteError {
        code,
        sentence: cut(if known { sentence } else { text }),
    }
}
