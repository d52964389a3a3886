//! Calls of commands that are known only at run time.

use super::{JsonError, decode, encode};
use crate::schema::{FetchError, Signature, fetch};
use crate::{CallError, Client};
use bellwire::format::{EncodeError, Frame};
use bellwire::gob::RawGob;
use bellwire::{Command, DecodeError, ErrorKind, Expected, Format, Line, Postcard};
use std::fmt;

/// A command of a server, known by its description only.
///
/// ```no_run
/// use bellwire_std::Client;
/// use bellwire_std::json::RemoteCommand;
/// use std::time::Duration;
///
/// let mut client = Client::connect("localhost:61000", Duration::from_secs(5))?;
/// let set = RemoteCommand::fetch(&mut client, "SET")?;
/// let reply = set.call(&mut client, r#"{"target": 21.5, "mode": "Heat"}"#)?;
/// println!("{}", reply.as_deref().unwrap_or("sent"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemoteCommand {
    signature: Signature,
}

/// Why a call with JSON failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum JsonCallError {
    /// The JSON text does not fit the request's type. Nothing was sent.
    Request(JsonError),
    /// The call failed.
    Call(CallError),
    /// The reply does not fit its description. The command ran.
    Reply(JsonError),
}

impl RemoteCommand {
    /// Creates a command from its signature, for example one from a file.
    ///
    /// # Panics
    /// Panics if [`Command::new`] does not accept the name. [`parse`](crate::schema::parse()) returns no such
    /// signature.
    pub fn new(signature: Signature) -> Self {
        let _: Command<(), ()> = Command::new(signature.name);
        Self { signature }
    }

    /// Asks the server for the description of the command `name`. [`list`](crate::schema::list) asks for all names.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub fn fetch(client: &mut Client, name: &str) -> Result<Self, FetchError> {
        let signature = fetch(client, name)?;
        if signature.name.starts_with('>') {
            return Err(FetchError::Other(signature.name.to_owned()));
        }
        Ok(Self::new(signature))
    }

    /// Returns the command's name, formats and types.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Converts the request from JSON, calls the command, and converts the reply to JSON. Returns `None` if the command
    /// has no reply.
    ///
    /// # Errors
    /// See [`JsonCallError`].
    pub fn call(&self, client: &mut Client, json: &str) -> Result<Option<String>, JsonCallError> {
        let request = encode(&self.signature.request, json).map_err(JsonCallError::Request)?;
        let reply = self
            .exchange(client, &request)
            .map_err(JsonCallError::Call)?;
        match (reply, &self.signature.reply) {
            (Some(reply), Some(encoding)) => decode(encoding, &reply)
                .map(Some)
                .map_err(JsonCallError::Reply),
            _ => Ok(None),
        }
    }

    /// Sends a request whose payload is encoded already, and returns the reply's payload, or `None` if the command has
    /// no reply.
    ///
    /// # Errors
    /// See [`CallError`]. A reply in a format of the server's own is
    /// [`CallError::Request`] with [`Unencodable`](bellwire::ErrorKind::Unencodable): its end cannot be found, so
    /// nothing is sent.
    pub fn exchange(
        &self,
        client: &mut Client,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, CallError> {
        let Signature { name, reply, .. } = self.signature;
        let expected = self.expected();
        if expected.is_some() != reply.is_some() {
            return Err(CallError::Request(ErrorKind::Unencodable));
        }
        let command: Command<Ready, ()> = Command::new(name);
        let reply = client.exchange(name, expected, |space| command.encode(payload, space))?;
        Ok(expected.map(|_| reply.to_vec()))
    }

    /// Returns the reply that a client expects. `None` if the command has no reply, or a reply in a format of the
    /// server's own.
    #[doc(hidden)] // for the load generator of the demo, on `ClientSession`
    pub fn expected(&self) -> Option<Expected> {
        let Signature { name, reply, .. } = self.signature;
        // These find the end of a payload by its format, without its type.
        match reply?.format {
            "()" => Command::<(), ()>::new(name).expected(),
            "line" => Command::<(), Line>::new(name).expected(),
            "postcard" => Command::<(), Postcard<()>>::new(name).expected(),
            "gob" => Command::<(), RawGob>::new(name).expected(),
            _ => None,
        }
    }
}

/// A payload that is encoded already.
enum Ready {}

impl Format for Ready {
    type Value<'a> = &'a [u8];
    type Sent<'a> = &'a [u8];

    fn frame(input: &[u8], _progress: &mut usize) -> Frame {
        Frame::Ends(input.len())
    }

    fn decode(payload: &[u8]) -> Result<&[u8], DecodeError> {
        Ok(payload)
    }

    fn encode(payload: &[u8], space: &mut [u8]) -> Result<usize, EncodeError> {
        let space = space.get_mut(..payload.len());
        space.ok_or(EncodeError::NoRoom)?.copy_from_slice(payload);
        Ok(payload.len())
    }
}

impl fmt::Display for JsonCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => write!(f, "invalid request: {error}"),
            Self::Call(error) => error.fmt(f),
            Self::Reply(error) => write!(f, "unusable reply: {error}"),
        }
    }
}

impl std::error::Error for JsonCallError {}
