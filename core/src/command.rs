//! Commands: a name and the formats of two payloads.

use crate::buffer::put;
use crate::error::ErrorKind;
use crate::format::{EncodeError, Format, Frame};
use crate::name::check_name;
use crate::{Reply, ReplySent};
use core::fmt;
use core::marker::PhantomData;

/// A command: its name, the format `Req` of its request and the format `Rsp` of its reply.
///
/// `Rsp` is [`NoReply`] if the command has no reply. Define a command once, as a constant in code
/// that both ends share.
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Command, ComplexData, Line, NoReply, Postcard};
///
/// /// A line of text; a line comes back.
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// /// A measurement; nothing comes back.
/// const LOG: Command<Postcard<(u32, i16)>, NoReply> = Command::new("LOG");
/// /// Nothing goes out; a structure comes back.
/// const LAST: Command<(), Postcard<ComplexData>> = Command::new("LAST");
/// # }
/// ```
pub struct Command<Req, Rsp> {
    name: &'static str,
    formats: PhantomData<fn() -> (Req, Rsp)>,
}

/// Stands in place of a reply format: the command has no reply.
///
/// If such a request fails, its error line ends the conversation. So the line cannot be mistaken
/// for the reply to another request.
#[derive(Debug)]
pub enum NoReply {}

/// The reply of a command: a [`Format`], or [`NoReply`].
pub trait ReplyFormat: 'static {
    #[doc(hidden)]
    const SHAPE: Option<&'static ReplyShape>;
}

impl ReplyFormat for NoReply {
    const SHAPE: Option<&'static ReplyShape> = None;
}

impl<F: Format> ReplyFormat for F {
    const SHAPE: Option<&'static ReplyShape> = Some(&ReplyShape {
        prefix: F::PREFIX,
        frame: F::frame,
    });
}

/// How a client finds the end of a reply.
#[doc(hidden)]
#[derive(Debug)]
pub struct ReplyShape {
    pub(crate) prefix: &'static [u8],
    pub(crate) frame: FindEnd,
}

/// The reply that a client expects to one request, without its type. See
/// [`ClientSession`](crate::ClientSession).
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The command's name.
    pub name: &'static str,
    pub(crate) reply: &'static ReplyShape,
}

impl Expected {
    /// Returns the [`Format::PREFIX`] of the reply.
    pub fn prefix(&self) -> &'static [u8] {
        self.reply.prefix
    }
}

/// The [`Format::frame`] of some format.
pub(crate) type FindEnd = fn(&[u8], &mut usize) -> Frame;

/// A command without its types, for a session: its name, its index, and how to find the end of its
/// payload.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The command's name.
    pub name: &'static str,
    /// The command's index in the registry that found it.
    pub index: usize,
    pub(crate) kind: &'static Kind,
}

/// The properties that all commands of the same formats share.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) frame: FindEnd,
    pub(crate) answered: bool,
}

impl<Req, Rsp> Command<Req, Rsp> {
    /// Creates a command with this name.
    ///
    /// A name is printable ASCII without space or colon, and begins with neither `!` nor `>`. With
    /// its line feed it must fit into [`Limits::name`](crate::Limits::name) of each server: 64
    /// bytes by default.
    ///
    /// # Panics
    /// Panics if the name breaks these rules, or is `HELP`, `SCHEMA`, `SUBSCRIBE` or `UNSUBSCRIBE`,
    /// which [the wire](crate::wire) reserves. For a constant this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        if let Err(rule) = check_name(name) {
            panic!("{}", rule);
        }
        Self::reserved(name)
    }

    /// Creates a command with a name that the wire reserves.
    pub(crate) const fn reserved(name: &'static str) -> Self {
        Self {
            name,
            formats: PhantomData,
        }
    }

    /// Returns the command's name, as sent on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<Req: Format, Rsp: ReplyFormat> Command<Req, Rsp> {
    const KIND: &'static Kind = &Kind {
        frame: Req::frame,
        answered: Rsp::SHAPE.is_some(),
    };

    /// Returns the route of this command, as entry `index` of a registry. See
    /// [`Service`](crate::Service).
    pub fn route(&self, index: usize) -> Route {
        Route {
            name: self.name,
            index,
            kind: Self::KIND,
        }
    }

    /// Decodes `payload` and answers it with `handler`, which runs only if the whole payload is
    /// valid.
    ///
    /// A registry of your own runs its handlers with this; see [`Service`](crate::Service).
    pub fn answer<'a>(
        payload: &'a [u8],
        reply: Reply<'a>,
        handler: impl FnOnce(Req::Value<'a>, Reply<'a, Rsp>) -> ReplySent,
    ) -> ReplySent {
        match Req::decode_with(payload, |value| handler(value, reply.typed())) {
            Ok(answered) => answered,
            Err(malformed) => ReplySent::failed(ErrorKind::Decode(malformed)),
        }
    }

    /// Encodes a request at the start of `space`, and returns its length in bytes.
    ///
    /// # Errors
    /// After an error the contents of `space` are unspecified.
    /// - [`ErrorKind::MessageTooLong`]: `space` is too small. The limit is its length.
    /// - [`ErrorKind::Unencodable`]: the format cannot carry the value.
    pub fn encode(&self, value: Req::Sent<'_>, space: &mut [u8]) -> Result<usize, ErrorKind> {
        let limit = space.len();
        encode_request::<Req>(self.name, value, space).map_err(|error| match error {
            EncodeError::NoRoom => ErrorKind::MessageTooLong { limit },
            EncodeError::Unencodable => ErrorKind::Unencodable,
        })
    }

    /// Returns the reply that a client expects, or `None` if the command has no reply.
    #[doc(hidden)] // for `ClientSession`
    pub fn expected(&self) -> Option<Expected> {
        let name = self.name;
        Rsp::SHAPE.map(|reply| Expected { name, reply })
    }
}

impl<Req, Rsp: Format> Command<Req, Rsp> {
    /// Decodes the payload of a complete reply. See [`Found::Reply`](crate::Found::Reply).
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if the payload is malformed or does not fit the type.
    #[doc(hidden)] // for `ClientSession`
    pub fn decode_reply<'a>(&self, payload: &'a [u8]) -> Result<Rsp::Value<'a>, ErrorKind> {
        Rsp::decode(payload).map_err(ErrorKind::Decode)
    }
}

/// Writes the request `value` of the command `name` to the start of `space`. Returns its length in bytes.
pub(crate) fn encode_request<Req: Format>(
    name: &str,
    value: Req::Sent<'_>,
    space: &mut [u8],
) -> Result<usize, EncodeError> {
    let space = put(space, name.as_bytes()).and_then(|space| put(space, b"\n"));
    let size = Req::encode(value, space.ok_or(EncodeError::NoRoom)?)?;
    Ok(name.len().saturating_add(1).saturating_add(size))
}

impl<Req, Rsp> Clone for Command<Req, Rsp> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Req, Rsp> Copy for Command<Req, Rsp> {}

impl<Req, Rsp> fmt::Debug for Command<Req, Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Command").field(&self.name).finish()
    }
}
