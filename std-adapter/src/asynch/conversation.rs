//! One conversation between two wake-ups, and the work of one wake-up.

use super::metrics::Metrics;
use crate::ServerLimits;
use crate::endpoint::{Finish, Later};
use crate::serving::{Outcome, Serving, guard};
use bellwire::{Buffer, Fault, Limits, Rejection, Service, Session, Step};
use std::cell::RefCell;
use std::io;
use std::time::Instant;
use tokio::net::TcpStream;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { rx: Vec::new(), tx: Vec::new() }) };
}

/// The buffers that all conversations of a thread use in turn.
struct Scratch {
    rx: Vec<u8>,
    tx: Vec<u8>,
}

/// A conversation, and the few bytes that it keeps from one wake-up to the next. Each byte here is
/// one for each idle connection.
pub(super) struct Conversation {
    session: Session,
    /// Received and not used up.
    unread: Vec<u8>,
    /// Replies that the stream did not take.
    unsent: Vec<u8>,
    /// Whether `unread` holds work that need not wait for more bytes.
    more: bool,
    /// Whether the peer was told why the conversation ends.
    refused: bool,
    end: End,
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

/// Whom a wake-up works for, and with.
pub(super) struct Wake<'a, App: 'static> {
    pub(super) stream: &'a TcpStream,
    pub(super) service: &'a mut Serving<App>,
    pub(super) limits: &'a ServerLimits,
    pub(super) metrics: &'a Metrics,
}

/// What a conversation waits for after a wake-up.
pub(super) enum Turn {
    /// More bytes.
    Receive,
    /// That all is sent; then another turn.
    Send,
    /// An answer, which [`Conversation::answer`] is to be told.
    Answer(Later),
    /// That all is sent; then it is over.
    Close,
}

impl Conversation {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let limits = Limits::for_buffers(limits.receive_buffer, limits.transmit_buffer);
        Self {
            session: Session::new(limits),
            unread: Vec::new(),
            unsent: Vec::new(),
            more: false,
            refused: false,
            end: End::Open,
        }
    }

    /// See [`Session::begun`].
    pub(super) fn begun(&self) -> Option<u32> {
        self.session.begun(&self.unread)
    }

    /// Has the next turn, which reads what has arrived, be the last.
    pub(super) fn stop(&mut self) {
        self.end = End::Stopping;
    }

    /// Whether the peer was told why the conversation ends, so that it may not expect the end.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// The replies that wait for the stream to take them.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// Takes note that the stream took so many bytes of them.
    pub(super) fn sent(&mut self, n: usize) {
        self.unsent.drain(..n);
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
    }

    /// Reads once, answers all that has arrived, and writes once. Also says how many bytes it read.
    pub(super) fn turn<App: 'static>(
        &mut self,
        wake: &mut Wake<'_, App>,
    ) -> io::Result<(Turn, usize)> {
        SCRATCH.with_borrow_mut(|Scratch { rx, tx }| {
            rx.resize(wake.limits.receive_buffer, 0);
            tx.resize(wake.limits.transmit_buffer, 0);
            let Some(arrived) = self.read(wake.stream, rx)? else {
                return Ok((Turn::Receive, 0));
            };
            let begin = Instant::now();
            let mut fresh = &rx[..arrived];
            let mut out = Buffer::new(tx);
            wake.service.refresh();
            let turn = if self.unread.is_empty() {
                let turn = self.work(wake, &mut fresh, &mut out)?;
                self.unread = fresh.to_vec();
                turn
            } else {
                // What is kept grows where it is, so that a peer that sends byte by byte does not
                // have it copied byte by byte.
                let mut unread = std::mem::take(&mut self.unread);
                unread.extend_from_slice(fresh);
                let mut input = &unread[..];
                let turn = self.work(wake, &mut input, &mut out)?;
                let used = unread.len() - input.len();
                if used < unread.len() {
                    unread.drain(..used);
                    self.unread = unread;
                }
                turn
            };
            self.more = !matches!(turn, Turn::Receive);
            self.send(wake, &mut out)?;
            if arrived > 0 {
                wake.metrics.received.increment(arrived as u64);
                wake.metrics.answering.record(begin.elapsed());
            }
            Ok((turn, arrived))
        })
    }

    /// Reads once, where there is something to read, and returns how much; or none, where there
    /// is nothing to do until more arrives.
    fn read(&mut self, stream: &TcpStream, rx: &mut [u8]) -> io::Result<Option<usize>> {
        if self.more || matches!(self.end, End::Stopped | End::Reached) {
            return Ok(Some(0));
        }
        let room = rx.len() - self.unread.len();
        let read = stream.try_read(&mut rx[..room]);
        let stopping = self.end == End::Stopping;
        if stopping {
            self.end = End::Stopped;
        }
        match read {
            Ok(0) => {
                self.end = End::Reached;
                Ok(Some(0))
            }
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(stopping.then_some(0)),
            Err(error) => Err(error),
        }
    }

    fn work<App: 'static>(
        &mut self,
        wake: &mut Wake<'_, App>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> io::Result<Turn> {
        loop {
            let rejection = match self.session.next(wake.service, input, out) {
                Step::Receive => match self.end {
                    End::Open | End::Stopping => return Ok(Turn::Receive),
                    End::Stopped if self.session.begun(input).is_some() => {
                        self.session.abort(Fault::Busy, out)
                    }
                    End::Stopped | End::Reached => self.session.end(input, out),
                },
                Step::Close => return Ok(Turn::Close),
                Step::Send => {
                    self.send(wake, out)?;
                    if !self.unsent.is_empty() {
                        return Ok(Turn::Send);
                    }
                    None
                }
                Step::Request { route, payload } => {
                    match wake.service.start(route, payload, self.session.reply(out)) {
                        Outcome::Answered(answered) => self.session.answered(answered, out),
                        Outcome::Later(later, _reply) => return Ok(Turn::Answer(later)),
                    }
                }
                Step::Rejected(rejection) => Some(rejection),
            };
            self.tell(rejection, wake.service);
        }
    }

    /// Takes the answer that the conversation waits for.
    pub(super) fn answer<App: 'static>(
        &mut self,
        finish: Finish,
        service: &mut Serving<App>,
        limits: &ServerLimits,
    ) {
        let mut memory = vec![0; limits.transmit_buffer];
        let mut out = Buffer::new(&mut memory);
        let reply = self.session.reply(&mut out);
        let answered = guard(|| finish(reply));
        let rejection = self.session.answered(answered, &mut out);
        self.tell(rejection, service);
        self.unsent.extend_from_slice(out.filled());
    }

    /// See [`Session::abort`].
    pub(super) fn abort<App: 'static>(&mut self, fault: Fault, service: &mut Serving<App>) {
        let mut memory = [0; 256];
        let mut out = Buffer::new(&mut memory);
        let rejection = self.session.abort(fault, &mut out);
        self.tell(rejection, service);
        self.unsent.extend_from_slice(out.filled());
        self.more = true;
    }

    /// Writes what `out` holds, and keeps what the stream does not take.
    fn send<App>(&mut self, wake: &Wake<'_, App>, out: &mut Buffer<'_>) -> io::Result<()> {
        while self.unsent.is_empty() && !out.is_empty() {
            match wake.stream.try_write(out.filled()) {
                Ok(n) => {
                    wake.metrics.sent.increment(n as u64);
                    out.consume(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(out.filled());
        out.consume(usize::MAX);
        Ok(())
    }

    fn tell<App: 'static>(&mut self, rejection: Option<Rejection>, service: &mut Serving<App>) {
        if let Some(rejection) = rejection {
            self.refused |= rejection.fatal;
            service.rejected(&rejection);
        }
    }
}
