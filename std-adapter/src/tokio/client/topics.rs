//! The topics that subscriptions want, and their state on the connection.

use super::mailbox::Mailbox;
use crate::client::{CallError, Cause, Event, keep};
use bellwire::topics::{SUBSCRIBE, UNSUBSCRIBE, UntypedTopic};
use bellwire::{Command, Line};
use slab::Slab;
use std::sync::Arc;

/// The topics of a client. The conversation subscribes and unsubscribes until the server sends exactly the wanted
/// topics.
#[derive(Debug, Default)]
pub(super) struct Topics {
    list: Slab<Topic>,
    /// Whether a request may be due.
    changed: bool,
    /// Why no connection is open.
    outage: Option<Cause>,
}

#[derive(Debug)]
struct Topic {
    untyped: UntypedTopic,
    state: State,
    /// The subscriptions' queues.
    mailboxes: Vec<Arc<Mailbox>>,
}

/// The state of a topic in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    /// `SUBSCRIBE` was sent.
    Subscribing,
    On,
    /// `UNSUBSCRIBE` was sent.
    Unsubscribing,
    /// The server refused `UNSUBSCRIBE`, so its pushes are discarded.
    Kept,
}

impl State {
    /// Returns whether the server may send pushes.
    fn is_on(self) -> bool {
        matches!(self, Self::On | Self::Unsubscribing | Self::Kept)
    }
}

impl Topics {
    /// Adds a subscription. Returns the index of its topic.
    pub(super) fn join(&mut self, untyped: UntypedTopic, mailbox: Arc<Mailbox>) -> usize {
        let mut topics = self.list.iter();
        let known = topics.find(|(_, topic)| topic.untyped.name == untyped.name);
        let index = match known {
            Some((index, _)) => index,
            None => self.list.insert(Topic {
                untyped,
                state: State::Off,
                mailboxes: Vec::new(),
            }),
        };
        let topic = &mut self.list[index];
        if matches!(topic.state, State::On | State::Kept) {
            mailbox.join(untyped.name);
        }
        topic.mailboxes.push(mailbox);
        self.changed = true;
        index
    }

    /// Removes a subscription to the topic `index`.
    pub(super) fn leave(&mut self, index: usize, mailbox: &Arc<Mailbox>) {
        // After the end of its subscriptions, a topic may be gone, and its index may belong to another one.
        if let Some(topic) = self.list.get_mut(index) {
            topic.mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
            self.changed = true;
        }
    }

    /// Returns the error of a subscription to the topic `index` that has waited too long.
    pub(super) fn late(&self, index: usize) -> CallError {
        match self.list.get(index) {
            Some(topic) if topic.state == State::Subscribing => {
                CallError::MayHaveRun(Cause::TimedOut)
            }
            _ => CallError::NotSent(self.outage.clone().unwrap_or(Cause::TimedOut)),
        }
    }

    /// Returns whether there are subscriptions, so that a connection is needed.
    pub(super) fn is_wanted(&self) -> bool {
        let mut topics = self.list.iter();
        topics.any(|(_, topic)| !topic.mailboxes.is_empty())
    }

    /// Returns whether [`next_due`](Self::next_due) may return a request.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Returns the next request to send, with the index and the name of its topic.
    pub(super) fn next_due(&mut self) -> Option<(usize, Command<Line, ()>, &'static str)> {
        for (index, topic) in &mut self.list {
            let (state, command) = match (topic.state, topic.mailboxes.is_empty()) {
                (State::Off, false) => (State::Subscribing, SUBSCRIBE),
                (State::On, true) => (State::Unsubscribing, UNSUBSCRIBE),
                _ => continue,
            };
            topic.state = state;
            return Some((index, command, topic.untyped.name));
        }
        self.list
            .retain(|_, topic| topic.state != State::Off || !topic.mailboxes.is_empty());
        self.changed = false;
        None
    }

    /// Takes the server's answer to the last request for the topic `index`.
    pub(super) fn answer(&mut self, index: usize, outcome: Result<(), CallError>) {
        let Some(topic) = self.list.get_mut(index) else {
            return;
        };
        let name = topic.untyped.name;
        topic.state = match (topic.state, outcome) {
            (State::Subscribing, Ok(())) => State::On,
            (State::Subscribing, Err(error)) => {
                for mailbox in topic.mailboxes.drain(..) {
                    mailbox.end(name, error.clone());
                }
                State::Off
            }
            (_, Ok(())) => State::Off,
            (_, Err(_)) => State::Kept,
        };
        if topic.state.is_on() {
            for mailbox in &topic.mailboxes {
                mailbox.join(name);
            }
        }
        self.changed = true;
    }

    /// Returns the topics that the server may send pushes of.
    pub(super) fn untyped(&self) -> impl Iterator<Item = UntypedTopic> {
        let on = self.list.iter().filter(|(_, topic)| topic.state.is_on());
        on.map(|(_, topic)| topic.untyped)
    }

    /// Passes an event to the subscriptions of the topic `name`.
    pub(super) fn deliver(&self, name: &'static str, event: Event<&[u8]>) {
        let mut topics = self.list.iter();
        let Some((_, topic)) = topics.find(|(_, topic)| topic.untyped.name == name) else {
            return;
        };
        if topic.mailboxes.is_empty() {
            return;
        }
        let event = keep(event);
        for mailbox in &topic.mailboxes {
            mailbox.deliver(name, event.clone());
        }
    }

    /// Begins a conversation, which has no subscriptions.
    pub(super) fn connected(&mut self) {
        self.outage = None;
        self.changed = !self.list.is_empty();
    }

    /// Ends the conversation, or notes that connecting failed.
    pub(super) fn disconnected(&mut self, cause: &Cause) {
        self.outage = Some(cause.clone());
        for (_, topic) in &mut self.list {
            topic.state = State::Off;
        }
    }

    /// Ends all subscriptions.
    pub(super) fn end(&mut self, error: &CallError) {
        for topic in self.list.drain() {
            for mailbox in topic.mailboxes {
                mailbox.end(topic.untyped.name, error.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Inbox;

    #[test]
    fn a_topic_that_nobody_wants_is_forgotten_after_the_server_has_confirmed() {
        let mut topics = Topics::default();
        let mailbox = Arc::new(Mailbox::new(Inbox::default()));
        let index = topics.join(
            bellwire::Topic::<Line>::new("LOG").untyped(),
            Arc::clone(&mailbox),
        );
        for due in ["SUBSCRIBE", "UNSUBSCRIBE"] {
            assert_eq!(topics.next_due().unwrap().1.name(), due);
            topics.answer(index, Ok(()));
            assert!(topics.next_due().is_none());
            topics.leave(index, &mailbox);
        }
        assert!(topics.list.is_empty());
    }
}
