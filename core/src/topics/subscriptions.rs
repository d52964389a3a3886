//! The subscriptions of one connection.

use super::{SUBSCRIBE, UNSUBSCRIBE, encode_lost};
use crate::command::Route;
use crate::error::{ErrorKind, RequestError};
use crate::format::Format;
use crate::schema::HelpEntry;
use crate::{Buffer, Reply, ReplySent, Service, Session, line};

/// The [`Route::index`] of [`SUBSCRIBE`]. No registry is that large.
const SUBSCRIBED: usize = usize::MAX - 2;
/// The [`Route::index`] of [`UNSUBSCRIBE`].
const UNSUBSCRIBED: usize = usize::MAX - 3;

/// The reply to both.
const OK: &[u8] = <() as Format>::PREFIX;

/// The outcome of [`ServerConnection::publish`](crate::ServerConnection::publish).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Published {
    /// The client is not subscribed to this topic. Nothing was encoded.
    NotSubscribed,
    /// The push is among the pending bytes.
    Queued,
    /// There was no room for the push, its format cannot carry the value, or the conversation is over. The loss is
    /// counted, and reported as soon as there is room.
    Lost,
}

/// The part of a server's connection that has topics: [`Subscriptions`], or `()`, which costs nothing, for a connection
/// without topics.
pub trait TopicSet {
    /// Begins a conversation without subscriptions.
    #[doc(hidden)]
    fn reset(&mut self);

    /// Returns whether the client is subscribed to a topic.
    #[doc(hidden)]
    fn is_subscribed(&self) -> bool;

    /// Returns whether there are topics. Without any, `SUBSCRIBE` is an unknown command.
    #[doc(hidden)]
    fn has_topics(&self) -> bool;

    /// Answers `SUBSCRIBE`, or `UNSUBSCRIBE` if the client `leaves`. Returns `None` if there is no topic `name`.
    #[doc(hidden)]
    fn call(
        &mut self,
        leaves: bool,
        name: &[u8],
        session: &Session,
        out: &mut Buffer<'_>,
    ) -> Option<ReplySent>;

    /// Writes the unreported losses to `out`, if there is room. Returns whether bytes must be sent, and this called
    /// again, before the next request is read.
    #[doc(hidden)]
    fn tell(&mut self, session: &Session, out: &mut Buffer<'_>) -> bool;

    /// Writes the unreported losses after bytes of `out` were sent.
    #[doc(hidden)]
    fn sent(&mut self, _session: &Session, _out: &mut Buffer<'_>) {}
}

impl TopicSet for () {
    fn reset(&mut self) {}

    fn is_subscribed(&self) -> bool {
        false
    }

    fn has_topics(&self) -> bool {
        false
    }

    fn call(
        &mut self,
        _leaves: bool,
        _name: &[u8],
        _session: &Session,
        _out: &mut Buffer<'_>,
    ) -> Option<ReplySent> {
        None
    }

    fn tell(&mut self, _session: &Session, _out: &mut Buffer<'_>) -> bool {
        false
    }
}

/// The subscriptions of one connection to `N` topics. See
/// [`ServerConnection::with_topics`](crate::ServerConnection::with_topics).
#[derive(Debug)]
pub struct Subscriptions<const N: usize> {
    topics: [Subscription; N],
}

/// A topic, as one connection sees it.
#[derive(Debug)]
pub(crate) struct Subscription {
    name: &'static str,
    subscribed: bool,
    /// The number of lost pushes not yet reported to the client. It saturates.
    lost: u32,
}

impl<const N: usize> Subscriptions<N> {
    pub(crate) fn new(names: [&'static str; N]) -> Self {
        Self {
            topics: names.map(|name| Subscription {
                name,
                subscribed: false,
                lost: 0,
            }),
        }
    }

    /// Returns the topic with this name, if the client is subscribed to it.
    pub(crate) fn subscribed(&mut self, name: &str) -> Option<&mut Subscription> {
        let mut topics = self.topics.iter_mut();
        topics.find(|topic| topic.subscribed && topic.name == name)
    }
}

impl Subscription {
    /// Writes the unreported loss to `out`, if `reserved` bytes stay free. Returns whether it is still unreported.
    pub(crate) fn tell(
        &mut self,
        reserved: usize,
        session: &Session,
        out: &mut Buffer<'_>,
    ) -> bool {
        if self.is_told() {
            return false;
        }
        #[cfg(test)]
        crate::work::count(1);
        let Some(space) = session.space_beside(reserved, out) else {
            return true;
        };
        let Ok(size) = encode_lost(self.name, self.lost, space) else {
            return true;
        };
        out.fill(size);
        self.lost = 0;
        false
    }

    /// Returns whether all losses have been reported.
    pub(crate) fn is_told(&self) -> bool {
        self.lost == 0
    }

    /// Counts a lost push.
    pub(crate) fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }
}

impl<const N: usize> TopicSet for Subscriptions<N> {
    fn reset(&mut self) {
        for topic in &mut self.topics {
            topic.subscribed = false;
            topic.lost = 0;
        }
    }

    fn is_subscribed(&self) -> bool {
        self.topics.iter().any(|topic| topic.subscribed)
    }

    fn has_topics(&self) -> bool {
        true
    }

    fn call(
        &mut self,
        leaves: bool,
        name: &[u8],
        session: &Session,
        out: &mut Buffer<'_>,
    ) -> Option<ReplySent> {
        let mut topics = self.topics.iter_mut();
        let topic = topics.find(|topic| topic.name.as_bytes() == name)?;
        let limit = session.limits().reply;
        if limit < OK.len() || leaves && topic.tell(OK.len(), session, out) {
            return Some(session.reply(out).fail(ErrorKind::MessageTooLong { limit }));
        }
        topic.subscribed = !leaves;
        Some(session.reply(out).typed::<()>().send(()))
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    fn tell(&mut self, session: &Session, out: &mut Buffer<'_>) -> bool {
        for topic in &mut self.topics {
            topic.tell(session.needed(), session, out);
        }
        // Losses hold no request back: a publisher may refill the buffer forever.
        false
    }

    fn sent(&mut self, session: &Session, out: &mut Buffer<'_>) {
        self.tell(session, out);
    }
}

/// A service with the commands of topics.
#[doc(hidden)]
#[derive(Debug)]
pub struct WithTopics<'a, T, S> {
    pub topics: &'a mut T,
    pub service: &'a mut S,
}

impl<T: TopicSet, S: Service> WithTopics<'_, T, S> {
    /// Answers the request if it is one of topics. Returns whether it is.
    #[doc(hidden)]
    pub fn answer(
        &mut self,
        index: usize,
        payload: &[u8],
        session: &mut Session,
        out: &mut Buffer<'_>,
    ) -> bool {
        if !self.topics.has_topics() || index != SUBSCRIBED && index != UNSUBSCRIBED {
            return false;
        }
        let name = line::trim(payload);
        match self.topics.call(index == UNSUBSCRIBED, name, session, out) {
            Some(answered) => session.answered(answered, self, out),
            None => session.refuse_because("no topic is named \"", Some(payload), self, out),
        }
        true
    }
}

impl<T: TopicSet, S: Service> Service for WithTopics<'_, T, S> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        if self.topics.has_topics()
            && let Some(before) = UNSUBSCRIBE.name().as_bytes().strip_suffix(name)
        {
            match before {
                b"" => return Some(UNSUBSCRIBE.route(UNSUBSCRIBED)),
                b"UN" => return Some(SUBSCRIBE.route(SUBSCRIBED)),
                _ => {}
            }
        }
        self.service.find(name)
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        self.service.call(index, payload, reply)
    }

    fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        let listed = self.service.listed(index);
        if listed.is_none() && self.topics.has_topics() {
            return self.service.listed_topic(index);
        }
        listed
    }

    fn is_named(&self, listed: HelpEntry<'_>, name: &[u8]) -> bool {
        if self.topics.has_topics() {
            listed.is_named(name)
        } else {
            self.service.is_named(listed, name)
        }
    }

    fn rejected(&mut self, rejection: &RequestError) {
        self.service.rejected(rejection);
    }
}
