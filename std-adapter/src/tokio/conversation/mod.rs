//! The conversation on one connection: its state between wake-ups, and the work of one wake-up.

use super::Shared;
use super::counts::RequestCounts;
use super::in_flight::Reservation;
use super::stream::Stream;
use crate::Address;
use crate::dispatch::{Dispatch, guard, guard_future};
use crate::ending::Peer;
use crate::endpoint::{Finish, Outcome, ReplyFuture};
use crate::lag::Lag;
use crate::limits::no_room_for_replies;
use crate::metrics::Stopwatch;
use crate::probe::is_cut;
use bellwire::{Buffer, ErrorKind, Limits, Session, Step};
use std::cell::RefCell;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Bytes that a connection may receive before another connection's turn, and the longest read.
pub(super) const TURN: usize = 8192;

/// Requests that are handled before another connection's turn. [`TURN`] bytes can hold 800 requests.
pub(super) const REQUESTS: usize = 128;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { rx: Vec::new(), tx: Vec::new() }) };
}

/// The buffers that all conversations of a thread share.
struct Scratch {
    rx: Vec<u8>,
    tx: Vec<u8>,
}

/// Sets the size of a buffer. A new zeroed buffer takes memory only for the pages that are used.
fn set_size(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.len() != bytes {
        *buffer = vec![0; bytes];
    }
}

/// A conversation, with the bytes that it keeps between wake-ups. Its size is paid for each idle
/// connection.
pub(super) struct Conversation<'a, App> {
    pub(super) stream: &'a mut Stream,
    pub(super) shared: &'a Shared<App>,
    service: Dispatch<'a, App>,
    /// Boxed, like the stop notification: tokio allocates tasks in steps of 128 bytes, and boxes fit
    /// into the gaps between them.
    session: Box<Session>,
    kept: Option<Box<Kept>>,
    reservation: Reservation<'a>,
    /// Whether there is work to do without more bytes.
    more: bool,
    /// Whether only the sending of replies remains.
    over: bool,
    end: End,
}

/// The state that a conversation keeps between wake-ups, if any.
#[derive(Default)]
struct Kept {
    /// Received bytes that were not processed.
    unread: Vec<u8>,
    /// Replies that were not sent.
    unsent: Vec<u8>,
    /// The payload bytes of the request whose reply future is pending. The future may hold a copy.
    taken: usize,
    /// The client's lag in receiving replies. It remains after they are sent.
    lag: Lag,
}

/// How much is still to be read from the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything until the peer ends its stream.
    Open,
    /// One more read, because the server is stopping.
    Stopping,
    /// Nothing, because the server has stopped reading.
    Stopped,
    /// Nothing, because the peer has ended its stream.
    Reached,
}

/// The result of a wake-up.
pub(super) struct Done {
    /// A pending reply future. Its result goes to [`Conversation::answer`].
    pub(super) future: Option<ReplyFuture>,
    /// Bytes read.
    pub(super) arrived: usize,
    /// Whether requests remain for the next turn.
    pub(super) left: bool,
    /// The time when it was done.
    pub(super) at: Instant,
}

/// The reason why the work of a wake-up ended.
enum Pause {
    /// It needs more bytes.
    Receive,
    /// The stream accepts no more replies.
    Send,
    /// A reply future is pending, for a request with so many payload bytes.
    Await(ReplyFuture, usize),
    /// It is another connection's turn.
    Turn,
    /// The conversation is over.
    Close,
}

impl<'a, App: 'static> Conversation<'a, App> {
    /// Begins a conversation. If the server is `busy`, it only tells the client so.
    pub(super) fn new(
        stream: &'a mut Stream,
        shared: &'a Shared<App>,
        peer: &'a Address,
        app: App,
        busy: bool,
    ) -> Self {
        let limits = &shared.server.limits;
        let limits = Limits::for_buffers(limits.receive_buffer, limits.transmit_buffer);
        let mut conversation = Self {
            service: Dispatch::new(&shared.server.endpoint, app, peer),
            stream,
            shared,
            session: Box::new(Session::new(limits)),
            kept: None,
            reservation: shared.in_flight.reserve(),
            more: false,
            over: false,
            end: End::Open,
        };
        if busy {
            conversation.abort(ErrorKind::Busy);
        }
        conversation
    }

    /// See [`Session::begun`].
    pub(super) fn begun(&self) -> Option<u32> {
        // A partial TLS record counts as the beginning of a request.
        let input = match self.stream.held() {
            0 => self.unread(),
            _ => &[0],
        };
        self.session.begun(input)
    }

    pub(super) fn peer(&self) -> &Address {
        self.service.peer
    }

    /// Lets the next turn read once more, without waiting, and then ends the conversation.
    pub(super) fn stop(&mut self) {
        if self.end == End::Open {
            self.end = End::Stopping;
        }
    }

    /// Returns whether the peer still sends, as far as it is known.
    pub(super) fn peer_sends(&self) -> Peer {
        match self.end {
            End::Reached => Peer::Ended,
            _ if self.session.is_refused() => Peer::Sending,
            _ => Peer::Quiet,
        }
    }

    /// Returns whether only the sending of replies remains.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn unread(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unread)
    }

    /// Returns the unsent replies.
    pub(super) fn unsent(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unsent)
    }

    /// Writes unsent replies and returns the number of bytes written.
    pub(super) fn try_send(&mut self) -> io::Result<usize> {
        let unsent = self.kept.as_ref().map_or(&[][..], |kept| &kept.unsent);
        let n = self.stream.try_write(unsent)?;
        let limit = self.shared.server.limits.reply_timeout;
        self.keep(|kept| {
            kept.unsent.drain(..n);
            kept.lag.took(n, limit);
        });
        self.reserve();
        Ok(n)
    }

    /// Returns how long the server may still wait for the client to receive replies.
    pub(super) fn patience(&self) -> Duration {
        let lag = self.kept.as_ref().map(|kept| kept.lag);
        lag.unwrap_or_default()
            .remaining(self.shared.server.limits.reply_timeout)
    }

    /// Adds a wait to the client's lag.
    pub(super) fn waited(&mut self, time: Duration) {
        let limit = self.shared.server.limits.reply_timeout;
        self.keep(|kept| kept.lag.waited(time, limit));
    }

    /// Changes the kept state, and frees it when it is empty.
    fn keep(&mut self, change: impl FnOnce(&mut Kept)) {
        let kept = self.kept.get_or_insert_default();
        change(kept);
        let keeps_bytes = !kept.unread.is_empty() || !kept.unsent.is_empty() || kept.taken > 0;
        if !keeps_bytes && kept.lag == Lag::default() {
            self.kept = None;
        }
    }

    /// Reserves the bytes that are kept now. Returns whether the server has room for them.
    fn reserve(&mut self) -> bool {
        let bytes = |kept: &Kept| kept.unread.capacity() + kept.unsent.capacity() + kept.taken;
        let bytes = self.kept.as_deref().map_or(0, bytes);
        self.reservation.resize(bytes + self.stream.held())
    }

    /// Ends the conversation because the server has no room for its bytes. A request that has not run
    /// is refused.
    fn give_up(&mut self) -> io::Result<()> {
        if !self.unsent().is_empty() {
            return Err(no_room_for_replies());
        }
        self.abort(ErrorKind::Busy);
        Ok(())
    }

    /// Reads once, answers up to [`REQUESTS`] requests, and writes once. Pending while there is nothing
    /// to do.
    pub(super) fn turn(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let server = &self.shared.server;
        SCRATCH.with_borrow_mut(|Scratch { rx, tx }| {
            let resumed = self.more;
            set_size(rx, server.limits.receive_buffer);
            set_size(tx, server.limits.transmit_buffer);
            let arrived = ready!(self.read(context, rx))?;
            let stopwatch = Stopwatch::start();
            let mut fresh = &rx[..arrived];
            let mut out = Buffer::new(tx);
            self.service.refresh(&self.shared.server.endpoint);
            let pause = if self.unread().is_empty() {
                let pause = self.work(context, &mut fresh, &mut out)?;
                if !fresh.is_empty() {
                    self.keep(|kept| kept.unread.extend_from_slice(fresh));
                }
                pause
            } else {
                // Appends to the kept bytes. Otherwise a peer that sends single bytes would cause a
                // copy of all kept bytes for each.
                let mut unread = Vec::new();
                self.keep(|kept| unread = mem::take(&mut kept.unread));
                unread.extend_from_slice(fresh);
                let mut input = &unread[..];
                let pause = self.work(context, &mut input, &mut out)?;
                let used = unread.len() - input.len();
                if used < unread.len() {
                    unread.drain(..used);
                    if used > 0 {
                        // The capacity counts as reserved, so release the unused part.
                        unread.shrink_to_fit();
                    }
                    self.keep(|kept| kept.unread = unread);
                }
                pause
            };
            self.send(&mut out)?;
            self.more = !matches!(pause, Pause::Receive);
            self.over = matches!(pause, Pause::Close);
            let left = matches!(pause, Pause::Turn);
            let mut future = None;
            if let Pause::Await(reply, taken) = pause {
                future = Some(guard_future(reply));
                self.keep(|kept| kept.taken = taken);
            }
            if !self.reserve() {
                future = None;
                self.give_up()?;
            }
            let at = Instant::now();
            if arrived > 0 || resumed {
                server.metrics.received.increment(arrived as u64);
                stopwatch.stop(&server.metrics.answering, at);
            }
            Poll::Ready(Ok(Done {
                future,
                arrived,
                left,
                at,
            }))
        })
    }

    /// Reads once and returns the number of bytes. Returns 0 at once if there is work to do without
    /// more bytes, or the end is reached.
    fn read(&mut self, context: &mut Context<'_>, rx: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.more || matches!(self.end, End::Stopped | End::Reached) {
            return Poll::Ready(Ok(0));
        }
        let mut room = rx.len() - self.unread().len();
        if self.end == End::Open {
            room = room.min(TURN);
        }
        let rx = &mut rx[..room];
        let read = if self.end == End::Stopping {
            self.end = End::Stopped;
            self.stream.read_now(rx)
        } else {
            ready!(self.stream.poll_read(context, rx))
        };
        let arrived = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Ready(Ok(0)),
            // A cut between requests costs nothing.
            Err(error) if is_cut(&error) && self.begun().is_none() => {
                tracing::debug!("{}: {error}", self.peer());
                0
            }
            read => read?,
        };
        if arrived == 0 {
            self.end = End::Reached;
        }
        Poll::Ready(Ok(arrived))
    }

    /// Answers requests from `input` until another connection's turn, or until it has to wait.
    ///
    /// If the server has no room to keep the remaining input, it goes on beyond the turn.
    fn work(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> io::Result<Pause> {
        let mut counts = RequestCounts::default();
        let pause = loop {
            // One `catch_unwind` for all requests of a turn: it costs more than most handlers.
            let answer = AssertUnwindSafe(|| self.answer_some(context, input, out, &mut counts));
            match catch_unwind(answer) {
                Ok(Ok(Pause::Turn))
                    if !self.reservation.resize(input.len() + self.stream.held()) => {}
                Ok(pause) => break pause,
                Err(_) => {
                    self.session
                        .abort(ErrorKind::Crashed, &mut self.service, out);
                    *input = &[];
                    break Ok(Pause::Close);
                }
            }
        };
        counts.flush(&self.service);
        pause
    }

    fn answer_some(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
        counts: &mut RequestCounts,
    ) -> io::Result<Pause> {
        let mut requests = 0;
        // Whether there is room for all bytes that a pending reply future would keep.
        let mut has_room = false;
        loop {
            if requests == REQUESTS && !input.is_empty() {
                return Ok(Pause::Turn);
            }
            let Self {
                stream,
                session,
                service,
                kept,
                reservation,
                ..
            } = self;
            match session.next(service, input, out) {
                Step::Receive => match self.end {
                    End::Open | End::Stopping => return Ok(Pause::Receive),
                    // Unread requests do not run; the client is told that the server is busy.
                    End::Stopped if session.begun(input).is_some() || stream.has_more() => {
                        session.abort(ErrorKind::Busy, service, out);
                    }
                    End::Stopped | End::Reached => session.end(input, service, out),
                },
                Step::Close => return Ok(Pause::Close),
                Step::Send => {
                    self.send(out)?;
                    if !self.unsent().is_empty() {
                        return Ok(Pause::Send);
                    }
                }
                Step::Request { index, payload } => {
                    requests += 1;
                    counts.add(index, service);
                    let reply = session.reply(out);
                    let may_poll = || {
                        let unsent = kept.as_ref().map_or(0, |kept| kept.unsent.len());
                        let bytes = unsent + input.len() + payload.len() + stream.held();
                        has_room = has_room || reservation.resize(bytes);
                        has_room
                    };
                    match service.start(index, payload, reply, context, may_poll) {
                        Outcome::Answered(answered) => session.answered(answered, service, out),
                        Outcome::Pending(future, _reply) => {
                            return Ok(Pause::Await(future, payload.len()));
                        }
                    }
                }
            }
        }
    }

    /// Encodes the reply of the pending future.
    pub(super) fn answer(&mut self, finish: Finish) {
        SCRATCH.with_borrow_mut(|Scratch { tx, .. }| {
            set_size(tx, self.shared.server.limits.transmit_buffer);
            let mut out = Buffer::new(tx);
            let reply = self.session.reply(&mut out);
            let answered = guard(|| finish(reply));
            self.session.answered(answered, &mut self.service, &mut out);
            self.keep(|kept| {
                kept.taken = 0;
                kept.unsent.extend_from_slice(out.filled());
            });
        });
    }

    /// See [`Session::abort`].
    pub(super) fn abort(&mut self, kind: ErrorKind) {
        let mut memory = [0; 256];
        let mut out = Buffer::new(&mut memory);
        self.session.abort(kind, &mut self.service, &mut out);
        self.keep(|kept| {
            kept.taken = 0;
            kept.unsent.extend_from_slice(out.filled());
        });
        self.more = true;
    }

    /// Writes the bytes of `out` and keeps those that the stream does not accept.
    fn send(&mut self, out: &mut Buffer<'_>) -> io::Result<()> {
        while self.unsent().is_empty() && !out.is_empty() {
            match self.stream.try_write(out.filled()) {
                Ok(n) => {
                    out.consume(n);
                    if self.kept.is_some() {
                        let limit = self.shared.server.limits.reply_timeout;
                        self.keep(|kept| kept.lag.took(n, limit));
                    }
                    self.shared.server.metrics.sent.increment(n as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !out.is_empty() {
            self.keep(|kept| kept.unsent.extend_from_slice(out.filled()));
            out.clear();
        }
        Ok(())
    }
}
