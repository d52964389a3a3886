//! The events of a subscription.

use super::CallError;
use bellwire::format::OwnedReply;
use bellwire::{DecodeError, Topic};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// An event of a subscription to a topic, in the order in which the server sent them.
///
/// Between two gaps, the values and the counts of losses add up to all values that the server published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<T> {
    /// The server published this value.
    Value(T),
    /// This many values were lost here, at least 1: the server had no room for them, the client's queue was full, or
    /// they exceeded the client's limit.
    Lost(u64),
    /// The connection was lost, and a new one is subscribed now. An unknown number of values was lost here, possibly
    /// none.
    Gap,
}

/// An event with the encoded value. All subscriptions of a client to one topic share its memory.
pub type RawEvent = Event<Arc<[u8]>>;

/// The error in place of an event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventError {
    /// The payload is malformed or does not fit the topic's type. The subscription continues.
    Value(DecodeError),
    /// The subscription is over; nothing follows. After a reconnect the server refused it, or the client cannot
    /// connect again.
    Ended(CallError),
}

/// An event of any topic, which [`Client::next_push`](crate::Client::next_push) returns.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Push {
    /// The topic's name.
    pub topic: &'static str,
    /// The event, with the encoded value, or the error that ended the subscription.
    pub event: Result<RawEvent, CallError>,
}

impl Push {
    /// Returns the event with its decoded value, or `None` if it belongs to another topic.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn event<F: OwnedReply>(
        &self,
        topic: Topic<F>,
    ) -> Option<Result<Event<F::Owned>, EventError>> {
        (self.topic == topic.name()).then(|| decode::<F>(&self.event))
    }
}

/// Returns the event with a copy of its value.
pub(crate) fn keep(event: Event<&[u8]>) -> RawEvent {
    match event {
        Event::Value(payload) => Event::Value(Arc::from(payload)),
        Event::Lost(count) => Event::Lost(count),
        Event::Gap => Event::Gap,
    }
}

/// Decodes the value of an event.
pub(crate) fn decode<F: OwnedReply>(
    event: &Result<RawEvent, CallError>,
) -> Result<Event<F::Owned>, EventError> {
    match event {
        Ok(Event::Value(payload)) => F::decode_with(payload, F::into_owned)
            .map(Event::Value)
            .map_err(EventError::Value),
        Ok(Event::Lost(count)) => Ok(Event::Lost(*count)),
        Ok(Event::Gap) => Ok(Event::Gap),
        Err(error) => Err(EventError::Ended(error.clone())),
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(error) => write!(f, "unusable value: {error}"),
            Self::Ended(error) => write!(f, "subscription ended: {error}"),
        }
    }
}

impl Error for EventError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Value(_) => None,
            Self::Ended(error) => error.source(),
        }
    }
}
