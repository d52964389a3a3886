//! Commands: a name, and the formats of its two payloads.

use crate::error::Fault;
use crate::format::{EncodeError, Format, Frame};
use crate::{Answered, Buffer, Reply};
use core::fmt;
use core::marker::PhantomData;

/// A command as both ends know it: its name, the format `Req` of its request and the format `Rsp`
/// of its reply, or [`NoReply`].
///
/// It is meant to be a constant in code that both ends share.
///
/// ```
/// use bellwire::{Command, ComplexData, Line, NoReply, Postcard};
///
/// /// A line of text; a line comes back.
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// /// A measurement; nothing comes back.
/// const LOG: Command<Postcard<(u32, i16)>, NoReply> = Command::new("LOG");
/// /// Nothing goes out; a structure comes back.
/// const LAST: Command<(), Postcard<ComplexData>> = Command::new("LAST");
/// ```
pub struct Command<Req, Rsp> {
    name: &'static str,
    formats: PhantomData<fn() -> (Req, Rsp)>,
}

/// In place of a reply format: the command is not answered.
///
/// When such a request fails, the error line that tells so ends the conversation, so that it can
/// never be taken for the reply to another request.
#[derive(Debug)]
pub enum NoReply {}

/// How a command is answered: in a [`Format`], or with [`NoReply`].
pub trait Answer: 'static {
    /// The reply's format, as a client looks for it in what it receives.
    const EXPECTED: Option<Expected>;
}

impl Answer for NoReply {
    const EXPECTED: Option<Expected> = None;
}

impl<F: Format> Answer for F {
    const EXPECTED: Option<Expected> = Some(Expected {
        introduction: F::INTRODUCTION,
        frame: F::frame,
    });
}

/// What a reply looks like, without its type.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub(crate) introduction: &'static [u8],
    pub(crate) frame: FindEnd,
}

/// [`Format::frame`] of some format.
pub(crate) type FindEnd = fn(&[u8], &mut usize) -> Frame;

/// A command without its types, as a session works with it: which one it is, where its payload
/// ends, whether it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The command's name.
    pub name: &'static str,
    /// The command's place in the registry that found it.
    pub index: usize,
    pub(crate) kind: &'static Kind,
}

/// What commands of the same formats have in common.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) frame: FindEnd,
    pub(crate) answered: bool,
}

impl<Req, Rsp> Command<Req, Rsp> {
    /// A command of this name: printable ASCII without space or colon, beginning with neither `!` nor `>`. With
    /// its line feed it must fit into [`Limits::name`](crate::Limits::name) of each server, 64 bytes unless set.
    ///
    /// # Panics
    /// If the name breaks these rules, or is `HELP`, `SCHEMA`, `SUBSCRIBE` or `UNSUBSCRIBE`, which
    /// [the wire](crate::wire) reserves. The compiler checks a constant.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(
            !matches!(bytes, [] | [b'!' | b'>', ..]),
            "a command's name must not be empty or begin with ! or >"
        );
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            assert!(
                byte.is_ascii_graphic() && *byte != b':',
                "a command's name must be printable ASCII without space or colon"
            );
            rest = tail;
        }
        assert!(
            !matches!(bytes, b"HELP" | b"SCHEMA" | b"SUBSCRIBE" | b"UNSUBSCRIBE"),
            "this command's name is reserved"
        );
        Self {
            name,
            formats: PhantomData,
        }
    }

    /// The name that stands on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<Req: Format, Rsp: Answer> Command<Req, Rsp> {
    const KIND: &'static Kind = &Kind {
        frame: Req::frame,
        answered: Rsp::EXPECTED.is_some(),
    };

    /// The command as entry `index` of a registry. See [`Service`](crate::Service).
    pub fn route(&self, index: usize) -> Route {
        Route {
            name: self.name,
            index,
            kind: Self::KIND,
        }
    }

    /// Decodes `payload` and answers it with `handler`, which runs only when the whole payload is
    /// good. This is how a registry of its own runs a handler; see [`Service`](crate::Service).
    pub fn answer<'a>(
        payload: &'a [u8],
        reply: Reply<'a>,
        handler: impl FnOnce(Req::Value<'a>, Reply<'a, Rsp>) -> Answered,
    ) -> Answered {
        match Req::decode_with(payload, |value| handler(value, reply.typed())) {
            Ok(answered) => answered,
            Err(malformed) => Answered::failed(Fault::Malformed(malformed)),
        }
    }

    /// Writes the command line and the payload behind what `out` holds; all of it or nothing.
    pub(crate) fn write(&self, value: Req::Sent<'_>, out: &mut Buffer<'_>) -> Result<(), Fault> {
        let limit = out.capacity();
        let space = out.space();
        let name = self.name.as_bytes();
        let size = put(space, name)
            .and_then(|space| put(space, b"\n"))
            .ok_or(EncodeError::NoRoom)
            .and_then(|space| Req::encode(value, space))
            .map_err(|error| match error {
                EncodeError::NoRoom => Fault::MessageTooLong { limit },
                EncodeError::Unencodable => Fault::Unencodable,
            })?;
        out.fill(name.len().saturating_add(1).saturating_add(size));
        Ok(())
    }
}

/// Writes `bytes` at the start of `space` and returns the space behind them.
pub(crate) fn put<'s>(space: &'s mut [u8], bytes: &[u8]) -> Option<&'s mut [u8]> {
    let (head, tail) = space.split_at_mut_checked(bytes.len())?;
    head.copy_from_slice(bytes);
    Some(tail)
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
