//! The byte stream of a thread's connection, with or without TLS.

use crate::Conn;
use crate::ending::Ending;
use crate::lag::Lag;
use crate::limits::{ServerLimits, replies_not_taken};
#[cfg(feature = "tls")]
use crate::probe::is_unused;
#[cfg(feature = "tls")]
use crate::tls;
use crate::wait::after;
#[cfg(feature = "tls")]
use metrics::counter;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The byte stream of a connection. It limits the time that the server waits for the client to
/// receive replies. The time of handlers does not count.
pub(super) struct Stream {
    kind: Kind,
    limits: ServerLimits,
    lag: Lag,
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

    /// Performs the TLS handshake on `conn`.
    #[cfg(feature = "tls")]
    pub(super) fn handshake(
        conn: Conn,
        acceptor: &tls::Acceptor,
        limits: ServerLimits,
    ) -> io::Result<Self> {
        conn.set_deadline(Some(after(Instant::now(), limits.handshake_timeout)));
        let accepted = acceptor.accept(conn).map_err(|error| {
            if !is_unused(&error) {
                counter!("bellwire_tls_handshake_failures_total").increment(1);
            }
            match error.kind() {
                ErrorKind::TimedOut => tls::too_slow(),
                ErrorKind::WouldBlock => tls::stopping(),
                _ => error,
            }
        });
        Ok(Self::new(Kind::Tls(Box::new(accepted?)), limits))
    }

    fn new(kind: Kind, limits: ServerLimits) -> Self {
        Self {
            kind,
            limits,
            lag: Lag::default(),
        }
    }

    pub(super) fn conn(&self) -> &Conn {
        match &self.kind {
            Kind::Plain(conn) => conn,
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.get_ref(),
        }
    }

    /// Reads until `deadline` or a stop. While a TLS record is partial, the time limit for a request
    /// applies too.
    pub(super) fn read(&mut self, buf: &mut [u8], deadline: Instant) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(conn) => {
                conn.set_read_deadline(Some(deadline));
                io::Read::read(conn, buf)
            }
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.read_within(buf, deadline, self.limits.request_timeout),
        }
    }

    /// The client.
    pub(super) fn peer(&self) -> crate::Peer {
        let certificates = match &self.kind {
            Kind::Plain(_) => Vec::new(),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.peer_certificates().map(<[u8]>::to_vec).collect(),
        };
        crate::Peer {
            address: self.conn().peer_addr().clone(),
            certificates,
        }
    }

    /// Returns whether a TLS record is partial.
    pub(super) fn is_in_part(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) => false,
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.is_partial(),
        }
    }

    /// Closes the connection without losing replies.
    pub(super) fn end(mut self, ending: Ending) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(conn) => conn.end(ending),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.end(ending),
        }
        .map_err(not_taken)
    }
}

impl embedded_io::ErrorType for Stream {
    type Error = io::Error;
}

impl embedded_io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { kind, limits, lag } = self;
        let written = match kind {
            Kind::Plain(conn) => write(conn, bytes, limits.reply_timeout, lag),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.write_with(bytes, &mut |conn, bytes| {
                write(conn, bytes, limits.reply_timeout, lag)
            }),
        };
        written.map_err(not_taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => {
                let (limit, lag) = (self.limits.reply_timeout, &mut self.lag);
                tls.send_with(&mut |conn, bytes| write(conn, bytes, limit, lag))
                    .map_err(not_taken)
            }
        }
    }
}

/// Waits until the socket is writable and writes some of `bytes`. Fails if the client's lag exceeds
/// `limit`.
fn write(conn: &mut Conn, bytes: &[u8], limit: Duration, lag: &mut Lag) -> io::Result<usize> {
    loop {
        match conn.write_now(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let begin = Instant::now();
                let waited = conn.wait_for_room(after(begin, lag.remaining(limit)));
                lag.waited(begin.elapsed(), limit);
                waited?;
            }
            written => {
                lag.took(*written.as_ref().unwrap_or(&0), limit);
                return written;
            }
        }
    }
}

fn not_taken(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut => replies_not_taken(),
        _ => error,
    }
}
