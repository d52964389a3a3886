//! One connection of a client at a time: requests out, replies in, in order.

mod pushes;
mod replies;
#[cfg(test)]
mod tests;

use super::buffer::Buffer;
use super::ear::Ear;
use super::inbox::Inbox;
use super::{CallError, Cause, ClientStream, Options};
use bellwire::{ClientSession, ErrorKind, Expected};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Instant;

/// The bytes and calls of one connection. A request that was not sent at all outlives the connection.
#[derive(Default)]
pub(super) struct Conversation {
    /// `None` if the conversation is over or has not begun.
    stream: Option<Box<dyn ClientStream>>,
    /// The most bytes of a reply.
    max_reply: usize,
    rx: Buffer,
    tx: Buffer,
    /// The unsent requests in `tx`.
    unsent: VecDeque<Request>,
    /// The bytes in `tx` of the last request that was sent in part.
    rest: usize,
    /// The requests that were sent, at least in part, and wait for their replies; the oldest first.
    waiting: VecDeque<Request>,
    /// The length in bytes of these requests, without the abandoned ones.
    unanswered: usize,
    /// How many of the oldest of these have no caller any more.
    abandoned: usize,
    /// The names of the commands without reply that were sent.
    silent: Vec<&'static str>,
    session: ClientSession,
    ear: Ear,
    /// The events that were not taken. They outlive the connection.
    inbox: Inbox,
    /// Whether a connection ended before the first byte of a due reply.
    cut: bool,
    /// Set when the conversation is over.
    over: Option<Over>,
}

#[derive(Clone, Copy)]
struct Request {
    name: &'static str,
    /// `None` if the command has no reply.
    expected: Option<Expected>,
    size: usize,
}

struct Over {
    cause: Cause,
    /// Whether waiting calls may have run.
    ran: bool,
    /// Whether a call has returned the cause.
    reported: bool,
}

impl Conversation {
    /// Creates a conversation that has not begun.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            max_reply: options.max_reply,
            inbox: Inbox::new(options.events),
            ..Self::default()
        }
    }

    /// Begins a conversation over `stream`. The replies of the last one are discarded.
    pub(super) fn restart(&mut self, stream: Box<dyn ClientStream>) {
        self.close();
        self.rx.clear();
        self.waiting.clear();
        self.unanswered = 0;
        self.abandoned = 0;
        self.silent.clear();
        self.session.next();
        self.ear.listen([]);
        self.over = None;
        self.stream = Some(stream);
    }

    /// Returns the stream of a conversation in which no reply is due.
    pub(super) fn into_stream(self) -> io::Result<Box<dyn ClientStream>> {
        match self.stream {
            Some(stream) if self.rx.is_empty() => Ok(stream),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                ErrorKind::UnexpectedReply,
            )),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Returns the number of calls that wait and were not abandoned.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() - self.abandoned
    }

    /// Returns the number of calls whose replies will be discarded.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// Returns the length of the requests that wait for a reply, in bytes.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Returns the length of the unsent requests in bytes.
    pub(super) fn encoded(&self) -> usize {
        self.tx.len()
    }

    /// Forgets all calls: discards the requests that were not sent, and later the replies to the others.
    pub(super) fn abandon(&mut self) {
        while self.drop_unsent() {}
        self.abandoned = self.waiting.len();
        self.unanswered = 0;
    }

    /// Discards the oldest unsent request. Call it only if none was sent in part, or the conversation is over.
    pub(super) fn drop_unsent(&mut self) -> bool {
        let oldest = self.unsent.pop_front();
        if let Some(oldest) = oldest {
            self.tx.consume(oldest.size);
        }
        oldest.is_some()
    }

    /// Appends a request of at most `limit` bytes, which `encode` writes into the space that it is given.
    pub(super) fn encode(
        &mut self,
        name: &'static str,
        expected: Option<Expected>,
        limit: usize,
        mut encode: impl FnMut(&mut [u8]) -> Result<usize, ErrorKind>,
    ) -> Result<(), CallError> {
        let mut least = 1024;
        loop {
            let space = self.tx.space(least.min(limit));
            let size = space.len().min(limit);
            match encode(&mut space[..size]) {
                Ok(size) => {
                    self.tx.fill(size);
                    self.unsent.push_back(Request {
                        name,
                        expected,
                        size,
                    });
                    return Ok(());
                }
                Err(ErrorKind::MessageTooLong { .. }) if size < limit => {
                    least = size.saturating_mul(2);
                }
                Err(kind) => return Err(CallError::Request(kind)),
            }
        }
    }

    /// Sends encoded requests while at most `window` bytes of them are unanswered, or one longer request. After a
    /// failure the conversation is over, and the replies that had arrived can still be taken.
    pub(super) fn send(&mut self, window: usize, deadline: Option<Instant>) {
        let mut size = 0;
        for request in &self.unsent {
            let all = self.unanswered + size;
            if all > 0 && all + request.size > window {
                break;
            }
            size += request.size;
        }
        if let Err(cause) = self.write(size, deadline) {
            // The server may have said why before it closed the connection.
            while self.rx.len() <= self.max_reply && self.read_now().is_ok() {
                self.hear();
            }
            self.end_stream(cause);
        }
    }

    fn write(&mut self, mut size: usize, deadline: Option<Instant>) -> Result<(), Cause> {
        self.on_stream(0, |stream, _, _| stream.set_deadline(deadline))?;
        while size > 0 {
            let n = self.on_stream(size, |stream, bytes, _| stream.write(bytes))?;
            if n == 0 {
                return Err(cause(io::ErrorKind::WriteZero.into()));
            }
            size -= n;
            self.sent(n);
        }
        self.on_stream(0, |stream, _, _| stream.flush())
    }

    /// Passes the stream, `offered` bytes to send and the receive buffer to `action`, and repeats it if a signal
    /// interrupts it.
    ///
    /// If the stream panics, it is closed, because it may have taken the offered bytes or lost received ones.
    fn on_stream<T>(
        &mut self,
        offered: usize,
        mut action: impl FnMut(&mut dyn ClientStream, &[u8], &mut Buffer) -> io::Result<T>,
    ) -> Result<T, Cause> {
        let stream = self.stream.as_mut().ok_or(Cause::Closed)?;
        let bytes = &self.tx.filled()[..offered];
        let done = catch_unwind(AssertUnwindSafe(|| {
            loop {
                match action(stream.as_mut(), bytes, &mut self.rx) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => return done,
                }
            }
        }));
        done.unwrap_or_else(|panic| {
            self.sent(offered);
            self.end_stream(Cause::Closed);
            resume_unwind(panic)
        })
        .map_err(cause)
    }

    /// Counts `n` bytes as sent. Requests whose first byte is among them wait from now on.
    fn sent(&mut self, mut n: usize) {
        self.tx.consume(n);
        loop {
            let now = self.rest.min(n);
            self.rest -= now;
            n -= now;
            if n == 0 {
                return;
            }
            let Some(request) = self.unsent.pop_front() else {
                return;
            };
            self.rest = request.size;
            if request.expected.is_some() {
                self.unanswered += request.size;
                self.waiting.push_back(request);
            } else if !self.silent.contains(&request.name) {
                self.silent.push(request.name);
            }
        }
    }

    /// Ends the conversation. The received bytes have no meaning any more.
    fn lose(&mut self, cause: Cause, ran: bool) {
        self.rx.clear();
        self.session.next();
        self.close();
        self.over = Some(Over {
            cause,
            ran,
            reported: false,
        });
    }

    /// Closes the stream. The rest of a request that was sent in part has no meaning elsewhere.
    fn close(&mut self) {
        self.stream = None;
        self.tx.consume(std::mem::take(&mut self.rest));
    }

    /// Returns whether a connection ended before the first byte of a due reply. The next call returns `false` unless
    /// another one did.
    pub(super) fn was_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    /// Ends the connection. The replies that have arrived can still be taken.
    pub(super) fn end_stream(&mut self, cause: Cause) {
        let due = match self.waiting.len() {
            0 => self.rest > 0,
            1 => self.rx.filled().first().is_none_or(|byte| *byte == b'>'),
            _ => true,
        };
        self.cut |= self.is_open() && due;
        self.close();
        self.over.get_or_insert(Over {
            cause,
            ran: true,
            reported: false,
        });
    }
}

/// Returns the cause of a failed read or write. A deadline that has passed is not an error of the system.
fn cause(error: io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::WouldBlock => Cause::TimedOut,
        io::ErrorKind::TimedOut if error.raw_os_error().is_none() => Cause::TimedOut,
        _ => Cause::Transport(Arc::new(error)),
    }
}
