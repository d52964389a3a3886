//! The limits of both servers.

use crate::deadlines::Wait;
use crate::wait::after;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The limits that a server sets for its clients.
///
/// `Duration::MAX` means no time limit. `run` fails with [`InvalidInput`](ErrorKind::InvalidInput)
/// if a time other than `stop_timeout` is zero, or if a buffer size is out of bounds.
///
/// When the server ends a connection, the client has [`reply_timeout`](Self::reply_timeout) to
/// receive the last replies, or [`stop_timeout`](Self::stop_timeout) if the server is stopping. After
/// that, a client that is still sending has two more seconds to notice the end and close; any other
/// client is closed at once. Meanwhile the server discards all bytes that arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Maximum number of open connections. Default: 1000 for [`Server`](crate::Server), 16384 for
    /// [`tokio::Server`](crate::tokio::Server).
    ///
    /// Each takes a file descriptor. A subscriber to a topic of [`Server`](crate::Server) takes one more on Linux and
    /// Android, and two more elsewhere.
    ///
    /// Up to 64 further connections at a time are told that the server is busy. Others are closed
    /// at once. With zero, every connection is beyond the limit.
    pub connections: usize,
    /// Maximum number of open connections from one IP address. Default: no limit, because many
    /// users may share an address.
    ///
    /// IPv6 addresses with the same first 64 bits count as one address. With the PROXY protocol,
    /// the client's address counts instead of the load balancer's. Further connections are told that
    /// the server is busy; with zero, every connection is. Peers on Unix sockets have no address and
    /// are not counted.
    pub connections_per_address: Option<usize>,
    /// Longest wait between requests. Default: 5 minutes. Then the connection is closed. A subscriber to a topic may be
    /// silent forever; keep-alive finds those that are gone.
    pub idle_timeout: Duration,
    /// Longest time from the accept to the end of the PROXY protocol header and the TLS handshake
    /// together. Default: 10 seconds. Then the connection is closed. Arriving bytes do not extend it.
    pub handshake_timeout: Duration,
    /// Longest time for a request to arrive, from its first byte to its last. With TLS, the time
    /// starts at the first byte of its record. Default: 10 seconds. Then the client is told that the
    /// request timed out, and the connection is closed.
    pub request_timeout: Duration,
    /// Longest time that a handler that awaits may take for its reply. Default: 60 seconds. Then its future is dropped,
    /// the client is told that the request timed out, and the connection is closed.
    ///
    /// The future is also dropped within a second if the client resets the connection, or closes a Unix socket. A
    /// client that closes a TCP connection without a reset looks like one that has only ended its sending and waits
    /// for the reply.
    pub answer_timeout: Duration,
    /// Longest time that the server waits for a client to receive 64 KiB of replies. Default: 10
    /// seconds. Then the connection is closed.
    ///
    /// Time counts only while the connection accepts no bytes. Each byte that it accepts later gives
    /// back its part of the time. So by default, a client that lets replies pile up must read 6.5 kB
    /// a second on average. A subscriber to a topic gets all of its time back with each byte.
    pub reply_timeout: Duration,
    /// Longest time that a stop waits for running requests to finish and for clients to receive
    /// their replies. Default: 5 seconds. Zero waits for neither.
    ///
    /// During a stop, the server reads at most one more receive buffer of requests from each
    /// connection. A client that has sent more is told that the server is busy.
    pub stop_timeout: Duration,
    /// Size of the receive buffer in bytes, from 64 to 1 GiB. Default: 64 KiB. It bounds the longest
    /// payload. [`Server`](crate::Server) has one for each connection, [`tokio::Server`](crate::tokio::Server)
    /// one for each thread.
    pub receive_buffer: usize,
    /// Size of the transmit buffer in bytes, from 160 to 1 GiB. Default: 64 KiB. The longest reply is
    /// half of it.
    pub transmit_buffer: usize,
    /// Maximum number of bytes that [`tokio::Server`](crate::tokio::Server) keeps for all clients together.
    /// Default: 256 MiB.
    ///
    /// It counts partial requests, requests of waiting asynchronous handlers, TLS handshakes, unsent replies and unsent
    /// pushes. For each connection, it counts neither up to 512 bytes of requests, nor up to 512 unsent bytes, nor the
    /// 4 KiB buffer of TLS. With zero, no connection can keep more.
    ///
    /// If fewer bytes remain than a subscriber's pushes need, the server sends fewer at a time. A push that exceeds
    /// both 512 bytes and the remaining bytes is lost, and the subscriber is told.
    ///
    /// If a connection needs more than the remaining bytes, its client is told that the server is
    /// busy, its request does not run, and the connection ends. If it has unsent replies, or its TLS
    /// handshake is not complete, it is closed at once instead.
    ///
    /// [`Server`](crate::Server) ignores this limit: each of its connections keeps its two buffers
    /// and up to 64 KiB of a TLS handshake.
    pub bytes_in_flight: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_address: None,
            idle_timeout: Duration::from_mins(5),
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_mins(1),
            reply_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(5),
            receive_buffer: 65536,
            transmit_buffer: 65536,
            bytes_in_flight: 256 << 20,
        }
    }
}

impl ServerLimits {
    /// Checks that no time limit is zero and that the buffer sizes are within bounds.
    pub(crate) fn check(&self) -> io::Result<()> {
        let invalid = |what| Err(io::Error::new(ErrorKind::InvalidInput, what));
        for (name, time) in [
            ("idle_timeout", self.idle_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("request_timeout", self.request_timeout),
            ("answer_timeout", self.answer_timeout),
            ("reply_timeout", self.reply_timeout),
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

    /// Returns the wait for more bytes from `now` on. `partial_request` is the number of the request that has arrived in
    /// part, if any. That request keeps its deadline when more of its bytes arrive. A subscriber may be silent forever;
    /// see [`idle_timeout`](Self::idle_timeout).
    pub(crate) fn wait(
        &self,
        partial_request: Option<u32>,
        subscribed: bool,
        before: Wait,
        now: Instant,
    ) -> Wait {
        let deadline = match partial_request {
            None if subscribed => after(now, Duration::MAX),
            None => after(now, self.idle_timeout),
            Some(_) if partial_request == before.partial_request => before.deadline,
            Some(_) => after(now, self.request_timeout),
        };
        Wait {
            partial_request,
            deadline,
        }
    }
}

/// Enough for a command line.
const LEAST_RECEIVE: usize = 64;

/// Enough for an error line.
const LEAST_TRANSMIT: usize = 160;

/// More than a connection can make good use of.
const LARGEST_BUFFER: usize = 1 << 30;
