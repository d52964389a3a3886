//! The bytes that a conversation keeps between wake-ups, and sending them.

use super::Conversation;
use crate::ending::no_room_for_replies;
use crate::lag::Lag;
use crate::tokio::in_flight::SMALL;
use bellwire::topics::TopicSet;
use bellwire::{Buffer, ErrorKind};
use std::io;
use std::time::Duration;

/// The state that a conversation keeps between wake-ups, if any.
#[derive(Default)]
pub(super) struct Kept {
    /// Received bytes that were not processed.
    pub(super) unread: Vec<u8>,
    /// Replies that were not sent.
    pub(super) unsent: Vec<u8>,
    /// The payload bytes of the request whose reply future is pending. The future may hold a copy.
    pub(super) taken: usize,
    /// The client's lag in receiving replies. It remains after they are sent.
    pub(super) lag: Lag,
}

impl<App: 'static> Conversation<'_, App> {
    pub(super) fn unread(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unread)
    }

    /// Returns the unsent replies.
    pub(in crate::tokio) fn unsent(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.unsent)
    }

    /// Writes unsent replies and returns the number of bytes written.
    pub(in crate::tokio) fn try_send(&mut self) -> io::Result<usize> {
        let unsent = self.kept.as_ref().map_or(&[][..], |kept| &kept.unsent);
        let n = self.stream.try_write(unsent)?;
        self.keep(|kept| drop(kept.unsent.drain(..n)));
        self.took(n);
        self.reserve();
        Ok(n)
    }

    /// Returns how long the server may still wait for the client to receive replies.
    pub(in crate::tokio) fn send_timeout(&self) -> Duration {
        let lag = self.kept.as_ref().map(|kept| kept.lag);
        lag.unwrap_or_default()
            .remaining(self.shared.server.limits.reply_timeout)
    }

    /// Adds a wait to the client's lag.
    pub(in crate::tokio) fn waited(&mut self, time: Duration) {
        let limit = self.shared.server.limits.reply_timeout;
        self.keep(|kept| kept.lag.waited(time, limit));
    }

    /// Reduces the client's lag, if it has any, for `n` sent bytes.
    fn took(&mut self, n: usize) {
        if self.kept.is_some() {
            let limit = self.shared.server.limits.reply_timeout;
            let subscribed = self.feeds.is_subscribed();
            self.keep(|kept| kept.lag.took(n, subscribed, limit));
        }
    }

    /// Changes the kept state, and frees it when it is empty.
    pub(super) fn keep(&mut self, change: impl FnOnce(&mut Kept)) {
        let kept = self.kept.get_or_insert_default();
        change(kept);
        let keeps_bytes = !kept.unread.is_empty() || !kept.unsent.is_empty() || kept.taken > 0;
        if !keeps_bytes && kept.lag == Lag::default() {
            self.kept = None;
        }
    }

    /// Reserves the bytes that are kept now. Returns whether the server has room for them.
    pub(in crate::tokio) fn reserve(&mut self) -> bool {
        self.reservation.resize(self.kept_bytes())
    }

    fn kept_bytes(&self) -> usize {
        let bytes = |kept: &Kept| {
            let unsent = kept.unsent.capacity();
            // A few pushes need no room. So a slow subscriber can always be told of its losses.
            let unsent = if unsent <= SMALL { 0 } else { unsent };
            kept.unread.capacity() + kept.taken + unsent
        };
        self.kept.as_deref().map_or(0, bytes) + self.stream.held()
    }

    /// Limits pushes to the bytes that the server has room to keep, in case the stream does not accept them.
    pub(super) fn make_room(&mut self, out: &Buffer<'_>) {
        let kept = self.kept_bytes();
        let room = self.reservation.raise(kept + out.capacity());
        self.feeds.set_room(room.saturating_sub(kept).max(SMALL));
    }

    /// Ends the conversation because the server has no room for its bytes. A request that has not run
    /// is refused.
    pub(super) fn give_up(&mut self) -> io::Result<()> {
        if !self.unsent().is_empty() {
            return Err(no_room_for_replies());
        }
        self.abort(ErrorKind::Busy);
        Ok(())
    }

    /// Writes the pushes that are due, as far as this connection's turn allows.
    pub(super) fn push(&mut self, out: &mut Buffer<'_>) -> io::Result<()> {
        // A turn lasts until other tasks run. Its pushes may become due one after the other.
        if self.feeds.is_turn_over() {
            self.feeds.begin_turn();
        }
        if self.unsent().is_empty() && self.feeds.are_due() {
            self.make_room(out);
            while self.unsent().is_empty() && self.feeds.tell(&self.session, out) && !out.is_empty()
            {
                self.send(out)?;
            }
        }
        self.feeds.set_room(usize::MAX);
        Ok(())
    }

    /// Writes the bytes of `out` and keeps those that the stream does not accept.
    pub(super) fn send(&mut self, out: &mut Buffer<'_>) -> io::Result<()> {
        while self.unsent().is_empty() && !out.is_empty() {
            match self.stream.try_write(out.filled()) {
                Ok(n) => {
                    out.consume(n);
                    self.took(n);
                    self.shared.server.metrics.sent.increment(n as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !out.is_empty() {
            self.keep(|kept| {
                // No more capacity than is reserved.
                kept.unsent.reserve_exact(out.filled().len());
                kept.unsent.extend_from_slice(out.filled());
            });
            out.clear();
        }
        Ok(())
    }
}
