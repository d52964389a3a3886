//! The pushes of the topics that the client is subscribed to.

use super::{Buffer, Conversation, Request};
use crate::client::event::keep;
use crate::client::{CallError, Cause, Event, Push};
use crate::wait::has_passed;
use bellwire::topics::UntypedTopic;
use std::collections::VecDeque;
use std::time::Instant;

/// Unsent requests that wait until the client has subscribed.
pub(in crate::client) struct SetAside {
    tx: Buffer,
    unsent: VecDeque<Request>,
}

impl Conversation {
    /// Listens to the pushes of exactly these topics. Call it between two messages.
    pub(in crate::client) fn listen(&mut self, topics: &[UntypedTopic]) {
        self.ear.listen(topics.iter().copied());
    }

    pub(in crate::client) fn has_event(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Takes the oldest event.
    pub(in crate::client) fn pop_event(&mut self) -> Option<Push> {
        self.inbox.pop()
    }

    /// Adds a gap to the events of a topic.
    pub(in crate::client) fn add_gap(&mut self, topic: &'static str) {
        self.inbox.push(topic, Event::Gap);
    }

    /// Adds the last event of a topic.
    pub(in crate::client) fn end_topic(&mut self, topic: &'static str, error: CallError) {
        self.inbox.end(topic, error);
    }

    /// Removes the unsent requests. All sent ones must have been answered.
    pub(in crate::client) fn set_aside(&mut self) -> SetAside {
        SetAside {
            tx: std::mem::take(&mut self.tx),
            unsent: std::mem::take(&mut self.unsent),
        }
    }

    /// Puts the requests back.
    pub(in crate::client) fn put_back(&mut self, requests: SetAside) {
        self.tx = requests.tx;
        self.unsent = requests.unsent;
    }

    /// Moves the pushes that have arrived to the inbox. Returns whether the rest begins with a part of a push.
    pub(super) fn hear(&mut self) -> bool {
        let inbox = &mut self.inbox;
        let heard = self.ear.hear(&mut self.rx, self.max_reply, |topic, event| {
            inbox.push(topic, keep(event));
        });
        heard.unwrap_or_else(|cause| {
            self.lose(cause, true);
            false
        })
    }

    /// Waits until there is an event or the conversation is over. Returns `false` at the deadline.
    pub(in crate::client) fn wait_for_event(&mut self, deadline: Option<Instant>) -> bool {
        loop {
            if self.abandoned > 0 {
                // These replies belong to calls whose callers are gone.
                while self.abandoned > 0 && self.find().is_some() {}
            } else if self.is_unexpected() {
                self.set_deadline(deadline);
                self.judge();
            }
            if self.has_event() || !self.is_open() {
                return true;
            }
            // Take the bytes that have arrived, even after the deadline.
            let mut read = self.read_now();
            if matches!(read, Err(Cause::TimedOut)) {
                if has_passed(deadline) {
                    return false;
                }
                self.set_deadline(deadline);
                read = self.read();
            }
            match read {
                Ok(()) | Err(Cause::TimedOut) => {}
                Err(cause) => self.end_stream(cause),
            }
        }
    }
}
