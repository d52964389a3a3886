//! The listener of a client: it gets the pushes.

use super::find::{Front, Pushes, UntypedTopic};
use crate::Topic;
use crate::error::DecodeError;
use crate::failure::ReplyFault;
use crate::format::Format;
use core::fmt;

/// A message of a topic, as a client receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push<'a> {
    /// A value was published. [`value`](Push::value) decodes it.
    Value {
        /// The name of the topic.
        topic: &'static str,
        /// The encoded value.
        payload: &'a [u8],
    },
    /// Values were lost, because the server's transmit buffer had no room or one exceeded the client's receive buffer.
    Lost {
        /// The name of the topic.
        topic: &'static str,
        /// The number of lost values, at least 1.
        count: u32,
    },
}

impl<'a> Push<'a> {
    /// Returns the name of the topic.
    pub fn topic(&self) -> &'static str {
        match self {
            Push::Value { topic, .. } | Push::Lost { topic, .. } => topic,
        }
    }

    /// Decodes the value, if it is one of this topic.
    ///
    /// # Errors
    /// The payload is malformed or does not fit the type. Later pushes are not affected.
    pub fn value<F: Format>(&self, topic: Topic<F>) -> Option<Result<F::Value<'a>, DecodeError>> {
        match self {
            Push::Value {
                topic: name,
                payload,
            } if *name == topic.name() => Some(F::decode(payload)),
            _ => None,
        }
    }
}

/// The part of a client that gets pushes: [`Listening`], or `()`, which costs nothing, for a client without topics.
pub trait Listener {
    /// Passes on the push at the start of `received`.
    #[doc(hidden)]
    fn hear(&mut self, received: &[u8], capacity: usize) -> Result<Hearing, ReplyFault>;

    /// Returns whether a push was passed on since the last call.
    #[doc(hidden)]
    fn take_heard(&mut self) -> bool;

    /// Forgets an incomplete push.
    #[doc(hidden)]
    fn reset(&mut self);
}

/// The result of [`Listener::hear`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// No push is at the front.
    Nothing,
    /// A part of a push is at the front.
    Part,
    /// A push of this length was passed on.
    Push(usize),
}

impl Listener for () {
    fn hear(&mut self, _received: &[u8], _capacity: usize) -> Result<Hearing, ReplyFault> {
        Ok(Hearing::Nothing)
    }

    fn take_heard(&mut self) -> bool {
        false
    }

    fn reset(&mut self) {}
}

/// Passes the pushes of `N` topics to a function. See
/// [`ClientConnection::with_topics`](crate::ClientConnection::with_topics).
pub struct Listening<L, const N: usize> {
    topics: [UntypedTopic; N],
    pushes: Pushes,
    /// Whether a push was passed on since the last call of `take_heard`.
    heard: bool,
    listener: L,
}

impl<L: FnMut(Push<'_>), const N: usize> Listening<L, N> {
    pub(crate) fn new(topics: [UntypedTopic; N], listener: L) -> Self {
        Self {
            topics,
            pushes: Pushes::default(),
            heard: false,
            listener,
        }
    }
}

impl<L: FnMut(Push<'_>), const N: usize> Listener for Listening<L, N> {
    fn hear(&mut self, received: &[u8], capacity: usize) -> Result<Hearing, ReplyFault> {
        let front = self.pushes.find_front(&self.topics, received, capacity)?;
        let (topic, size) = match front {
            Front::NoPush => return Ok(Hearing::Nothing),
            Front::Incomplete => return Ok(Hearing::Part),
            Front::Push { topic, size, .. } | Front::Lost { topic, size, .. } => (topic, size),
        };
        let topic = self.topics.get(topic).map_or("", |heard| heard.name);
        (self.listener)(match front {
            Front::Lost { count, .. } => Push::Lost { topic, count },
            Front::Push { start, size, .. } => Push::Value {
                topic,
                payload: received.get(start..size).unwrap_or(&[]),
            },
            Front::NoPush | Front::Incomplete => return Ok(Hearing::Nothing),
        });
        self.heard = true;
        Ok(Hearing::Push(size))
    }

    fn take_heard(&mut self) -> bool {
        core::mem::take(&mut self.heard)
    }

    fn reset(&mut self) {
        self.pushes = Pushes::default();
    }
}

impl<L, const N: usize> fmt::Debug for Listening<L, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}
