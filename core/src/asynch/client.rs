//! The client over an async stream.

use super::{First, first, flush, read, write};
#[cfg(doc)]
use crate::blocking;
use crate::client::{ClientConnection, SKIP};
use crate::command::{Command, NoReply, ReplyFormat, ReplyShape};
use crate::error::Error;
use crate::failure::Failure;
use crate::format::Format;
use crate::topics::{Listener, Listening, Push, UntypedTopic};
use embedded_io_async::{Read, Write};

/// A step of [`ClientConnection`], which returns whether it is done.
type Step<'b, T, E> = fn(&mut ClientConnection<'b, T>) -> Result<bool, Failure<E>>;

/// A client over an async stream; see [`blocking::Client`].
///
/// # Cancel safety
/// After a dropped call, the next call sends the unsent bytes, skips the late reply, and then gets its own
/// reply. The server may or may not run the request of a dropped call.
///
/// ```
/// use bellwire::{Command, Line, asynch::Client};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// # async fn example<S: embedded_io_async::Read + embedded_io_async::Write>(stream: S) -> Result<(), bellwire::Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 256]);
/// let mut client = Client::new(stream, &mut rx, &mut tx);
/// let thanks: &str = client.call(STRING, "Additional data.").await?;
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

    /// Passes the pushes of these topics to `listener`; see [`blocking::Client::with_topics`].
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
    /// As [`blocking::Client::call`].
    pub async fn call<Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
    ) -> Result<Rsp::Value<'_>, Error<S::Error>> {
        let result = self
            .exchange::<Req>(command.name(), Rsp::SHAPE, value)
            .await;
        self.caller.take_reply::<Rsp, _>(result, command.name())
    }

    /// Sends a request that has no reply. Returns after the stream has accepted it.
    ///
    /// # Errors
    /// As [`blocking::Client::send`].
    pub async fn send<Req: Format>(
        &mut self,
        command: Command<Req, NoReply>,
        value: Req::Sent<'_>,
    ) -> Result<(), Error<S::Error>> {
        self.exchange::<Req>(command.name(), NoReply::SHAPE, value)
            .await
            .map_err(|failure| self.caller.error(failure))
    }

    /// Waits between calls until at least one push has arrived and was passed to the listener.
    ///
    /// # Errors
    /// As [`blocking::Client::receive_pushes`].
    pub async fn receive_pushes(&mut self) -> Result<(), Error<S::Error>> {
        self.end_with(ClientConnection::find_push).await
    }

    /// Waits until the server has ended the conversation.
    ///
    /// # Errors
    /// As [`blocking::Client::finish`].
    pub async fn finish(&mut self) -> Result<(), Error<S::Error>> {
        self.end_with(ClientConnection::find_end).await
    }

    /// Recovers after an overdue reply on a stream that cannot be closed, such as a UART, and begins another
    /// conversation.
    ///
    /// `wait` waits for the length of silence that shows that no reply of the old conversation can come: the
    /// server's time limit for a request, and the time that the server needs to answer. After that the server has
    /// discarded a partial request. If bytes arrive during a wait, they are discarded and the silence begins anew.
    ///
    /// # Cancel safety
    /// If it is dropped, the conversation stays over. Call it again.
    ///
    /// # Errors
    /// - [`Error::Closed`]: 64 KiB arrived without silence, or the stream ended. The conversation stays over.
    /// - [`Error::Transport`]: the stream failed.
    pub async fn recover(&mut self, mut wait: impl AsyncFnMut()) -> Result<(), Error<S::Error>> {
        self.caller.give_up();
        let mut discarded = 0usize;
        while discarded <= SKIP {
            let read = read(&mut self.stream, self.caller.discard());
            match first(read, wait()).await {
                First::Other(()) => {
                    self.reset();
                    return Ok(());
                }
                First::One(read) => match read.map_err(Error::Transport)? {
                    0 => return Err(Error::Closed),
                    n => discarded = discarded.saturating_add(n),
                },
            }
        }
        Err(Error::Closed)
    }

    /// Sends a request of the command `name`, and waits for its reply if it has one.
    async fn exchange<Req: Format>(
        &mut self,
        name: &str,
        reply: Option<&'static ReplyShape>,
        value: Req::Sent<'_>,
    ) -> Result<(), Failure<S::Error>> {
        self.complete(ClientConnection::skip_reply).await?;
        self.caller.write::<Req, _>(name, reply, value)?;
        self.unsent = true;
        self.complete(ClientConnection::find_reply).await
    }

    /// Completes an earlier call, then receives until `is_done` returns true or the server ends the conversation.
    async fn end_with(&mut self, is_done: Step<'b, T, S::Error>) -> Result<(), Error<S::Error>> {
        let mut result = self.complete(ClientConnection::skip_reply).await;
        if result.is_ok() {
            result = self.receive_until(is_done).await;
        }
        result.map_err(|failure| self.caller.error(failure))?;
        self.caller.take_end()
    }

    /// Sends the unsent bytes. If a reply is expected, receives until `is_done` returns true.
    async fn complete(&mut self, is_done: Step<'b, T, S::Error>) -> Result<(), Failure<S::Error>> {
        if self.unsent {
            self.flush().await?;
        }
        if !self.caller.is_waiting() {
            return Ok(());
        }
        self.receive_until(is_done).await
    }

    /// Receives until `is_done` returns true.
    async fn receive_until(
        &mut self,
        is_done: Step<'b, T, S::Error>,
    ) -> Result<(), Failure<S::Error>> {
        while !is_done(&mut self.caller)? {
            self.receive().await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), Failure<S::Error>> {
        match read(&mut self.stream, self.caller.space())
            .await
            .map_err(Failure::Transport)?
        {
            0 => self.caller.end(),
            n => self.caller.received(n),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure<S::Error>> {
        while !self.caller.pending().is_empty() {
            match write(&mut self.stream, self.caller.pending())
                .await
                .map_err(Failure::Transport)?
            {
                0 => return Err(Failure::Closed),
                n => self.caller.sent(n),
            }
        }
        flush(&mut self.stream).await.map_err(Failure::Transport)?;
        self.unsent = false;
        Ok(())
    }
}
