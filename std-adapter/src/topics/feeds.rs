//! The subscriptions of one connection.

use super::Topics;
use super::channel::Channel;
use bellwire::topics::{TopicSet, encode_lost, longest_loss};
use bellwire::{Buffer, ErrorKind, ReplySent, Session};
use std::sync::Arc;
use std::task::Waker;

/// The most pushes that a connection writes before it reads requests, and before another connection's turn.
const TURN: usize = 128;

/// The bytes of the reply to `SUBSCRIBE` and `UNSUBSCRIBE`.
const OK: usize = 3;

/// The subscriptions of one connection.
pub(crate) struct Feeds<'a> {
    topics: &'a Topics,
    /// Boxed, because most connections have none.
    subscribed: Option<Box<Subscribed>>,
}

struct Subscribed {
    feeds: Vec<Feed>,
    /// The pushes that this turn may still write.
    left: usize,
    /// The most bytes of the transmit buffer that pushes may use.
    room: usize,
}

impl Default for Subscribed {
    fn default() -> Self {
        Self {
            feeds: Vec::new(),
            left: 0,
            room: usize::MAX,
        }
    }
}

/// A subscription, which reads the pushes of a channel.
struct Feed {
    channel: Arc<Channel>,
    /// Its key in the channel, until it ends.
    key: Option<usize>,
    position: Position,
}

/// The progress of a subscription.
#[derive(Clone, Copy)]
struct Position {
    /// The number of the next push to write.
    next: u64,
    /// The number of lost pushes not yet reported to the client.
    lost: u64,
}

impl<'a> Feeds<'a> {
    pub(crate) fn new(topics: &'a Topics) -> Self {
        Self {
            topics,
            subscribed: None,
        }
    }

    /// Begins a turn, in which up to 128 pushes may be written.
    pub(crate) fn begin_turn(&mut self) {
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.left = TURN;
        }
    }

    /// Returns whether the turn's pushes are used up.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_turn_over(&self) -> bool {
        let subscribed = self.subscribed.as_ref();
        subscribed.is_some_and(|subscribed| subscribed.left == 0)
    }

    /// Returns whether a push or a loss is due.
    #[cfg(feature = "tokio")]
    pub(crate) fn are_due(&self) -> bool {
        self.subscribed.as_ref().is_some_and(|subscribed| {
            let mut feeds = subscribed.feeds.iter();
            feeds.any(|feed| feed.position.is_due(&feed.channel))
        })
    }

    /// Limits the bytes of the transmit buffer that pushes may use. A push that exceeds them by itself is lost.
    #[cfg(feature = "tokio")]
    pub(crate) fn set_room(&mut self, bytes: usize) {
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.room = bytes;
        }
    }

    /// Lets the next push wake the connection. Returns `false` if a push is due already.
    pub(crate) fn arm(&self, waker: &Waker) -> bool {
        self.subscribed.as_ref().is_none_or(|subscribed| {
            let mut feeds = subscribed.feeds.iter();
            feeds.all(|feed| feed.arm(waker))
        })
    }
}

impl TopicSet for Feeds<'_> {
    fn reset(&mut self) {
        self.subscribed = None;
    }

    fn is_subscribed(&self) -> bool {
        self.subscribed.is_some()
    }

    fn has_topics(&self) -> bool {
        self.topics.are_present()
    }

    fn call(
        &mut self,
        leaves: bool,
        name: &[u8],
        session: &Session,
        out: &mut Buffer<'_>,
    ) -> Option<ReplySent> {
        let channel = self.topics.find(name)?;
        let room = out.capacity().saturating_sub(session.needed());
        if !leaves && room < longest_loss(channel.name) {
            // A loss could never be reported.
            let kind = ErrorKind::MessageTooLong { limit: room };
            return Some(session.reply(out).fail(kind));
        }
        let Subscribed { feeds, room, .. } = &mut **self.subscribed.get_or_insert_default();
        let index = feeds
            .iter()
            .position(|feed| Arc::ptr_eq(&feed.channel, &channel));
        match index {
            None if !leaves => feeds.push(Feed::new(channel)),
            Some(index) if leaves => feeds.swap_remove(index).end(session, *room, out),
            _ => {}
        }
        if feeds.is_empty() {
            self.subscribed = None;
        }
        Some(session.reply(out).typed::<()>().send(()))
    }

    /// Writes the due pushes and losses until the room or the turn is used up.
    fn tell(&mut self, session: &Session, out: &mut Buffer<'_>) -> bool {
        let Some(subscribed) = &mut self.subscribed else {
            return false;
        };
        let Subscribed { feeds, left, room } = &mut **subscribed;
        // Begin with another topic each time, so that a busy one does not hold up the others.
        feeds.rotate_left(1);
        let space = |out: &mut Buffer<'_>| {
            let space = session.push_space(out)?.len();
            Some(space.min(room.saturating_sub(out.filled().len())))
        };
        let mut is_due = false;
        for feed in feeds {
            is_due |= feed.position.write(&feed.channel, out, left, space);
        }
        is_due && *left > 0
    }
}

impl Feed {
    fn new(channel: Arc<Channel>) -> Self {
        let (key, next) = channel.subscribe();
        Self {
            channel,
            key: Some(key),
            position: Position { next, lost: 0 },
        }
    }

    fn arm(&self, waker: &Waker) -> bool {
        let Position { next, lost } = self.position;
        let armed = |key| self.channel.arm(key, next, waker);
        lost == 0 && self.key.is_none_or(armed)
    }

    /// Writes the pushes that fit beside `OK`, then ends and reports the loss of the others.
    fn end(mut self, session: &Session, room: usize, out: &mut Buffer<'_>) {
        let space = |out: &mut Buffer<'_>, reserved| {
            let space = session.space_beside(reserved, out);
            space.map_or(0, |space| space.len())
        };
        let reserved = OK + longest_loss(self.channel.name);
        // Only the room limits them.
        let mut left = usize::MAX;
        self.position.write(&self.channel, out, &mut left, |out| {
            let room = room.saturating_sub(out.filled().len() + reserved);
            Some(space(out, reserved).min(room))
        });
        let end = self.leave();
        self.position
            .lose(&self.channel, end.saturating_sub(self.position.next));
        if self.position.lost > 0 {
            // The last report of a loss needs no more room than a reply.
            let room = space(out, OK);
            self.position.tell(&self.channel, out, room);
        }
    }

    /// Ends the subscription. Returns the number of the first push that no longer belongs to it.
    fn leave(&mut self) -> u64 {
        let key = self.key.take();
        key.map_or(self.position.next, |key| self.channel.unsubscribe(key))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Position {
    /// Returns whether a push or a loss is due.
    fn is_due(&self, channel: &Channel) -> bool {
        self.lost > 0 || channel.next() != self.next
    }

    /// Writes the pushes that are due, if `space` has room for them. Returns whether some are left.
    fn write(
        &mut self,
        channel: &Channel,
        out: &mut Buffer<'_>,
        left: &mut usize,
        space: impl Fn(&mut Buffer<'_>) -> Option<usize>,
    ) -> bool {
        if !self.is_due(channel) {
            return false;
        }
        let mut written = 0u64;
        let latest = channel.latest();
        let is_left = loop {
            self.lose(channel, latest.first().saturating_sub(self.next));
            if self.lost == 0 && latest.next() == self.next {
                break false;
            }
            let Some(room) = space(out).filter(|_| *left != 0) else {
                break true;
            };
            if self.lost > 0 {
                if self.tell(channel, out, room) {
                    *left = left.saturating_sub(1);
                    continue;
                }
                break true;
            }
            let (pushes, size) = latest.copy(self.next, *left, &mut out.space()[..room]);
            out.fill(size);
            self.next += pushes as u64;
            written = written.saturating_add(pushes as u64);
            *left -= pushes;
            if pushes != 0 {
                continue;
            }
            if !out.is_empty() {
                break true;
            }
            // It would not fit an empty buffer either.
            self.lose(channel, 1);
        };
        drop(latest);
        channel.delivered.increment(written);
        is_left
    }

    /// Reports the loss, if `room` bytes are enough. Returns whether they are.
    fn tell(&mut self, channel: &Channel, out: &mut Buffer<'_>, room: usize) -> bool {
        let count = u32::try_from(self.lost).unwrap_or(u32::MAX);
        let Ok(size) = encode_lost(channel.name, count, &mut out.space()[..room]) else {
            return false;
        };
        out.fill(size);
        self.lost -= u64::from(count);
        true
    }

    /// Counts the next `count` pushes as lost.
    fn lose(&mut self, channel: &Channel, count: u64) {
        if count > 0 {
            self.next += count;
            self.lost += count;
            channel.lost.increment(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Feeds;
    use crate::topics::Topics;
    use bellwire::topics::TopicSet;
    use bellwire::{Buffer, Limits, Line, Session, Topic};

    const BUSY: Topic<Line> = Topic::new("BUSY");
    const QUIET: Topic<Line> = Topic::new("QUIET");

    // The buffer has room for two pushes at a time, and the values of the first topic alone would fill it.
    #[test]
    fn a_topic_whose_values_are_always_due_leaves_room_for_another() {
        let topics = Topics::default();
        let busy = topics.add(BUSY, 64).unwrap();
        let quiet = topics.add(QUIET, 64).unwrap();
        let session = Session::new(Limits::for_buffers(512, 512));
        let mut memory = [0; 512];
        let mut out = Buffer::new(&mut memory);
        let mut feeds = Feeds::new(&topics);
        for name in ["BUSY", "QUIET"] {
            assert!(
                feeds
                    .call(false, name.as_bytes(), &session, &mut out)
                    .is_some()
            );
        }
        let text = "x".repeat(100);
        quiet.publish(&text).unwrap();
        let is_sent = (0..3).any(|_| {
            for _ in 0..3 {
                busy.publish(&text).unwrap();
            }
            feeds.begin_turn();
            assert!(feeds.tell(&session, &mut out), "nothing is left");
            let sent = out.filled().to_vec();
            out.consume(sent.len());
            sent.windows(6).any(|bytes| bytes == b">QUIET")
        });
        assert!(is_sent);
    }
}
