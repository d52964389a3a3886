//! The client's side of one socket.

use super::{ConnectionLost, receive, send};
use crate::client::ClientConnection;
use crate::command::{Command, NoReply, ReplyFormat};
use crate::error::{Error, ErrorKind};
use crate::failure::Failure;
use crate::format::Format;
use crate::topics::{Listener, Listening, Push, UntypedTopic};
use ::smoltcp::socket::tcp::{RecvError, Socket, State};
use ::smoltcp::time::Instant;
use core::task::Poll;

/// A step of [`ClientConnection`], which returns whether it is done.
type Step<'b, T> = fn(&mut ClientConnection<'b, T>) -> Result<bool, Failure<ConnectionLost>>;

/// A client over a socket that you connect: one call at a time, over two lent buffers.
///
/// `rx` holds one reply at a time. An error line takes up to 160 bytes of it. `tx` holds one
/// request. A call may begin before the connection is established.
///
/// ```
/// use bellwire::smoltcp::Client;
/// use bellwire::{Command, Line};
/// use core::task::Poll;
/// use smoltcp::iface::{Interface, SocketHandle, SocketSet};
/// use smoltcp::socket::tcp::Socket;
/// # use smoltcp::{phy::Device, time::{Duration, Instant}};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// # fn example(interface: &mut Interface, device: &mut impl Device, clock: fn() -> Instant,
/// #     sockets: &mut SocketSet<'_>, handle: SocketHandle) -> Result<(), Box<dyn std::error::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 256]);
/// let mut client = Client::new(&mut rx, &mut tx);
/// let socket = sockets.get_mut::<Socket>(handle);
/// client.call(STRING, "Additional data.", socket, clock() + Duration::from_secs(5))?;
/// loop {
///     let now = clock();
///     interface.poll(now, device, sockets);
///     let socket = sockets.get_mut::<Socket>(handle);
///     if let Poll::Ready(reply) = client.poll_reply(STRING, socket, now) {
///         assert_eq!(reply?, "Thank you.");
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<'b, T = ()> {
    caller: ClientConnection<'b, T>,
    deadline: Instant,
}

impl<'b> Client<'b> {
    /// Creates a client at the start of a conversation.
    pub fn new(rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        Self {
            caller: ClientConnection::new(rx, tx),
            deadline: Instant::ZERO,
        }
    }

    /// Passes the pushes of these topics to `listener`; see
    /// [`ClientConnection::with_topics`](crate::ClientConnection::with_topics).
    ///
    /// The listener runs inside the methods that poll.
    pub fn with_topics<L: FnMut(Push<'_>), const N: usize>(
        self,
        topics: [UntypedTopic; N],
        listener: L,
    ) -> Client<'b, Listening<L, N>> {
        Client {
            caller: self.caller.with_topics(topics, listener),
            deadline: self.deadline,
        }
    }
}

impl<'b, T: Listener> Client<'b, T> {
    /// Starts over, for a new conversation over a newly connected socket.
    pub fn reset(&mut self) {
        self.caller.reset();
    }

    /// Begins a call that must complete before `deadline`.
    ///
    /// Continue with [`poll_reply`](Self::poll_reply), or with [`poll_sent`](Self::poll_sent) if
    /// the command has no reply.
    ///
    /// # Errors
    /// In each case no byte of the request was sent.
    ///
    /// - [`Error::Protocol`]: the request does not fit `tx` or cannot be encoded.
    /// - [`ErrorKind::ReplyPending`]: the reply to an earlier call has not arrived. Try again later, or give the
    ///   conversation up: abort the socket, connect again and [`reset`](Self::reset).
    /// - [`Error::Closed`], [`Error::Transport`]: the conversation is over.
    pub fn call<Req: Format, Rsp: ReplyFormat>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
        socket: &mut Socket<'_>,
        deadline: Instant,
    ) -> Result<(), Error<ConnectionLost>> {
        if self.caller.is_waiting() {
            self.exchange(socket, ClientConnection::skip_reply)
                .map_err(|failure| self.caller.error(failure))?;
        }
        self.caller
            .write::<Req, _>(command.name(), Rsp::SHAPE, value)
            .map_err(|failure| self.caller.error(failure))?;
        self.deadline = deadline;
        self.flush(socket);
        Ok(())
    }

    /// Returns the reply to the call once it has arrived.
    ///
    /// Call this after each poll of the interface until it returns `Ready`, and no later than the
    /// deadline.
    ///
    /// # Errors
    /// - [`Error::Remote`]: the server sent an error line.
    /// - [`Error::Protocol`]: the reply does not fit `rx` or cannot be decoded.
    /// - [`ErrorKind::TimedOut`]: the deadline has passed. A late reply is skipped and never taken for
    ///   the reply to another call.
    /// - [`Error::Closed`], [`Error::Transport`]: no reply came.
    pub fn poll_reply<Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        socket: &mut Socket<'_>,
        now: Instant,
    ) -> Poll<Result<Rsp::Value<'_>, Error<ConnectionLost>>> {
        match self.exchange(socket, ClientConnection::find_reply) {
            Ok(true) => Poll::Ready(self.caller.take_reply::<Rsp, _>(Ok(()), command.name())),
            Ok(false) if now < self.deadline => Poll::Pending,
            Ok(false) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Err(failure) => Poll::Ready(Err(self.caller.error(failure))),
        }
    }

    /// Returns `Ready` once the socket has accepted the whole request of a command without reply.
    ///
    /// Call this as [`poll_reply`](Self::poll_reply).
    ///
    /// # Errors
    /// As [`poll_reply`](Self::poll_reply). If the server rejects the request, the next call
    /// reports it.
    pub fn poll_sent<Req: Format>(
        &mut self,
        _command: Command<Req, NoReply>,
        socket: &mut Socket<'_>,
        now: Instant,
    ) -> Poll<Result<(), Error<ConnectionLost>>> {
        match self.exchange(socket, ClientConnection::find_reply) {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) if now < self.deadline => Poll::Pending,
            Ok(false) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Err(failure) => Poll::Ready(Err(self.caller.error(failure))),
        }
    }

    /// Receives pushes between calls. Returns `Ready` if at least one was passed to the listener.
    ///
    /// Call this after each poll of the interface while no call is under way.
    ///
    /// # Errors
    /// - [`ErrorKind::ReplyPending`]: a call waits for its reply.
    /// - [`Error::Remote`]: the server ended the conversation with an error line.
    /// - [`Error::Protocol`]: bytes other than a push arrived, and the conversation is over.
    /// - [`Error::Closed`], [`Error::Transport`]: the conversation is over.
    pub fn poll_pushes(
        &mut self,
        socket: &mut Socket<'_>,
    ) -> Poll<Result<(), Error<ConnectionLost>>> {
        if matches!(socket.state(), State::SynSent | State::SynReceived) {
            return Poll::Pending;
        }
        self.flush(socket);
        match self.receive_until(socket, ClientConnection::find_push) {
            Ok(true) => Poll::Ready(self.caller.take_end()),
            Ok(false) => Poll::Pending,
            Err(failure) => Poll::Ready(Err(self.caller.error(failure))),
        }
    }

    /// Sends and receives. Returns whether `is_done` accepts the reply or, if no reply is expected,
    /// whether the request was sent.
    fn exchange(
        &mut self,
        socket: &mut Socket<'_>,
        is_done: Step<'b, T>,
    ) -> Result<bool, Failure<ConnectionLost>> {
        if matches!(socket.state(), State::SynSent | State::SynReceived) {
            return Ok(false);
        }
        self.flush(socket);
        if !self.caller.is_waiting() {
            let sent = self.caller.pending().is_empty();
            return if sent || socket.may_send() {
                Ok(sent)
            } else {
                Err(Failure::Transport(ConnectionLost))
            };
        }
        self.receive_until(socket, is_done)
    }

    /// Receives until `is_done` returns true or the arrived bytes are used up. Returns whether `is_done` returned true.
    fn receive_until(
        &mut self,
        socket: &mut Socket<'_>,
        is_done: Step<'b, T>,
    ) -> Result<bool, Failure<ConnectionLost>> {
        while !is_done(&mut self.caller)? {
            match receive(socket, self.caller.space()) {
                Ok(0) => return Ok(false),
                Ok(n) => self.caller.received(n),
                Err(RecvError::Finished) => self.caller.end(),
                Err(RecvError::InvalidState) => return Err(Failure::Transport(ConnectionLost)),
            }
        }
        Ok(true)
    }

    fn flush(&mut self, socket: &mut Socket<'_>) {
        let sent = send(socket, self.caller.pending());
        self.caller.sent(sent);
    }
}
