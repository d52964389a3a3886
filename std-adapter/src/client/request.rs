//! Sends a request to the server, over a new connection if necessary.

use super::{CallError, Cause, Client};
use crate::wait::{after, has_passed};
use std::io;
use std::sync::Arc;
use std::time::Instant;

impl Client {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = self.options.timeout?;
        Some(after(Instant::now(), timeout))
    }

    /// Sends the encoded requests that fit into `window`. If no call waits, opens a connection first if none is open.
    ///
    /// # Errors
    /// [`CallError::NotSent`]: no byte was sent of the first request, which is discarded. If some bytes were, the
    /// calls themselves fail later.
    pub(super) fn transmit(
        &mut self,
        window: usize,
        deadline: Option<Instant>,
    ) -> Result<(), CallError> {
        let mut opened = false;
        loop {
            if self.conversation.waiting() == 0 {
                let ready = self.ready(deadline);
                opened |= *ready.as_ref().unwrap_or(&true);
                if let Err(cause) = ready {
                    self.conversation.drop_unsent();
                    return Err(CallError::NotSent(cause));
                }
            }
            let before = self.conversation.encoded();
            self.conversation.send(window, deadline);
            if self.conversation.is_open()
                || self.conversation.encoded() < before
                || self.conversation.waiting() > 0
            {
                return Ok(());
            }
            // The connection failed before it took a byte. A new one may take the request.
            if opened {
                self.conversation.drop_unsent();
                let cause = self
                    .conversation
                    .report()
                    .map_or(Cause::Closed, |(cause, _)| cause);
                return Err(CallError::NotSent(cause));
            }
        }
    }

    /// Makes sure that the connection is open and that no reply is due on it. Returns whether it is a new one.
    fn ready(&mut self, deadline: Option<Instant>) -> Result<bool, Cause> {
        if has_passed(deadline) {
            return Err(Cause::TimedOut);
        }
        self.skip(deadline);
        if self.conversation.is_open() {
            self.conversation.check(deadline);
        }
        if self.conversation.is_open() {
            return Ok(false);
        }
        if let Some(cause) = self.conversation.unreported() {
            return Err(cause);
        }
        if self.target.is_none() {
            return Err(self
                .conversation
                .report()
                .map_or(Cause::Closed, |(cause, _)| cause));
        }
        self.open(deadline)
            .map_err(|error| Cause::Transport(Arc::new(error)))?;
        self.resubscribe(deadline)?;
        Ok(true)
    }

    /// Discards the replies to abandoned calls.
    pub(super) fn skip(&mut self, deadline: Option<Instant>) {
        while self.conversation.is_open() && self.conversation.abandoned() > 0 {
            // The caller of that call is gone.
            let _ = self.conversation.reply(deadline);
        }
    }

    pub(super) fn open(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(target) = &self.target else {
            let what = "this client cannot open its stream again";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        };
        // A serial port can be open only once.
        self.conversation.end_stream(Cause::Closed);
        if self.conversation.was_cut() {
            target.suspect();
        }
        let limit = after(Instant::now(), target.connect_timeout);
        let deadline = deadline.map_or(limit, |deadline| deadline.min(limit));
        self.next_try = None;
        self.conversation.restart(target.open(deadline)?);
        self.opened = Some(Instant::now());
        Ok(())
    }
}
