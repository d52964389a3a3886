//! The bounded queue of a subscriber.

use super::{CallError, Event, Push, RawEvent};
use std::collections::VecDeque;

/// The most values and bytes of values in an inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InboxLimits {
    pub(crate) values: usize,
    pub(crate) bytes: usize,
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self {
            values: 1024,
            bytes: 1 << 20,
        }
    }
}

/// The events that a subscriber has not taken. A value that finds no room is counted.
///
/// Every event counts as a value. A full inbox still takes at most two events for each topic: a gap and a loss.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    limits: InboxLimits,
    events: VecDeque<Push>,
    /// The bytes of the values.
    bytes: usize,
}

impl Inbox {
    pub(crate) fn new(limits: InboxLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes the oldest event.
    pub(crate) fn pop(&mut self) -> Option<Push> {
        let oldest = self.events.pop_front()?;
        if let Ok(Event::Value(payload)) = &oldest.event {
            self.bytes -= payload.len();
        }
        if self.events.is_empty() {
            // The memory of a burst is not kept.
            self.events.shrink_to(16);
        }
        Some(oldest)
    }

    /// Adds an event of `topic`.
    pub(crate) fn push(&mut self, topic: &'static str, event: RawEvent) {
        match event {
            Event::Value(payload) if self.has_room(payload.len()) => {
                self.bytes += payload.len();
                self.add(topic, Ok(Event::Value(payload)));
            }
            Event::Value(_) => self.lose(topic, 1),
            Event::Lost(count) => self.lose(topic, count),
            Event::Gap => self.gap(topic),
        }
    }

    /// Adds the last event of `topic`.
    pub(crate) fn end(&mut self, topic: &'static str, error: CallError) {
        self.add(topic, Err(error));
    }

    fn add(&mut self, topic: &'static str, event: Result<RawEvent, CallError>) {
        self.events.push_back(Push { topic, event });
    }

    /// An empty inbox takes a value of any length.
    fn has_room(&self, size: usize) -> bool {
        let fits = self.bytes == 0 || self.bytes + size <= self.limits.bytes;
        fits && self.events.len() < self.limits.values
    }

    /// Adds a loss to the last event of the topic, if that is a loss.
    fn lose(&mut self, topic: &'static str, count: u64) {
        for push in self.events.iter_mut().rev() {
            match &mut push.event {
                Ok(Event::Value(_)) => break,
                Ok(Event::Lost(lost)) if push.topic == topic => {
                    *lost = lost.saturating_add(count);
                    return;
                }
                _ if push.topic == topic => break,
                _ => {}
            }
        }
        self.add(topic, Ok(Event::Lost(count)));
    }

    /// Adds a gap. A loss or a gap just before it, which the subscriber has not taken, becomes a part of it.
    fn gap(&mut self, topic: &'static str) {
        let last = self
            .events
            .iter()
            .rposition(|push| matches!(push.event, Ok(Event::Value(_)) | Err(_)));
        let mut tail = self.events.split_off(last.map_or(0, |last| last + 1));
        tail.retain(|push| push.topic != topic);
        self.events.append(&mut tail);
        self.add(topic, Ok(Event::Gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn value(size: usize) -> RawEvent {
        Event::Value(vec![0; size].into())
    }

    fn taken(inbox: &mut Inbox) -> Vec<String> {
        std::iter::from_fn(|| inbox.pop())
            .map(|push| match push.event {
                Ok(Event::Value(payload)) => format!("{} {}", push.topic, payload.len()),
                Ok(Event::Lost(count)) => format!("{} +{count}", push.topic),
                Ok(Event::Gap) => format!("{} gap", push.topic),
                Err(_) => format!("{} end", push.topic),
            })
            .collect()
    }

    #[test]
    fn a_full_inbox_stays_bounded_whatever_follows() {
        let mut inbox = Inbox::new(InboxLimits {
            values: 3,
            bytes: 100,
        });
        for _ in 0..1000 {
            for topic in ["A", "B"] {
                inbox.push(topic, value(1));
                inbox.push(topic, Event::Lost(2));
                inbox.push(topic, Event::Gap);
                inbox.push(topic, value(1));
            }
        }
        assert_eq!(
            taken(&mut inbox),
            ["A 1", "A gap", "A 1", "A gap", "A +1", "B gap", "B +1"]
        );
    }

    #[test]
    fn a_loss_stays_between_the_values_of_its_topic() {
        let mut inbox = Inbox::new(InboxLimits {
            values: 2,
            bytes: 100,
        });
        inbox.push("A", value(1));
        inbox.push("B", value(2));
        inbox.push("A", value(3));
        inbox.push("B", value(4));
        inbox.push("A", Event::Lost(u64::MAX));
        assert!(inbox.pop().is_some());
        assert_eq!(
            taken(&mut inbox),
            ["B 2", &format!("A +{}", u64::MAX), "B +1"]
        );
        inbox.push("A", value(5));
        assert_eq!(taken(&mut inbox), ["A 5"]);
    }

    #[test]
    fn an_empty_inbox_takes_a_value_of_any_length() {
        let mut inbox = Inbox::new(InboxLimits {
            values: 9,
            bytes: 10,
        });
        for size in [50, 1] {
            inbox.push("A", value(size));
        }
        assert_eq!(taken(&mut inbox), ["A 50", "A +1"]);
        for size in [5, 5, 1] {
            inbox.push("A", value(size));
        }
        assert_eq!(taken(&mut inbox), ["A 5", "A 5", "A +1"]);
    }

    #[test]
    fn a_loss_takes_its_place_among_the_events_of_all_topics() {
        let mut inbox = Inbox::new(InboxLimits::default());
        inbox.push("A", Event::Lost(1));
        inbox.push("B", Event::Gap);
        inbox.push("A", Event::Lost(1));
        inbox.push("B", value(1));
        inbox.push("A", Event::Lost(1));
        inbox.end("A", CallError::NotSent(Cause::Closed));
        inbox.push("A", Event::Lost(1));
        assert_eq!(
            taken(&mut inbox),
            ["A +2", "B gap", "B 1", "A +1", "A end", "A +1"]
        );
    }
}
