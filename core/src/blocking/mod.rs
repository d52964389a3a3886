//! The drivers over blocking embedded-io streams.

mod client;

pub use client::Client;

use crate::error::Error;
use crate::topics::TopicSet;
use crate::{Next, ServerConnection, Service};
use embedded_io::{Error as _, Read, ReadReady, Write};

/// Serves one conversation until it is over.
///
/// Returns after the peer has ended its sending and every request is answered, or after an error line that ends the
/// conversation. In both cases the last bytes are written. On a TCP stream, call [`close`] next: a plain close can
/// lose them.
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
        match read(stream, connection.space()).map_err(Error::Transport)? {
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
/// limits that depend on [`ServerConnection::partial_request`].
///
/// The service must stay the same until the connection is reset.
///
/// # Errors
/// As [`serve`].
#[doc(hidden)] // for the server of bellwire-std
pub fn answer<S: Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<bool, Error<S::Error>> {
    loop {
        let next = connection.advance(service);
        while connection.is_pending() {
            match write(stream, connection.pending()).map_err(Error::Transport)? {
                0 => return Err(Error::Closed),
                n => connection.sent(n),
            }
        }
        if next != Next::Send {
            // Flush even if nothing was sent: an earlier flush may have failed or been cancelled.
            flush(stream).map_err(Error::Transport)?;
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
        match read(stream, connection.space()).map_err(Error::Transport)? {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(false)
}

/// Closes a stream after [`serve`] without losing the last line, and resets the connection.
///
/// A TCP stream that is closed while bytes from the peer are unread can lose the bytes that the peer has not read.
/// Therefore this first calls `shutdown`, which must end the sending side of the stream. Then it reads and discards
/// until the peer ends its sending, or until more than [`Limits::skip`](crate::Limits::skip) bytes have arrived. Time
/// limits are up to the stream. Finally it drops the stream.
///
/// Do not call it for a stream without an end, such as a UART: it would read until the limit.
///
/// # Errors
/// Returns [`Error::Transport`] if the stream fails. The stream is dropped after an error too.
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
        let n = read(&mut stream, connection.space()).map_err(Error::Transport)?;
        match left.checked_sub(n) {
            Some(rest) if n > 0 => left = rest,
            _ => return Ok(()),
        }
    }
}

/// Reads into `space`, which must not be empty. Returns 0 at the end of the stream.
fn read<S: Read>(stream: &mut S, space: &mut [u8]) -> Result<usize, S::Error> {
    loop {
        match stream.read(space) {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a part of `bytes`, which must not be empty. Returns 0 if the stream accepts no more bytes.
fn write<S: Write>(stream: &mut S, bytes: &[u8]) -> Result<usize, S::Error> {
    loop {
        match stream.write(bytes) {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn flush<S: Write>(stream: &mut S) -> Result<(), S::Error> {
    loop {
        match stream.flush() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
