//! The link over async embedded-io streams.

use super::error::{Error, is_noise};
use super::{Ended, Link, State};
use crate::asynch::{First, first};
use embedded_io::{Error as _, ErrorType};
use embedded_io_async::{Read, Write};

/// Bytes read or written at a time.
const CHUNK: usize = 64;

/// A clock and a timer.
///
/// With embassy-time:
/// ```
/// # mod embassy_time {
/// #     pub struct Instant; impl Instant { pub fn now() -> Self { Self } pub fn as_millis(&self) -> u64 { 0 } }
/// #     pub struct Timer; impl Timer { pub async fn after_millis(_: u64) {} }
/// # }
/// struct Embassy;
///
/// impl bellwire::link::asynch::Timer for Embassy {
///     fn now(&mut self) -> u32 { embassy_time::Instant::now().as_millis() as u32 }
///     async fn sleep(&mut self, milliseconds: u32) { embassy_time::Timer::after_millis(milliseconds.into()).await }
/// }
/// ```
/// With tokio:
/// ```
/// # mod tokio { pub mod time { pub async fn sleep(_: std::time::Duration) {} } }
/// use std::time::{Duration, Instant};
///
/// struct Tokio(Instant);
///
/// impl bellwire::link::asynch::Timer for Tokio {
///     fn now(&mut self) -> u32 { self.0.elapsed().as_millis() as u32 }
///     async fn sleep(&mut self, milliseconds: u32) { tokio::time::sleep(Duration::from_millis(milliseconds.into())).await }
/// }
/// ```
pub trait Timer {
    /// Returns the time in milliseconds. It may begin anywhere and wrap.
    fn now(&mut self) -> u32;

    /// Waits.
    fn sleep(&mut self, milliseconds: u32) -> impl Future<Output = ()>;
}

/// A reliable stream over an async serial line; see [`blocking::Stream`](super::blocking::Stream).
///
/// While bytes are written to the line, none are read from it. So the driver of the line needs memory for the
/// bytes that arrive meanwhile, at most 64.
///
/// # Cancel safety
/// `read`, `write` and `flush` are cancel safe if those of the line are. The link makes progress only while one
/// of them is awaited.
///
/// ```
/// use bellwire::link::{Link, asynch::{Stream, Timer}};
/// use bellwire::{Service, ServerConnection, asynch};
/// # use embedded_io_async::{Read, Write};
///
/// async fn serve<S: Read + Write>(uart: S, timer: impl Timer, boots: u32, service: &mut impl Service) {
///     let (mut rx, mut tx) = ([0; 512], [0; 512]);
///     let link = Link::listen(&mut rx[..], &mut tx[..], boots);
///     let mut stream = Stream::new(uart, link, timer);
///     let (mut rx, mut tx) = ([0; 256], [0; 256]);
///     let mut connection = ServerConnection::new(&mut rx, &mut tx);
///     loop {
///         // After an error line the client still gets it: `close` waits for its acknowledgement.
///         if asynch::serve(&mut stream, service, &mut connection).await.is_ok() {
///             let _ = stream.close().await;
///         }
///         connection.reset();
///         stream.restart();
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Stream<S, M, T> {
    port: S,
    link: Link<M>,
    timer: T,
    /// Bytes for the line.
    chunk: [u8; CHUNK],
    start: usize,
    end: usize,
}

impl<S: Read + Write, M: AsRef<[u8]> + AsMut<[u8]>, T: Timer> Stream<S, M, T> {
    /// Creates a stream over `port`.
    pub fn new(port: S, link: Link<M>, timer: T) -> Self {
        Self {
            port,
            link,
            timer,
            chunk: [0; CHUNK],
            start: 0,
            end: 0,
        }
    }

    /// Returns the state of the link.
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// Returns the port and the link.
    pub fn into_parts(self) -> (S, Link<M>) {
        (self.port, self.link)
    }

    /// Begins the next conversation; see [`Link::restart`].
    pub fn restart(&mut self) {
        self.link.restart(self.timer.now());
    }

    /// Waits until the peer has acknowledged all written bytes, then ends the conversation.
    ///
    /// # Cancel safety
    /// If it is dropped, the conversation may go on. Call it again.
    ///
    /// # Errors
    /// The conversation was over before, or the line cannot be used.
    pub async fn close(&mut self) -> Result<(), Error<S::Error>> {
        while self.link.unacknowledged() > 0 {
            self.exchange().await?;
        }
        self.check()?;
        self.link.close();
        self.transmit().await.map_err(Error::Transport)
    }

    /// Sends the bytes that are due, then waits for bytes or for the time of the next attempt.
    async fn exchange(&mut self) -> Result<(), Error<S::Error>> {
        self.transmit().await.map_err(Error::Transport)?;
        self.check()?;
        let mut bytes = [0; CHUNK];
        let read = self.port.read(&mut bytes);
        let read = match self.link.poll_at() {
            None => read.await,
            Some(at) => {
                let left = at.wrapping_sub(self.timer.now());
                let left = if left > u32::MAX / 2 { 0 } else { left };
                match first(read, self.timer.sleep(left)).await {
                    First::One(read) => read,
                    First::Other(()) => return Ok(()),
                }
            }
        };
        match read {
            // The line is gone.
            Ok(0) => Err(Error::Ended(Ended::Closed)),
            Ok(n) => {
                let now = self.timer.now();
                self.link.receive(now, bytes.get(..n).unwrap_or(&[]));
                Ok(())
            }
            Err(error) if is_noise(error.kind()) => Ok(()),
            Err(error) => Err(Error::Transport(error)),
        }
    }

    /// Sends the bytes that are due.
    async fn transmit(&mut self) -> Result<(), S::Error> {
        loop {
            if self.start >= self.end {
                let now = self.timer.now();
                self.start = 0;
                self.end = self.link.transmit(now, &mut self.chunk);
            }
            let bytes = self.chunk.get(self.start..self.end).unwrap_or(&[]);
            if bytes.is_empty() {
                return self.port.flush().await;
            }
            match self.port.write(bytes).await {
                // What the line does not accept counts as lost.
                Ok(0) => self.start = self.end,
                Ok(n) => self.start = self.start.saturating_add(n),
                Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn check(&self) -> Result<(), Error<S::Error>> {
        match self.link.state() {
            State::Over(ended) => Err(Error::Ended(ended)),
            State::Opening | State::Open => Ok(()),
        }
    }
}

impl<S: ErrorType, M, T> ErrorType for Stream<S, M, T> {
    type Error = Error<S::Error>;
}

impl<S: Read + Write, M: AsRef<[u8]> + AsMut<[u8]>, T: Timer> Read for Stream<S, M, T> {
    /// Waits for bytes. Returns 0 after the peer has closed the link.
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        if space.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.link.read_stream(space).map_err(Error::Ended)? {
                return Ok(n);
            }
            match self.exchange().await {
                // The next `read` of the link returns its last bytes, then the error.
                Ok(()) | Err(Error::Ended(Ended::Dead | Ended::Reset)) => {}
                Err(Error::Ended(Ended::Closed)) => return Ok(0),
                Err(error) => return Err(error),
            }
        }
    }
}

impl<S: Read + Write, M: AsRef<[u8]> + AsMut<[u8]>, T: Timer> Write for Stream<S, M, T> {
    /// Waits until the link is open and has room.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        loop {
            let n = self.link.write(bytes).map_err(Error::Ended)?;
            if n > 0 || bytes.is_empty() {
                return Ok(n);
            }
            self.exchange().await?;
        }
    }

    /// Waits until all bytes are sent once. They may be lost and sent again later, while another operation is
    /// awaited.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.transmit().await.map_err(Error::Transport)?;
        while self.link.unsent() > 0 {
            self.exchange().await?;
        }
        Ok(())
    }
}
