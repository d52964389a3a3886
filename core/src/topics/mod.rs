//! Topics: messages that a server sends without a request.
//!
//! A [`Topic`] is a constant that both ends share, like a [`Command`]. A client subscribes with the command
//! [`SUBSCRIBE`], and the server sends it each value that it publishes from then on: a push. Publishing never waits. A
//! value that finds no room in the transmit buffer is counted, and the client is told how many are missing.
//!
//! # A server
//! [`ServerConnection::with_topics`](crate::ServerConnection::with_topics) names the topics of a connection, and
//! [`publish`](crate::ServerConnection::publish) sends a value if the client has subscribed.
//!
//! ```
//! # #[cfg(feature = "postcard")]
//! # {
//! use bellwire::topics::Published;
//! use bellwire::{Endpoint, Next, Postcard, ServerConnection, Topic};
//!
//! const TICK: Topic<Postcard<u32>> = Topic::new("TICK");
//!
//! let endpoint = Endpoint::<(), 1>::new();
//! let (mut rx, mut tx) = ([0; 256], [0; 512]);
//! let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
//! assert_eq!(connection.publish(TICK, &1), Published::NotSubscribed);
//!
//! connection.space()[..15].copy_from_slice(b"SUBSCRIBE\nTICK\n");
//! connection.received(15);
//! assert_eq!(connection.advance(&mut endpoint.with(&mut ())), Next::Receive);
//! assert_eq!(connection.publish(TICK, &2), Published::Queued);
//! assert_eq!(connection.pending(), b"OK\n>TICK\n\x01\x02");
//! # }
//! ```
//!
//! # A client
//! A listener, set with `with_topics` of the client, gets each [`Push`], between calls and while a call waits for its
//! reply.
//!
//! ```
//! # #[cfg(feature = "postcard")]
//! # {
//! use bellwire::topics::{Push, SUBSCRIBE};
//! use bellwire::{ClientConnection, Postcard, Topic};
//!
//! const TICK: Topic<Postcard<u32>> = Topic::new("TICK");
//!
//! let (mut ticks, mut lost) = (Vec::new(), 0);
//! let (mut rx, mut tx) = ([0; 64], [0; 64]);
//! let mut client = ClientConnection::new(&mut rx, &mut tx).with_topics([TICK.untyped()], |push| {
//!     match push {
//!         Push::Value { .. } => ticks.extend(push.value(TICK)),
//!         Push::Lost { count, .. } => lost += count,
//!     }
//! });
//! client.request(SUBSCRIBE, TICK.name())?;
//! assert_eq!(client.pending(), b"SUBSCRIBE\nTICK\n"); // send this
//! client.space()[..20].copy_from_slice(b"OK\n>TICK\n\x01\x02>TICK +3\n"); // received
//! client.received(20);
//! assert!(client.has_reply()?);
//! client.reply(SUBSCRIBE)?;
//! assert!(client.receive_pushes()?);
//! drop(client);
//! assert_eq!((ticks, lost), (vec![Ok(2)], 3));
//! # }
//! # Ok::<(), bellwire::Error<core::convert::Infallible>>(())
//! ```

mod find;
mod listener;
mod subscriptions;

#[doc(hidden)] // for the parser of descriptions in bellwire-std
pub use crate::name::check_topic_name;
pub use find::UntypedTopic;
#[doc(hidden)] // for the clients of bellwire-std, which have queues
pub use find::{Front, Pushes};
pub(crate) use listener::Hearing;
#[doc(hidden)] // a bound that `Listening` and `()` meet
pub use listener::Listener;
#[doc(hidden)] // holds a closure: nobody can name it
pub use listener::Listening;
pub use listener::Push;
pub use subscriptions::{Published, Subscriptions};
#[doc(hidden)]
// `TopicSet` is a bound that `Subscriptions` and `()` meet; bellwire-std has a third
pub use subscriptions::{TopicSet, WithTopics};

use crate::buffer::put;
use crate::command::Command;
use crate::error_line;
use crate::format::{EncodeError, Format, Line};
use crate::sentence::write_decimal;
use core::fmt;
use core::marker::PhantomData;

/// Subscribes the connection to the topic that the line names. To subscribe twice is not an error.
///
/// A server without topics does not know this command.
pub const SUBSCRIBE: Command<Line, ()> = Command::reserved("SUBSCRIBE");

/// Ends the subscription to the topic that the line names. It is not an error if there is none.
///
/// Before its reply the server reports how many pushes of the topic were lost.
pub const UNSUBSCRIBE: Command<Line, ()> = Command::reserved("UNSUBSCRIBE");

/// A topic: its name and the format `F` of its values.
///
/// Define a topic once, as a constant in code that both ends share. See [`topics`](self).
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Line, Postcard, Topic};
///
/// /// The seconds since the device started.
/// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
/// /// A line of the device's log.
/// const LOG: Topic<Line> = Topic::new("LOG");
/// # }
/// ```
pub struct Topic<F> {
    name: &'static str,
    format: PhantomData<fn() -> F>,
}

impl<F> Topic<F> {
    /// Creates a topic with this name.
    ///
    /// The rules for a name are those of [`Command::new`]. It takes at most 62 bytes. A command may have the same name.
    ///
    /// # Panics
    /// Panics if the name breaks these rules. For a constant this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        if let Err(rule) = check_topic_name(name) {
            panic!("{}", rule);
        }
        Self {
            name,
            format: PhantomData,
        }
    }

    /// Returns the topic's name, as sent on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Encodes the line that reports `count` lost pushes, at the start of `space`, and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`] if `space` has no room for the name and 14 bytes.
    ///
    /// ```
    /// use bellwire::{Line, Topic};
    ///
    /// const LOG: Topic<Line> = Topic::new("LOG");
    /// let mut space = [0; 32];
    /// assert_eq!(LOG.encode_lost(3, &mut space), Ok(8));
    /// assert_eq!(&space[..8], b">LOG +3\n");
    /// ```
    pub fn encode_lost(&self, count: u32, space: &mut [u8]) -> Result<usize, EncodeError> {
        encode_lost(self.name, count, space)
    }
}

impl<F: Format> Topic<F> {
    /// Returns the topic without its type, for a client that listens to it.
    pub const fn untyped(&self) -> UntypedTopic {
        UntypedTopic {
            name: self.name,
            frame: F::frame,
        }
    }

    /// Encodes a push at the start of `space`, and returns its length in bytes.
    ///
    /// A server with many subscribers encodes a value once, and writes it to each connection with
    /// [`Session::push`](crate::Session::push).
    ///
    /// # Errors
    /// See [`EncodeError`]. After an error the contents of `space` are unspecified.
    ///
    /// ```
    /// use bellwire::{Line, Topic};
    ///
    /// const LOG: Topic<Line> = Topic::new("LOG");
    /// let mut space = [0; 32];
    /// let size = LOG.encode("door open", &mut space)?;
    /// assert_eq!(&space[..size], b">LOG\ndoor open\n");
    /// # Ok::<(), bellwire::format::EncodeError>(())
    /// ```
    pub fn encode(&self, value: F::Sent<'_>, space: &mut [u8]) -> Result<usize, EncodeError> {
        let name = self.name.as_bytes();
        let space = put(space, b">").and_then(|space| put(space, name));
        let space = space.and_then(|space| put(space, b"\n"));
        let size = F::encode(value, space.ok_or(EncodeError::NoRoom)?)?;
        Ok(size.saturating_add(name.len()).saturating_add(2))
    }
}

/// Returns the most bytes of the line that reports the loss of pushes of the topic `name`.
#[doc(hidden)]
pub const fn longest_loss(name: &str) -> usize {
    // The mark, the space, the plus sign, ten digits and the line feed.
    name.len().saturating_add(14)
}

/// Does the same as [`Topic::encode_lost`] for the topic `name`.
///
/// # Errors
/// [`EncodeError::NoRoom`]
#[doc(hidden)] // for the publishers of bellwire-std, which forget the type
pub fn encode_lost(name: &str, count: u32, space: &mut [u8]) -> Result<usize, EncodeError> {
    if space.len() < longest_loss(name) {
        return Err(EncodeError::NoRoom);
    }
    let mut line = error_line::Line::new(space);
    line.add(">");
    line.add(name);
    line.add(" +");
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    write_decimal(count, &mut |digits| line.add(digits));
    let size = line.size();
    *space.get_mut(size).ok_or(EncodeError::NoRoom)? = b'\n';
    Ok(size.wrapping_add(1))
}

impl<F> Clone for Topic<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Topic<F> {}

impl<F> fmt::Debug for Topic<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}
