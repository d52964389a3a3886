//! A blocking connection over TLS.

use super::driver::Driver;
use crate::ending::{Ending, LINGER};
use crate::wait::{Waker, after};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
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
    driver: Box<Driver>,
    /// When a read that did not succeed found a partial record.
    begun: Option<Instant>,
}

impl Conn {
    /// Creates a connection and performs its handshake.
    pub(super) fn with_handshake(mut inner: crate::Conn, driver: Driver) -> io::Result<Self> {
        let mut driver = Box::new(driver);
        let result = driver.handshake_over(&mut inner);
        if result.is_err() && driver.is_server() {
            inner.linger(usize::MAX, after(Instant::now(), LINGER));
        }
        result.map(|()| Self {
            inner,
            driver,
            begun: None,
        })
    }

    /// Returns the underlying connection, for its addresses and deadlines. (Go: `Conn.NetConn`.)
    pub fn get_ref(&self) -> &crate::Conn {
        &self.inner
    }

    /// Returns the peer's certificate chain in DER, its own certificate first. Empty for a client if
    /// the server does not require client certificates.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.driver.peer_certificates()
    }

    /// Sends `close_notify` and shuts down writing. The peer reads the end of the stream, and may
    /// still reply. (Go: `Conn.CloseWrite`.)
    ///
    /// # Errors
    /// The errors of writing.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.driver.finish(&mut self.inner)?;
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
        match self.driver.finish(&mut self.inner) {
            Ok(()) => self.inner.end(ending),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(error),
            // The peer is gone.
            Err(_) => Ok(()),
        }
    }

    /// Reads until `deadline`, and no longer than `limit` while a record or message is partial. The time of interrupted
    /// reads counts.
    pub(crate) fn read_within(
        &mut self,
        buf: &mut [u8],
        deadline: Instant,
        limit: Duration,
    ) -> io::Result<usize> {
        loop {
            if let Some(read) = self.driver.read(buf) {
                self.begun = None;
                return read;
            }
            self.begun = self
                .is_partial()
                .then(|| self.begun.unwrap_or_else(Instant::now));
            let until = self
                .begun
                .map_or(deadline, |begun| deadline.min(after(begun, limit)));
            self.inner.set_read_deadline(Some(until));
            self.receive()?;
        }
    }

    /// See [`Conn::watch`](crate::Conn::watch).
    pub(crate) fn watch(&mut self, pushes: Arc<Waker>) {
        self.inner.watch(pushes);
    }

    /// Returns whether a record or a handshake message is partial.
    pub(crate) fn is_partial(&self) -> bool {
        self.driver.partial_len() > 0
    }

    /// Sends all encrypted bytes by `write`.
    pub(crate) fn send_with(&mut self, write: &mut WriteTo<'_>) -> io::Result<()> {
        let conn = &mut self.inner;
        self.driver.send(&mut Writer { conn, write })
    }

    /// Encrypts bytes of `buf`, sends them by `write`, and returns how many were accepted.
    pub(crate) fn write_with(&mut self, buf: &[u8], write: &mut WriteTo<'_>) -> io::Result<usize> {
        // Sends the rest of the last write first, so that the buffer holds at most one write.
        self.send_with(write)?;
        let n = self.driver.encrypt(buf)?;
        // The bytes are accepted. If sending fails, the flush returns the error again.
        let _ = self.send_with(write);
        Ok(n)
    }

    /// Waits for bytes and decrypts them.
    fn receive(&mut self) -> io::Result<()> {
        let received = self.driver.receive(&mut self.inner);
        if received.is_err() {
            // The alert, which tells the peer the reason.
            let _ = self.driver.send(&mut NonBlocking(&self.inner));
        }
        received
    }
}

impl Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.driver.read(buf) {
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
        self.driver.send(&mut self.inner)
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
        let _ = self.driver.finish(&mut NonBlocking(&self.inner));
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

#[cfg(test)]
mod tests {
    use super::Conn;
    use crate::ending::{Ending, Peer};
    use crate::tls::{Acceptor, Connector, Identity, RootCerts};
    use std::io::ErrorKind;
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    /// Returns the two ends of a connection: the server's and the client's.
    fn pair() -> (Conn, Conn) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let acceptor = Acceptor::new(identity, None).unwrap();
        let roots = RootCerts::from_pem(certificate.as_bytes()).unwrap();
        let connector = Connector::new(&roots, None).unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        let accepting = thread::spawn(move || acceptor.accept(near.try_into().unwrap()));
        let client = connector.connect(far.try_into().unwrap(), "localhost");
        (accepting.join().unwrap().unwrap(), client.unwrap())
    }

    #[test]
    fn an_end_fails_if_the_peer_takes_no_bytes_but_not_if_it_is_gone() {
        let (mut conn, peer) = pair();
        let ending = Ending {
            time: Duration::from_millis(10),
            peer: Peer::Quiet,
        };
        while conn.inner.write_now(&[0; 4096]).is_ok() {}
        let error = conn.end(ending).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(peer);
        conn.end(ending).unwrap();
    }
}
