//! The conversation on one connection: its state between wake-ups, and the work of one wake-up.

mod answering;
mod kept;

use super::Shared;
use super::in_flight::Reservation;
use super::stream::Stream;
use crate::Address;
use crate::dispatch::{Dispatch, guard_future};
use crate::ending::Peer;
use crate::endpoint::ReplyFuture;
use crate::metrics::Stopwatch;
use crate::probe::is_cut;
use crate::topics::Feeds;
use bellwire::topics::TopicSet;
use bellwire::{Buffer, ErrorKind, Limits, Session};
use kept::Kept;
use std::cell::RefCell;
use std::io;
use std::mem;
use std::task::{Context, Poll, ready};
use std::time::Instant;

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
    pub(super) feeds: Feeds<'a>,
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
    /// Whether requests or pushes remain for the next turn.
    pub(super) left: bool,
    /// The time when it was done.
    pub(super) at: Instant,
}

/// The reason why the work of a wake-up ended.
enum TurnEnd {
    /// It needs more bytes.
    Receive,
    /// The stream accepts no more replies.
    Send,
    /// A reply future is pending, for a request with this many payload bytes.
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
            feeds: Feeds::new(&shared.server.endpoint.topics),
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

    /// See [`Session::partial_request`].
    pub(super) fn partial_request(&self) -> Option<u32> {
        // A partial TLS record counts as the beginning of a request.
        let input = match self.stream.held() {
            0 => self.unread(),
            _ => &[0],
        };
        self.session.partial_request(input)
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

    /// Reads once, answers up to [`REQUESTS`] requests, and writes once. Pending while there is nothing
    /// to do.
    pub(super) fn turn(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let server = &self.shared.server;
        SCRATCH.with_borrow_mut(|Scratch { rx, tx }| {
            let resumed = self.more;
            set_size(rx, server.limits.receive_buffer);
            set_size(tx, server.limits.transmit_buffer);
            let mut out = Buffer::new(tx);
            let arrived = match self.read(context, rx) {
                Poll::Pending if self.feeds.arm(context.waker()) => {
                    self.feeds.begin_turn();
                    return Poll::Pending;
                }
                Poll::Pending => {
                    let left = self.push_only(&mut out)?;
                    // No further turn is needed only to wait.
                    if !left && self.unsent().is_empty() && self.feeds.arm(context.waker()) {
                        self.feeds.begin_turn();
                        return Poll::Pending;
                    }
                    return Poll::Ready(Ok(Done {
                        future: None,
                        arrived: 0,
                        left,
                        at: Instant::now(),
                    }));
                }
                Poll::Ready(read) => read?,
            };
            let stopwatch = Stopwatch::start();
            let mut fresh = &rx[..arrived];
            self.service.refresh(&self.shared.server.endpoint);
            if self.feeds.is_subscribed() {
                // `UNSUBSCRIBE` sends the pushes that are due.
                self.make_room(&out);
            }
            let end = if self.unread().is_empty() {
                let end = self.work(context, &mut fresh, &mut out)?;
                if !fresh.is_empty() {
                    self.keep(|kept| kept.unread.extend_from_slice(fresh));
                }
                end
            } else {
                // Appends to the kept bytes. Otherwise a peer that sends single bytes would cause a
                // copy of all kept bytes for each.
                let mut unread = Vec::new();
                self.keep(|kept| unread = mem::take(&mut kept.unread));
                unread.extend_from_slice(fresh);
                let mut input = &unread[..];
                let end = self.work(context, &mut input, &mut out)?;
                let used = unread.len() - input.len();
                if used < unread.len() {
                    unread.drain(..used);
                    if used > 0 {
                        // The capacity counts as reserved, so release the unused part.
                        unread.shrink_to_fit();
                    }
                    self.keep(|kept| kept.unread = unread);
                }
                end
            };
            self.more = !matches!(end, TurnEnd::Receive);
            self.over = matches!(end, TurnEnd::Close);
            if self.over {
                // The close may take a while.
                self.feeds.reset();
            }
            let is_turn = matches!(end, TurnEnd::Turn);
            let mut future = None;
            if let TurnEnd::Await(reply, taken) = end {
                future = Some(guard_future(reply));
                self.keep(|kept| kept.taken = taken);
            }
            // After all bytes that the requests keep, because pushes get only the room that is left.
            self.push(&mut out)?;
            self.send(&mut out)?;
            let left = is_turn || self.feeds.is_turn_over();
            if !self.reserve() {
                future = None;
                self.give_up()?;
            }
            let at = Instant::now();
            self.measure(resumed, arrived, stopwatch, at);
            Poll::Ready(Ok(Done {
                future,
                arrived,
                left,
                at,
            }))
        })
    }

    /// Records the metrics of a turn, unless it had nothing to do.
    fn measure(&self, resumed: bool, arrived: usize, stopwatch: Stopwatch, at: Instant) {
        if resumed || arrived > 0 {
            let metrics = &self.shared.server.metrics;
            metrics.received.increment(arrived as u64);
            stopwatch.stop(&metrics.answering, at);
        }
    }

    /// Sends the pushes that are due while a handler's future is pending.
    pub(super) fn push_alone(&mut self) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|Scratch { tx, .. }| {
            set_size(tx, self.shared.server.limits.transmit_buffer);
            self.push_only(&mut Buffer::new(tx)).map(drop)
        })
    }

    /// Does the work of a turn in which no byte has arrived, but pushes are due. Returns whether some remain for the
    /// next turn.
    fn push_only(&mut self, out: &mut Buffer<'_>) -> io::Result<bool> {
        self.push(out)?;
        self.send(out)?;
        if !self.reserve() {
            self.give_up()?;
        }
        Ok(self.feeds.is_turn_over())
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
            Err(error) if is_cut(&error) && self.partial_request().is_none() => {
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
}
