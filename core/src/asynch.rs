//! The drivers over async embedded-io streams.
//!
//! Each item is the one of this name in [`blocking`], with `.await`. Its behaviour and its errors are described
//! there. Here is what differs: every future is cancel safe if the stream's `read`, `write` and `flush` are.

#[cfg(doc)]
use crate::blocking;
use crate::client::{ClientConnection, SKIP};
use crate::command::{Command, NoReply};
use crate::error::Error;
use crate::format::Format;
use crate::topics::{Heard, Listener, Listening, Push, TopicSet};
use crate::{Next, ServerConnection, Service};
use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use embedded_io::Error as _;
use embedded_io_async::{Read, Write};

/// Serves one conversation until it is over; see [`blocking::serve`].
///
/// # Cancel safety
/// Unanswered requests and unsent replies stay in `connection`, and a further call continues with them. So a
/// time limit may simply drop the future.
///
/// # Errors
/// As [`blocking::serve`].
///
/// ```
/// use bellwire::{Command, ServerConnection, Endpoint, Line, asynch};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// # async fn example<S: embedded_io_async::Read + embedded_io_async::Write>(mut uart: S) -> Result<(), bellwire::Error<S::Error>> {
/// # let mut endpoint = Endpoint::<(), 1>::new();
/// # endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you.")).unwrap();
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx);
/// asynch::serve(&mut uart, &mut endpoint.with(&mut ()), &mut connection).await?;
/// # Ok(())
/// # }
/// ```
pub async fn serve<S: Read + Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<(), Error<S::Error>> {
    while answer(stream, service, connection).await? {
        match read(stream, connection.space()).await? {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(())
}

/// Serves the conversation until `event` completes, and returns its output, or `None` if the conversation ends first.
///
/// So one task serves requests and publishes the values of a source. The event is polled while the conversation waits
/// for a request, after all earlier bytes were sent. So a source that is faster than the stream delays no request: its
/// own queue holds, joins or drops the values until then. The event is dropped if the conversation ends or fails first.
///
/// # Cancel safety
/// As [`serve`], if the event is cancel safe too.
///
/// # Errors
/// As [`blocking::serve`].
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Error, Postcard, ServerConnection, Service, Topic, asynch};
///
/// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
///
/// # async fn example<S: embedded_io_async::Read + embedded_io_async::Write>(
/// #     uart: &mut S, service: &mut impl Service, mut next_second: impl AsyncFnMut() -> u64) -> Result<(), Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
/// while let Some(second) = asynch::serve_until(uart, service, &mut connection, next_second()).await? {
///     connection.publish(TICK, &second);
/// }
/// # Ok(())
/// # }
/// # }
/// ```
pub async fn serve_until<S: Read + Write, E>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
    event: impl Future<Output = E>,
) -> Result<Option<E>, Error<S::Error>> {
    let mut event = pin!(event);
    while answer(stream, service, connection).await? {
        match first(read(stream, connection.space()), event.as_mut()).await {
            First::One(read) => match read? {
                0 => connection.end(),
                n => connection.received(n),
            },
            First::Other(output) => return Ok(Some(output)),
        }
    }
    Ok(None)
}

/// Answers all requests that have arrived and sends the replies; see [`blocking::answer`].
///
/// # Cancel safety
/// As [`serve`].
///
/// # Errors
/// As [`blocking::answer`].
pub async fn answer<S: Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<bool, Error<S::Error>> {
    loop {
        let next = connection.advance(service);
        while connection.is_pending() {
            let n = write(stream, connection.pending()).await?;
            connection.sent(n);
        }
        if next != Next::Send {
            // Flush even if nothing was sent: an earlier flush may have failed or been cancelled.
            flush(stream).await?;
            return Ok(next == Next::Receive);
        }
    }
}

/// Closes a stream after [`serve`] so that the last line arrives; see [`blocking::close`].
///
/// # Cancel safety
/// A dropped future drops `stream`. So a time limit may simply drop the future.
///
/// # Errors
/// As [`blocking::close`].
///
/// ```
/// # use bellwire::{ServerConnection, asynch};
/// # async fn example<S: embedded_io_async::Read>(
/// #     mut socket: S, connection: &mut ServerConnection<'_>, shutdown: fn(&mut S) -> Result<(), S::Error>,
/// # ) -> Result<(), bellwire::Error<S::Error>> {
/// asynch::close(socket, connection, async |socket| shutdown(socket)).await?;
/// # Ok(())
/// # }
/// ```
pub async fn close<S: Read>(
    mut stream: S,
    connection: &mut ServerConnection<'_, impl TopicSet>,
    shutdown: impl AsyncFnOnce(&mut S) -> Result<(), S::Error>,
) -> Result<(), Error<S::Error>> {
    connection.reset();
    shutdown(&mut stream).await.map_err(Error::Transport)?;
    let mut left = connection.most_discarded();
    loop {
        let n = read(&mut stream, connection.space()).await?;
        match left.checked_sub(n) {
            Some(rest) if n > 0 => left = rest,
            _ => return Ok(()),
        }
    }
}

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

/// The output of the future that completes first.
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Runs both futures until one completes, and drops the other.
pub(crate) async fn first<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(First::One(output)),
        Poll::Pending => other.as_mut().poll(context).map(First::Other),
    })
    .await
}

/// Reads into `space`, which must not be empty. Returns 0 at the end of the stream.
async fn read<S: Read>(stream: &mut S, space: &mut [u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.read(space).await {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

/// Writes a part of `bytes`, which must not be empty.
async fn write<S: Write>(stream: &mut S, bytes: &[u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.write(bytes).await {
            Ok(0) => return Err(Error::Closed),
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

async fn flush<S: Write>(stream: &mut S) -> Result<(), Error<S::Error>> {
    loop {
        match stream.flush().await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}
