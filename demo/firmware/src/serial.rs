//! The endpoint on a UART, for a person in plain text and for a program over a link.
//!
//! [`bellwire::serial`] describes how the conversation in plain text resynchronises.

use crate::boots;
use crate::uart::Uart;
use bellwire::link::{Auto, Link};
use bellwire::topics::{Subscriptions, TopicSet};
use bellwire::{Format, ServerConnection, Service, Topic};
use smoltcp::time::{Duration, Instant};

/// A UART and the server on it.
#[derive(Debug)]
pub struct Line<'b, T = ()> {
    uart: Uart,
    server: Auto<'b, &'b mut [u8], T>,
}

impl<'b, T: TopicSet> Line<'b, T> {
    /// Starts a server. `lent` is the link's memory for each direction. Call it once.
    pub fn new(
        uart: Uart,
        connection: ServerConnection<'b, T>,
        lent: [&'b mut [u8]; 2],
        now: Instant,
    ) -> Self {
        let [rx, tx] = lent;
        let link = Link::listen(rx, tx, boots::count());
        let server = Auto::new(connection, link, millis(now));
        Self { uart, server }
    }

    /// Reads the bytes that have arrived and answers them. Call it repeatedly, and no later than
    /// [`poll_at`](Self::poll_at). Returns whether to call it again at once.
    pub fn poll(&mut self, service: &mut impl Service, now: Instant) -> bool {
        let more = self.server.poll(&mut self.uart, service, millis(now));
        // An error is noise. Both modes recover.
        more.unwrap_or(true)
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

impl<const TOPICS: usize> Line<'_, Subscriptions<TOPICS>> {
    /// Publishes a value if the other end is subscribed to the topic. The next [`poll`](Self::poll) sends it.
    pub fn publish<F: Format>(&mut self, topic: Topic<F>, value: F::Sent<'_>) {
        self.server.publish(topic, value);
    }
}

/// Returns the time in milliseconds, on a clock that wraps.
fn millis(now: Instant) -> u32 {
    let [a, b, c, d, ..] = now.total_millis().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
