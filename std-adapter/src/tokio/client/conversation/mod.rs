//! One conversation of an async client.

mod replies;
#[cfg(test)]
mod tests;
mod topics;

use super::calls::{Calls, Owner, Request, Shared};
use super::connect::Io;
use crate::client::{Buffer, CallError, Cause, Ear, Options, READ};
use bellwire::{ClientSession, ErrorKind, RemoteError};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};

/// The most reads in a turn, before other tasks run.
const READS: usize = 16;

/// With that many unwritten bytes, the next requests stay in the queue: there they can be given up unsent.
const BACKLOG: usize = 65536;

/// A connection, the bytes on their way, and the calls in [`Calls::sent`].
pub(super) struct Conversation<'a> {
    shared: &'a Shared,
    stream: Box<dyn Io>,
    options: Options,
    session: ClientSession,
    ear: Ear,
    rx: Buffer,
    /// The bytes of the requests that are not written to their last byte. The first `written` bytes are sent.
    tx: Vec<u8>,
    written: usize,
    /// How many of the oldest requests in [`Calls::sent`] are written to their last byte. `tx` begins with the next.
    whole: usize,
    /// The names of the commands without reply that were sent.
    silent: Vec<&'static str>,
    /// The next deadline of a call, and its alarm.
    deadline: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    /// Whether the last turn let other tasks run.
    yielded: bool,
    shut_down: bool,
    answered: bool,
}

/// The end of a conversation.
struct Over {
    cause: Box<Cause>,
    /// Whether the waiting calls may have run.
    ran: bool,
}

impl Over {
    fn new(cause: Cause) -> Self {
        let cause = Box::new(cause);
        Self { cause, ran: true }
    }

    fn remote(error: RemoteError, ran: bool) -> Self {
        let cause = Box::new(Cause::Remote(Box::new(error)));
        Self { cause, ran }
    }
}

fn unexpected() -> Over {
    Over::new(Cause::Protocol(ErrorKind::UnexpectedReply))
}

impl<'a> Conversation<'a> {
    pub(super) fn new(shared: &'a Shared, stream: Box<dyn Io>, options: Options) -> Self {
        shared.calls().topics.connected();
        Self {
            shared,
            stream,
            options,
            session: ClientSession::default(),
            ear: Ear::default(),
            rx: Buffer::default(),
            tx: Vec::new(),
            written: 0,
            whole: 0,
            silent: Vec::new(),
            deadline: None,
            alarm: Box::pin(sleep_until(Instant::now())),
            yielded: false,
            shut_down: false,
            answered: false,
        }
    }

    /// Returns the stream of a conversation in which no reply is due.
    pub(super) fn take_stream(&mut self) -> Box<dyn Io> {
        std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()))
    }

    /// Returns whether the reply to a call has arrived.
    pub(super) fn has_answered(&self) -> bool {
        self.answered
    }

    /// Reads, answers calls and writes until the conversation is over. Returns why, or `None` if the client is released
    /// or finished. The calls of this conversation have failed then.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Cause>> {
        match self.turn(context) {
            Ok(true) => Poll::Ready(None),
            Ok(false) => Poll::Pending,
            Err(over) => Poll::Ready(self.fail(&over)),
        }
    }

    /// Does the work that needs no waiting. Returns whether the client is released.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<bool, Over> {
        let shared = self.shared;
        for reads in 1.. {
            match self.read(context) {
                Poll::Ready(Ok(())) => self.answer(&mut shared.calls())?,
                Poll::Ready(Err(cause)) => return Err(Over::new(cause)),
                Poll::Pending => break,
            }
            if reads == READS {
                context.waker().wake_by_ref();
                break;
            }
        }
        let mut calls = shared.calls();
        if self.yields(&calls) {
            calls.awake();
            drop(calls);
            context.waker().wake_by_ref();
            return Ok(false);
        }
        if calls.released {
            drop(calls);
            // With TLS this tells the server that nothing was cut.
            let _ = Pin::new(&mut *self.stream).poll_shutdown(context);
            return Ok(true);
        }
        let mut more = self.take(&mut calls);
        more |= self.settle(&mut calls);
        let finishing = calls.finish.is_some();
        calls.sleep(context.waker());
        drop(calls);
        let written = self.write(context)?;
        if more && self.backlog() < BACKLOG {
            context.waker().wake_by_ref();
        }
        if finishing && !more && written && !self.shut_down {
            // If the server has closed already, reading reports why.
            self.shut_down = Pin::new(&mut *self.stream)
                .poll_shutdown(context)
                .is_ready();
        }
        self.expire(context)?;
        Ok(false)
    }

    /// Returns whether other tasks run first, once for each wake, so that calls that are ready together leave together.
    fn yields(&mut self, calls: &Calls) -> bool {
        let others = !calls.queued.is_empty() && !calls.is_single();
        self.yielded = others && !self.yielded;
        self.yielded
    }

    /// Reads once.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        let mut buf = ReadBuf::new(self.rx.space(READ));
        let read = Pin::new(&mut *self.stream).poll_read(context, &mut buf);
        let n = buf.filled().len();
        read.map(|read| match read {
            Ok(()) if n == 0 => Err(Cause::Closed),
            Ok(()) => {
                self.rx.fill(n);
                Ok(())
            }
            Err(error) => Err(Cause::Transport(Arc::new(error))),
        })
    }

    /// Returns the number of taken bytes that are not written.
    fn backlog(&self) -> usize {
        self.tx.len() - self.written
    }

    /// Takes the queued requests. Returns whether it leaves them for later.
    fn take(&mut self, calls: &mut Calls) -> bool {
        self.note_deadline(calls.queued.front().and_then(|oldest| oldest.deadline));
        if calls.queued.is_empty() || self.shut_down {
            return false;
        }
        if self.backlog() >= BACKLOG {
            return true;
        }
        if self.tx.is_empty() {
            std::mem::swap(&mut self.tx, &mut calls.bytes);
        } else {
            self.tx.append(&mut calls.bytes);
        }
        for request in &calls.queued {
            if request.expected.is_none() && !self.silent.contains(&request.name) {
                self.silent.push(request.name);
            }
            self.note_deadline(request.deadline);
        }
        let mut queued = std::mem::take(&mut calls.queued);
        calls.sent.append(&mut queued);
        calls.queued = queued;
        false
    }

    /// Sets the next deadline, unless an earlier one is set.
    fn note_deadline(&mut self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.deadline = Some(self.deadline.map_or(deadline, |first| first.min(deadline)));
        }
    }

    /// Writes the requests. Returns whether all are written and flushed.
    fn write(&mut self, context: &mut Context<'_>) -> Result<bool, Over> {
        while self.written < self.tx.len() {
            let stream = Pin::new(&mut *self.stream);
            match stream.poll_write(context, &self.tx[self.written..]) {
                Poll::Ready(Ok(0)) => {
                    return Err(self.broken(context, io::ErrorKind::WriteZero.into()));
                }
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.note_written();
                }
                Poll::Ready(Err(error)) => return Err(self.broken(context, error)),
                Poll::Pending => return Ok(false),
            }
        }
        match Pin::new(&mut *self.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(error)) => Err(self.broken(context, error)),
            Poll::Pending => Ok(false),
        }
    }

    /// Completes the requests without reply that are written to their last byte.
    fn note_written(&mut self) {
        let mut calls = self.shared.calls();
        let mut rest = self.written;
        while let Some(request) = calls.sent.get(self.whole).copied() {
            let Some(left) = rest.checked_sub(request.size) else {
                break;
            };
            rest = left;
            if request.expected.is_none() {
                calls.sent[self.whole].owner = Owner::Nobody;
                calls.answer(&request, Ok(Vec::new()));
            }
            self.whole += 1;
        }
        self.tx.drain(..self.written - rest);
        self.written = rest;
    }

    /// Returns the end of a connection that takes no more bytes. The server may have said why before it closed.
    fn broken(&mut self, context: &mut Context<'_>, error: io::Error) -> Over {
        while self.rx.len() <= self.options.max_reply {
            match self.read(context) {
                Poll::Ready(Ok(())) => {
                    if let Err(over) = self.answer(&mut self.shared.calls()) {
                        return over;
                    }
                }
                _ => break,
            }
        }
        Over::new(Cause::Transport(Arc::new(error)))
    }

    /// Ends the conversation if a reply is overdue. Otherwise sets the alarm for the next deadline.
    fn expire(&mut self, context: &mut Context<'_>) -> Result<(), Over> {
        while let Some(deadline) = self.deadline {
            self.alarm.as_mut().reset(deadline);
            if self.alarm.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            let mut calls = self.shared.calls();
            // The requests that wait for space, or came after the end of the sending.
            let queued = calls.expire_queued(Instant::now(), &Cause::TimedOut);
            let deadlines = calls.sent.iter().filter_map(|request| {
                // A request without reply is over when it is written.
                let waits = request.owner != Owner::Nobody;
                waits.then_some(request.deadline?)
            });
            self.deadline = deadlines.chain(queued).min();
            if self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now())
            {
                return Err(Over::new(Cause::TimedOut));
            }
        }
        Ok(())
    }

    /// Fails the calls of this conversation. Returns why it is over, or `None` if the client is finished.
    fn fail(&mut self, over: &Over) -> Option<Cause> {
        let mut calls = self.shared.calls();
        self.fail_sent(&mut calls, over);
        let Some(slot) = calls.finish.take() else {
            return Some((*over.cause).clone());
        };
        let outcome = match &*over.cause {
            // The end is clean unless it cuts an error line.
            Cause::Closed if self.rx.is_empty() => Ok(Vec::new()),
            cause => Err(CallError::ended(cause.clone())),
        };
        calls.complete(slot, outcome);
        calls.fail_queued(&Cause::Closed);
        None
    }

    /// Fails the requests that were sent, wholly or in part. The others are queued again, to be sent over a new
    /// connection.
    fn fail_sent(&mut self, calls: &mut Calls, over: &Over) {
        let begun = self.whole + usize::from(self.written > 0);
        let mut sent = std::mem::take(&mut calls.sent);
        let unsent: VecDeque<Request> = sent.split_off(begun.min(sent.len()));
        let has_broken = !matches!(*over.cause, Cause::Remote(_) | Cause::Protocol(_));
        let due = sent.iter().filter(|request| request.expected.is_some());
        let has_begun = self.rx.filled().first().is_some_and(|byte| *byte != b'>');
        calls.cut |= has_broken && due.count() > usize::from(has_begun);
        for request in sent {
            if request.owner.is_topic() {
                // The next conversation begins without subscriptions.
                continue;
            }
            let cause = (*over.cause).clone();
            let error = if request.expected.is_none() {
                CallError::ended(cause)
            } else if over.ran {
                CallError::MayHaveRun(cause)
            } else {
                CallError::NotSent(cause)
            };
            calls.answer(&request, Err(error));
        }
        calls.topics.disconnected(&over.cause);
        let size: usize = unsent.iter().map(|request| request.size).sum();
        let mut rest = &self.tx[self.tx.len() - size..];
        let (mut requests, mut bytes) = (VecDeque::new(), Vec::new());
        for request in unsent {
            let (own, others) = rest.split_at(request.size);
            rest = others;
            if !request.owner.is_topic() {
                bytes.extend_from_slice(own);
                requests.push_back(request);
            }
        }
        self.tx.clear();
        bytes.append(&mut calls.bytes);
        calls.bytes = bytes;
        requests.append(&mut calls.queued);
        calls.queued = requests;
    }
}

/// The task or its runtime can end before the conversation.
impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        let mut calls = self.shared.calls();
        if std::thread::panicking() {
            // The stream may have taken bytes before it panicked.
            self.whole = calls.sent.len();
        }
        let cause = calls.over.clone().unwrap_or(Cause::Closed);
        self.fail_sent(&mut calls, &Over::new(cause));
    }
}
