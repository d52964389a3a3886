//! The endpoint on a UART.
//!
//! [`bellwire::serial`] describes how the conversation resynchronises.

use crate::uart::Uart;
use bellwire::{ServerConnection, Service, serial::Server};
use smoltcp::time::{Duration, Instant};

/// A UART and the server on it.
#[derive(Debug)]
pub struct Line<'b> {
    uart: Uart,
    server: Server<'b>,
}

impl<'b> Line<'b> {
    /// Starts a conversation.
    pub fn new(uart: Uart, connection: ServerConnection<'b>) -> Self {
        let server = Server::new(connection);
        Self { uart, server }
    }

    /// Reads the bytes that have arrived and answers them. Call it repeatedly, and no later than
    /// [`poll_at`](Self::poll_at).
    pub fn poll(&mut self, service: &mut impl Service, now: Instant) {
        // An error is noise, after which the server resynchronises.
        let _ = self.server.poll(&mut self.uart, service, millis(now));
    }

    /// Returns the time at which the next time limit expires, if one is running.
    pub fn poll_at(&self, now: Instant) -> Option<Instant> {
        let at = self.server.poll_at()?;
        let left = at.wrapping_sub(millis(now)).cast_signed().max(0);
        Some(now + Duration::from_millis(left.unsigned_abs().into()))
    }

    /// Returns whether there is no input. If so, the next byte ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }
}

/// Returns the time in milliseconds, on a clock that wraps.
fn millis(now: Instant) -> u32 {
    let [a, b, c, d, ..] = now.total_millis().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
