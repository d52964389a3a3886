//! The drivers over smoltcp's TCP sockets, for a loop that polls: nothing here waits.
//!
//! The loop polls smoltcp's interface, then each [`Server`] and [`Client`] with its socket, over and
//! over. They move bytes between the socket and the conversation, and keep the time limits
//! by the clock that the loop hands them. What one poll does is bounded by the socket's buffers.
//!
//! A socket's settings are the caller's. The defaults serve well: a message is handed over in one
//! piece, so that Nagle's algorithm and delayed acknowledgements do not wait for each other.

mod client;
mod server;

pub use client::Client;
pub use server::{Patience, Server};

use ::smoltcp::socket::tcp::{RecvError, Socket};
use core::fmt;

/// A connection that was refused, reset or not acknowledged in time, by either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lost;

/// Sends what the socket takes of `bytes`; how many. A socket that sends no more shows so in its
/// state, and may still have something to receive.
fn send(socket: &mut Socket<'_>, bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    socket.send_slice(bytes).unwrap_or(0)
}

/// Receives into `space`; 0 bytes are none yet.
fn receive(socket: &mut Socket<'_>, space: &mut [u8]) -> Result<usize, RecvError> {
    // Most polls bring nothing, and the socket takes longer to say so.
    if socket.may_recv() && !socket.can_recv() {
        return Ok(0);
    }
    socket.recv_slice(space)
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was refused, reset or not acknowledged in time")
    }
}

impl core::error::Error for Lost {}
