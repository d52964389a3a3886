//! The drivers over smoltcp's TCP sockets, for a polling loop. No function here blocks.
//!
//! The loop repeatedly polls smoltcp's interface, then each [`Server`] and [`Client`] with its
//! socket. They move bytes between the socket and the conversation. They measure their time limits
//! with the loop's clock. The socket's buffers bound the work of one poll.
//!
//! You choose the socket's settings. The defaults work well: each message is written to the socket
//! in one piece, so Nagle's algorithm and delayed acknowledgements do not wait for each other.

mod client;
mod server;

pub use client::Client;
pub use server::{Server, Timeouts};

use ::smoltcp::socket::tcp::{RecvError, Socket};
use core::fmt;

/// The connection was refused, reset or not acknowledged in time, by either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectionLost;

/// Sends a part of `bytes` and returns its length.
///
/// If the socket can send no more, its state says so. It may still have bytes to receive.
fn send(socket: &mut Socket<'_>, bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    socket.send_slice(bytes).unwrap_or(0)
}

/// Receives into `space`. Returns 0 if no bytes have arrived.
fn receive(socket: &mut Socket<'_>, space: &mut [u8]) -> Result<usize, RecvError> {
    // Most polls bring no bytes, and `recv_slice` is slower to report that.
    if socket.may_recv() && !socket.can_recv() {
        return Ok(0);
    }
    socket.recv_slice(space)
}

impl fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection refused, reset or timed out")
    }
}

impl core::error::Error for ConnectionLost {}
