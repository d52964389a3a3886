//! The endpoint on a UART: a conversation without a network, and without an end.
//!
//! A serial line cannot be closed and opened anew, so where a conversation over TCP would end,
//! here another begins: after a fatal rejection, such as noise that is no command, after a request
//! that stays incomplete for ten seconds, and after a framing error. First the line has to be quiet
//! for a while, and all that comes before is dropped, as it may be the rest of what was
//! refused, which must never run as a command. So whoever was refused waits, then asks again.

use crate::uart::Uart;
use bellwire::{Connection, Fault, Service, blocking};
use embedded_io::{Read, ReadReady};
use smoltcp::time::{Duration, Instant};

/// The silence before a new conversation begins.
const QUIET: Duration = Duration::from_millis(100);
/// The time for a request to arrive once it has begun.
const PATIENCE: Duration = Duration::from_secs(10);

/// A UART and the conversation on it.
#[derive(Debug)]
pub struct Line<'b> {
    uart: Uart,
    connection: Connection<'b>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two requests.
    Idle,
    /// The request of this number has begun, and has so long.
    Begun { number: u32, until: Instant },
    /// What comes is dropped until the line has been quiet up to this time.
    Deaf { until: Instant },
}

impl<'b> Line<'b> {
    /// A conversation that begins.
    pub fn new(uart: Uart, connection: Connection<'b>) -> Self {
        Self {
            uart,
            connection,
            state: State::Idle,
        }
    }

    /// Takes what has arrived and answers it. To be called over and over, no later than
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
                self.connection.abort(Fault::TimedOut, service);
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

    /// When the next time limit runs out, if one does.
    pub fn poll_at(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Begun { until, .. } | State::Deaf { until } => Some(until),
        }
    }

    /// Whether nothing waits to be read; if so, what arrives from now on ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }

    /// Whether the conversation goes on.
    fn answer(&mut self, service: &mut impl Service) -> bool {
        blocking::answer(&mut self.uart, service, &mut self.connection) == Ok(true)
    }
}
