//! How a server ends a connection without losing replies.
//!
//! The system resets a connection that is closed with bytes unread, and one that receives bytes
//! after it was closed or its receiving was shut down. A reset discards the replies that wait to be
//! sent. So a connection ends in two steps, and both discard the bytes that still arrive:
//!
//! 1. Wait until the peer's system has acknowledged the replies.
//! 2. End the sending. If the peer may be sending, wait for its end for up to [`LINGER`]. It then
//!    finds an end instead of a reset.
//!
//! A peer that has ended its sending needs neither. The steps bound time, not bytes: the system may
//! hold more bytes than any limit, and to discard them costs less than to serve them.

use crate::limits::ServerLimits;
use rustix::event::PollFlags;
use socket2::SockRef;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long the second step waits for the peer's end.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// How to end a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// How long the peer may take to receive the replies.
    pub(crate) time: Duration,
    pub(crate) peer: Peer,
}

/// Whether the peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It has ended its sending.
    Ended,
    /// It has sent whole requests, and may wait for their replies.
    Quiet,
    /// It has sent more than was read, or was refused in the middle.
    Sending,
}

impl Ending {
    pub(crate) fn new(limits: &ServerLimits, stopping: bool, peer: Peer) -> Self {
        let time = if stopping { limits.stop } else { limits.reply };
        Self { time, peer }
    }
}

/// Makes the socket writable only when the peer's system has acknowledged the sent bytes. On Linux,
/// one short segment may be on its way.
///
/// In the smallest send buffer, sent bytes leave no room until they are acknowledged. Systems have
/// no common call that tells so.
pub(crate) fn write_after_delivery(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    // After an error the socket is writable too early, and the end is no worse than a plain close.
    let _ = socket.set_send_buffer_size(1);
    // The smallest buffer of Linux has room beside a short segment, even if that is still unsent.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(1);
}

/// Whether the peer's system has everything, or nothing more can reach it.
pub(crate) fn is_delivered(ready: PollFlags) -> bool {
    ready.intersects(PollFlags::OUT | PollFlags::ERR | PollFlags::HUP)
}
