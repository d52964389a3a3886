//! The received bytes, and the end of a conversation.

use super::Conversation;
use crate::client::buffer::READ;
use crate::client::verdict::{ERROR_LINE, Unasked, Verdict, unasked};
use crate::client::{CallError, Cause, ClientStream};
use crate::wait::has_passed;
use bellwire::{ErrorKind, Expected, Found, RemoteError};
use std::io;
use std::ops::Range;
use std::time::Instant;

/// The most reads before a request, to notice the end of the conversation while pushes arrive.
const READS: usize = 32;

impl Conversation {
    /// Waits for the reply to the oldest call, and returns the place of its payload for [`payload`](Self::payload).
    pub(in crate::client) fn reply(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Range<usize>, CallError> {
        loop {
            if let Some(found) = self.find() {
                return found;
            }
            // Pushes may arrive all the time, and a stream may restart its time limit at each read.
            let read = if has_passed(deadline) {
                Err(Cause::TimedOut)
            } else {
                self.set_deadline(deadline);
                self.read()
            };
            if let Err(cause) = read {
                self.end_stream(cause);
            }
        }
    }

    /// Returns the payload of the reply that was taken last.
    pub(in crate::client) fn payload(&self, place: Range<usize>) -> &[u8] {
        self.rx.get(place)
    }

    /// Takes the reply to the oldest call, or its error. Returns `None` if more bytes are needed.
    pub(in crate::client) fn find(&mut self) -> Option<Result<Range<usize>, CallError>> {
        let Some(expected) = self.waiting.front().and_then(|oldest| oldest.expected) else {
            return Some(Err(CallError::NotSent(Cause::Closed)));
        };
        if !self.hear()
            && let Some(found) = self.find_reply(&expected)
        {
            return Some(found);
        }
        let (cause, ran) = self.report()?;
        self.take(0);
        Some(Err(if ran {
            CallError::MayHaveRun(cause)
        } else {
            CallError::NotSent(cause)
        }))
    }

    /// Takes the reply to the oldest call, if it is complete. It may find that the conversation is over.
    fn find_reply(&mut self, expected: &Expected) -> Option<Result<Range<usize>, CallError>> {
        let received = self.rx.filled();
        let limit = self.max_reply;
        let most = match received.first() {
            Some(b'!') => limit.max(ERROR_LINE),
            _ => limit,
        };
        match self.session.find(expected, received, limit) {
            Ok(true) => match self.session.found() {
                Some(Found::ErrorLine { size }) => {
                    if let Some(error) = self.error_line(size, expected.name) {
                        return Some(Err(CallError::Remote(Box::new(error))));
                    }
                }
                Some(Found::Reply { start, size }) => {
                    let first = self.take(size);
                    return Some(if size > limit {
                        Err(CallError::Reply(ErrorKind::MessageTooLong { limit }))
                    } else {
                        Ok(first + start..first + size)
                    });
                }
                None => {}
            },
            Ok(false) if received.len() < most => {}
            Ok(false) => self.end(ErrorKind::MessageTooLong { limit }),
            Err(kind) => self.end(kind),
        }
        None
    }

    /// Returns the error line of `size` bytes if it answers the oldest call, which waits for the reply to `waiting`.
    fn error_line(&mut self, size: usize, waiting: &'static str) -> Option<RemoteError> {
        match Verdict::new(&self.rx.filled()[..size], waiting, &self.silent) {
            Verdict::Oldest { error, last } => {
                self.take(size);
                if last {
                    self.end_with(error.clone(), false);
                    self.report();
                }
                return Some(error);
            }
            Verdict::Earlier(error) => self.end_with(error, false),
            Verdict::Unknown(error) => self.end_with(error, true),
        }
        None
    }

    /// Removes the oldest call and the `size` bytes of its reply. Returns the place of the first.
    fn take(&mut self, size: usize) -> usize {
        let oldest = self.waiting.pop_front();
        if self.abandoned > 0 {
            self.abandoned -= 1;
        } else if let Some(oldest) = oldest {
            self.unanswered -= oldest.size;
        }
        self.session.next();
        self.rx.consume(size)
    }

    /// Notices the end of the conversation, and bytes that no call awaits. Call it only if no call waits.
    pub(in crate::client) fn check(&mut self, deadline: Option<Instant>) {
        // A read may bring only pushes, or bytes of a reply that is skipped.
        for _ in 0..READS {
            if self.is_unexpected() {
                self.set_deadline(deadline);
                return self.judge();
            }
            match self.read_now() {
                Ok(()) => {}
                // No bytes are there.
                Err(Cause::TimedOut) => return,
                Err(cause) => return self.end_stream(cause),
            }
        }
    }

    /// Returns whether bytes other than a push have arrived. Call it only if no call waits.
    pub(super) fn is_unexpected(&mut self) -> bool {
        !self.hear() && !self.rx.is_empty()
    }

    /// Ends the sending and waits for the server's end. Call it only if no call waits.
    pub(in crate::client) fn finish(&mut self, deadline: Option<Instant>) -> Result<(), CallError> {
        self.set_deadline(deadline);
        // If the server has closed already, reading reports why.
        let _ = self.on_stream(0, |stream, _, _| stream.close_write());
        while self.is_open() {
            if self.is_unexpected() {
                self.judge();
            } else if let Err(cause) = self.read() {
                self.end_stream(cause);
            }
        }
        match self.report() {
            // The end is clean unless it cuts an error line.
            Some((Cause::Closed, _)) if self.rx.is_empty() => Ok(()),
            Some((cause, _)) => Err(CallError::ended(cause)),
            None => Ok(()),
        }
    }

    /// Returns the error of a request without reply if it was sent only in part.
    pub(in crate::client) fn sent_in_part(&mut self) -> Option<CallError> {
        if self.is_open() {
            return None;
        }
        if self.is_unexpected() {
            self.judge();
        }
        self.report().map(|(cause, _)| CallError::ended(cause))
    }

    /// Ends the conversation because bytes arrived that no call awaits. Only an error line is read to its end.
    pub(super) fn judge(&mut self) {
        loop {
            match unasked(self.rx.filled(), &self.silent) {
                Unasked::Incomplete => {}
                Unasked::Error(error) => return self.end_with(error, false),
                Unasked::Unexpected => return self.end(ErrorKind::UnexpectedReply),
            }
            if let Err(cause) = self.read() {
                return self.end_stream(cause);
            }
        }
    }

    /// Returns the error line or the unexpected bytes that ended the conversation, if no call has returned them.
    pub(in crate::client) fn unreported(&mut self) -> Option<Cause> {
        let over = self.over.as_ref()?;
        let has_spoken = matches!(
            over.cause,
            Cause::Remote(_) | Cause::Protocol(_) | Cause::UnexpectedPush
        );
        if over.reported || !has_spoken {
            None
        } else {
            self.report().map(|(cause, _)| cause)
        }
    }

    /// Returns why the conversation is over, and whether the waiting calls may have run.
    pub(in crate::client) fn report(&mut self) -> Option<(Cause, bool)> {
        let over = self.over.as_mut()?;
        over.reported = true;
        Some((over.cause.clone(), over.ran))
    }

    /// Receives bytes.
    pub(super) fn read(&mut self) -> Result<(), Cause> {
        self.receive(|stream, space| stream.read(space))
    }

    /// Receives bytes that are there.
    pub(super) fn read_now(&mut self) -> Result<(), Cause> {
        self.receive(|stream, space| stream.read_now(space))
    }

    fn receive(
        &mut self,
        read: impl Fn(&mut dyn ClientStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<(), Cause> {
        match self.on_stream(0, |stream, _, buffer| read(stream, buffer.space(READ)))? {
            0 => Err(Cause::Closed),
            n => {
                self.rx.fill(n);
                Ok(())
            }
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        if self.is_open()
            && let Err(cause) = self.on_stream(0, |stream, _, _| stream.set_deadline(deadline))
        {
            self.end_stream(cause);
        }
    }

    /// Ends the conversation because the end of a reply is unknown.
    fn end(&mut self, kind: ErrorKind) {
        self.lose(Cause::Protocol(kind), true);
    }

    /// Ends the conversation because of an error line.
    fn end_with(&mut self, error: RemoteError, ran: bool) {
        self.lose(Cause::Remote(Box::new(error)), ran);
    }
}
