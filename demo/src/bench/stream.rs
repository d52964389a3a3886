//! The stream of a connection under load: TCP with or without TLS, a Unix socket or a serial port.

use bellwire_std::Conn;
use bellwire_std::tls::rustls::Connection;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};

/// A stream that does not wait. A Unix socket is read and written as for TCP.
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Connection>>,
    /// The serial port of the socket. It closes after the socket.
    _port: Option<Conn>,
}

impl Stream {
    /// Takes over a connected socket, with the TLS session that was set up on it, and the serial port that it needs.
    pub(super) fn new(socket: TcpStream, tls: Option<Connection>, port: Option<Conn>) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
            _port: port,
        }
    }

    /// Returns the socket, to wait for it.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Returns whether a read of `n` bytes into `space` bytes has emptied the socket, so that more bytes cause an
    /// event. A TLS session reads one piece at a time.
    pub(super) fn is_emptied(&self, n: usize, space: usize) -> bool {
        n < space && self.tls.is_none()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            tls.read_tls(&mut self.socket)?;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.socket.write(bytes);
        }
        // The session holds at most one write.
        self.flush()?;
        match &mut self.tls {
            Some(tls) => tls.writer().write(bytes),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // A full socket belongs to a server that reads no more.
            let _ = self.flush();
        }
    }
}
