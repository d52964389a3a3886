//! The drivers over blocking embedded-io streams.

use crate::client::{ClientConnection, SKIP};
use crate::command::{Command, NoReply};
use crate::error::Error;
use crate::format::Format;
use crate::topics::{Heard, Listener, Listening, Push, TopicSet};
use crate::{Next, ServerConnection, Service};
use core::convert::Infallible;
use embedded_io::{Error as _, Read, ReadReady, Write};

/// Serves one conversation until it is over.
///
/// Returns after the peer has ended its sending and every request is answered, or after an error
/// line that ends the conversation. In both cases the last bytes are written. On a TCP stream, call
/// [`close`] next, so that they arrive.
///
/// Time limits are up to the stream: if a `read` times out, `serve` returns that error.
///
/// # Errors
/// Returns [`Error::Transport`] if the stream fails, and [`Error::Closed`] if it accepts no more
/// bytes.
///
/// ```
/// use bellwire::{Command, ServerConnection, Endpoint, Line, blocking};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
///
/// # struct Wire { from: &'static [u8], to: Vec<u8> }
/// # impl embedded_io::ErrorType for Wire { type Error = core::convert::Infallible; }
/// # impl embedded_io::Read for Wire {
/// #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { Ok(self.from.read(buf).unwrap()) }
/// # }
/// # impl embedded_io::Write for Wire {
/// #     fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> { self.to.extend(buf); Ok(buf.len()) }
/// #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # let mut uart = Wire { from: b"STRING\nhi\n", to: Vec::new() };
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx);
/// blocking::serve(&mut uart, &mut endpoint.with(&mut ()), &mut connection)?;
/// # assert_eq!(uart.to, b"Thank you.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serve<S: Read + Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<(), Error<S::Error>> {
    while answer(stream, service, connection)? {
        match read(stream, connection.space())? {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(())
}

/// Answers all requests that have arrived and sends the replies.
///
/// Returns `true` if the conversation continues; then receive more bytes. [`serve`] calls this
/// between two reads. Call it yourself in a server that reads in its own way, for example with time
/// limits that depend on [`ServerConnection::begun`].
///
/// The service must stay the same until the connection is reset.
///
/// # Errors
/// As [`serve`].
pub fn answer<S: Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<bool, Error<S::Error>> {
    loop {
        let next = connection.advance(service);
        while connection.is_pending() {
            let n = write(stream, connection.pending())?;
            connection.sent(n);
        }
        if next != Next::Send {
            // Flush even if nothing was sent: an earlier flush may have failed or been cancelled.
            flush(stream)?;
            return Ok(next == Next::Receive);
        }
    }
}

/// Receives the bytes that have arrived, answers them, and sends all pending bytes. Does not wait for bytes.
///
/// This is for a loop that has other work, such as to [publish](ServerConnection::publish). Call it repeatedly, and
/// after each [`publish`](ServerConnection::publish). It waits only until the stream accepts the bytes to send. Returns
/// `true` if the conversation continues.
///
/// # Errors
/// As [`serve`].
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Error, Postcard, ServerConnection, Service, Topic, blocking};
///
/// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
///
/// # fn example<S: embedded_io::Read + embedded_io::Write + embedded_io::ReadReady>(
/// #     uart: &mut S, service: &mut impl Service, seconds: fn() -> u64) -> Result<(), Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
/// let mut last = 0;
/// while blocking::poll(uart, service, &mut connection)? {
///     if seconds() > last {
///         last = seconds();
///         connection.publish(TICK, &last);
///     }
/// }
/// # Ok(())
/// # }
/// # }
/// ```
pub fn poll<S: Read + Write + ReadReady>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<bool, Error<S::Error>> {
    while answer(stream, service, connection)? {
        if !stream.read_ready().map_err(Error::Transport)? {
            return Ok(true);
        }
        match read(stream, connection.space())? {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(false)
}

/// Closes a stream after [`serve`] so that the last line arrives, and resets the connection.
///
/// A TCP stream that is closed while bytes from the peer are unread can lose the bytes that the peer has not
/// read. Therefore this first calls `shutdown`, which must end the sending side of the stream. Then it reads and
/// discards until the peer ends its sending, or until more than [`Limits::skip`](crate::Limits::skip) bytes
/// have arrived. Time limits are up to the stream. At last the stream is dropped.
///
/// A stream without ends, such as a UART, needs no `close`: a bound of bytes or time would be its only end.
///
/// # Errors
/// Returns [`Error::Transport`] if the stream fails. It is dropped then too.
///
/// ```
/// use bellwire::{Endpoint, ServerConnection, blocking};
/// use embedded_io::{Read, Write};
/// # struct Socket { from: &'static [u8], to: Vec<u8>, ended: bool }
/// # impl embedded_io::ErrorType for Socket { type Error = core::convert::Infallible; }
/// # impl Read for Socket {
/// #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { Ok(self.from.read(buf).unwrap()) }
/// # }
/// # impl Write for Socket {
/// #     fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> { self.to.extend(buf); Ok(buf.len()) }
/// #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # impl Socket { fn shutdown(&mut self) -> Result<(), core::convert::Infallible> { self.ended = true; Ok(()) } }
/// # let mut socket = Socket { from: b"NONE\nmore and more bytes", to: Vec::new(), ended: false };
/// # let endpoint = Endpoint::<(), 1>::new();
/// let (mut rx, mut tx) = ([0; 8], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx);
/// blocking::serve(&mut socket, &mut endpoint.with(&mut ()), &mut connection)?;
/// blocking::close(&mut socket, &mut connection, |socket| socket.shutdown())?;
/// # assert!(socket.ended && socket.from.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn close<S: Read>(
    mut stream: S,
    connection: &mut ServerConnection<'_, impl TopicSet>,
    shutdown: impl FnOnce(&mut S) -> Result<(), S::Error>,
) -> Result<(), Error<S::Error>> {
    connection.reset();
    shutdown(&mut stream).map_err(Error::Transport)?;
    let mut left = connection.most_discarded();
    loop {
        let n = read(&mut stream, connection.space())?;
        match left.checked_sub(n) {
            Some(rest) if n > 0 => left = rest,
            _ => return Ok(()),
        }
    }
}

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
    /// The listener runs inside each call and inside [`hear`](Client::hear).
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
    /// - [`Error::Remote`]: the server sent an error line.
    /// - [`Error::Protocol`]: the request does not fit `tx` or cannot be encoded, and nothing was
    ///   sent; or the reply does not fit `rx` or cannot be decoded.
    /// - [`Error::Closed`], [`Error::Transport`]: no reply came.
    pub fn call<Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
    ) -> Result<Rsp::Value<'_>, Error<S::Error>> {
        self.settle()?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush()?;
        self.receive_until(ClientConnection::has_reply)?;
        self.caller.reply(command).map_err(Error::widen)
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
        self.settle()?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush()
    }

    /// Waits between calls until at least one push has arrived and was passed to the listener.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server ended the conversation with an error line.
    /// - [`Error::Closed`], [`Error::Transport`]: the conversation is over, or the stream failed. After a time limit of
    ///   the stream, repeat the call.
    /// - [`Error::Protocol`]: bytes arrived that are no push, and the conversation is over.
    pub fn hear(&mut self) -> Result<(), Error<S::Error>> {
        self.settle()?;
        self.receive_until(ClientConnection::hear)
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
        self.settle()?;
        self.receive_until(ClientConnection::is_over)
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
                match read(&mut self.stream, self.caller.discard())? {
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

    /// Sends the unsent bytes of an earlier failed call and skips its reply.
    fn settle(&mut self) -> Result<(), Error<S::Error>> {
        if self.unsent {
            self.flush()?;
        }
        if !self.caller.is_waiting() {
            return Ok(());
        }
        self.receive_until(ClientConnection::skip)
    }

    /// Receives until `is_done` returns true.
    #[inline(never)] // size
    fn receive_until(
        &mut self,
        is_done: fn(&mut ClientConnection<'b, T>) -> Result<bool, Error<Infallible>>,
    ) -> Result<(), Error<S::Error>> {
        while !is_done(&mut self.caller).map_err(Error::widen)? {
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Error<S::Error>> {
        match read(&mut self.stream, self.caller.space())? {
            0 => self.caller.end(),
            n => self.caller.received(n),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error<S::Error>> {
        while !self.caller.pending().is_empty() {
            let n = write(&mut self.stream, self.caller.pending())?;
            self.caller.sent(n);
        }
        flush(&mut self.stream)?;
        self.unsent = false;
        Ok(())
    }
}

/// Reads into `space`, which must not be empty. Returns 0 at the end of the stream.
fn read<S: Read>(stream: &mut S, space: &mut [u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.read(space) {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

/// Writes a part of `bytes`, which must not be empty.
fn write<S: Write>(stream: &mut S, bytes: &[u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.write(bytes) {
            Ok(0) => return Err(Error::Closed),
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

fn flush<S: Write>(stream: &mut S) -> Result<(), Error<S::Error>> {
    loop {
        match stream.flush() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}
