//! Many requests on their way at once.

use super::{CallError, Client, decode};
use bellwire::format::OwnedReply;
use bellwire::{Command, ErrorKind, Format};
use std::iter::Fuse;
use std::ops::Range;
use std::time::Instant;

/// The most bytes of unanswered requests, unless one is longer. The buffers of every socket hold that many, so a
/// server that waits for its replies to be read cannot block the sending.
pub(super) const WINDOW: usize = 16 << 10;

/// Returns an iterator over the replies. `encode` writes the request for a value.
pub(super) fn new<Req, Rsp, I, E>(
    client: &mut Client,
    command: Command<Req, Rsp>,
    values: I,
    encode: E,
) -> Pipeline<'_, Req, Rsp, I::IntoIter, E>
where
    Req: Format,
    Rsp: OwnedReply,
    I: IntoIterator,
    E: Fn(&I::Item, &mut [u8]) -> Result<usize, ErrorKind>,
{
    client.conversation.abandon();
    Pipeline {
        client,
        command,
        values: values.into_iter().fuse(),
        encode,
        failed: None,
    }
}

pub(super) struct Pipeline<'c, Req, Rsp, I, E> {
    client: &'c mut Client,
    command: Command<Req, Rsp>,
    values: Fuse<I>,
    encode: E,
    /// The error of the last value, which could not be sent. No value is taken before it is returned.
    failed: Option<CallError>,
}

impl<Req, Rsp, I, E> Pipeline<'_, Req, Rsp, I, E>
where
    Req: Format,
    Rsp: OwnedReply,
    I: Iterator,
    E: Fn(&I::Item, &mut [u8]) -> Result<usize, ErrorKind>,
{
    /// Encodes requests up to the window.
    fn encode(&mut self) {
        let conversation = &mut self.client.conversation;
        while self.failed.is_none()
            && conversation.unanswered() + conversation.encoded() < WINDOW
            && let Some(value) = self.values.next()
        {
            let (name, expected) = (self.command.name(), self.command.expected());
            let limit = self.client.options.max_request;
            let encoded =
                conversation.encode(name, expected, limit, |space| (self.encode)(&value, space));
            self.failed = encoded.err();
        }
    }
}

impl<Req, Rsp, I, E> Iterator for Pipeline<'_, Req, Rsp, I, E>
where
    Req: Format,
    Rsp: OwnedReply,
    I: Iterator,
    E: Fn(&I::Item, &mut [u8]) -> Result<usize, ErrorKind>,
{
    type Item = Result<Rsp::Owned, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.client.has_room() {
            self.encode();
        }
        match self.client.next_reply(self.client.deadline()) {
            Some(reply) => Some(reply.and_then(|place| {
                decode::<Rsp, _>(self.client.conversation.payload(place), Rsp::into_owned)
            })),
            None => self.failed.take().map(Err),
        }
    }
}

impl Client {
    /// Returns whether to send more of the encoded requests. One half of the window is under way while the replies to
    /// the other are taken.
    fn has_room(&self) -> bool {
        self.conversation.unanswered() <= WINDOW / 2
    }

    /// Sends encoded requests up to the window, and waits for the reply to the oldest request. Returns the place of
    /// its payload, or `None` if there is no request.
    pub(super) fn next_reply(
        &mut self,
        deadline: Option<Instant>,
    ) -> Option<Result<Range<usize>, CallError>> {
        if self.has_room()
            && self.conversation.encoded() > 0
            && let Err(error) = self.transmit(WINDOW, deadline)
        {
            return Some(Err(error));
        }
        match self.conversation.waiting() {
            0 => None,
            _ => Some(self.conversation.reply(deadline)),
        }
    }
}
