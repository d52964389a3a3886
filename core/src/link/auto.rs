//! One port for a person and a program.

use super::blocking::transmit;
use super::{Ended, Link, State};
use crate::serial::{Server, arrived, is_reached};
use crate::topics::{Published, Subscriptions, TopicSet};
use crate::{Error, Format, Next, ServerConnection, Service, Topic};
use embedded_io::{Read, ReadReady, Write};

/// Bytes read at a time.
const CHUNK: usize = 16;

/// A server that answers a person in plain text and a program over a [`Link`], on one line, for a superloop.
///
/// A zero byte between two requests begins a frame. From then on all input belongs to the link. Inside a request a
/// zero byte is data.
///
/// Text is accepted only after the line was quiet for [`Server::QUIET`] since the start, or since the link's
/// conversation has ended. So a frame that was cut by a restart never runs as text.
///
/// `now` is a clock of milliseconds, which may wrap.
///
/// ```
/// use bellwire::link::{Auto, Link};
/// use bellwire::{ServerConnection, Service};
/// # use embedded_io::{Read, ReadReady, Write};
///
/// fn run<S: Read + ReadReady + Write>(mut uart: S, service: &mut impl Service, millis: fn() -> u32, boots: u32) {
///     let (mut rx, mut tx) = ([0; 512], [0; 512]);
///     let link = Link::listen(&mut rx[..], &mut tx[..], boots);
///     let (mut rx, mut tx) = ([0; 256], [0; 512]);
///     let mut server = Auto::new(ServerConnection::new(&mut rx, &mut tx), link, millis());
///     loop {
///         // An error of the UART is noise.
///         let _ = server.poll(&mut uart, service, millis());
///         // Other work, or sleep until `server.poll_at()` or the next byte.
/// #       break;
///     }
/// }
/// ```
///
/// `T` is `()`, or [`Subscriptions`] for a connection with topics.
#[derive(Debug)]
pub struct Auto<'b, M, T = ()> {
    /// The conversation in plain text. Its buffers serve the link's conversation too.
    text: Server<'b, T>,
    link: Link<M>,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    /// Input belongs to the link. Without a conversation, text is accepted at `until`.
    Framed {
        until: u32,
        next: Next,
    },
}

impl<'b, M: AsRef<[u8]> + AsMut<[u8]>, T: TopicSet> Auto<'b, M, T> {
    /// Creates a server. `link` is made by [`Link::listen`].
    pub fn new(connection: ServerConnection<'b, T>, link: Link<M>, now: u32) -> Self {
        let mut server = Self {
            text: Server::new(connection),
            link,
            mode: Mode::Text,
        };
        server.frame(now);
        server
    }

    /// Returns whether the conversation over the link is open.
    pub fn is_linked(&self) -> bool {
        self.link.state() == State::Open
    }

    /// Reads up to 16 bytes that have arrived, answers them, and sends the due bytes. Call it repeatedly, and no later
    /// than [`poll_at`](Self::poll_at). Returns whether to call it again at once.
    ///
    /// # Errors
    /// Returns the error of the stream. Bytes may be lost. Both modes recover.
    pub fn poll<S: Read + ReadReady + Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
    ) -> Result<bool, Error<S::Error>> {
        let mut bytes = [0; CHUNK];
        match arrived(stream, &mut bytes) {
            Ok(0) => self.silence(stream, service, now)?,
            Ok(n) => self.bytes(stream, service, now, bytes.get(..n).unwrap_or(&[]))?,
            Err(error) => {
                if self.mode == Mode::Text {
                    self.frame(now);
                }
                return Err(Error::Transport(error));
            }
        }
        if self.mode == Mode::Text {
            return Ok(false);
        }
        let more = self.serve_link(service, now);
        let sent = transmit(stream, &mut self.link, now).map_err(Error::Transport)?;
        Ok(more || sent)
    }

    /// Returns the time of the next call of [`poll`](Self::poll) if no byte arrives before.
    pub fn poll_at(&self) -> Option<u32> {
        match self.mode {
            Mode::Text => self.text.poll_at(),
            Mode::Framed { .. } if self.link.is_in_use() => self.link.poll_at(),
            Mode::Framed { until, .. } => Some(until),
        }
    }

    /// Gives the input to the link.
    fn frame(&mut self, now: u32) {
        self.text.connection().reset();
        self.mode = Mode::Framed {
            until: now.wrapping_add(Server::QUIET),
            next: Next::Receive,
        };
    }

    fn silence<S: Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
    ) -> Result<(), Error<S::Error>> {
        match self.mode {
            Mode::Text => {
                let result = self.text.silence(stream, service, now);
                self.after_text(now);
                result
            }
            Mode::Framed { until, .. } => {
                if !self.link.is_in_use() && is_reached(until, now) {
                    self.text.restart();
                    self.mode = Mode::Text;
                }
                Ok(())
            }
        }
    }

    fn bytes<S: Write>(
        &mut self,
        stream: &mut S,
        service: &mut impl Service,
        now: u32,
        mut bytes: &[u8],
    ) -> Result<(), Error<S::Error>> {
        while self.mode == Mode::Text && !bytes.is_empty() {
            if bytes.first() == Some(&0) && self.text.is_idle() {
                self.frame(now);
                break;
            }
            // Up to the next zero, which may begin a frame.
            let zero = bytes.iter().skip(1).position(|byte| *byte == 0);
            let end = zero.map_or(bytes.len(), |index| index.wrapping_add(1));
            let (first, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            bytes = rest;
            let result = self.text.bytes(stream, service, now, first);
            self.after_text(now);
            result?;
        }
        if let Mode::Framed { until, .. } = &mut self.mode {
            *until = now.wrapping_add(Server::QUIET);
            self.link.receive(now, bytes);
        }
        Ok(())
    }

    /// After the end of a conversation in plain text only frames are accepted until the line is quiet.
    fn after_text(&mut self, now: u32) {
        if self.text.is_deaf() {
            self.frame(now);
        }
    }

    /// Begins the link's next conversation. Returns that there may be more to do.
    fn begin_conversation(&mut self, now: u32) -> bool {
        self.frame(now);
        self.link.restart(now);
        true
    }

    /// Moves bytes between the link and the conversation over it. Returns whether there may be more.
    fn serve_link(&mut self, service: &mut impl Service, now: u32) -> bool {
        let Mode::Framed { next, .. } = &mut self.mode else {
            return false;
        };
        let connection = self.text.connection();
        let sent = self.link.write(connection.pending()).unwrap_or(0);
        connection.sent(sent);
        let pending = connection.is_pending();
        // Unsent pushes hold no request back: a publisher may refill the buffer forever. Unsent replies do.
        let is_pushing = connection.is_subscribed() && (sent > 0 || *next == Next::Receive);
        let is_held = pending && !is_pushing;
        match self.link.state() {
            // The requests that arrived before still run, up to the first one with a reply.
            State::Over(Ended::Closed) if !is_held && *next != Next::Close => {}
            State::Over(_) => return self.begin_conversation(now),
            State::Opening | State::Open => {}
        }
        if *next == Next::Close {
            if !pending && self.link.unacknowledged() == 0 {
                self.link.close();
            }
            return false;
        }
        if is_held {
            return false;
        }
        let received = match self.link.read(connection.space()) {
            Err(_) if *next == Next::Receive => return self.begin_conversation(now),
            received => received.unwrap_or(0),
        };
        connection.received(received);
        if received == 0 && *next == Next::Receive {
            return false;
        }
        *next = connection.advance(service);
        true
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, const N: usize> Auto<'_, M, Subscriptions<N>> {
    /// Publishes a value if the other end is subscribed to the topic; see [`ServerConnection::publish`].
    ///
    /// The next [`poll`](Self::poll) sends it.
    pub fn publish<F: Format>(&mut self, topic: Topic<F>, value: F::Sent<'_>) -> Published {
        self.text.publish(topic, value)
    }
}
