//! A TCP connection as an embedded-io stream.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A TCP connection, with deadlines for reading and writing.
///
/// A deadline is a point in time that activity does not renew. Once it has passed, reads
/// or writes fail with [`ErrorKind::TimedOut`], until a later one is set.
#[derive(Debug)]
pub struct Conn {
    stream: Arc<TcpStream>,
    read_deadline: Option<Instant>,
    write_deadline: Option<Instant>,
}

/// Opens a connection to `address`, for instance `("localhost", 61000)` or `"[::1]:61000"`.
/// Of a name with several addresses, each is tried in turn until `timeout` has passed in all.
///
/// # Errors
/// That of the last address tried; [`ErrorKind::TimedOut`] when the time is over;
/// [`ErrorKind::NotFound`] when the name has no address.
pub fn dial(address: impl ToSocketAddrs, timeout: Duration) -> io::Result<Conn> {
    let deadline = Instant::now() + timeout;
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match left_until(deadline).and_then(|left| TcpStream::connect_timeout(&address, left)) {
            Ok(stream) => return Conn::new(Arc::new(stream)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl Conn {
    pub(crate) fn new(stream: Arc<TcpStream>) -> io::Result<Self> {
        // A message goes out in one write, so waiting to gather more only costs time.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read_deadline: None,
            write_deadline: None,
        })
    }

    /// Sets the point in time from which reads fail; `None` for never.
    pub fn set_read_deadline(&mut self, deadline: Option<Instant>) {
        self.read_deadline = deadline;
    }

    /// Sets the point in time from which writes fail; `None` for never.
    pub fn set_write_deadline(&mut self, deadline: Option<Instant>) {
        self.write_deadline = deadline;
    }

    /// Sets both deadlines, as a client does before a call that must not hang.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.set_read_deadline(deadline);
        self.set_write_deadline(deadline);
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// Those of the operating system, such as [`ErrorKind::NotConnected`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Ends this end's sending: the other end finds the end of the stream, and may still answer.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn close_write(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends this end's sending, then reads and drops what still comes, at most `bytes` and until
    /// `deadline`. After it the connection can be closed without losing what was sent last:
    /// a close with bytes unread makes the system reset the connection.
    pub fn linger(&mut self, mut bytes: usize, deadline: Instant) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        self.set_read_deadline(Some(deadline));
        let mut dropped = [0; 4096];
        while let Ok(n @ 1..) = embedded_io::Read::read(self, &mut dropped) {
            match bytes.checked_sub(n) {
                Some(left) => bytes = left,
                None => return,
            }
        }
    }
}

impl TryFrom<TcpStream> for Conn {
    type Error = io::Error;

    /// # Errors
    /// Those of the operating system.
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        Self::new(Arc::new(stream))
    }
}

impl embedded_io::ErrorType for Conn {
    type Error = io::Error;
}

impl embedded_io::Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let limit = self.read_deadline.map(left_until).transpose()?;
        self.stream.set_read_timeout(limit)?;
        (&*self.stream).read(buf).map_err(timed_out)
    }
}

impl embedded_io::Write for Conn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let limit = self.write_deadline.map(left_until).transpose()?;
        self.stream.set_write_timeout(limit)?;
        (&*self.stream).write(buf).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(
            ErrorKind::TimedOut,
            "the deadline has passed",
        ));
    }
    Ok(left)
}

/// A read or write that runs into its time limit fails with either of two kinds, by platform.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            io::Error::new(ErrorKind::TimedOut, "the deadline has passed")
        }
        _ => error,
    }
}
