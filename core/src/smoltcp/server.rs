//! The server's side of one socket.

use super::{Lost, receive, send};
use crate::error::Fault;
use crate::{Connection, Next, Service};
use ::smoltcp::socket::tcp::{RecvError, Socket, State};
use ::smoltcp::time::{Duration, Instant};
use core::task::Poll;

/// How long a [`Server`] waits for its peer. `Duration::MAX` is for ever.
///
/// ```
/// use bellwire::smoltcp::Patience;
/// use smoltcp::time::Duration;
/// let hasty = Patience { idle: Duration::from_secs(5), ..Patience::default() };
/// # assert_eq!(hasty.request, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a request to be complete once it has begun. Its sender is then told that it timed out,
    /// and the conversation ends.
    pub request: Duration,
    /// For the peer to make room for a batch of replies, as many as the conversation's buffer for
    /// them holds. The connection is then reset.
    pub reply: Duration,
    /// Between two requests. The conversation then ends as if the peer had ended it.
    pub idle: Duration,
    /// For the peer to take the last bytes and to close as well. The connection is then reset.
    pub close: Duration,
}

impl Default for Patience {
    /// 10 seconds for a request and for a reply, 60 between requests, 5 to close.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            reply: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            close: Duration::from_secs(5),
        }
    }
}

/// The bytes that a peer may still send after the last reply, before its connection is reset.
const DRAIN: usize = 65536;

/// Serves one listening socket: its conversations, one after the other.
///
/// ```
/// use bellwire::smoltcp::{Patience, Server};
/// use bellwire::{Command, Connection, Endpoint, Line};
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
/// let mut server = Server::new(Connection::new(&mut rx, &mut tx), Patience::default());
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
pub struct Server<'b> {
    connection: Connection<'b>,
    patience: Patience,
    stage: Stage,
    /// When the stage ends at the latest, unless it is `Waiting`.
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A peer is to connect.
    Waiting,
    /// A peer is connecting. Without a time limit a single packet would keep the socket for ever.
    Connecting,
    /// Requests are answered.
    Talking(Awaited),
    /// The last bytes go out. So many have come in since, and the last of them were `heard` then, or at
    /// `Instant::ZERO` where none have come.
    Closing { drained: usize, heard: Instant },
    /// The conversation is over; the socket's last segment goes out.
    Leaving(Result<(), Lost>),
}

/// What a peer is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// Begin a request.
    Start,
    /// Complete the request of this number.
    Rest(u32),
    /// Make room for replies.
    Room,
}

impl<'b> Server<'b> {
    /// A server whose conversations use the buffers and limits of `connection`, one after the other.
    pub fn new(connection: Connection<'b>, patience: Patience) -> Self {
        Self {
            connection,
            patience,
            stage: Stage::Waiting,
            until: Instant::ZERO,
        }
    }

    /// Does what can be done now. To be called after each poll of the interface, and no later
    /// than [`poll_at`](Self::poll_at).
    ///
    /// `Ready` says that the socket is free: a conversation is over, or there was none. Now it
    /// can listen, for the first time or again; not before, as a reset would be lost that is
    /// still to be sent. A server that is to stop does not listen again.
    ///
    /// # Errors
    /// [`Lost`]: the conversation broke off, or its end was not acknowledged in time. The socket is
    /// free all the same.
    pub fn poll(
        &mut self,
        socket: &mut Socket<'_>,
        service: &mut impl Service,
        now: Instant,
    ) -> Poll<Result<(), Lost>> {
        if matches!(self.stage, Stage::Waiting | Stage::Connecting) {
            match socket.state() {
                State::Closed => {
                    self.stage = Stage::Waiting;
                    return Poll::Ready(Ok(()));
                }
                State::Listen => self.stage = Stage::Waiting,
                State::SynReceived if self.stage == Stage::Waiting => {
                    self.enter(Stage::Connecting, self.patience.request, now);
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

    /// When the next time limit runs out, if one does.
    pub fn poll_at(&self) -> Option<Instant> {
        (self.stage != Stage::Waiting).then_some(self.until)
    }

    /// Whether a conversation can go on. Most polls bring nothing.
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
            return self.leave(Err(Lost), now);
        }
        // Where no replies wait to be sent, all that arrived earlier has been answered.
        let mut next = if self.connection.is_pending() {
            self.answer(socket, service)
        } else {
            Next::Receive
        };
        let mut advanced = false;
        while next != Next::Close && !self.connection.is_pending() {
            if next == Next::Receive {
                match receive(socket, self.connection.space()) {
                    Ok(0) => break,
                    Ok(n) => self.connection.received(n),
                    Err(RecvError::Finished) => self.connection.end(),
                    Err(RecvError::InvalidState) => return self.leave(Err(Lost), now),
                }
            }
            next = self.answer(socket, service);
            advanced = true;
        }
        if next == Next::Close {
            return self.begin_close(now);
        }
        let awaited = match self.connection.begun() {
            _ if self.connection.is_pending() => Awaited::Room,
            Some(number) => Awaited::Rest(number),
            None => Awaited::Start,
        };
        // A request keeps its deadline, however its bytes trickle in.
        let goes_on = matches!(awaited, Awaited::Rest(_)) || !advanced;
        if awaited != awaited_before || !goes_on {
            return self.await_peer(awaited, now);
        }
        if now < self.until {
            return;
        }
        match awaited {
            Awaited::Start => {}
            Awaited::Rest(_) => self.connection.abort(Fault::TimedOut, service),
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
            State::Closed if unsent || socket.send_queue() > 0 => self.leave(Err(Lost), now),
            State::Closed => self.leave(Ok(()), now),
            // The peer's end may still have to be acknowledged: until the delay is over, where bytes came
            // before it, or in the next poll, where the device was busy in this one.
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
        let patience = match awaited {
            Awaited::Start => self.patience.idle,
            Awaited::Rest(_) => self.patience.request,
            Awaited::Room => self.patience.reply,
        };
        self.enter(Stage::Talking(awaited), patience, now);
    }

    fn begin_close(&mut self, now: Instant) {
        let closing = Stage::Closing {
            drained: 0,
            heard: Instant::ZERO,
        };
        self.enter(closing, self.patience.close, now);
    }

    fn give_up(&mut self, socket: &mut Socket<'_>, now: Instant) {
        socket.abort();
        self.leave(Err(Lost), now);
    }

    fn leave(&mut self, result: Result<(), Lost>, now: Instant) {
        self.enter(Stage::Leaving(result), self.patience.close, now);
    }

    /// For ever is as late as can be told.
    fn enter(&mut self, stage: Stage, patience: Duration, now: Instant) {
        let patience = i64::try_from(patience.total_micros()).unwrap_or(i64::MAX);
        self.stage = stage;
        self.until = Instant::from_micros(now.total_micros().saturating_add(patience));
    }
}

/// Drops all that has arrived; how many bytes.
fn drain(socket: &mut Socket<'_>) -> usize {
    let mut drained = 0usize;
    while let Ok(n @ 1..) = socket.recv(|bytes| (bytes.len(), bytes.len())) {
        drained = drained.saturating_add(n);
    }
    drained
}

/// Whether a closed socket has nothing left to tell its peer, not even a reset.
fn has_left(socket: &Socket<'_>) -> bool {
    socket.state() == State::Closed && socket.remote_endpoint().is_none()
}
