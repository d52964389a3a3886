//! The client's side of one conversation, without I/O.

mod pushes;
mod session;

pub(crate) use session::SKIP;
pub use session::{ClientSession, Found};

use crate::command::{Command, Expected, ReplyFormat};
use crate::error::{Error, ErrorKind};
use crate::format::{Format, Line};
use crate::topics::Listener;
use crate::{Buffer, RemoteError};
use core::convert::Infallible;

/// Expects a line after the last reply. No error line names it.
const ANY_LINE: Command<(), Line> = Command::new("-");

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
///
/// `T` is `()`, or [`Listening`](crate::topics::Listening) for a client [with topics](Self::with_topics).
#[derive(Debug)]
pub struct ClientConnection<'b, T = ()> {
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    /// The expected reply.
    expected: Option<Expected>,
    session: ClientSession,
    /// The received bytes at the front that belong to earlier replies.
    past: usize,
    ended: bool,
    /// Whether the end of a reply could not be found. Then the received bytes have no meaning.
    lost: bool,
    topics: T,
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
            session: ClientSession::default(),
            past: 0,
            ended: false,
            lost: false,
            topics: (),
        }
    }
}

impl<'b, T: Listener> ClientConnection<'b, T> {
    /// Begins another conversation with the same buffers. Unsent and received bytes are discarded.
    pub fn reset(&mut self) {
        self.rx.clear();
        self.tx.clear();
        self.expect(None);
        self.topics.reset();
        self.past = 0;
        self.ended = false;
        self.lost = false;
    }

    /// Returns the buffers `rx` and `tx`.
    pub fn into_buffers(self) -> (&'b mut [u8], &'b mut [u8]) {
        (self.rx.into_memory(), self.tx.into_memory())
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

    /// Returns space for bytes that are discarded, after [`give_up`](Self::give_up).
    pub(crate) fn discard(&mut self) -> &mut [u8] {
        self.rx.clear();
        self.rx.space()
    }

    /// Notes the end of the stream: no more bytes will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Ends the conversation, because a reply is overdue. Unsent bytes are discarded, and the next call returns
    /// [`Error::Closed`].
    ///
    /// Later bytes have no meaning. Close the stream, or [`reset`](Self::reset) the client once no more bytes of
    /// this conversation can arrive.
    pub fn give_up(&mut self) {
        self.expect(None);
        self.tx.clear();
        self.ended = true;
        self.lost = true;
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
        self.expect(command.expected());
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
        if !self.pass_pushes_on()? {
            return Ok(false);
        }
        let Some(expected) = self.expected else {
            return Ok(false);
        };
        let capacity = self.rx.capacity();
        match self.session.find(&expected, self.rx.filled(), capacity) {
            Ok(true) => match self.session.found() {
                Some(Found::Reply { size, .. }) if size > capacity => {
                    self.take(size);
                    Err(self.too_long().into())
                }
                _ => Ok(true),
            },
            Ok(false) if self.ended => {
                self.expect(None);
                Err(Error::Closed)
            }
            Ok(false) if self.rx.room() == 0 => self.lose(self.too_long()),
            Ok(false) => Ok(false),
            Err(kind) => self.lose(kind),
        }
    }

    /// Takes the reply. It may borrow from the receive buffer until the next call.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server sent an error line. If it names
    ///   [another command](RemoteError::other_command), the conversation is over, and this request did not run if
    ///   the other was sent before it.
    /// - [`ErrorKind::Decode`]: the reply cannot be decoded.
    /// - [`ErrorKind::ReplyPending`]: it has not arrived completely; see [`has_reply`](Self::has_reply).
    ///
    /// After the other errors the next call is possible, unless the server closes the stream.
    pub fn reply<Req, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
    ) -> Result<Rsp::Value<'_>, Error<Infallible>> {
        match self.session.found() {
            Some(Found::Reply { start, size }) => {
                self.take(size);
                let payload = self.rx.filled().get(start..size).unwrap_or(&[]);
                Rsp::decode(payload).map_err(|error| ErrorKind::Decode(error).into())
            }
            Some(Found::ErrorLine { size }) => {
                let error = self.take_error(size, command.name());
                if error.other_command().is_some() {
                    self.give_up();
                }
                Err(Error::Remote(error))
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
                let Some(Found::Reply { size, .. } | Found::ErrorLine { size }) =
                    self.session.found()
                else {
                    return Ok(false);
                };
                self.take(size);
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
            self.expected = ANY_LINE.expected();
        }
        match self.has_reply() {
            Err(Error::Closed) if self.rx.is_empty() && self.past == 0 => Ok(true),
            Ok(true) => match self.session.found() {
                Some(Found::ErrorLine { size }) => {
                    Err(Error::Remote(self.take_error(size, ANY_LINE.name())))
                }
                _ => self.lose(ErrorKind::UnexpectedReply),
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
        self.session.next();
    }

    /// Marks the reply at the front, of `size` bytes, as taken. Its bytes are removed later.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    fn take(&mut self, size: usize) {
        self.expect(None);
        self.past = size;
    }

    /// Takes the error line of `size` bytes, which arrived in place of the reply to `waiting`.
    fn take_error(&mut self, size: usize, waiting: &'static str) -> RemoteError {
        self.take(size);
        let line = self.rx.filled().get(..size).unwrap_or(&[]);
        RemoteError::parse(line, waiting)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    fn drop_past(&mut self) {
        let arrived = self.rx.filled().len();
        let now = self.past.min(arrived);
        self.rx.consume(now);
        self.past = self.past.saturating_sub(now);
    }

    fn too_long(&self) -> ErrorKind {
        let limit = self.rx.capacity();
        ErrorKind::MessageTooLong { limit }
    }

    /// Ends the conversation, because the end of the reply cannot be found.
    fn lose(&mut self, kind: ErrorKind) -> Result<bool, Error<Infallible>> {
        self.give_up();
        Err(kind.into())
    }
}
