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

#[derive(Default)]
struct Subscribed {
    feeds: Vec<Feed>,
    /// The pushes that this turn may still write.
    left: usize,
}

/// A subscription, which reads the pushes of a channel.
struct Feed {
    channel: Arc<Channel>,
    /// Its key in the channel, until it ends.
    key: Option<usize>,
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
        let Subscribed { feeds, .. } = &mut **self.subscribed.get_or_insert_default();
        let index = feeds
            .iter()
            .position(|feed| Arc::ptr_eq(&feed.channel, &channel));
        match index {
            None if !leaves => feeds.push(Feed::new(channel)),
            Some(index) if leaves => feeds.swap_remove(index).end(session, out),
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
        let Subscribed { feeds, left } = &mut **subscribed;
        // Begin with another topic each time, so that a busy one does not hold up the others.
        feeds.rotate_left(1);
        let space = |out: &mut Buffer<'_>| session.push_space(out).map(|space| space.len());
        let mut is_due = false;
        for feed in feeds {
            is_due |= feed.write(out, left, space);
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
            next,
            lost: 0,
        }
    }

    fn arm(&self, waker: &Waker) -> bool {
        let armed = |key| self.channel.arm(key, self.next, waker);
        self.lost == 0 && self.key.is_none_or(armed)
    }

    /// Writes the pushes that are due, if `space` has room for them. Returns whether some are left.
    fn write(
        &mut self,
        out: &mut Buffer<'_>,
        left: &mut usize,
        space: impl Fn(&mut Buffer<'_>) -> Option<usize>,
    ) -> bool {
        let channel = Arc::clone(&self.channel);
        let latest = channel.latest();
        let mut written = 0;
        let is_left = loop {
            self.lose(latest.first().saturating_sub(self.next));
            if self.lost == 0 && latest.get(self.next).is_none() {
                break false;
            }
            let Some(room) = space(out).filter(|_| *left > 0) else {
                break true;
            };
            if self.lost > 0 {
                if !self.tell(out, room) {
                    break true;
                }
                *left -= 1;
            } else if let Some(push) = latest.get(self.next) {
                if let Some(room) = out.space()[..room].get_mut(..push.len()) {
                    room.copy_from_slice(push);
                    out.fill(push.len());
                    self.next += 1;
                    *left -= 1;
                    written += 1;
                } else if out.is_empty() {
                    // It would not fit an empty buffer either.
                    self.lose(1);
                } else {
                    break true;
                }
            }
        };
        channel.delivered.increment(written);
        is_left
    }

    /// Reports the loss, if `room` bytes are enough. Returns whether they are.
    fn tell(&mut self, out: &mut Buffer<'_>, room: usize) -> bool {
        let count = u32::try_from(self.lost).unwrap_or(u32::MAX);
        let Ok(size) = encode_lost(self.channel.name, count, &mut out.space()[..room]) else {
            return false;
        };
        out.fill(size);
        self.lost -= u64::from(count);
        true
    }

    /// Writes the pushes that fit beside `OK`, then ends and reports the loss of the others.
    fn end(mut self, session: &Session, out: &mut Buffer<'_>) {
        let space = |out: &mut Buffer<'_>, reserved| {
            let space = session.space_beside(reserved, out);
            space.map_or(0, |space| space.len())
        };
        let lost_line = longest_loss(self.channel.name);
        // Only the room limits them.
        let mut left = usize::MAX;
        self.write(out, &mut left, |out| Some(space(out, OK + lost_line)));
        let end = self.leave();
        self.lose(end.saturating_sub(self.next));
        if self.lost > 0 {
            let room = space(out, OK);
            self.tell(out, room);
        }
    }

    /// Ends the subscription. Returns the number of the first push that no longer belongs to it.
    fn leave(&mut self) -> u64 {
        let key = self.key.take();
        key.map_or(self.next, |key| self.channel.unsubscribe(key))
    }

    /// Counts the next `count` pushes as lost.
    fn lose(&mut self, count: u64) {
        if count > 0 {
            self.next += count;
            self.lost += count;
            self.channel.lost.increment(count);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.leave();
    }
}
