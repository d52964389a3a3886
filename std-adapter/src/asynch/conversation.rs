//! One conversation between two wake-ups, and the work of one wake-up.

use crate::ServerLimits;
use crate::endpoint::Later;
use crate::serving::{Outcome, Serving};
use bellwire::{Buffer, Fault, Limits, Rejection, Reply, Service, Session, Step};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { rx: Vec::new(), tx: Vec::new() }) };
}

/// The buffers that all conversations of a thread use in turn.
struct Scratch {
    rx: Vec<u8>,
    tx: Vec<u8>,
}

/// A conversation, and the few bytes that it keeps from one wake-up to the next.
pub(super) struct Conversation {
    session: Session,
    /// Shared by all, as each byte here is one for each idle connection.
    pub(super) limits: Arc<ServerLimits>,
    /// Received and not used up.
    unread: Vec<u8>,
    /// Whether `unread` holds work that need not wait for more bytes.
    more: bool,
    /// Replies that the stream did not take.
    unsent: Vec<u8>,
    ended: bool,
}

/// What a conversation waits for after a wake-up.
pub(super) enum Turn {
    /// More bytes.
    Receive,
    /// Room to send, then another turn.
    Send,
    /// An answer, which [`Conversation::answer`] is to be told.
    Answer(Later),
    /// Nothing: it is over once all is sent.
    Close,
}

impl Conversation {
    pub(super) fn new(limits: Arc<ServerLimits>) -> Self {
        let session = Limits::for_buffers(limits.receive_buffer, limits.transmit_buffer);
        Self {
            session: Session::new(session),
            limits,
            unread: Vec::new(),
            more: false,
            unsent: Vec::new(),
            ended: false,
        }
    }

    /// See [`Session::begun`].
    pub(super) fn begun(&self) -> Option<u32> {
        self.session.begun(&self.unread)
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

    /// Reads once, answers all that has arrived, and writes once.
    pub(super) fn turn<App: 'static>(
        &mut self,
        stream: &TcpStream,
        service: &mut Serving<App>,
    ) -> io::Result<Turn> {
        SCRATCH.with_borrow_mut(|Scratch { rx, tx }| {
            rx.resize(self.limits.receive_buffer, 0);
            tx.resize(self.limits.transmit_buffer, 0);
            let mut arrived = 0;
            if !self.more && !self.ended {
                let room = rx.len() - self.unread.len();
                match stream.try_read(&mut rx[..room]) {
                    Ok(0) => self.ended = true,
                    Ok(n) => arrived = n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Ok(Turn::Receive);
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut fresh = &rx[..arrived];
            let mut out = Buffer::new(tx);
            service.refresh();
            let turn = if self.unread.is_empty() {
                let turn = self.work(stream, service, &mut fresh, &mut out)?;
                self.unread = fresh.to_vec();
                turn
            } else {
                // What is kept grows where it is, so that a peer that sends byte by byte does not
                // have it copied byte by byte.
                let mut unread = std::mem::take(&mut self.unread);
                unread.extend_from_slice(fresh);
                let mut input = &unread[..];
                let turn = self.work(stream, service, &mut input, &mut out)?;
                let used = unread.len() - input.len();
                if used < unread.len() {
                    unread.drain(..used);
                    self.unread = unread;
                }
                turn
            };
            self.more = !matches!(turn, Turn::Receive);
            self.send(stream, &mut out)?;
            Ok(turn)
        })
    }

    fn work<App: 'static>(
        &mut self,
        stream: &TcpStream,
        service: &mut Serving<App>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> io::Result<Turn> {
        loop {
            let rejection = match self.session.next(service, input, out) {
                Step::Receive if self.ended => self.session.end(input, out),
                Step::Receive => return Ok(Turn::Receive),
                Step::Close => return Ok(Turn::Close),
                Step::Send => {
                    self.send(stream, out)?;
                    if !self.unsent.is_empty() {
                        return Ok(Turn::Send);
                    }
                    None
                }
                Step::Request { route, payload } => {
                    match service.start(route, payload, self.session.reply(out)) {
                        Outcome::Answered(answered) => self.session.answered(answered, out),
                        Outcome::Later(later, _reply) => return Ok(Turn::Answer(later)),
                    }
                }
                Step::Rejected(rejection) => Some(rejection),
            };
            tell(rejection, service);
        }
    }

    /// Takes the answer that the conversation waits for.
    pub(super) fn answer<App: 'static>(
        &mut self,
        finish: impl FnOnce(Reply<'_, ()>) -> bellwire::Answered,
        service: &mut Serving<App>,
    ) {
        let mut memory = vec![0; self.limits.transmit_buffer / 2];
        let mut out = Buffer::new(&mut memory);
        let answered = finish(self.session.reply(&mut out));
        tell(self.session.answered(answered, &mut out), service);
        self.unsent.extend_from_slice(out.filled());
    }

    /// See [`Session::abort`].
    pub(super) fn abort<App: 'static>(&mut self, fault: Fault, service: &mut Serving<App>) {
        let mut memory = [0; 256];
        let mut out = Buffer::new(&mut memory);
        tell(self.session.abort(fault, &mut out), service);
        self.unsent.extend_from_slice(out.filled());
        self.more = true;
    }

    /// Writes what `out` holds, and keeps what the stream does not take.
    fn send(&mut self, stream: &TcpStream, out: &mut Buffer<'_>) -> io::Result<()> {
        while self.unsent.is_empty() && !out.is_empty() {
            match stream.try_write(out.filled()) {
                Ok(n) => out.consume(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !out.is_empty() {
            self.unsent.extend_from_slice(out.filled());
            out.consume(usize::MAX);
        }
        Ok(())
    }
}

fn tell<App: 'static>(rejection: Option<Rejection>, service: &mut Serving<App>) {
    if let Some(rejection) = rejection {
        service.rejected(&rejection);
    }
}
