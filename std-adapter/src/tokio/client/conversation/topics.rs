//! The topics of a conversation: requests to subscribe, and pushes.

use super::{BACKLOG, Conversation, Over};
use crate::tokio::client::calls::{Calls, Owner, Request};
use crate::wait::after;
use tokio::time::Instant;

/// The longest request to subscribe or to unsubscribe, in bytes.
const LONGEST: usize = 80;

impl Conversation<'_> {
    /// Asks the server for the pushes that the subscriptions want, unless the sending ends. Returns whether it leaves
    /// requests for later.
    pub(super) fn settle(&mut self, calls: &mut Calls) -> bool {
        let ends = calls.finish.is_some() || self.shut_down;
        if ends || !calls.topics.is_changed() {
            return false;
        }
        while self.backlog() < BACKLOG {
            let Some((topic, command, name)) = calls.topics.next_due() else {
                return false;
            };
            let mut bytes = [0; LONGEST];
            let Ok(size) = command.encode(name, &mut bytes) else {
                // Not reached: a topic's name has at most 62 bytes.
                return false;
            };
            let timeout = self.options.timeout;
            let deadline = timeout.map(|timeout| after(Instant::now().into(), timeout).into());
            self.note_deadline(deadline);
            self.tx.extend_from_slice(&bytes[..size]);
            calls.sent.push_back(Request {
                owner: Owner::Topic(topic),
                name: command.name(),
                expected: command.expected(),
                size,
                deadline,
            });
        }
        true
    }

    /// Passes on the pushes that have arrived. Returns whether the rest begins with a part of a push.
    pub(super) fn hear(&mut self, calls: &mut Calls) -> Result<bool, Over> {
        let limit = self.options.max_reply;
        let topics = &calls.topics;
        let heard = self.ear.hear(&mut self.rx, limit, |topic, event| {
            topics.deliver(topic, event);
        });
        heard.map_err(Over::new)
    }
}
