//! The subscriptions to topics.

use super::Client;
use super::mailbox::Mailbox;
use crate::client::{CallError, Event, EventError, Inbox, RawEvent, decode_event};
use bellwire::Topic;
use bellwire::format::OwnedReply;
use bellwire::topics::UntypedTopic;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::timeout;

/// A stream of the values of a topic. See [`Client::subscribe`].
///
/// It is a handle to the client: while a subscription lives, the client keeps a connection open, and opens another one
/// if it ends. The pauses between the tries are those of the [client](Client#failed-calls). The server is asked again
/// for the topic, and the first event of the new connection is [`Event::Gap`].
///
/// # A slow subscriber
/// A subscription keeps up to [`max_events`](super::ClientBuilder::max_events) values that were not taken. Further
/// values are discarded and counted: [`Event::Lost`] takes their place. Nobody waits for a slow subscriber.
///
/// # Drop
/// Dropping it never blocks. The client unsubscribes from the topic with its last subscription.
pub struct Subscription<F> {
    raw: RawSubscription,
    format: PhantomData<fn() -> F>,
}

/// A stream of the encoded values of a topic. See [`Client::subscribe_raw`] and [`Subscription`].
pub struct RawSubscription {
    client: Client,
    name: &'static str,
    /// The index of the topic.
    topic: usize,
    mailbox: Arc<Mailbox>,
}

impl Client {
    /// Subscribes to a topic, and returns the stream of its values once the server has confirmed it.
    ///
    /// ```no_run
    /// use bellwire::{Postcard, Topic};
    /// use bellwire_std::Event;
    /// use bellwire_std::tokio::Client;
    ///
    /// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::connect("localhost:61000").await?;
    /// let mut ticks = client.subscribe(TICK).await?;
    /// while let Some(event) = ticks.next().await {
    ///     match event? {
    ///         Event::Value(seconds) => println!("{seconds} s"),
    ///         Event::Lost(count) => println!("{count} values lost"),
    ///         Event::Gap => println!("reconnected"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Subscriptions to the same topic share one request to the server, and must have the same format. While no
    /// connection is open, this waits for one, up to the time limit of a call.
    ///
    /// # Errors
    /// After each error you may try again.
    /// - [`CallError::Remote`]: the server has no such topic (`refused`), or no topics (`unknown-command`; then the
    ///   server also ends the conversation).
    /// - [`CallError::MayHaveRun`]: the server's reply was late.
    /// - [`CallError::NotSent`]: no connection was opened in time, or the client is closed.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no subscription.
    pub async fn subscribe<F: OwnedReply>(
        &self,
        topic: Topic<F>,
    ) -> Result<Subscription<F>, CallError> {
        let raw = self.subscribe_raw(topic.untyped()).await?;
        let format = PhantomData;
        Ok(Subscription { raw, format })
    }

    /// Subscribes to a topic without decoding its values: for tools that know the type only at run time.
    ///
    /// [`Topic::untyped`] makes the argument from a name and a format. The end of a value depends on its format only,
    /// so `Topic::<Postcard<()>>::new(name).untyped()` suits each topic in postcard's format.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no subscription.
    pub async fn subscribe_raw(&self, topic: UntypedTopic) -> Result<RawSubscription, CallError> {
        let subscription = self.join(topic)?;
        let mailbox = &subscription.mailbox;
        let joined = poll_fn(|context| mailbox.poll_joined(context));
        match self.0.options.timeout {
            None => joined.await?,
            Some(limit) => match timeout(limit, joined).await {
                Ok(outcome) => outcome?,
                Err(_) => return Err(self.0.shared.calls().topics.late(subscription.topic)),
            },
        }
        Ok(subscription)
    }

    fn join(&self, topic: UntypedTopic) -> Result<RawSubscription, CallError> {
        let mailbox = Arc::new(Mailbox::new(Inbox::new(self.0.options.events)));
        let mut calls = self.0.shared.calls();
        if let Some(cause) = &calls.over {
            return Err(CallError::NotSent(cause.clone()));
        }
        let index = calls.topics.join(topic, Arc::clone(&mailbox));
        calls.wake_task();
        drop(calls);
        Ok(RawSubscription {
            client: self.clone(),
            name: topic.name,
            topic: index,
            mailbox,
        })
    }
}

impl<F: OwnedReply> Subscription<F> {
    /// Waits for the next event. Returns `None` after the last one, which is [`EventError::Ended`].
    ///
    /// # Errors
    /// See [`EventError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event<F::Owned>, EventError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls for the next event, for a stream of your own.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Event<F::Owned>, EventError>>> {
        let next = self.raw.poll_next(context);
        next.map(|event| event.map(|event| decode_event::<F>(&event)))
    }
}

impl RawSubscription {
    /// Waits for the next event. Returns `None` after the last one, which is the error.
    ///
    /// # Errors
    /// The error that ended the subscription: the server refused it after a reconnect, or the client cannot connect
    /// again.
    ///
    /// # Cancel safety
    /// If the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Result<RawEvent, CallError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls for the next event, for a stream of your own.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<RawEvent, CallError>>> {
        let next = self.mailbox.poll_next(context);
        next.map(|push| push.map(|push| push.event))
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &'static str {
        self.name
    }
}

impl Drop for RawSubscription {
    fn drop(&mut self) {
        let mut calls = self.client.0.shared.calls();
        calls.topics.leave(self.topic, &self.mailbox);
        calls.wake_task();
    }
}

impl<F> fmt::Debug for Subscription<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.raw.name).finish()
    }
}

impl fmt::Debug for RawSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawSubscription").field(&self.name).finish()
    }
}
