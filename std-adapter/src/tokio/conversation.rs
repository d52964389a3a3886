//! One conversation between two wake-ups, and the work of one wake-up.

use super::Shared;
use super::in_flight::Share;
use super::stream::Stream;
use super::tally::Tally;
use crate::Address;
use crate::ending::Peer;
use crate::endpoint::{Finish, Later, Outcome};
use crate::lag::Lag;
use crate::limits::no_room_for_replies;
use crate::probe::is_cut;
use crate::serving::{Serving, guard, guard_future};
use bellwire::{Buffer, ErrorKind, Limits, Session, Step};
use std::cell::RefCell;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How many bytes a connection may bring before others have their turn, and the most that is read at
/// once.
pub(super) const TURN: usize = 8192;

/// How many requests are handled before others have their turn: so many bytes may be eight hundred.
pub(super) const REQUESTS: usize = 128;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { rx: Vec::new(), tx: Vec::new() }) };
}

/// The buffers that all conversations of a thread use in turn.
struct Scratch {
    rx: Vec<u8>,
    tx: Vec<u8>,
}

/// Has a buffer be of this size. A fresh one takes memory only as far as it is used.
fn size(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.len() != bytes {
        *buffer = vec![0; bytes];
    }
}

/// A conversation, and the few bytes that it keeps from one wake-up to the next. Each byte here is
/// one for each idle connection.
pub(super) struct Conversation<'a, App> {
    pub(super) stream: &'a mut Stream,
    pub(super) shared: &'a Shared<App>,
    service: Serving<'a, App>,
    /// In a box, as is the notice of a stop: tokio allocates tasks in steps of 128 bytes with gaps
    /// between them, into which boxes fit.
    session: Box<Session>,
    kept: Option<Box<Kept>>,
    share: Share<'a>,
    /// Whether there is work that need not wait for more bytes.
    more: bool,
    /// Whether all is done but for the sending of replies.
    over: bool,
    end: End,
}

/// The bytes that a conversation keeps, if any.
#[derive(Default)]
struct Kept {
    /// Received and not used up.
    unread: Vec<u8>,
    /// Replies that the stream did not take.
    unsent: Vec<u8>,
    /// How many bytes of a request its handler may have taken, as long as it is under way.
    taken: usize,
    /// How late the peer is with taking replies. It outlasts them.
    lag: Lag,
}

/// How much is still to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is no end in sight.
    Open,
    /// What is there now, as the server is stopping.
    Stopping,
    /// Nothing, as the server has stopped reading.
    Stopped,
    /// Nothing, as the peer has ended its sending.
    Reached,
}

/// What came of a wake-up.
pub(super) struct Done {
    /// An answer that is to be waited for, and that [`Conversation::answer`] is to be told.
    pub(super) later: Option<Later>,
    /// How many bytes it read.
    pub(super) arrived: usize,
    /// Whether it has left requests for the next turn.
    pub(super) left: bool,
    /// When it was done.
    pub(super) at: Instant,
}

/// Why the work of a wake-up ended.
enum Pause {
    Receive,
    Send,
    Reply(Later, usize),
    Turn,
    Close,
}

impl<'a, App: 'static> Conversation<'a, App> {
    /// One that begins, or that only tells the peer that the server is `busy`.
    pub(super) fn new(
        stream: &'a mut Stream,
        shared: &'a Shared<App>,
        peer: &'a Address,
        app: App,
        busy: bool,
    ) -> Self {
        let limits = &shared.limits;
        let limits = Limits::for_buffers(limits.receive_buffer, limits.transmit_buffer);
        let mut conversation = Self {
            service: Serving::new(&shared.endpoint, app, peer),
            stream,
            shared,
            session: Box::new(Session::new(limits)),
            kept: None,
            share: shared.in_flight.share(),
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
        // A record that has arrived in part counts as the begin of a request.
        let input = match self.stream.held() {
            0 => self.unread(),
            _ => &[0],
        };
        self.session.begun(input)
    }

    pub(super) fn peer(&self) -> &Address {
        self.service.peer
    }

    /// Has the next turn, which reads what has arrived, be the last.
    pub(super) fn stop(&mut self) {
        if self.end == End::Open {
            self.end = End::Stopping;
        }
    }

    /// Whether the peer sends, as far as it is known.
    pub(super) fn peer_sends(&self) -> Peer {
        match self.end {
            End::Reached => Peer::Ended,
            _ if self.session.is_refused() => Peer::Sending,
            _ => Peer::Quiet,
        }
    }

    /// Whether it is over, but for the sending of replies.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn unread(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unread)
    }

    /// The replies that wait for the stream to take them.
    pub(super) fn unsent(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unsent)
    }

    /// Has the stream take some of them, and returns how many bytes that was.
    pub(super) fn try_send(&mut self) -> io::Result<usize> {
        let unsent = self.kept.as_ref().map_or(&[][..], |kept| &kept.unsent);
        let n = self.stream.try_write(unsent)?;
        let limit = self.shared.limits.reply;
        self.keep(|kept| {
            kept.unsent.drain(..n);
            kept.lag.took(n, limit);
        });
        self.fits();
        Ok(n)
    }

    /// How long the peer may keep the server waiting for room for replies.
    pub(super) fn patience(&self) -> Duration {
        let lag = self.kept.as_ref().map(|kept| kept.lag);
        lag.unwrap_or_default().patience(self.shared.limits.reply)
    }

    /// Counts the time that the server has waited for room.
    pub(super) fn waited(&mut self, time: Duration) {
        let limit = self.shared.limits.reply;
        self.keep(|kept| kept.lag.waited(time, limit));
    }

    fn keep(&mut self, change: impl FnOnce(&mut Kept)) {
        let kept = self.kept.get_or_insert_default();
        change(kept);
        let keeps_bytes = !kept.unread.is_empty() || !kept.unsent.is_empty() || kept.taken > 0;
        if !keeps_bytes && kept.lag == Lag::default() {
            self.kept = None;
        }
    }

    /// Whether there is room for what is kept now, of which all connections' count takes note.
    fn fits(&mut self) -> bool {
        let bytes = |kept: &Kept| kept.unread.capacity() + kept.unsent.capacity() + kept.taken;
        let bytes = self.kept.as_deref().map_or(0, bytes);
        self.share.keep(bytes + self.stream.held())
    }

    /// Ends it, as there is no room for what it keeps: a request that has not run is refused.
    fn give_up(&mut self) -> io::Result<()> {
        if !self.unsent().is_empty() {
            return Err(no_room_for_replies());
        }
        self.abort(ErrorKind::Busy);
        Ok(())
    }

    /// Reads once, answers what has arrived, up to [`REQUESTS`], and writes once. It is pending as long as there is
    /// nothing to do.
    pub(super) fn turn(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let Shared {
            limits, metrics, ..
        } = self.shared;
        SCRATCH.with_borrow_mut(|Scratch { rx, tx }| {
            let goes_on = self.more;
            size(rx, limits.receive_buffer);
            size(tx, limits.transmit_buffer);
            let arrived = ready!(self.read(context, rx))?;
            let begin = Instant::now();
            let mut fresh = &rx[..arrived];
            let mut out = Buffer::new(tx);
            self.service.refresh(&self.shared.endpoint);
            let pause = if self.unread().is_empty() {
                let pause = self.work(context, &mut fresh, &mut out)?;
                if !fresh.is_empty() {
                    self.keep(|kept| kept.unread.extend_from_slice(fresh));
                }
                pause
            } else {
                // What is kept grows where it is, so that a peer that sends byte by byte does not
                // have it copied byte by byte.
                let mut unread = Vec::new();
                self.keep(|kept| unread = mem::take(&mut kept.unread));
                unread.extend_from_slice(fresh);
                let mut input = &unread[..];
                let pause = self.work(context, &mut input, &mut out)?;
                let used = unread.len() - input.len();
                if used < unread.len() {
                    unread.drain(..used);
                    if used > 0 {
                        // What counts is the room that it takes, of which the rest needs little.
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
            let mut later = None;
            if let Pause::Reply(answer, taken) = pause {
                later = Some(guard_future(answer));
                self.keep(|kept| kept.taken = taken);
            }
            if !self.fits() {
                later = None;
                self.give_up()?;
            }
            let at = Instant::now();
            if arrived > 0 || goes_on {
                metrics.received.increment(arrived as u64);
                metrics.answering.record(at - begin);
            }
            Poll::Ready(Ok(Done {
                later,
                arrived,
                left,
                at,
            }))
        })
    }

    /// Reads once, where there is something to read, and says how much: nothing, where there is
    /// work without it.
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

    /// Answers what has arrived, until others are due or must do something; more, where there is no
    /// room to keep what is left by then.
    fn work(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> io::Result<Pause> {
        let mut tally = Tally::default();
        let pause = loop {
            // One net for all requests of a turn, as it costs more than what most handlers do.
            let answer = AssertUnwindSafe(|| self.answer_some(context, input, out, &mut tally));
            match catch_unwind(answer) {
                Ok(Ok(Pause::Turn)) if !self.share.keep(input.len() + self.stream.held()) => {}
                Ok(pause) => break pause,
                Err(_) => {
                    self.session
                        .abort(ErrorKind::Crashed, &mut self.service, out);
                    *input = &[];
                    break Ok(Pause::Close);
                }
            }
        };
        tally.settle(&self.service);
        pause
    }

    fn answer_some(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
        tally: &mut Tally,
    ) -> io::Result<Pause> {
        let mut requests = 0;
        // Whether there is room for all that would be kept if an answer had to be waited for.
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
                share,
                ..
            } = self;
            match session.next(service, input, out) {
                Step::Receive => match self.end {
                    End::Open | End::Stopping => return Ok(Pause::Receive),
                    // Requests that were not read do not run; their sender is told.
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
                    tally.add(index, service);
                    let reply = session.reply(out);
                    let may_poll = || {
                        let unsent = kept.as_ref().map_or(0, |kept| kept.unsent.len());
                        let bytes = unsent + input.len() + payload.len() + stream.held();
                        has_room = has_room || share.keep(bytes);
                        has_room
                    };
                    match service.start(index, payload, reply, context, may_poll) {
                        Outcome::Answered(answered) => session.answered(answered, service, out),
                        Outcome::Later(later, _reply) => {
                            return Ok(Pause::Reply(later, payload.len()));
                        }
                    }
                }
            }
        }
    }

    /// Takes the answer that the conversation waits for.
    pub(super) fn answer(&mut self, finish: Finish) {
        SCRATCH.with_borrow_mut(|Scratch { tx, .. }| {
            size(tx, self.shared.limits.transmit_buffer);
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
    pub(super) fn abort(&mut self, fault: ErrorKind) {
        let mut memory = [0; 256];
        let mut out = Buffer::new(&mut memory);
        self.session.abort(fault, &mut self.service, &mut out);
        self.keep(|kept| {
            kept.taken = 0;
            kept.unsent.extend_from_slice(out.filled());
        });
        self.more = true;
    }

    /// Writes what `out` holds, and keeps what the stream does not take.
    fn send(&mut self, out: &mut Buffer<'_>) -> io::Result<()> {
        while self.unsent().is_empty() && !out.is_empty() {
            match self.stream.try_write(out.filled()) {
                Ok(n) => {
                    out.consume(n);
                    if self.kept.is_some() {
                        let limit = self.shared.limits.reply;
                        self.keep(|kept| kept.lag.took(n, limit));
                    }
                    self.shared.metrics.sent.increment(n as u64);
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
