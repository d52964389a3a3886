//! The replies that have arrived.

use super::{Conversation, Over, unexpected};
use crate::client::{CallError, Cause, ERROR_LINE, Unasked, Verdict, is_passing, unasked};
use crate::tokio::client::calls::{Calls, Outcome, Request};
use bellwire::{ErrorKind, Found};

impl Conversation<'_> {
    /// Completes the calls whose replies have arrived.
    pub(super) fn answer(&mut self, calls: &mut Calls) -> Result<(), Over> {
        while !self.rx.is_empty() {
            if self.hear(calls)? {
                return Ok(());
            }
            if self.rx.is_empty() {
                break;
            }
            self.drop_silent(calls);
            let oldest = calls.sent.front().copied();
            let Some((request, expected)) = oldest.and_then(|one| Some((one, one.expected?)))
            else {
                return self.unasked();
            };
            if self.whole == 0 && self.written == 0 {
                // No byte of the oldest request was sent.
                return self.unasked();
            }
            // Only an error line may come before the end of the request.
            let early = self.whole == 0;
            let received = self.rx.filled();
            let limit = self.options.max_reply;
            match self.session.find(&expected, received, limit) {
                Ok(true) => {}
                Ok(false) => {
                    let most = match received.first() {
                        Some(b'!') => limit.max(ERROR_LINE),
                        _ => limit,
                    };
                    if received.len() < most {
                        return Ok(());
                    }
                    return Err(Over::new(Cause::Protocol(ErrorKind::MessageTooLong {
                        limit,
                    })));
                }
                Err(kind) => return Err(Over::new(Cause::Protocol(kind))),
            }
            match self.session.found() {
                Some(Found::Reply { .. }) if early => return Err(unexpected()),
                Some(Found::Reply { start, size }) => {
                    let outcome = match received.get(start..size) {
                        Some(payload) if size <= limit => Ok(payload.to_vec()),
                        _ => Err(CallError::Reply(ErrorKind::MessageTooLong { limit })),
                    };
                    self.pop(calls, size);
                    self.complete(calls, &request, outcome);
                }
                Some(Found::ErrorLine { size }) => {
                    match Verdict::new(&received[..size], expected.name, &self.silent) {
                        Verdict::Oldest { error, .. }
                            if request.owner.is_topic() && is_passing(&error) =>
                        {
                            return Err(Over::remote(error, false));
                        }
                        Verdict::Oldest { error, last } => {
                            self.pop(calls, size);
                            let outcome = Err(CallError::Remote(Box::new(error.clone())));
                            self.complete(calls, &request, outcome);
                            if last || early {
                                return Err(Over::remote(error, false));
                            }
                        }
                        Verdict::Earlier(error) => return Err(Over::remote(error, false)),
                        Verdict::Unknown(error) => return Err(Over::remote(error, true)),
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Removes the oldest call and the `size` bytes of its reply.
    fn pop(&mut self, calls: &mut Calls, size: usize) {
        calls.sent.pop_front();
        self.whole = self.whole.saturating_sub(1);
        self.rx.consume(size);
        self.session.next();
    }

    /// Passes on the outcome of a request that was removed.
    fn complete(&mut self, calls: &mut Calls, request: &Request, outcome: Outcome) {
        calls.answer(request, outcome);
        if request.owner.is_topic() {
            self.ear.listen(calls.topics.untyped());
        } else {
            self.answered = true;
        }
    }

    /// Removes the oldest requests without reply that were written.
    fn drop_silent(&mut self, calls: &mut Calls) {
        while self.whole > 0
            && calls
                .sent
                .front()
                .is_some_and(|request| request.expected.is_none())
        {
            calls.sent.pop_front();
            self.whole -= 1;
        }
    }

    /// Ends the conversation because bytes arrived that no call awaits. Only an error line is read to its end.
    fn unasked(&self) -> Result<(), Over> {
        match unasked(self.rx.filled(), &self.silent) {
            Unasked::Incomplete => Ok(()),
            Unasked::Error(error) => Err(Over::remote(error, false)),
            Unasked::Unexpected => Err(unexpected()),
        }
    }
}
