//! The client over an async stream.

use super::{First, first, flush, read, write};
#[cfg(doc)]
use crate::blocking;
use crate::client::{ClientConnection, SKIP};
use crate::command::{Command, NoReply};
use crate::error::Error;
use crate::format::Format;
use crate::topics::{Heard, Listener, Listening, Push};
use core::convert::Infallible;
use embedded_io_async::{Read, Write};

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
        topics: [Heard; N],
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
        self.settle().await?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush().await?;
        self.receive_until(ClientConnection::has_reply).await?;
        self.caller.reply(command).map_err(Error::widen)
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
        self.settle().await?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush().await
    }

    /// Waits between calls until at least one push has arrived and was passed to the listener.
    ///
    /// # Errors
    /// As [`blocking::Client::hear`].
    pub async fn hear(&mut self) -> Result<(), Error<S::Error>> {
        self.settle().await?;
        self.receive_until(ClientConnection::hear).await
    }

    /// Waits until the server has ended the conversation.
    ///
    /// # Errors
    /// As [`blocking::Client::finish`].
    pub async fn finish(&mut self) -> Result<(), Error<S::Error>> {
        self.settle().await?;
        self.receive_until(ClientConnection::is_over).await
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
                First::One(read) => match read? {
                    0 => return Err(Error::Closed),
                    n => discarded = discarded.saturating_add(n),
                },
            }
        }
        Err(Error::Closed)
    }

    /// Sends the unsent bytes of an earlier failed or dropped call and skips its reply.
    async fn settle(&mut self) -> Result<(), Error<S::Error>> {
        if self.unsent {
            self.flush().await?;
        }
        if !self.caller.is_waiting() {
            return Ok(());
        }
        self.receive_until(ClientConnection::skip).await
    }

    /// Receives until `is_done` returns true.
    async fn receive_until(
        &mut self,
        is_done: fn(&mut ClientConnection<'b, T>) -> Result<bool, Error<Infallible>>,
    ) -> Result<(), Error<S::Error>> {
        while !is_done(&mut self.caller).map_err(Error::widen)? {
            self.receive().await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), Error<S::Error>> {
        match read(&mut self.stream, self.caller.space()).await? {
            0 => self.caller.end(),
            n => self.caller.received(n),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error<S::Error>> {
        while !self.caller.pending().is_empty() {
            let n = write(&mut self.stream, self.caller.pending()).await?;
            self.caller.sent(n);
        }
        flush(&mut self.stream).await?;
        self.unsent = false;
        Ok(())
    }
}
