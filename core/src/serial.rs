//! A server on a serial line in plain text.
//!
//! A serial line cannot be closed and opened again. If a conversation would end over TCP, the server
//! resynchronises instead: it discards all input until the line has been quiet for [`Server::QUIET`], then starts a new
//! conversation. This happens after a fatal rejection (for example noise instead of a command), after a request that
//! stays incomplete for [`Server::REQUEST_TIMEOUT`], and after a framing error.
//!
//! The discarded bytes may be the rest of a rejected request, and must never run as a command. So after an
//! error a client waits for [`Server::QUIET`], then retries.

use crate::topics::{Published, Subscriptions, TopicSet};
use crate::{Error, ErrorKind, Format, ServerConnection, Service, Topic, blocking};
use embedded_io::{Read, ReadReady, Write};

/// Bytes read at a time.
const CHUNK: usize = 16;

/// Serves one conversation after another on one line, for a superloop.
///
/// `now` is a clock of milliseconds, which may wrap.
///
/// ```
/// use bellwire::{ServerConnection, Service, serial::Server};
/// # use embedded_io::{Read, ReadReady, Write};
///
/// fn run<S: Read + ReadReady + Write>(mut uart: S, service: &mut impl Service, millis: fn() -> u32) {
///     let (mut rx, mut tx) = ([0; 256], [0; 512]);
///     let mut server = Server::new(ServerConnection::new(&mut rx, &mut tx));
///     loop {
///         // An error of the UART is noise. The server resynchronises.
///         let _ = server.poll(&mut uart, service, millis());
///         // Other work, or sleep until `server.poll_at()` or the next byte.
/// #       break;
///     }
/// }
/// ```
///
/// `T` is `()`, or [`Subscriptions`] for a connection with topics.
#[derive(Debug)]
pub struct Server<'b, T = ()> {
    connection: ServerConnection<'b, T>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two requests.
    Idle,
    /// Request `number` has begun and must be complete at `until`.
    Begun { number: u32, until: u32 },
    /// Input is discarded. A new conversation starts at `until`; each byte postpones it.
    Deaf { until: u32 },
}

impl Server<'_> {
    /// The silence before a new conversation, in milliseconds.
    pub const QUIET: u32 = 100;

    /// The time limit for a request, from its first byte to its last, in milliseconds.
    pub const REQUEST_TIMEOUT: u32 = 10_000;
}

impl<'b, T: TopicSet> Server<'b, T> {
    /// Creates a server at the start of a conversation.
    pub fn new(connection: ServerConnection<'b, T>) -> Self {
        Self {
            connection,
            state: State::Idle,
        }
    }

    /// Reads up to 16 bytes that have arrived, and answers them. Call it repeatedly, and no later than
    /// [`poll_at`](Self::poll_at).
    ///
    /// # Errors
    /// Returns the error of the stream, after which the server discards input.
    pub fn poll<S: Read + ReadReady + Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
    ) -> Result<(), Error<S::Error>> {
        let mut bytes = [0; CHUNK];
        match arrived(stream, &mut bytes) {
            Ok(0) => self.silence(stream, service, now),
            Ok(n) => self.bytes(stream, service, now, bytes.get(..n).unwrap_or(&[])),
            Err(error) => {
                self.deafen(now);
                Err(Error::Transport(error))
            }
        }
    }

    /// Returns the time at which the next time limit expires, if one is running.
    pub fn poll_at(&self) -> Option<u32> {
        match self.state {
            State::Idle => None,
            State::Begun { until, .. } | State::Deaf { until } => Some(until),
        }
    }

    /// Returns whether input is discarded.
    pub(crate) fn is_deaf(&self) -> bool {
        matches!(self.state, State::Deaf { .. })
    }

    /// Returns whether the next byte begins a request.
    #[cfg(feature = "link")]
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    #[cfg(feature = "link")]
    pub(crate) fn connection(&mut self) -> &mut ServerConnection<'b, T> {
        &mut self.connection
    }

    /// Begins a new conversation.
    pub(crate) fn restart(&mut self) {
        self.connection.reset();
        self.state = State::Idle;
    }

    /// Discards input until the line is quiet.
    pub(crate) fn deafen(&mut self, now: u32) {
        self.state = State::Deaf {
            until: now.wrapping_add(Server::QUIET),
        };
    }

    /// Checks the time limits, if no byte has arrived.
    pub(crate) fn silence<S: Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
    ) -> Result<(), Error<S::Error>> {
        match self.state {
            State::Deaf { until } if is_reached(until, now) => {
                self.restart();
                Ok(())
            }
            State::Begun { until, .. } if is_reached(until, now) => {
                self.connection.abort(ErrorKind::TimedOut, service);
                self.answer(stream, service, now)
            }
            State::Idle | State::Begun { .. } if self.connection.is_subscribed() => {
                self.answer(stream, service, now)
            }
            _ => Ok(()),
        }
    }

    /// Answers the requests in received bytes.
    pub(crate) fn bytes<S: Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
        mut bytes: &[u8],
    ) -> Result<(), Error<S::Error>> {
        while !bytes.is_empty() && !self.is_deaf() {
            // Never empty: `answer` has returned with the conversation going on.
            let mut n = 0usize;
            for (slot, byte) in self.connection.space().iter_mut().zip(bytes) {
                *slot = *byte;
                n = n.wrapping_add(1);
            }
            self.connection.received(n);
            bytes = bytes.get(n.max(1)..).unwrap_or(&[]);
            self.answer(stream, service, now)?;
        }
        if self.is_deaf() {
            self.deafen(now);
        }
        Ok(())
    }

    /// Sends the replies, and sets the time limit of the next request.
    fn answer<S: Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
    ) -> Result<(), Error<S::Error>> {
        let answered = blocking::answer(stream, service, &mut self.connection);
        match (&answered, self.connection.partial_request(), self.state) {
            (Err(_) | Ok(false), ..) => self.deafen(now),
            (_, None, _) => self.state = State::Idle,
            (_, Some(begun), State::Begun { number, .. }) if begun == number => {}
            (_, Some(number), _) => {
                self.state = State::Begun {
                    number,
                    until: now.wrapping_add(Server::REQUEST_TIMEOUT),
                }
            }
        }
        answered.map(|_| ())
    }
}

impl<const N: usize> Server<'_, Subscriptions<N>> {
    /// Publishes a value if the other end is subscribed to the topic; see [`ServerConnection::publish`].
    ///
    /// The next [`poll`](Self::poll) sends it.
    pub fn publish<F: Format>(&mut self, topic: Topic<F>, value: F::Sent<'_>) -> Published {
        self.connection.publish(topic, value)
    }
}

/// Reads the bytes that have arrived, which may be none.
pub(crate) fn arrived<S: Read + ReadReady>(
    stream: &mut S,
    space: &mut [u8],
) -> Result<usize, S::Error> {
    if stream.read_ready()? {
        stream.read(space)
    } else {
        Ok(0)
    }
}

/// Returns whether `now` is `until` or later, on a clock that wraps.
pub(crate) fn is_reached(until: u32, now: u32) -> bool {
    now.wrapping_sub(until) <= u32::MAX / 2
}
