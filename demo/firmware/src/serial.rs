//! The endpoint on a UART.
//!
//! A serial line cannot be closed and opened again. When a conversation over TCP would end, the board
//! resynchronises instead: it discards all input until the line has been quiet for 100 ms, then starts
//! a new conversation. This happens after a fatal rejection (for example noise instead of a command),
//! after a request that stays incomplete for ten seconds, and after a framing error.
//!
//! The discarded bytes may be the rest of a rejected request, and must never run as a command. So
//! after an error a client waits for 100 ms, then retries.

use crate::uart::Uart;
use bellwire::{ErrorKind, ServerConnection, Service, blocking};
use embedded_io::{Read, ReadReady};
use smoltcp::time::{Duration, Instant};

/// The silence required before a new conversation.
const QUIET: Duration = Duration::from_millis(100);
/// The time limit for a request, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(10);

/// A UART and the conversation on it.
#[derive(Debug)]
pub struct Line<'b> {
    uart: Uart,
    connection: ServerConnection<'b>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two requests.
    Idle,
    /// Request `number` has begun and must be complete at `until`.
    Begun { number: u32, until: Instant },
    /// Input is discarded. A new conversation starts at `until`; each byte postpones it.
    Deaf { until: Instant },
}

impl<'b> Line<'b> {
    /// Starts a conversation.
    pub fn new(uart: Uart, connection: ServerConnection<'b>) -> Self {
        Self {
            uart,
            connection,
            state: State::Idle,
        }
    }

    /// Reads the bytes that have arrived and answers them. Call it repeatedly, and no later than
    /// [`poll_at`](Self::poll_at).
    pub fn poll(&mut self, service: &mut impl Service, now: Instant) {
        let arrived = match self.uart.read_ready() {
            Ok(true) => self.uart.read(self.connection.space()),
            _ => Ok(0),
        };
        let goes_on = match (self.state, arrived) {
            (State::Deaf { until }, Ok(0)) if now >= until => {
                self.connection.reset();
                true
            }
            (State::Deaf { .. }, Ok(0)) => return,
            (State::Deaf { .. }, _) | (_, Err(_)) => false,
            (State::Begun { until, .. }, Ok(0)) if now >= until => {
                self.connection.abort(ErrorKind::TimedOut, service);
                self.answer(service)
            }
            (_, Ok(0)) => return,
            (_, Ok(count)) => {
                self.connection.received(count);
                self.answer(service)
            }
        };
        self.state = match (self.connection.begun(), self.state) {
            _ if !goes_on => State::Deaf { until: now + QUIET },
            (None, _) => State::Idle,
            (Some(now_begun), State::Begun { number, .. }) if now_begun == number => return,
            (Some(number), _) => State::Begun {
                number,
                until: now + PATIENCE,
            },
        };
    }

    /// Returns the time at which the next time limit expires, if one is running.
    pub fn poll_at(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Begun { until, .. } | State::Deaf { until } => Some(until),
        }
    }

    /// Returns whether there is no input. If so, the next byte ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }

    /// Sends the replies. Returns whether the conversation goes on.
    fn answer(&mut self, service: &mut impl Service) -> bool {
        blocking::answer(&mut self.uart, service, &mut self.connection) == Ok(true)
    }
}
