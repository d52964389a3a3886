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
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// A peer is to connect.
    Waiting,
    /// A peer is connecting. It has so long to complete that, or a single packet would keep the
    /// socket for ever.
    Connecting { until: Instant },
    /// Requests are answered. The peer has so long for what it is to do next.
    Talking { awaited: Awaited, until: Instant },
    /// The last bytes go out, and so many have come in since.
    Closing { drained: usize, until: Instant },
    /// The conversation is over; the socket's last segment goes out.
    Leaving {
        result: Result<(), Lost>,
        until: Instant,
    },
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
        if matches!(self.stage, Stage::Waiting | Stage::Connecting { .. }) {
            self.stage = match (self.stage, socket.state()) {
                (_, State::Closed) => {
                    self.stage = Stage::Waiting;
                    return Poll::Ready(Ok(()));
                }
                (_, State::Listen) => Stage::Waiting,
                (Stage::Connecting { until }, State::SynReceived) if now >= until => {
                    socket.abort();
                    self.leaving(Err(Lost), now)
                }
                (Stage::Connecting { until }, State::SynReceived) => Stage::Connecting { until },
                (_, State::SynReceived) => Stage::Connecting {
                    until: after(now, self.patience.request),
                },
                _ => {
                    self.connection.reset();
                    self.talking(Awaited::Start, now)
                }
            };
        }
        if let Stage::Talking { awaited, until } = self.stage {
            self.stage = self.talk(awaited, until, socket, service, now);
        }
        if let Stage::Closing { drained, until } = self.stage {
            self.stage = self.close(drained, until, socket, now);
        }
        match self.stage {
            Stage::Leaving { result, until } if has_left(socket) || now >= until => {
                self.stage = Stage::Waiting;
                Poll::Ready(result)
            }
            _ => Poll::Pending,
        }
    }

    /// When the next time limit runs out, if one does.
    pub fn poll_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting => None,
            Stage::Connecting { until }
            | Stage::Talking { until, .. }
            | Stage::Closing { until, .. }
            | Stage::Leaving { until, .. } => Some(until),
        }
    }

    fn talk(
        &mut self,
        awaited_before: Awaited,
        until: Instant,
        socket: &mut Socket<'_>,
        service: &mut impl Service,
        now: Instant,
    ) -> Stage {
        if !socket.may_send() {
            return self.leaving(Err(Lost), now);
        }
        let mut advanced = false;
        loop {
            let next = self.connection.advance(service);
            self.flush(socket);
            if next == Next::Close {
                return self.closing(now);
            }
            if !self.connection.pending().is_empty() {
                break;
            }
            match next {
                Next::Receive => match receive(socket, self.connection.space()) {
                    Ok(0) => break,
                    Ok(n) => self.connection.received(n),
                    Err(RecvError::Finished) => self.connection.end(),
                    Err(RecvError::InvalidState) => return self.leaving(Err(Lost), now),
                },
                Next::Send | Next::Close => {}
            }
            advanced = true;
        }
        let awaited = match self.connection.begun() {
            _ if !self.connection.pending().is_empty() => Awaited::Room,
            Some(number) => Awaited::Rest(number),
            None => Awaited::Start,
        };
        // A request keeps its deadline, however its bytes trickle in.
        let goes_on = matches!(awaited, Awaited::Rest(_)) || !advanced;
        if awaited != awaited_before || !goes_on {
            return self.talking(awaited, now);
        }
        if now < until {
            return Stage::Talking { awaited, until };
        }
        match awaited {
            Awaited::Start => {}
            Awaited::Rest(_) => self.connection.abort(Fault::TimedOut, service),
            Awaited::Room => {
                socket.abort();
                return self.leaving(Err(Lost), now);
            }
        }
        self.closing(now)
    }

    fn close(
        &mut self,
        drained: usize,
        until: Instant,
        socket: &mut Socket<'_>,
        now: Instant,
    ) -> Stage {
        self.flush(socket);
        let unsent = !self.connection.pending().is_empty();
        if !unsent {
            socket.close();
        }
        let drained = drained.saturating_add(drain(socket));
        match socket.state() {
            State::Closed if unsent || socket.send_queue() > 0 => self.leaving(Err(Lost), now),
            State::Closed => self.leaving(Ok(()), now),
            // The peer's end is to be acknowledged, which the socket may put off so long.
            State::TimeWait => Stage::Leaving {
                result: Ok(()),
                until: after(now, socket.ack_delay().unwrap_or(Duration::ZERO)),
            },
            _ if now >= until || drained > DRAIN => {
                socket.abort();
                self.leaving(Err(Lost), now)
            }
            _ => Stage::Closing { drained, until },
        }
    }

    fn flush(&mut self, socket: &mut Socket<'_>) {
        let sent = send(socket, self.connection.pending());
        self.connection.sent(sent);
    }

    fn talking(&self, awaited: Awaited, now: Instant) -> Stage {
        let patience = match awaited {
            Awaited::Start => self.patience.idle,
            Awaited::Rest(_) => self.patience.request,
            Awaited::Room => self.patience.reply,
        };
        Stage::Talking {
            awaited,
            until: after(now, patience),
        }
    }

    fn closing(&self, now: Instant) -> Stage {
        Stage::Closing {
            drained: 0,
            until: after(now, self.patience.close),
        }
    }

    fn leaving(&self, result: Result<(), Lost>, now: Instant) -> Stage {
        Stage::Leaving {
            result,
            until: after(now, self.patience.close),
        }
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

/// `duration` later; for ever is as late as can be told.
fn after(now: Instant, duration: Duration) -> Instant {
    let micros = i64::try_from(duration.total_micros()).unwrap_or(i64::MAX);
    Instant::from_micros(now.total_micros().saturating_add(micros))
}
