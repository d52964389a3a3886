//! The server's side of one socket.

use super::{ConnectionLost, receive, send};
use crate::error::ErrorKind;
use crate::format::Format;
use crate::topics::{Published, Subscriptions, Topic, TopicSet};
use crate::{Next, ServerConnection, Service};
use ::smoltcp::socket::tcp::{RecvError, Socket, State};
use ::smoltcp::time::{Duration, Instant};
use core::task::Poll;

/// The time limits of a [`Server`]. `Duration::MAX` never expires.
///
/// ```
/// use bellwire::smoltcp::Timeouts;
/// use smoltcp::time::Duration;
/// let hasty = Timeouts { idle_timeout: Duration::from_secs(5), ..Timeouts::default() };
/// # assert_eq!(hasty.request_timeout, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Limit from the first byte of a request to its last. After it, the peer gets the error
    /// `timed-out` and the conversation ends.
    pub request_timeout: Duration,
    /// Limit for the peer to accept a batch of replies: as many as the transmit buffer holds. After
    /// it, the connection is reset. For a subscriber the limit runs from the last bytes that it accepted.
    pub reply_timeout: Duration,
    /// Limit between two requests. After it, the conversation ends as if the peer had ended it. A subscriber may be
    /// silent forever, so set the socket's keep-alive to notice one that is gone.
    pub idle_timeout: Duration,
    /// Limit for the peer to receive the last bytes and close its side. After it, the connection is
    /// reset.
    pub close_timeout: Duration,
}

impl Default for Timeouts {
    /// Returns 10 s for `request_timeout` and `reply_timeout`, 60 s for `idle_timeout`, and 5 s for
    /// `close_timeout`.
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
        }
    }
}

/// The most bytes that a peer may send after the last reply. After more, its connection is reset.
const DRAIN: usize = 65536;

/// Serves the conversations of one listening socket, one after another.
///
/// ```
/// use bellwire::smoltcp::{Timeouts, Server};
/// use bellwire::{Command, ServerConnection, Endpoint, Line};
/// use smoltcp::iface::{Interface, SocketHandle, SocketSet};
/// use smoltcp::socket::tcp::{ListenError, Socket};
/// # use smoltcp::{phy::Device, time::Instant};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// # fn example(interface: &mut Interface, device: &mut impl Device, clock: fn() -> Instant,
/// #     sockets: &mut SocketSet<'_>, handle: SocketHandle) -> Result<(), Box<dyn std::error::Error>> {
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
///
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut server = Server::new(ServerConnection::new(&mut rx, &mut tx), Timeouts::default());
/// loop {
///     let now = clock();
///     interface.poll(now, device, sockets);
///     let socket = sockets.get_mut::<Socket>(handle);
///     if server.poll(socket, &mut endpoint.with(&mut ()), now).is_ready() {
///         socket.listen(61000)?;
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Server<'b, T = ()> {
    connection: ServerConnection<'b, T>,
    timeouts: Timeouts,
    stage: Stage,
    /// The deadline of the stage, except in `Waiting`.
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No peer has connected yet.
    Waiting,
    /// A peer is connecting. Without a time limit, a single packet would block the socket forever.
    Connecting,
    /// Requests are answered.
    Talking(Awaited),
    /// The last bytes are being sent. `drained` counts the bytes received since. The last of them
    /// arrived at `heard`, which is `Instant::ZERO` if none did.
    Closing { drained: usize, heard: Instant },
    /// The conversation is over. The socket's last segment is being sent.
    Leaving(Result<(), ConnectionLost>),
}

/// The event that the server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// The start of a request.
    Start,
    /// The rest of the request with this number.
    Rest(u32),
    /// Space for replies in the socket.
    Room,
}

impl<'b, T: TopicSet> Server<'b, T> {
    /// Creates a server whose conversations use the buffers and limits of `connection`.
    pub fn new(connection: ServerConnection<'b, T>, timeouts: Timeouts) -> Self {
        Self {
            connection,
            timeouts,
            stage: Stage::Waiting,
            until: Instant::ZERO,
        }
    }

    /// Does all work that is possible now, without blocking.
    ///
    /// Call this after each poll of the interface, and no later than [`poll_at`](Self::poll_at).
    ///
    /// `Ready` means that the socket is free: a conversation is over, or there was none. Only then
    /// let it listen, for the first time or again. An earlier `listen` would lose a reset that the
    /// socket has yet to send. To stop the server, do not listen again.
    ///
    /// # Errors
    /// Returns [`ConnectionLost`] if the conversation broke off, or its end was not acknowledged in time. The
    /// socket is free in that case too.
    pub fn poll(
        &mut self,
        socket: &mut Socket<'_>,
        service: &mut impl Service,
        now: Instant,
    ) -> Poll<Result<(), ConnectionLost>> {
        if matches!(self.stage, Stage::Waiting | Stage::Connecting) {
            match socket.state() {
                State::Closed => {
                    self.stage = Stage::Waiting;
                    return Poll::Ready(Ok(()));
                }
                State::Listen => self.stage = Stage::Waiting,
                State::SynReceived if self.stage == Stage::Waiting => {
                    self.enter(Stage::Connecting, self.timeouts.request_timeout, now);
                }
                State::SynReceived if now < self.until => {}
                State::SynReceived => self.give_up(socket, now),
                _ => {
                    self.connection.reset();
                    self.await_peer(Awaited::Start, now);
                }
            }
        }
        if let Stage::Talking(awaited) = self.stage
            && (self.has_news(socket) || now >= self.until)
        {
            self.talk(awaited, socket, service, now);
        }
        if let Stage::Closing { drained, heard } = self.stage {
            self.close(drained, heard, socket, now);
        }
        match self.stage {
            Stage::Leaving(result) if has_left(socket) || now >= self.until => {
                self.stage = Stage::Waiting;
                Poll::Ready(result)
            }
            _ => Poll::Pending,
        }
    }

    /// Returns the time of the next deadline, if there is one.
    pub fn poll_at(&self) -> Option<Instant> {
        (self.stage != Stage::Waiting).then_some(self.until)
    }

    /// Returns whether the conversation can make progress. Most polls bring no bytes.
    fn has_news(&self, socket: &Socket<'_>) -> bool {
        socket.can_recv() || !socket.may_recv() || self.connection.is_pending()
    }

    fn talk(
        &mut self,
        awaited_before: Awaited,
        socket: &mut Socket<'_>,
        service: &mut impl Service,
        now: Instant,
    ) {
        if !socket.may_send() {
            return self.leave(Err(ConnectionLost), now);
        }
        let unsent = self.connection.pending().len();
        // If no replies are pending, all earlier input has been answered.
        let mut next = if self.connection.is_pending() {
            self.answer(socket, service)
        } else {
            Next::Receive
        };
        let mut advanced = false;
        // Unsent pushes hold no request back: a publisher may refill the buffer forever. Unsent replies do.
        while next != Next::Close
            && (!self.connection.is_pending()
                || next == Next::Receive && self.connection.is_subscribed())
        {
            if next == Next::Receive {
                match receive(socket, self.connection.space()) {
                    Ok(0) => break,
                    Ok(n) => self.connection.received(n),
                    Err(RecvError::Finished) => self.connection.end(),
                    Err(RecvError::InvalidState) => return self.leave(Err(ConnectionLost), now),
                }
            }
            next = self.answer(socket, service);
            advanced = true;
        }
        if next == Next::Close {
            return self.begin_close(now);
        }
        let awaited = match self.connection.partial_request() {
            _ if self.connection.is_pending() => Awaited::Room,
            Some(number) => Awaited::Rest(number),
            None => Awaited::Start,
        };
        // A request keeps its deadline, no matter how slowly its bytes arrive.
        let goes_on = match awaited {
            Awaited::Rest(_) => true,
            Awaited::Start => !advanced,
            // A publisher may refill the buffer before it is empty.
            Awaited::Room => {
                !advanced
                    && (self.connection.pending().len() >= unsent
                        || !self.connection.is_subscribed())
            }
        };
        if awaited != awaited_before || !goes_on {
            return self.await_peer(awaited, now);
        }
        if now < self.until {
            return;
        }
        match awaited {
            Awaited::Start if self.connection.is_subscribed() => {
                return self.await_peer(awaited, now);
            }
            Awaited::Start => {}
            Awaited::Rest(_) => self.connection.abort(ErrorKind::TimedOut, service),
            Awaited::Room => return self.give_up(socket, now),
        }
        self.begin_close(now);
    }

    fn close(&mut self, drained: usize, heard: Instant, socket: &mut Socket<'_>, now: Instant) {
        self.flush(socket);
        let unsent = self.connection.is_pending();
        if !unsent {
            socket.close();
        }
        let more = drain(socket);
        let drained = drained.saturating_add(more);
        let heard = if more > 0 { now } else { heard };
        match socket.state() {
            State::Closed if unsent || socket.send_queue() > 0 => {
                self.leave(Err(ConnectionLost), now);
            }
            State::Closed => self.leave(Ok(()), now),
            // The peer's end may still have to be acknowledged. If bytes came before it, the
            // acknowledgement goes out after the delay. If the device was busy in this poll, it
            // goes out in the next.
            State::TimeWait => {
                let delay = socket.ack_delay().unwrap_or(Duration::ZERO);
                self.enter(Stage::Leaving(Ok(())), delay, heard);
                let later = Instant::from_micros(now.total_micros().saturating_add(1));
                self.until = self.until.max(later);
            }
            _ if now >= self.until || drained > DRAIN => self.give_up(socket, now),
            _ => self.stage = Stage::Closing { drained, heard },
        }
    }

    fn answer(&mut self, socket: &mut Socket<'_>, service: &mut impl Service) -> Next {
        let next = self.connection.advance(service);
        self.flush(socket);
        next
    }

    fn flush(&mut self, socket: &mut Socket<'_>) {
        let sent = send(socket, self.connection.pending());
        self.connection.sent(sent);
    }

    fn await_peer(&mut self, awaited: Awaited, now: Instant) {
        let timeout = match awaited {
            Awaited::Start => self.timeouts.idle_timeout,
            Awaited::Rest(_) => self.timeouts.request_timeout,
            Awaited::Room => self.timeouts.reply_timeout,
        };
        self.enter(Stage::Talking(awaited), timeout, now);
    }

    fn begin_close(&mut self, now: Instant) {
        let closing = Stage::Closing {
            drained: 0,
            heard: Instant::ZERO,
        };
        self.enter(closing, self.timeouts.close_timeout, now);
    }

    fn give_up(&mut self, socket: &mut Socket<'_>, now: Instant) {
        socket.abort();
        self.leave(Err(ConnectionLost), now);
    }

    fn leave(&mut self, result: Result<(), ConnectionLost>, now: Instant) {
        self.enter(Stage::Leaving(result), self.timeouts.close_timeout, now);
    }

    /// Enters a stage with this time limit. Saturates: `Duration::MAX` never expires.
    fn enter(&mut self, stage: Stage, timeout: Duration, now: Instant) {
        let micros = i64::try_from(timeout.total_micros()).unwrap_or(i64::MAX);
        self.stage = stage;
        self.until = Instant::from_micros(now.total_micros().saturating_add(micros));
    }
}

impl<const N: usize> Server<'_, Subscriptions<N>> {
    /// Publishes a value to the client if it is subscribed to the topic; see [`ServerConnection::publish`].
    ///
    /// The next [`poll`](Self::poll) sends it.
    pub fn publish<F: Format>(&mut self, topic: Topic<F>, value: F::Sent<'_>) -> Published {
        self.connection.publish(topic, value)
    }
}

/// Discards all bytes that have arrived and returns their count.
fn drain(socket: &mut Socket<'_>) -> usize {
    let mut drained = 0usize;
    while let Ok(n @ 1..) = socket.recv(|bytes| (bytes.len(), bytes.len())) {
        drained = drained.saturating_add(n);
    }
    drained
}

/// Returns whether a closed socket has sent everything to its peer, even a reset.
fn has_left(socket: &Socket<'_>) -> bool {
    socket.state() == State::Closed && socket.remote_endpoint().is_none()
}
