//! The client's side of one conversation, without the bytes' transport.

use crate::Buffer;
use crate::command::{Command, Expected, ReplyFormat};
use crate::error::{Code, Error, ErrorKind, RemoteError};
use crate::format::{Format, Frame, Line};
use crate::line;
use crate::sentence::cut;
use core::convert::Infallible;

/// A reply that is too long for the buffer is skipped up to this length, as on the other side by
/// [`Limits::skip`](crate::Limits::skip); beyond it the conversation is over.
const SKIP: usize = 65536;

/// The client's side of one conversation as a state machine over two lent buffers.
///
/// [`blocking::Client`](crate::blocking::Client) and, with the feature `async`, `asynch::Client`
/// run it over an embedded-io stream; with the feature `smoltcp`, `smoltcp::Client` runs it over a
/// socket. Another driver does for each call:
///
/// 1. While [`is_waiting`](Self::is_waiting), the reply to a call that was given up is still on its
///    way: send what is pending, and until [`skip`](Self::skip) says that it is passed, fill
///    [`space`](Self::space).
/// 2. [`request`](Self::request), then send all that is [`pending`](Self::pending).
/// 3. Until [`has_reply`](Self::has_reply), fill [`space`](Self::space).
/// 4. Take the [`reply`](Self::reply).
///
/// The bytes of one call's reply are never taken for another's, whatever went wrong in between:
/// they are skipped, or, where their end cannot be found, the conversation is over.
///
/// ```
/// use bellwire::{ClientConnection, Command, Line};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let (mut rx, mut tx) = ([0; 64], [0; 64]);
/// let mut caller = ClientConnection::new(&mut rx, &mut tx);
/// caller.request(STRING, "hi")?;
/// assert_eq!(caller.pending(), b"STRING\nhi\n"); // to be sent
/// caller.sent(10);
/// caller.space()[..11].copy_from_slice(b"Thank you.\n"); // was received
/// caller.received(11);
/// assert!(caller.has_reply()?);
/// assert_eq!(caller.reply(STRING)?, "Thank you.");
/// # Ok::<(), bellwire::Error<core::convert::Infallible>>(())
/// ```
#[derive(Debug)]
pub struct ClientConnection<'b> {
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    /// The reply that is on its way.
    expected: Option<Expected>,
    /// Where none is, none is taken: it is [`Stage::Opening`].
    stage: Stage,
    /// Bytes of the reply that its present stage has looked at.
    progress: usize,
    /// Bytes from the front of what is received that belong to earlier replies.
    past: usize,
    ended: bool,
    /// Whether the end of a reply could not be found, so that what is received means nothing.
    lost: bool,
}

/// How much is known of the reply at the front of the receive buffer.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Nothing: its first bytes decide.
    Opening,
    /// It is an error line.
    ErrorLine,
    /// It is a payload behind so many bytes of introduction.
    Payload { start: usize },
    /// It is whole: an error line of so many bytes.
    Refused { end: usize },
    /// It is whole: a payload between these places.
    Replied { start: usize, end: usize },
}

impl<'b> ClientConnection<'b> {
    /// A conversation that begins. `rx` holds one reply at a time, `tx` at least one request. An
    /// error line takes up to 160 bytes of `rx`; one that does not fit ends the conversation.
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

    /// Begins another conversation over the same buffers.
    pub fn reset(&mut self) {
        self.rx.clear();
        self.tx.clear();
        self.expect(None);
        self.past = 0;
        self.ended = false;
        self.lost = false;
    }

    /// Whether a reply is on its way that was not taken.
    pub fn is_waiting(&self) -> bool {
        self.expected.is_some()
    }

    /// Where received bytes go; while a reply is waited for, never empty when
    /// [`has_reply`](Self::has_reply) says no.
    pub fn space(&mut self) -> &mut [u8] {
        self.drop_past();
        self.rx.space()
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as received.
    pub fn received(&mut self, n: usize) {
        self.rx.fill(n);
    }

    /// Takes note that the stream has ended: nothing more will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What waits to be sent.
    pub fn pending(&self) -> &[u8] {
        self.tx.filled()
    }

    /// Counts the first `n` bytes of [`pending`](Self::pending) as sent.
    pub fn sent(&mut self, n: usize) {
        self.tx.consume(n);
    }

    /// Writes a request behind what is pending.
    ///
    /// # Errors
    /// [`ErrorKind::MessageTooLong`] or [`ErrorKind::Unencodable`]: nothing of it was written.
    /// [`ErrorKind::ReplyPending`]: see [`is_waiting`](Self::is_waiting). [`Error::Closed`]: the
    /// conversation is over.
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

    /// Whether the reply that is on its way has arrived whole.
    ///
    /// # Errors
    /// [`Error::Closed`]: the stream ended before. [`Error::Protocol`]: it is not the kind of reply that
    /// the command declares, or longer than the receive buffer. After [`ErrorKind::MessageTooLong`]
    /// with a known end the next call goes on; after the others the conversation is over.
    pub fn has_reply(&mut self) -> Result<bool, Error<Infallible>> {
        self.drop_past();
        let Some(expected) = self.expected else {
            return Ok(false);
        };
        loop {
            let arrived = self.rx.filled();
            match self.stage {
                Stage::Opening => {
                    let introduction = expected.introduction;
                    let known = arrived.get(..introduction.len()).unwrap_or(arrived);
                    self.stage = match arrived.first() {
                        None => return self.more(),
                        Some(b'!') => Stage::ErrorLine,
                        Some(_) if known == introduction => Stage::Payload {
                            start: introduction.len(),
                        },
                        Some(_) if introduction.starts_with(known) => return self.more(),
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
                        Frame::Broken(flaw) => {
                            return self.give_up(ErrorKind::Decode(flaw.into()));
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

    /// Takes the reply, which may borrow from the receive buffer until the next call.
    ///
    /// # Errors
    /// [`Error::Remote`]: it is an error line. [`ErrorKind::Decode`]: it cannot be decoded.
    /// [`ErrorKind::ReplyPending`]: it has not arrived; see [`has_reply`](Self::has_reply). After each the
    /// next call goes on, unless the server closes.
    pub fn reply<Req, Rsp: Format>(
        &mut self,
        _command: Command<Req, Rsp>,
    ) -> Result<Rsp::Value<'_>, Error<Infallible>> {
        match self.stage {
            Stage::Replied { start, end } => {
                self.take(end);
                let payload = self.rx.filled().get(start..end).unwrap_or(&[]);
                Rsp::decode(payload).map_err(|malformed| ErrorKind::Decode(malformed).into())
            }
            Stage::Refused { end } => {
                self.take(end);
                let line = self.rx.filled().get(1..end).unwrap_or(&[]);
                Err(Error::Remote(refusal(line)))
            }
            _ => Err(ErrorKind::ReplyPending.into()),
        }
    }

    /// Passes the reply to a call that was given up, as soon as it has arrived, and says whether it
    /// has. A fault in it concerned that call and no other, so it is passed like a good one.
    ///
    /// # Errors
    /// As [`has_reply`](Self::has_reply), where the conversation is over.
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

    /// Whether the server has ended the conversation. This is for after the last request, once this
    /// end's sending is ended: it shows how a request without reply fared.
    ///
    /// # Errors
    /// [`Error::Remote`]: the server's last word is an error line. [`Error::Closed`]: it ended in
    /// the middle of one, or of a reply that was too long, or the conversation was over earlier.
    /// [`ErrorKind::UnexpectedReply`]: something else came.
    pub fn is_over(&mut self) -> Result<bool, Error<Infallible>> {
        if self.lost {
            return Err(Error::Closed);
        }
        let between = !self.is_waiting();
        if between {
            // A line, for as long as this looks; it goes on where it last stopped.
            self.expected = Line::EXPECTED;
        }
        match self.has_reply() {
            Err(Error::Closed) if self.rx.is_empty() && self.past == 0 => Ok(true),
            Ok(true) => match self.reply(Command::<(), Line>::new("-")) {
                Err(Error::Remote(refusal)) => Err(Error::Remote(refusal)),
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

    /// Counts the reply at the front, of so many bytes, as one of the past.
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

    /// Asks for more bytes, if more can come and be kept.
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

    /// Ends the conversation: the end of the reply cannot be found.
    fn give_up(&mut self, fault: ErrorKind) -> Result<bool, Error<Infallible>> {
        self.expect(None);
        self.ended = true;
        self.lost = true;
        Err(fault.into())
    }
}

/// Reads an error line behind its `!`. Where its first word is no code that is known here, it
/// belongs to the sentence.
fn refusal(line: &[u8]) -> RemoteError {
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
