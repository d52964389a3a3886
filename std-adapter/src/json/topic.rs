//! Topics that are known only at run time.

use super::{JsonError, decode};
use crate::Client;
use crate::schema::{FetchError, Signature, fetch};
use bellwire::gob::RawGob;
use bellwire::topics::UntypedTopic;
use bellwire::{Line, Postcard, Topic};

/// A topic of a server, known by its description only.
///
/// ```no_run
/// use bellwire_std::json::RemoteTopic;
/// use bellwire_std::{Client, Event};
/// use std::time::Duration;
///
/// let mut client = Client::connect("localhost:61000", Duration::from_secs(5))?;
/// let tick = RemoteTopic::fetch(&mut client, "TICK")?;
/// client.subscribe_raw(tick.untyped().ok_or("a format of the server's own")?)?;
/// while let Some(push) = client.next_push(None)? {
///     if let Event::Value(payload) = push.event? {
///         println!("{}", tick.decode(&payload)?);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemoteTopic {
    name: &'static str,
    signature: Signature,
}

impl RemoteTopic {
    /// Creates a topic from its signature, for example one from a file. Returns `None` for a command's signature.
    pub fn new(signature: Signature) -> Option<Self> {
        let name = signature.name.strip_prefix('>')?;
        Some(Self { name, signature })
    }

    /// Asks the server for the description of the topic `name`. [`list`](crate::schema::list) returns all names; a
    /// topic's begins with `>`.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub fn fetch(client: &mut Client, name: &str) -> Result<Self, FetchError> {
        let signature = fetch(client, &format!(">{name}"))?;
        Self::new(signature).ok_or_else(|| FetchError::Other(signature.name.to_owned()))
    }

    /// Returns the topic's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the argument of [`Client::subscribe_raw`]. `None` if the end of a value cannot be found, because its
    /// format is one of the server's own.
    pub fn untyped(&self) -> Option<UntypedTopic> {
        // These find the end of a payload by its format, without its type.
        Some(match self.signature.request.format {
            "()" => Topic::<()>::new(self.name).untyped(),
            "line" => Topic::<Line>::new(self.name).untyped(),
            "postcard" => Topic::<Postcard<()>>::new(self.name).untyped(),
            "gob" => Topic::<RawGob>::new(self.name).untyped(),
            _ => return None,
        })
    }

    /// Converts a value to JSON.
    ///
    /// # Errors
    /// The value does not fit the description.
    pub fn decode(&self, payload: &[u8]) -> Result<String, JsonError> {
        decode(&self.signature.request, payload)
    }
}
