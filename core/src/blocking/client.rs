//! The client over a blocking stream.

use super::{flush, read, write};
use crate::client::{ClientConnection, SKIP};
use crate::command::{Command, NoReply, ReplyFormat, ReplyShape, encode_request};
use crate::error::Error;
use crate::failure::Failure;
use crate::format::{EncodeError, Format};
use crate::topics::{Listener, Listening, Push, UntypedTopic};
use embedded_io::{Read, ReadReady, Write};

/// A step of [`ClientConnection`], which returns whether it is done.
type Step<'b, T, E> = fn(&mut ClientConnection<'b, T>) -> Result<bool, Failure<E>>;

/// A client over a blocking stream: one call at a time, over two lent buffers.
///
/// `rx` holds one reply at a time. An error line takes up to 160 bytes of it. `tx` holds one
/// request.
///
/// After [`Error::Transport`], for example if a `read` times out, the client stays usable. The next
/// call sends the unsent bytes, skips the late reply, and then gets its own reply.
///
/// ```no_run
/// use bellwire::{Command, Line, blocking::Client};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// # fn example<S: embedded_io::Read + embedded_io::Write>(stream: S) -> Result<(), bellwire::Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 256]);
/// let mut client = Client::new(stream, &mut rx, &mut tx);
/// let thanks: &str = client.call(STRING, "Additional data.")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<'b, S, T = ()> {
    stream: S,
    caller: ClientConnection<'b, T>,
    /// Whether bytes of the last request may still have to be written or flushed.
    unsent: bool,
}

impl<'b, S: Read + Write> Client<'b, S> {
    /// Creates a client at the start of a conversation over `stream`.
    pub fn new(stream: S, rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        Self {
            stream,
            caller: ClientConnection::new(rx, tx),
            unsent: false,
        }
    }

    /// Passes the pushes of these topics to `listener`; see
    /// [`ClientConnection::with_topics`](crate::ClientConnection::with_topics).
    ///
    /// The listener runs inside each call and inside [`receive_pushes`](Client::receive_pushes).
    pub fn with_topics<L: FnMut(Push<'_>), const N: usize>(
        self,
        topics: [UntypedTopic; N],
        listener: L,
    ) -> Client<'b, S, Listening<L, N>> {
        Client {
            stream: self.stream,
            caller: self.caller.with_topics(topics, listener),
            unsent: self.unsent,
        }
    }
}

impl<'b, S: Read + Write, T: Listener> Client<'b, S, T> {
    /// Begins another conversation over `stream`, and returns the old stream.
    pub fn replace_stream(&mut self, stream: S) -> S {
        self.reset();
        core::mem::replace(&mut self.stream, stream)
    }

    /// Returns the stream and the buffers `rx` and `tx`.
    pub fn into_parts(self) -> (S, &'b mut [u8], &'b mut [u8]) {
        let (rx, tx) = self.caller.into_buffers();
        (self.stream, rx, tx)
    }

    /// Begins another conversation over the same stream. Unsent and received bytes are discarded.
    ///
    /// Bytes that the stream delivers later count as replies, so call this only if none can come. For a serial
    /// line see [`recover`](Self::recover).
    pub fn reset(&mut self) {
        self.caller.reset();
        self.unsent = false;
    }

    /// Returns whether the reply to an earlier call is still expected. The next call waits for it first, without
    /// sending its request.
    ///
    /// A reply that never comes makes later calls wait in vain. Then close the stream and
    /// [replace](Self::replace_stream) it, or [recover](Self::recover).
    pub fn is_waiting(&self) -> bool {
        self.caller.is_waiting()
    }

    /// Returns the stream, for example to set its time limits.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server sent an error line.
    /// - [`Error::Protocol`]: the request does not fit `tx` or cannot be encoded, and nothing was
    ///   sent; or the reply does not fit `rx` or cannot be decoded.
    /// - [`Error::Closed`], [`Error::Transport`]: no reply came.
    pub fn call<Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
    ) -> Result<Rsp::Value<'_>, Error<S::Error>> {
        let result = self.exchange::<Req>(command.name(), Rsp::SHAPE, value);
        self.caller.take_reply::<Rsp, _>(result, command.name())
    }

    /// Sends a request that has no reply. Returns after the stream has accepted it.
    ///
    /// # Errors
    /// As [`call`](Self::call). If the server rejects the request, the next call reports it,
    /// provided that the stream still delivers the error line by then. [`finish`](Self::finish)
    /// reports it too.
    pub fn send<Req: Format>(
        &mut self,
        command: Command<Req, NoReply>,
        value: Req::Sent<'_>,
    ) -> Result<(), Error<S::Error>> {
        self.exchange::<Req>(command.name(), NoReply::SHAPE, value)
            .map_err(|failure| self.caller.error(failure))
    }

    /// Waits between calls until at least one push has arrived and was passed to the listener.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server ended the conversation with an error line.
    /// - [`Error::Closed`], [`Error::Transport`]: the conversation is over, or the stream failed. After a time limit of
    ///   the stream, repeat the call.
    /// - [`Error::Protocol`]: bytes other than a push arrived, and the conversation is over.
    pub fn receive_pushes(&mut self) -> Result<(), Error<S::Error>> {
        self.end_with(ClientConnection::find_push)
    }

    /// Waits until the server has ended the conversation.
    ///
    /// Call this after the last request, once the stream's sending side is shut down. It reports
    /// whether a request without reply was rejected.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server ended with an error line.
    /// - [`Error::Protocol`], [`Error::Closed`], [`Error::Transport`]: the outcome is unknown.
    pub fn finish(&mut self) -> Result<(), Error<S::Error>> {
        self.end_with(ClientConnection::find_end)
    }

    /// Recovers after an overdue reply on a stream that cannot be closed, such as a UART, and begins another
    /// conversation.
    ///
    /// `wait` waits for the length of silence that shows that no reply of the old conversation can come: the
    /// server's time limit for a request, and the time that the server needs to answer. After that the server has
    /// discarded a partial request. If bytes arrive during a wait, they are discarded and the silence begins anew.
    ///
    /// # Errors
    /// - [`Error::Closed`]: 64 KiB arrived without silence. The conversation stays over.
    /// - [`Error::Transport`]: the stream failed.
    ///
    /// ```
    /// use bellwire::blocking::Client;
    /// # fn example<S: embedded_io::Read + embedded_io::Write + embedded_io::ReadReady>(
    /// #     client: &mut Client<'_, S>, delay_ms: impl Fn(u32)) -> Result<(), bellwire::Error<S::Error>> {
    ///
    /// client.recover(|| delay_ms(10_000 + 100))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recover(&mut self, mut wait: impl FnMut()) -> Result<(), Error<S::Error>>
    where
        S: ReadReady,
    {
        self.caller.give_up();
        let mut discarded = 0usize;
        while discarded <= SKIP {
            wait();
            let before = discarded;
            while discarded <= SKIP && self.stream.read_ready().map_err(Error::Transport)? {
                match read(&mut self.stream, self.caller.discard()).map_err(Error::Transport)? {
                    0 => return Err(Error::Closed),
                    n => discarded = discarded.saturating_add(n),
                }
            }
            if discarded == before {
                self.reset();
                return Ok(());
            }
        }
        Err(Error::Closed)
    }

    /// Sends a request of the command `name`, and waits for its reply if it has one.
    fn exchange<Req: Format>(
        &mut self,
        name: &str,
        reply: Option<&'static ReplyShape>,
        value: Req::Sent<'_>,
    ) -> Result<(), Failure<S::Error>> {
        let size = encode_request::<Req>(name, value, self.begin()?);
        self.transmit(size, reply)
    }

    /// Completes an earlier call, and returns the space for a request.
    fn begin(&mut self) -> Result<&mut [u8], Failure<S::Error>> {
        self.complete(ClientConnection::skip_reply)?;
        self.caller.request_space()
    }

    /// Sends a request of `size` bytes, and waits for its reply if it has one.
    fn transmit(
        &mut self,
        size: Result<usize, EncodeError>,
        reply: Option<&'static ReplyShape>,
    ) -> Result<(), Failure<S::Error>> {
        self.caller.written(size, reply)?;
        self.unsent = true;
        self.complete(ClientConnection::find_reply)
    }

    /// Completes an earlier call, then receives until `is_done` returns true or the server ends the conversation.
    fn end_with(&mut self, is_done: Step<'b, T, S::Error>) -> Result<(), Error<S::Error>> {
        let result = self.complete(ClientConnection::skip_reply);
        result
            .and_then(|()| self.receive_until(is_done))
            .map_err(|failure| self.caller.error(failure))?;
        self.caller.take_end()
    }

    /// Sends the unsent bytes. If a reply is expected, receives until `is_done` returns true.
    fn complete(&mut self, is_done: Step<'b, T, S::Error>) -> Result<(), Failure<S::Error>> {
        if self.unsent {
            self.flush()?;
        }
        if !self.caller.is_waiting() {
            return Ok(());
        }
        self.receive_until(is_done)
    }

    /// Receives until `is_done` returns true.
    fn receive_until(&mut self, is_done: Step<'b, T, S::Error>) -> Result<(), Failure<S::Error>> {
        while !is_done(&mut self.caller)? {
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Failure<S::Error>> {
        match read(&mut self.stream, self.caller.space()).map_err(Failure::Transport)? {
            0 => self.caller.end(),
            n => self.caller.received(n),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure<S::Error>> {
        while !self.caller.pending().is_empty() {
            match write(&mut self.stream, self.caller.pending()).map_err(Failure::Transport)? {
                0 => return Err(Failure::Closed),
                n => self.caller.sent(n),
            }
        }
        flush(&mut self.stream).map_err(Failure::Transport)?;
        self.unsent = false;
        Ok(())
    }
}
