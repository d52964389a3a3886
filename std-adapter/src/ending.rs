//! How a server ends a connection without losing replies.
//!
//! The system resets a connection that is closed with bytes unread, or that receives bytes after it
//! was closed. A reset discards unsent replies. So a connection ends in two steps, and both discard
//! the bytes that still arrive:
//!
//! 1. Wait until the peer's system has acknowledged the replies.
//! 2. Shut down writing. If the peer may be sending, wait up to [`LINGER`] for the end of its
//!    stream. The peer then reads an end instead of a reset.
//!
//! If the peer has ended its stream, neither step is needed. The steps bound time, not bytes: the
//! system may hold more bytes than any limit, and discarding them costs less than serving them.

use crate::limits::ServerLimits;
use rustix::event::PollFlags;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

/// How long the second step waits for the end of the peer's stream.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// How to end a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// The time that the peer has to receive the replies.
    pub(crate) time: Duration,
    pub(crate) peer: Peer,
}

/// Whether the peer still sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It has ended its stream.
    Ended,
    /// It has sent complete requests and may wait for their replies.
    Quiet,
    /// It has sent bytes that were not read, or the server refused it in the middle of a request.
    Sending,
}

impl Ending {
    pub(crate) fn new(limits: &ServerLimits, stopping: bool, peer: Peer) -> Self {
        let time = if stopping {
            limits.stop_timeout
        } else {
            limits.reply_timeout
        };
        Self { time, peer }
    }
}

/// Makes the socket writable only when the peer's system has acknowledged the sent bytes. On Linux,
/// one short segment may still be unacknowledged.
///
/// It sets the smallest send buffer, which stays full until its bytes are acknowledged. There is no
/// portable call that reports acknowledgement.
pub(crate) fn write_after_delivery(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    // If this fails, the socket is writable too early; that is no worse than a plain close.
    let _ = socket.set_send_buffer_size(1);
    // Linux's smallest buffer has room for more than a short segment, even if that is still unsent.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(1);
}

/// Returns whether the peer's system has acknowledged all bytes, or nothing more can reach it.
pub(crate) fn is_delivered(ready: PollFlags) -> bool {
    ready.intersects(PollFlags::OUT | PollFlags::ERR | PollFlags::HUP)
}

/// Returns the error of a connection whose client does not read its replies.
pub(crate) fn replies_not_taken() -> io::Error {
    io::Error::new(
        ErrorKind::TimedOut,
        "the client did not receive its replies in time",
    )
}

/// Returns the error of a connection whose unsent replies exceed
/// [`bytes_in_flight`](ServerLimits::bytes_in_flight).
#[cfg(feature = "tokio")]
pub(crate) fn no_room_for_replies() -> io::Error {
    io::Error::new(
        ErrorKind::QuotaExceeded,
        "the client did not receive its replies, and there is no room to keep them",
    )
}
