//! The link over blocking embedded-io streams.

use super::error::{Error, is_noise};
use super::{Link, State};
use crate::serial::arrived;
use embedded_io::{Error as _, ErrorKind, ErrorType, Read, ReadReady, Write};

/// Bytes read or written at a time. A UART without memory of its own loses no byte if sending this many takes
/// no longer than receiving as many.
const CHUNK: usize = 16;

/// A reliable stream over a serial line that blocks.
///
/// `clock` returns milliseconds; see [`Link`]. The stream needs `ReadReady`, because a link sends again when
/// nothing arrives. While a `read` or a `write` waits, it polls the line without a pause.
///
/// Read errors of the kinds `InvalidData` and `OutOfMemory` count as noise on the line: UARTs report framing errors
/// and overruns so.
///
/// ```
/// use bellwire::link::{Link, blocking::Stream};
/// use bellwire::{Command, Line, blocking::Client};
/// # use embedded_io::{Read, ReadReady, Write};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// fn ask<S: Read + ReadReady + Write>(uart: S, millis: impl FnMut() -> u32, boots: u32) {
///     let (mut rx, mut tx) = ([0; 512], [0; 512]);
///     let link = Link::connect(&mut rx[..], &mut tx[..], boots, 0);
///     let stream = Stream::new(uart, link, millis);
///     let (mut rx, mut tx) = ([0; 256], [0; 256]);
///     let mut client = Client::new(stream, &mut rx, &mut tx);
///     if client.call(STRING, "hi").is_err() {
///         // Only after this may a further call be made: the server may have restarted.
///         client.stream().restart();
///         client.reset();
///     }
/// }
/// ```
///
/// In a superloop call [`poll`](Self::poll) in each round, and read only if
/// [`read_ready`](ReadReady::read_ready) returns `true`.
#[derive(Debug)]
pub struct Stream<S, M, C> {
    port: S,
    link: Link<M>,
    clock: C,
}

impl<S, M, C> Stream<S, M, C>
where
    S: Read + ReadReady + Write,
    M: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> u32,
{
    /// Creates a stream over `port`.
    pub fn new(port: S, link: Link<M>, clock: C) -> Self {
        Self { port, link, clock }
    }

    /// Returns the state of the link.
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// Returns the link, for example for its [`poll_at`](Link::poll_at).
    pub fn link(&mut self) -> &mut Link<M> {
        &mut self.link
    }

    /// Returns the port and the link.
    pub fn into_parts(self) -> (S, Link<M>) {
        (self.port, self.link)
    }

    /// Begins the next conversation; see [`Link::restart`].
    pub fn restart(&mut self) {
        self.link.restart((self.clock)());
    }

    /// Moves up to 16 bytes in each direction, without waiting for any. Returns whether it moved some.
    ///
    /// # Errors
    /// Returns the error of the port.
    pub fn poll(&mut self) -> Result<bool, S::Error> {
        let received = self.poll_receive()?;
        Ok(self.poll_transmit()? || received)
    }

    /// Waits until the peer has acknowledged all written bytes, then ends the conversation.
    ///
    /// # Errors
    /// The conversation was over before, or the line cannot be used.
    pub fn close(&mut self) -> Result<(), Error<S::Error>> {
        while self.link.unacknowledged() > 0 {
            self.wait()?;
        }
        self.check()?;
        self.link.close();
        while self.poll_transmit().map_err(Error::Transport)? {}
        self.port.flush().map_err(Error::Transport)
    }

    fn poll_receive(&mut self) -> Result<bool, S::Error> {
        let mut bytes = [0; CHUNK];
        let n = match arrived(&mut self.port, &mut bytes) {
            Ok(n) => n,
            Err(error) if is_noise(error.kind()) => 0,
            Err(error) => return Err(error),
        };
        self.link
            .receive((self.clock)(), bytes.get(..n).unwrap_or(&[]));
        Ok(n > 0)
    }

    fn poll_transmit(&mut self) -> Result<bool, S::Error> {
        transmit(&mut self.port, &mut self.link, (self.clock)())
    }

    /// Polls once while a caller waits.
    fn wait(&mut self) -> Result<(), Error<S::Error>> {
        self.check()?;
        self.poll().map_err(Error::Transport)?;
        Ok(())
    }

    fn check(&self) -> Result<(), Error<S::Error>> {
        match self.link.state() {
            State::Over(ended) => Err(Error::Ended(ended)),
            State::Opening | State::Open => Ok(()),
        }
    }
}

/// Sends up to 16 bytes. Returns whether there were any.
pub(super) fn transmit<S: Write, M: AsRef<[u8]> + AsMut<[u8]>>(
    stream: &mut S,
    link: &mut Link<M>,
    now: u32,
) -> Result<bool, S::Error> {
    let mut bytes = [0; CHUNK];
    let n = link.transmit(now, &mut bytes);
    let mut left = bytes.get(..n).unwrap_or(&[]);
    while !left.is_empty() {
        // What a stream does not accept counts as lost on the line.
        match stream.write(left) {
            Ok(0) => break,
            Ok(n) => left = left.get(n..).unwrap_or(&[]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n > 0)
}

impl<S: ErrorType, M, C> ErrorType for Stream<S, M, C> {
    type Error = Error<S::Error>;
}

impl<S, M, C> Read for Stream<S, M, C>
where
    S: Read + ReadReady + Write,
    M: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> u32,
{
    /// Waits for bytes. Returns 0 after the peer has closed the link.
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        if space.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.link.read_stream(space).map_err(Error::Ended)? {
                return Ok(n);
            }
            self.poll_receive().map_err(Error::Transport)?;
            if !self.link.is_readable() {
                // Otherwise the acknowledgement goes with the reply.
                self.poll_transmit().map_err(Error::Transport)?;
            }
        }
    }
}

impl<S, M, C> ReadReady for Stream<S, M, C>
where
    S: Read + ReadReady + Write,
    M: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> u32,
{
    /// Polls, and returns whether bytes have arrived or the conversation is over.
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        self.poll().map_err(Error::Transport)?;
        Ok(self.link.is_readable())
    }
}

impl<S, M, C> Write for Stream<S, M, C>
where
    S: Read + ReadReady + Write,
    M: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> u32,
{
    /// Waits until the link is open and has room.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        loop {
            let n = self.link.write(bytes).map_err(Error::Ended)?;
            if n > 0 || bytes.is_empty() {
                return Ok(n);
            }
            self.wait()?;
        }
    }

    /// Waits until all bytes are sent once. They may be lost and sent again later, while the stream is polled.
    fn flush(&mut self) -> Result<(), Self::Error> {
        while self.link.unsent() > 0 {
            self.wait()?;
        }
        self.port.flush().map_err(Error::Transport)
    }
}
