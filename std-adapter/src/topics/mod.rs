//! Topics of both servers: a value is encoded once for all its subscribers.

mod channel;
mod feeds;
mod latest;

pub(crate) use feeds::Feeds;

use crate::Endpoint;
use bellwire::format::EncodeError;
use bellwire::{Format, RegisterError, Topic};
use channel::Channel;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The pushes that an endpoint keeps for each topic.
const QUEUE: usize = 64;

/// The most bytes of a push, with its first line.
const LONGEST: usize = 1 << 16;

thread_local! {
    /// Space to encode a push. It is taken while a value is encoded, since that may publish another value.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Publishes values of a topic to the subscribers of all servers that share an endpoint. See
/// [`Endpoint::topic`](crate::Endpoint::topic).
///
/// A clone publishes on the same topic, from any thread or task.
pub struct Publisher<F> {
    topic: Topic<F>,
    channel: Arc<Channel>,
}

impl<F: Format> Publisher<F> {
    /// Publishes a value. It waits for no subscriber.
    ///
    /// Returns the number of subscribers. Each gets the value, or is told how many it has lost. The value is encoded
    /// once, and only if there is a subscriber.
    ///
    /// # Errors
    /// The format cannot carry the value, or the push exceeds 64 KiB. Then nobody gets it.
    pub fn publish(&self, value: F::Sent<'_>) -> Result<usize, EncodeError> {
        if self.subscribers() == 0 {
            return Ok(0);
        }
        let mut space = SCRATCH.take();
        space.resize(LONGEST, 0);
        let encoded = self.topic.encode(value, &mut space);
        let published = encoded.map(|size| self.channel.publish(&space[..size]));
        SCRATCH.set(space);
        published
    }

    /// Returns the number of connections that are subscribed.
    pub fn subscribers(&self) -> usize {
        self.channel.subscribers()
    }
}

impl<F> Clone for Publisher<F> {
    fn clone(&self) -> Self {
        Self {
            topic: self.topic,
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<F> fmt::Debug for Publisher<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(&self.topic).finish()
    }
}

impl<App: 'static> Endpoint<App> {
    /// Adds a topic, to which clients can subscribe. Both servers then answer
    /// [`SUBSCRIBE`](bellwire::topics::SUBSCRIBE) and [`UNSUBSCRIBE`](bellwire::topics::UNSUBSCRIBE).
    ///
    /// The endpoint keeps the latest 64 pushes, and every subscriber reads them at its own pace. A subscriber that lags
    /// by more pushes loses the oldest, and is told how many. Nobody waits for it. In a server of tasks, pushes are
    /// also sent while a handler of [`handle_async`](Self::handle_async) awaits.
    ///
    /// A push that exceeds the transmit buffer of a connection, beside the longest reply, is lost there. With
    /// [default limits](crate::ServerLimits) it may take 32 KiB.
    ///
    /// ```
    /// use bellwire::{Postcard, Topic};
    ///
    /// /// Degrees Celsius.
    /// const TEMPERATURE: Topic<Postcard<f32>> = Topic::new("TEMPERATURE");
    ///
    /// let endpoint = bellwire_std::Endpoint::new();
    /// let temperature = endpoint.topic(TEMPERATURE)?;
    /// // A server takes the endpoint. Any thread or task publishes.
    /// let subscribers = temperature.publish(&20.5)?;
    /// assert_eq!(subscribers, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RegisterError::Duplicate`] for a name that another topic has.
    pub fn topic<F: Format>(&self, topic: Topic<F>) -> Result<Publisher<F>, RegisterError> {
        self.topic_with_queue(topic, QUEUE)
    }

    /// Adds a topic, and keeps its latest `pushes` pushes, at least one.
    ///
    /// # Errors
    /// As [`topic`](Self::topic).
    pub fn topic_with_queue<F: Format>(
        &self,
        topic: Topic<F>,
        pushes: usize,
    ) -> Result<Publisher<F>, RegisterError> {
        self.topics.add(topic, pushes)
    }
}

/// The topics of an endpoint.
#[derive(Default)]
pub(crate) struct Topics {
    channels: RwLock<Vec<Arc<Channel>>>,
    /// Whether there are any, to be read without a lock.
    present: AtomicBool,
}

impl Topics {
    /// Adds a topic that keeps its latest `queue` pushes.
    pub(crate) fn add<F: Format>(
        &self,
        topic: Topic<F>,
        queue: usize,
    ) -> Result<Publisher<F>, RegisterError> {
        let channels = self.channels.write();
        let mut channels = channels.unwrap_or_else(PoisonError::into_inner);
        if channels.iter().any(|channel| channel.name == topic.name()) {
            return Err(RegisterError::Duplicate);
        }
        let channel = Arc::new(Channel::new(topic.name(), queue));
        channels.push(Arc::clone(&channel));
        self.present.store(true, Ordering::Release);
        Ok(Publisher { topic, channel })
    }

    fn are_present(&self) -> bool {
        self.present.load(Ordering::Acquire)
    }

    fn find(&self, name: &[u8]) -> Option<Arc<Channel>> {
        let channels = self.channels.read();
        let channels = channels.unwrap_or_else(PoisonError::into_inner);
        let mut channels = channels.iter();
        channels
            .find(|channel| channel.name.as_bytes() == name)
            .cloned()
    }
}
