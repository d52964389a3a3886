//! What servers allow their clients, whatever they run on.

use crate::wait::after;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// What a server allows its clients.
///
/// `Duration::MAX` never expires and so sets no limit. When a time other than `stop` is zero, or a
/// buffer is out of its bounds, `run` fails with [`InvalidInput`](ErrorKind::InvalidInput).
///
/// When the server ends a connection, the client has the time [`reply`](Self::reply) to receive the
/// last replies, or [`stop`](Self::stop) if the server is stopping. A client that is sending then
/// has two seconds to notice the end and close; a client that is not is closed at once. Meanwhile
/// the server discards the bytes that arrive, however many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time; 1000 with a thread each, 16384 with a task each. A further one is told
    /// that the server is busy, 64 of them at a time; others are closed without a word. With zero,
    /// every connection is beyond the limit.
    pub connections: usize,
    /// Connections at a time from one IP address; no limit unless set, as many users may share an
    /// address. IPv6 addresses count as one where their first 64 bits are the same, and behind a load
    /// balancer with the PROXY protocol the client's address counts. A further one is told that the
    /// server is busy; with zero, each is. Peers on Unix sockets have no address.
    pub connections_per_address: Option<usize>,
    /// How long a connection may wait between requests; 5 minutes. Then it is closed.
    pub idle: Duration,
    /// How long the header of the PROXY protocol and the TLS handshake may take together, from the
    /// accept on, however their bytes trickle in; 10 seconds. Then the connection is closed.
    pub handshake: Duration,
    /// How long a request may take to arrive once it has begun, with TLS from the first byte of its
    /// record on; 10 seconds. Then its sender is told
    /// that it timed out, and the connection closed.
    pub request: Duration,
    /// How long a client may keep the server waiting for room for 64 KiB of replies; 10 seconds. Then
    /// the connection is closed. Time counts only while the connection takes no bytes, and each byte
    /// that it takes later gives back its part: by default, a client that lets replies pile up must
    /// read 6.5 kB a second on average.
    pub reply: Duration,
    /// How long a stop waits for running requests to finish and for clients to receive their
    /// replies; 5 seconds. Zero waits for neither. Of the requests that have arrived on a
    /// connection, a stop reads at most one more receive buffer. A client that has sent more is
    /// told that the server is busy.
    pub stop: Duration,
    /// Bytes of the receive buffer, and so of the longest payload, from 64 to 1 GiB; 64 KiB. Each
    /// connection with a thread has one, and each thread that runs tasks.
    pub receive_buffer: usize,
    /// Bytes of the transmit buffer, twice the longest reply, from 160 to 1 GiB; 64 KiB.
    pub transmit_buffer: usize,
    /// Bytes that a server of tasks keeps for all its peers together, in requests that have arrived
    /// in part, requests that handlers await something for, TLS handshakes, and replies that were
    /// not taken; 256 MiB. Up to 512 bytes of a connection do not count, nor does the 4 KiB buffer
    /// of TLS. A connection that needs more than is
    /// left is told that the server is busy, its request is not run, and it ends; where its replies
    /// were not taken, or its handshake is not complete, it is closed. Zero lets no connection keep
    /// more than its 512 bytes. With a thread each, connections keep what
    /// their buffers hold, up to 64 KiB of a TLS handshake, and no more.
    pub bytes_in_flight: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_address: None,
            idle: Duration::from_mins(5),
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(10),
            reply: Duration::from_secs(10),
            stop: Duration::from_secs(5),
            receive_buffer: 65536,
            transmit_buffer: 65536,
            bytes_in_flight: 256 << 20,
        }
    }
}

impl ServerLimits {
    /// Fails for limits with which a server serves nobody, or cannot have its buffers.
    pub(crate) fn check(&self) -> io::Result<()> {
        let invalid = |what| Err(io::Error::new(ErrorKind::InvalidInput, what));
        for (name, time) in [
            ("idle", self.idle),
            ("handshake", self.handshake),
            ("request", self.request),
            ("reply", self.reply),
        ] {
            if time.is_zero() {
                return invalid(format!(
                    "the time limit `{name}` is zero; use `Duration::MAX` for none"
                ));
            }
        }
        for (name, bytes, least) in [
            ("receive_buffer", self.receive_buffer, LEAST_RECEIVE),
            ("transmit_buffer", self.transmit_buffer, LEAST_TRANSMIT),
        ] {
            if !(least..=LARGEST_BUFFER).contains(&bytes) {
                return invalid(format!(
                    "`{name}` must be {least} to {LARGEST_BUFFER} bytes, not {bytes}"
                ));
            }
        }
        Ok(())
    }

    /// The time limit that runs while more bytes are waited for from `now` on, given the number of
    /// the request that has begun, if any. One that has begun keeps its deadline, however its
    /// bytes trickle in.
    pub(crate) fn wait(&self, begun: Option<u32>, before: Wait, now: Instant) -> Wait {
        let deadline = match begun {
            None => after(now, self.idle),
            Some(_) if begun == before.begun => before.deadline,
            Some(_) => after(now, self.request),
        };
        Wait { begun, deadline }
    }
}

/// A wait for bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// The number of the request that has begun; see `Session::begun`.
    pub(crate) begun: Option<u32>,
    pub(crate) deadline: Instant,
}

impl Wait {
    /// That of a connection that has just begun.
    pub(crate) fn first() -> Self {
        Self {
            begun: None,
            deadline: Instant::now(),
        }
    }
}

/// Room for a command line.
const LEAST_RECEIVE: usize = 64;

/// Room for an error line.
const LEAST_TRANSMIT: usize = 160;

/// More than a connection has a good use for.
const LARGEST_BUFFER: usize = 1 << 30;

/// How many connections beyond the limit are told so at a time; others are dropped.
pub(crate) const SURPLUS: usize = 64;

/// What becomes of a connection for which there is not even room to tell it that the server is busy.
#[cfg(feature = "tokio")]
pub(crate) fn too_many() -> io::Error {
    io::Error::new(
        ErrorKind::QuotaExceeded,
        "dropped, far too many connections",
    )
}

/// What becomes of a connection whose client makes no room for replies.
pub(crate) fn replies_not_taken() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "its replies were not taken in time")
}

/// The same where the server keeps as much as it may.
#[cfg(feature = "tokio")]
pub(crate) fn no_room_for_replies() -> io::Error {
    io::Error::new(
        ErrorKind::QuotaExceeded,
        "its replies were not taken, and there is no room to keep them",
    )
}

/// How long to wait after a failing accept: the longer, the more fail in a row.
#[derive(Debug, Default)]
pub(crate) struct Pause(Duration);

impl Pause {
    /// The pause after this error, if it wants one: a peer that has gone already does not.
    pub(crate) fn after(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::Interrupted
        ) {
            return None;
        }
        self.0 = (self.0 * 2).clamp(Duration::from_millis(5), Duration::from_secs(1));
        tracing::error!("accept failed, next try in {:?}: {error}", self.0);
        Some(self.0)
    }

    /// Begins anew, after an accept that did not fail.
    pub(crate) fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}
