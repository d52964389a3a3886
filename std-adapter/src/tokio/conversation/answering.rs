//! Answering the requests of a turn.

use super::{Conversation, End, REQUESTS, SCRATCH, Scratch, TurnEnd, set_size};
use crate::dispatch::guard;
use crate::endpoint::{Finish, Outcome};
use crate::tokio::counts::RequestCounts;
use bellwire::topics::WithTopics;
use bellwire::{Buffer, ErrorKind, Step};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Context;

impl<App: 'static> Conversation<'_, App> {
    /// Answers requests from `input` until another connection's turn, or until it has to wait.
    ///
    /// If the server has no room to keep the remaining input, it goes on beyond the turn.
    pub(super) fn work(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> io::Result<TurnEnd> {
        let mut counts = RequestCounts::default();
        let end = loop {
            // One `catch_unwind` for all requests of a turn: it costs more than most handlers.
            let answer = AssertUnwindSafe(|| self.answer_some(context, input, out, &mut counts));
            match catch_unwind(answer) {
                Ok(Ok(TurnEnd::Turn))
                    if !self.reservation.cover(input.len() + self.stream.held()) => {}
                Ok(end) => break end,
                Err(_) => {
                    self.session
                        .abort(ErrorKind::Crashed, &mut self.service, out);
                    *input = &[];
                    break Ok(TurnEnd::Close);
                }
            }
        };
        counts.flush(&self.service);
        end
    }

    fn answer_some(
        &mut self,
        context: &mut Context<'_>,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
        counts: &mut RequestCounts,
    ) -> io::Result<TurnEnd> {
        let mut requests = 0;
        // Whether there is room for all bytes that a pending reply future would keep.
        let mut has_room = false;
        loop {
            if requests >= REQUESTS && !input.is_empty() {
                return Ok(TurnEnd::Turn);
            }
            let Self {
                stream,
                session,
                service,
                feeds,
                kept,
                reservation,
                ..
            } = self;
            let service = &mut WithTopics {
                topics: feeds,
                service,
            };
            match session.next(service, input, out) {
                Step::Receive => match self.end {
                    End::Open | End::Stopping => return Ok(TurnEnd::Receive),
                    // Unread requests do not run; the client is told that the server is busy.
                    End::Stopped
                        if session.partial_request(input).is_some() || stream.has_more() =>
                    {
                        session.abort(ErrorKind::Busy, service, out);
                    }
                    End::Stopped | End::Reached => session.end(input, service, out),
                },
                Step::Close => return Ok(TurnEnd::Close),
                Step::Send => {
                    // A few bytes can ask for many replies of `HELP`, each of which is work for this turn.
                    requests += 1;
                    self.send(out)?;
                    if !self.unsent().is_empty() {
                        return Ok(TurnEnd::Send);
                    }
                }
                Step::Request { index, payload } => {
                    requests += 1;
                    if service.answer(index, payload, session, out) {
                        continue;
                    }
                    counts.add(index, service.service);
                    let reply = session.reply(out);
                    let may_poll = || {
                        let unsent = kept.as_ref().map_or(0, |kept| kept.unsent.len());
                        let bytes = unsent + input.len() + payload.len() + stream.held();
                        has_room = has_room || reservation.cover(bytes);
                        has_room
                    };
                    match service
                        .service
                        .start(index, payload, reply, context, may_poll)
                    {
                        Outcome::Answered(answered) => session.answered(answered, service, out),
                        Outcome::Pending(future, _reply) => {
                            return Ok(TurnEnd::Await(future, payload.len()));
                        }
                    }
                }
            }
        }
    }

    /// Encodes the reply of the pending future.
    pub(in crate::tokio) fn answer(&mut self, finish: Finish) {
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
    pub(in crate::tokio) fn abort(&mut self, kind: ErrorKind) {
        let mut memory = [0; 256];
        let mut out = Buffer::new(&mut memory);
        self.session.abort(kind, &mut self.service, &mut out);
        self.keep(|kept| {
            kept.taken = 0;
            kept.unsent.extend_from_slice(out.filled());
        });
        self.more = true;
    }
}
