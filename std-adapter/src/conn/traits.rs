//! A connection as a reader and a writer, for std and for embedded-io, and made of std's streams.

use super::{Conn, send};
use crate::deadlines::Direction;
use socket2::Socket;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

impl Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.retry(Direction::Read, |mut socket| socket.read(buf))
    }
}

impl Write for Conn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.retry(Direction::Write, |socket| send(socket, buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl embedded_io::ErrorType for Conn {
    type Error = io::Error;
}

impl embedded_io::Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buf)
    }
}

impl embedded_io::Write for Conn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Write::write(self, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl TryFrom<TcpStream> for Conn {
    type Error = io::Error;

    /// Takes over the stream and makes it non-blocking, also for other handles to it.
    ///
    /// # Errors
    /// Any error of the operating system, such as [`NotConnected`](io::ErrorKind::NotConnected).
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        let socket = Socket::from(stream);
        let peer = socket.peer_addr()?.into();
        Self::new(socket, peer)
    }
}

impl TryFrom<UnixStream> for Conn {
    type Error = io::Error;

    /// Takes over the stream and makes it non-blocking, also for other handles to it.
    ///
    /// # Errors
    /// Any error of the operating system, such as [`NotConnected`](io::ErrorKind::NotConnected).
    fn try_from(stream: UnixStream) -> io::Result<Self> {
        let socket = Socket::from(stream);
        let peer = socket.peer_addr()?.into();
        Self::new(socket, peer)
    }
}
