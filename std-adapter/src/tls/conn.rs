//! A connection over TLS, for blocking use.

use super::records::Records;
use super::{NOT_TLS, begins_tls, cut, failed, gone, handshake_failed, not_tls, unused};
use crate::ending::{Ending, LINGER};
use crate::wait::after;
use rustls::Connection;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// A connection over TLS, on top of a [`bellwire_std::Conn`](crate::Conn), whose deadlines hold for
/// it: Go's `tls.Conn`. A read or write that a deadline ended can be tried again.
///
/// Written bytes that the socket does not take yet are kept, up to 64 KiB, until `flush` or the next
/// write. When it is dropped, it says that this end has finished, if the socket takes that at once.
#[derive(Debug)]
pub struct Conn {
    below: crate::Conn,
    session: Box<Connection>,
    records: Records,
}

impl Conn {
    /// A connection whose handshake is behind it.
    pub(super) fn greet(conn: crate::Conn, session: Connection) -> io::Result<Self> {
        let mut greeting = Self {
            below: conn,
            session: Box::new(session),
            records: Records::default(),
        };
        match greeting.handshake() {
            Ok(()) => Ok(greeting),
            Err(error) => {
                if greeting.serves() {
                    greeting
                        .below
                        .linger(usize::MAX, after(Instant::now(), LINGER));
                }
                Err(error)
            }
        }
    }

    fn handshake(&mut self) -> io::Result<()> {
        if self.serves() {
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

    fn serves(&self) -> bool {
        matches!(*self.session, Connection::Server(_))
    }

    /// The connection below, for its addresses and deadlines. (Go: `Conn.NetConn`.)
    pub fn get_ref(&self) -> &crate::Conn {
        &self.below
    }

    /// The certificates that the other end has shown, its own first, each in DER; none for a client
    /// of which no certificate is demanded.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        let chain = self.session.peer_certificates().unwrap_or_default();
        chain.iter().map(AsRef::as_ref)
    }

    /// Ends this end's sending: the other end finds the end of the stream, and may still answer.
    /// (Go: `Conn.CloseWrite`.)
    ///
    /// # Errors
    /// Those of writing.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.send()?;
        self.below.close_write()
    }

    /// As [`Conn::linger`](crate::Conn::linger) of the connection below.
    pub fn linger(&mut self, bytes: usize, deadline: Instant) {
        self.below.set_write_deadline(Some(deadline));
        if self.close_write().is_ok() {
            self.below.linger(bytes, deadline);
        }
    }

    /// As [`Conn::end`](crate::Conn::end) of the connection below.
    pub(crate) fn end(&mut self, ending: Ending) -> io::Result<()> {
        self.below
            .set_write_deadline(Some(after(Instant::now(), ending.time)));
        self.session.send_close_notify();
        match self.send() {
            Ok(()) => self.below.end(ending),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(error),
            // The peer is gone.
            Err(_) => Ok(()),
        }
    }

    /// Reads until `deadline`, and no longer than `limit` while a record or message has arrived in part.
    pub(crate) fn read_within(
        &mut self,
        buf: &mut [u8],
        deadline: Instant,
        limit: Duration,
    ) -> io::Result<usize> {
        let mut begun = None;
        loop {
            if let Some(read) = self.decrypted(buf) {
                return read;
            }
            begun = self
                .is_in_part()
                .then(|| begun.unwrap_or_else(Instant::now));
            let until = begun.map_or(deadline, |begun| deadline.min(after(begun, limit)));
            self.below.set_read_deadline(Some(until));
            self.receive()?;
        }
    }

    /// Whether a record has arrived in part, or a message of TLS itself.
    pub(crate) fn is_in_part(&self) -> bool {
        self.records.in_part() > 0
    }

    /// What has been decrypted: bytes, the end, or that there is no more; or nothing yet.
    fn decrypted(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(cut())),
            read => Some(read),
        }
    }

    /// Reads the first byte, by which a client shows whether it speaks TLS.
    fn expect_tls(&mut self) -> io::Result<()> {
        let mut first = [0];
        match self.below.read(&mut first) {
            Ok(0) => Err(unused()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(unused()),
            Err(error) => Err(error),
            Ok(_) if begins_tls(first) => {
                let mut first = &first[..];
                let mut first = self.records.follow(&mut first);
                self.session.read_tls(&mut first).map(drop)
            }
            Ok(_) => {
                let _ = self.below.write_now(NOT_TLS);
                Err(not_tls())
            }
        }
    }

    /// Sends what TLS has to send.
    fn send(&mut self) -> io::Result<()> {
        self.send_by(&mut |conn, bytes| conn.write(bytes))
    }

    /// The same, with `write` to write to the connection below.
    pub(crate) fn send_by(&mut self, write: &mut WriteTo<'_>) -> io::Result<()> {
        let conn = &mut self.below;
        let mut by = By { conn, write };
        while self.session.wants_write() {
            self.session.write_tls(&mut by)?;
        }
        Ok(())
    }

    /// Writes, with `write` to write to the connection below.
    pub(crate) fn write_by(&mut self, buf: &[u8], write: &mut WriteTo<'_>) -> io::Result<usize> {
        // First what an earlier write has left, so that no more is kept than one write brings.
        self.send_by(write)?;
        let n = self.session.writer().write(buf)?;
        // These bytes are taken. An error that keeps them from being sent comes again at the flush.
        let _ = self.send_by(write);
        Ok(n)
    }

    /// Waits for bytes, and takes them in.
    fn receive(&mut self) -> io::Result<()> {
        let greeting = self.session.is_handshaking();
        let mut conn = self.records.follow(&mut self.below);
        if self.session.read_tls(&mut conn)? == 0 && greeting {
            return Err(gone());
        }
        match self.session.process_new_packets() {
            Ok(state) => {
                let greeted = greeting && !self.session.is_handshaking();
                if greeted || state.plaintext_bytes_to_read() > 0 {
                    self.records.brought();
                }
                Ok(())
            }
            Err(error) => {
                // It tells the other end why, where that still listens.
                self.send_now();
                Err(if greeting {
                    handshake_failed(&error)
                } else {
                    failed(&error)
                })
            }
        }
    }

    /// Sends what TLS has to send, as far as the socket takes it at once.
    fn send_now(&mut self) {
        let mut now = Now(&self.below);
        while self.session.wants_write() && self.session.write_tls(&mut now).is_ok() {}
    }
}

impl Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.decrypted(buf) {
                Some(read) => return read,
                None => self.receive()?,
            }
        }
    }
}

impl Write for Conn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_by(buf, &mut |conn, bytes| conn.write(bytes))
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

/// Writes to the connection below TLS.
pub(crate) type WriteTo<'a> = dyn FnMut(&mut crate::Conn, &[u8]) -> io::Result<usize> + 'a;

/// A connection that is written to in that way.
struct By<'a, 'b> {
    conn: &'a mut crate::Conn,
    write: &'a mut WriteTo<'b>,
}

impl Write for By<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (self.write)(self.conn, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection of which nobody waits that it takes more.
struct Now<'a>(&'a crate::Conn);

impl Write for Now<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write_now(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
