//! What a thread reads and writes: a connection, and over it perhaps TLS.

use crate::Conn;
use crate::limits::{LINGER, ServerLimits, replies_not_taken};
#[cfg(feature = "tls")]
use crate::{probe::is_unused, tls};
#[cfg(feature = "tls")]
use metrics::counter;
use std::io::{self, ErrorKind};
use std::time::Instant;

/// A connection's byte stream, whose peer has a certain time to make room for each batch of replies,
/// from its first byte to the flush behind its last. The time that handlers take does not count.
pub(super) struct Stream {
    kind: Kind,
    limits: ServerLimits,
    begun: Option<Instant>,
}

enum Kind {
    Plain(Conn),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Conn>),
}

impl Stream {
    pub(super) fn plain(conn: Conn, limits: ServerLimits) -> Self {
        Self::new(Kind::Plain(conn), limits)
    }

    /// Begins TLS on `conn`.
    #[cfg(feature = "tls")]
    pub(super) fn greet(
        conn: Conn,
        acceptor: &tls::Acceptor,
        limits: ServerLimits,
    ) -> io::Result<Self> {
        conn.set_deadline(Some(Instant::now() + limits.request));
        let greeted = acceptor.accept(conn).map_err(|error| {
            if !is_unused(&error) {
                counter!("bellwire_tls_handshake_failures_total").increment(1);
            }
            match error.kind() {
                ErrorKind::TimedOut => tls::too_slow(),
                _ => error,
            }
        });
        Ok(Self::new(Kind::Tls(Box::new(greeted?)), limits))
    }

    fn new(kind: Kind, limits: ServerLimits) -> Self {
        Self {
            kind,
            limits,
            begun: None,
        }
    }

    pub(super) fn conn(&self) -> &Conn {
        match &self.kind {
            Kind::Plain(conn) => conn,
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.get_ref(),
        }
    }

    /// Reads until `deadline`, and no longer than a request may take while a record of TLS has
    /// arrived in part.
    pub(super) fn read(&mut self, buf: &mut [u8], deadline: Instant) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(conn) => {
                conn.set_read_deadline(Some(deadline));
                io::Read::read(conn, buf)
            }
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.read_within(buf, deadline, self.limits.request),
        }
    }

    /// Whether a record of TLS has arrived in part.
    pub(super) fn is_in_part(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) => false,
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.is_in_part(),
        }
    }

    /// Closes so that what was sent last arrives.
    pub(super) fn linger(mut self) {
        let (time, bytes) = LINGER;
        match &mut self.kind {
            Kind::Plain(conn) => conn.linger(bytes, Instant::now() + time),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.linger(bytes, Instant::now() + time),
        }
    }

    fn writer(&mut self) -> &mut dyn io::Write {
        match &mut self.kind {
            Kind::Plain(conn) => conn,
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls,
        }
    }
}

impl embedded_io::ErrorType for Stream {
    type Error = io::Error;
}

impl embedded_io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.conn()
            .set_write_deadline(Some(begun + self.limits.reply));
        self.writer().write(bytes).map_err(not_taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begun = None;
        self.writer().flush().map_err(not_taken)
    }
}

fn not_taken(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut => replies_not_taken(),
        _ => error,
    }
}
