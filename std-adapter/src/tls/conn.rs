//! A blocking connection over TLS.

use super::records::Records;
use super::{NOT_TLS, begins_tls, cut, failed, gone, handshake_failed, not_tls, unused};
use crate::ending::{Ending, LINGER};
use crate::wait::after;
use rustls::Connection;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// A TLS connection on top of a [`bellwire_std::Conn`](crate::Conn): Go's `tls.Conn`.
///
/// The deadlines of the underlying connection apply. After a deadline has ended a read or write, the
/// call can be repeated.
///
/// Up to 64 KiB of written bytes are buffered while the socket is full; `flush` or the next write
/// sends them. Dropping the connection sends `close_notify`, if the socket accepts it without
/// waiting.
#[derive(Debug)]
pub struct Conn {
    inner: crate::Conn,
    session: Box<Connection>,
    records: Records,
}

impl Conn {
    /// Creates a connection and performs its handshake.
    pub(super) fn with_handshake(conn: crate::Conn, session: Connection) -> io::Result<Self> {
        let mut conn = Self {
            inner: conn,
            session: Box::new(session),
            records: Records::default(),
        };
        match conn.handshake() {
            Ok(()) => Ok(conn),
            Err(error) => {
                if conn.is_server() {
                    conn.inner.linger(usize::MAX, after(Instant::now(), LINGER));
                }
                Err(error)
            }
        }
    }

    fn handshake(&mut self) -> io::Result<()> {
        if self.is_server() {
            self.expect_tls()?;
        }
        while self.session.is_handshaking() {
            self.send()?;
            if self.session.is_handshaking() {
                self.receive()?;
            }
        }
        self.send()
    }

    fn is_server(&self) -> bool {
        matches!(*self.session, Connection::Server(_))
    }

    /// Returns the underlying connection, for its addresses and deadlines. (Go: `Conn.NetConn`.)
    pub fn get_ref(&self) -> &crate::Conn {
        &self.inner
    }

    /// Returns the peer's certificate chain in DER, its own certificate first. Empty for a client if
    /// the server does not require client certificates.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        let chain = self.session.peer_certificates().unwrap_or_default();
        chain.iter().map(AsRef::as_ref)
    }

    /// Sends `close_notify` and shuts down writing. The peer reads the end of the stream, and may
    /// still reply. (Go: `Conn.CloseWrite`.)
    ///
    /// # Errors
    /// The errors of writing.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.send()?;
        self.inner.close_write()
    }

    /// Ends the stream and discards incoming bytes, like
    /// [`bellwire_std::Conn::linger`](crate::Conn::linger).
    pub fn linger(&mut self, bytes: usize, deadline: Instant) {
        self.inner.set_write_deadline(Some(deadline));
        if self.close_write().is_ok() {
            self.inner.linger(bytes, deadline);
        }
    }

    /// Ends the connection like [`Conn::end`](crate::Conn::end).
    pub(crate) fn end(&mut self, ending: Ending) -> io::Result<()> {
        self.inner
            .set_write_deadline(Some(after(Instant::now(), ending.time)));
        self.session.send_close_notify();
        match self.send() {
            Ok(()) => self.inner.end(ending),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(error),
            // The peer is gone.
            Err(_) => Ok(()),
        }
    }

    /// Reads until `deadline`, and no longer than `limit` while a record or message is partial.
    pub(crate) fn read_within(
        &mut self,
        buf: &mut [u8],
        deadline: Instant,
        limit: Duration,
    ) -> io::Result<usize> {
        let mut begun = None;
        loop {
            if let Some(read) = self.read_plaintext(buf) {
                return read;
            }
            begun = self
                .is_partial()
                .then(|| begun.unwrap_or_else(Instant::now));
            let until = begun.map_or(deadline, |begun| deadline.min(after(begun, limit)));
            self.inner.set_read_deadline(Some(until));
            self.receive()?;
        }
    }

    /// Returns whether a record or a handshake message is partial.
    pub(crate) fn is_partial(&self) -> bool {
        self.records.partial_len() > 0
    }

    /// Reads decrypted bytes, the end of the stream or a cut. Returns `None` if nothing is decrypted
    /// yet.
    fn read_plaintext(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(cut())),
            read => Some(read),
        }
    }

    /// Reads the first byte, which shows whether the client speaks TLS.
    fn expect_tls(&mut self) -> io::Result<()> {
        let mut first = [0];
        match self.inner.read(&mut first) {
            Ok(0) => Err(unused()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(unused()),
            Err(error) => Err(error),
            Ok(_) if begins_tls(first) => {
                let mut first = &first[..];
                let mut first = self.records.track(&mut first);
                self.session.read_tls(&mut first).map(drop)
            }
            Ok(_) => {
                let _ = self.inner.write_now(NOT_TLS);
                Err(not_tls())
            }
        }
    }

    /// Sends all encrypted bytes.
    fn send(&mut self) -> io::Result<()> {
        self.send_with(&mut |conn, bytes| conn.write(bytes))
    }

    /// Sends all encrypted bytes by `write`.
    pub(crate) fn send_with(&mut self, write: &mut WriteTo<'_>) -> io::Result<()> {
        let conn = &mut self.inner;
        let mut writer = Writer { conn, write };
        while self.session.wants_write() {
            self.session.write_tls(&mut writer)?;
        }
        Ok(())
    }

    /// Encrypts bytes of `buf`, sends them by `write`, and returns how many were accepted.
    pub(crate) fn write_with(&mut self, buf: &[u8], write: &mut WriteTo<'_>) -> io::Result<usize> {
        // Sends the rest of the last write first, so that the buffer holds at most one write.
        self.send_with(write)?;
        let n = self.session.writer().write(buf)?;
        // The bytes are accepted. If sending fails, the flush returns the error again.
        let _ = self.send_with(write);
        Ok(n)
    }

    /// Waits for bytes and decrypts them.
    fn receive(&mut self) -> io::Result<()> {
        let handshaking = self.session.is_handshaking();
        let mut conn = self.records.track(&mut self.inner);
        if self.session.read_tls(&mut conn)? == 0 && handshaking {
            return Err(gone());
        }
        match self.session.process_new_packets() {
            Ok(state) => {
                let completed = handshaking && !self.session.is_handshaking();
                if completed || state.plaintext_bytes_to_read() > 0 {
                    self.records.mark_complete();
                }
                Ok(())
            }
            Err(error) => {
                // Sends the alert, which tells the peer the reason.
                self.send_now();
                Err(if handshaking {
                    handshake_failed(&error)
                } else {
                    failed(&error)
                })
            }
        }
    }

    /// Sends as many encrypted bytes as the socket accepts without waiting.
    fn send_now(&mut self) {
        let mut now = NonBlocking(&self.inner);
        while self.session.wants_write() && self.session.write_tls(&mut now).is_ok() {}
    }
}

impl Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.read_plaintext(buf) {
                Some(read) => return read,
                None => self.receive()?,
            }
        }
    }
}

impl Write for Conn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(buf, &mut |conn, bytes| conn.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
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
        Write::flush(self)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.session.is_handshaking() {
            return;
        }
        self.session.send_close_notify();
        self.send_now();
    }
}

/// A function that writes to the underlying connection.
pub(crate) type WriteTo<'a> = dyn FnMut(&mut crate::Conn, &[u8]) -> io::Result<usize> + 'a;

/// The underlying connection as a writer, through a [`WriteTo`].
struct Writer<'a, 'b> {
    conn: &'a mut crate::Conn,
    write: &'a mut WriteTo<'b>,
}

impl Write for Writer<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (self.write)(self.conn, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The underlying connection as a writer that does not wait.
struct NonBlocking<'a>(&'a crate::Conn);

impl Write for NonBlocking<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write_now(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
