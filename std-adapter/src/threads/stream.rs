//! The byte stream of a thread's connection, with or without TLS.

use crate::Conn;
use crate::ending::{Ending, replies_not_taken};
use crate::lag::Lag;
use crate::limits::ServerLimits;
use crate::server::Shared;
#[cfg(feature = "tls")]
use crate::tls;
use crate::wait::{Waker, after};
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The byte stream of a connection. It limits the time that the server waits for the client to
/// receive replies. The time of handlers does not count.
pub(super) struct Stream {
    kind: Kind,
    limits: ServerLimits,
    lag: Lag,
    /// Whether the client is subscribed to a topic.
    subscribed: bool,
    /// Bytes written since the last [`take_sent`](Self::take_sent).
    sent: u64,
}

enum Kind {
    Plain(Conn),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Conn>),
}

impl Stream {
    /// Performs the TLS handshake, if the server has TLS.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, reason = "only TLS can fail")
    )]
    pub(super) fn begin<App>(conn: Conn, shared: &Shared<App>) -> io::Result<Self> {
        #[cfg(feature = "tls")]
        let kind = match &shared.tls {
            None => Kind::Plain(conn),
            Some(acceptor) => {
                let accepted = acceptor.accept(conn).map_err(|error| {
                    shared.metrics.count_handshake_failure(&error);
                    match error.kind() {
                        ErrorKind::TimedOut => tls::too_slow(),
                        ErrorKind::WouldBlock => tls::stopping(),
                        _ => error,
                    }
                });
                Kind::Tls(Box::new(accepted?))
            }
        };
        #[cfg(not(feature = "tls"))]
        let kind = Kind::Plain(conn);
        Ok(Self {
            kind,
            limits: shared.limits,
            lag: Lag::default(),
            subscribed: false,
            sent: 0,
        })
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

    /// Notes whether the client is subscribed to a topic.
    pub(super) fn set_subscribed(&mut self, subscribed: bool) {
        self.subscribed = subscribed;
    }

    /// Makes a waiting read fail with [`ErrorKind::Interrupted`] when `pushes` wakes it.
    pub(super) fn watch(&mut self, pushes: Arc<Waker>) {
        match &mut self.kind {
            Kind::Plain(conn) => conn.watch(pushes),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.watch(pushes),
        }
    }

    /// Returns the certificates that the client has shown, its own first, each in DER.
    pub(super) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Plain(_) => Vec::new(),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.peer_certificates().map(<[u8]>::to_vec).collect(),
        }
    }

    /// Returns the bytes written since the last call.
    pub(super) fn take_sent(&mut self) -> u64 {
        mem::take(&mut self.sent)
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
        let Self {
            kind,
            limits,
            lag,
            subscribed,
            ..
        } = self;
        let mut write = |conn: &mut Conn, bytes: &[u8]| {
            write(conn, bytes, *subscribed, limits.reply_timeout, lag)
        };
        let written = match kind {
            Kind::Plain(conn) => write(conn, bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.write_with(bytes, &mut write),
        };
        let written = written.map_err(not_taken)?;
        self.sent += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => {
                let (limit, lag) = (self.limits.reply_timeout, &mut self.lag);
                tls.send_with(&mut |conn, bytes| write(conn, bytes, self.subscribed, limit, lag))
                    .map_err(not_taken)
            }
        }
    }
}

/// Waits until the socket is writable and writes some of `bytes`. Fails if the client's lag exceeds
/// `limit`.
fn write(
    conn: &mut Conn,
    bytes: &[u8],
    subscribed: bool,
    limit: Duration,
    lag: &mut Lag,
) -> io::Result<usize> {
    loop {
        match conn.write_now(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let begin = Instant::now();
                let waited = conn.wait_for_room(after(begin, lag.remaining(limit)));
                lag.waited(begin.elapsed(), limit);
                waited?;
            }
            written => {
                lag.took(*written.as_ref().unwrap_or(&0), subscribed, limit);
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
