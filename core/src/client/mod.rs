//! The client's side of one conversation, without I/O.

mod pushes;
mod session;
mod steps;

pub(crate) use session::SKIP;
pub use session::{ClientSession, Found};

use crate::Buffer;
#[cfg(doc)]
use crate::RemoteError;
use crate::command::{Command, ReplyFormat, ReplyShape};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::format::Format;
use crate::topics::Listener;
use core::convert::Infallible;

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
/// `T` holds the topics' listener; see [`with_topics`](Self::with_topics).
#[derive(Debug)]
pub struct ClientConnection<'b, T = ()> {
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    /// The expected reply.
    expected: Option<&'static ReplyShape>,
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
        self.write::<Req, _>(command.name(), Rsp::SHAPE, value)
            .map_err(|failure| self.error(failure))
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
        self.find_reply().map_err(|failure| self.error(failure))
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
        self.take_reply::<Rsp, _>(Ok(()), command.name())
    }

    /// Skips the reply to a cancelled call if it has arrived completely, and returns whether it has.
    ///
    /// A faulty reply is skipped too, because it does not concern other calls.
    ///
    /// # Errors
    /// As [`has_reply`](Self::has_reply), if the conversation is over.
    pub fn skip(&mut self) -> Result<bool, Error<Infallible>> {
        self.skip_reply().map_err(|failure| self.error(failure))
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
        let is_over = self.find_end().map_err(|failure| self.error(failure))?;
        self.take_end()?;
        Ok(is_over)
    }

    fn expect(&mut self, reply: Option<&'static ReplyShape>) {
        self.expected = reply;
        self.session.next();
    }
}
