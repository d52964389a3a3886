//! The streams that a client talks over.

use crate::Conn;
#[cfg(feature = "tls")]
use crate::tls;
#[cfg(feature = "tls")]
use crate::wait::wait;
#[cfg(feature = "tls")]
use rustix::event::{PollFd, PollFlags};
use rustix::net::RecvFlags;
use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::time::Duration;
use std::time::Instant;

/// How long [`ClientStream::read_now`] waits for the rest of a TLS record.
#[cfg(feature = "tls")]
const REST: Duration = Duration::from_millis(10);

/// A byte stream for a [`Client`](super::Client): [`Conn`], `tls::Conn`, or a type of your own, such as a serial
/// port.
///
/// A read of 0 bytes is the end of the stream. After the deadline, reads and writes fail with
/// [`ErrorKind::TimedOut`](io::ErrorKind::TimedOut) or, like the sockets of the standard library,
/// [`WouldBlock`](io::ErrorKind::WouldBlock).
///
/// ```
/// use bellwire_std::ClientStream;
/// use std::io::{Read, Result, Write};
/// use std::os::unix::net::UnixStream;
/// use std::time::{Duration, Instant};
///
/// struct Port(UnixStream);
/// # impl Read for Port { fn read(&mut self, buf: &mut [u8]) -> Result<usize> { self.0.read(buf) } }
/// # impl Write for Port {
/// #     fn write(&mut self, buf: &[u8]) -> Result<usize> { self.0.write(buf) }
/// #     fn flush(&mut self) -> Result<()> { self.0.flush() }
/// # }
///
/// impl ClientStream for Port {
///     fn set_deadline(&mut self, deadline: Option<Instant>) -> Result<()> {
///         let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
///         // A socket refuses a time limit of 0.
///         let left = left.map(|left| left.max(Duration::from_millis(1)));
///         self.0.set_read_timeout(left)?;
///         self.0.set_write_timeout(left)
///     }
///
///     fn read_now(&mut self, buf: &mut [u8]) -> Result<usize> {
///         self.0.set_nonblocking(true)?;
///         let read = self.0.read(buf);
///         self.0.set_nonblocking(false)?;
///         read
///     }
///
///     fn close_write(&mut self) -> Result<()> {
///         self.0.shutdown(std::net::Shutdown::Write)
///     }
/// }
/// ```
pub trait ClientStream: Read + Write + Send {
    /// Sets the deadline of later reads and writes; `None` for no deadline.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()>;

    /// Reads bytes that have arrived, without waiting. Ignores the deadline.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut) if no bytes are there. The
    /// errors of reading.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Ends the sending. The server reads the end of the stream, and may still reply. A serial port does nothing.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn close_write(&mut self) -> io::Result<()>;
}

impl ClientStream for Conn {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        Self::set_deadline(self, deadline);
        Ok(())
    }

    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (n, _) = rustix::net::recv(&*self, buf, RecvFlags::DONTWAIT)?;
        Ok(n)
    }

    fn close_write(&mut self) -> io::Result<()> {
        Self::close_write(self)
    }
}

#[cfg(feature = "tls")]
impl ClientStream for tls::Conn {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.get_ref().set_deadline(deadline);
        Ok(())
    }

    /// Reads decrypted bytes. If only a part of a record has arrived, waits 10 ms for the rest. Sets the read
    /// deadline.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let now = Instant::now();
        let mut socket = [PollFd::new(self.get_ref(), PollFlags::IN)];
        wait(&mut socket, Some(now))?;
        let until = if socket[0].revents().is_empty() {
            // Reads only bytes that are decrypted already.
            now
        } else {
            now + REST
        };
        self.get_ref().set_read_deadline(Some(until));
        Read::read(self, buf)
    }

    fn close_write(&mut self) -> io::Result<()> {
        Self::close_write(self)
    }
}
