//! Many requests on their way at once.

use super::{CallError, Client, decode};
use bellwire::format::OwnedReply;
use bellwire::{Command, ErrorKind, Format};
use std::iter::Fuse;
use std::time::Instant;

/// The most bytes of unanswered requests, unless one is longer. The buffers of every socket hold that many, so a
/// server that waits for its replies to be read cannot block the sending.
const WINDOW: usize = 16 << 10;

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
    client.link.abandon();
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
    /// Encodes and sends requests up to the window.
    fn refill(&mut self, deadline: Option<Instant>) -> Result<(), CallError> {
        let link = &mut self.client.link;
        while self.failed.is_none()
            && link.unanswered() + link.encoded() < WINDOW
            && let Some(value) = self.values.next()
        {
            let (name, expected) = (self.command.name(), self.command.expected());
            let limit = self.client.options.max_request;
            let encoded = link.encode(name, expected, limit, |space| (self.encode)(&value, space));
            self.failed = encoded.err();
        }
        match link.encoded() {
            0 => Ok(()),
            _ => self.client.transmit(WINDOW, deadline),
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
        let link = &self.client.link;
        let waiting = link.waiting();
        let deadline = self.client.deadline();
        // The next half is on its way while the replies to this one are taken. The errors of a connection that is
        // over come before a new one.
        let room = link.unanswered() <= WINDOW / 2;
        if (waiting == 0 || link.is_open() && room)
            && let Err(error) = self.refill(deadline)
        {
            return Some(Err(error));
        }
        let link = &mut self.client.link;
        if link.waiting() == 0 {
            return self.failed.take().map(Err);
        }
        let reply = link.reply(deadline);
        Some(reply.and_then(|place| decode::<Rsp, _>(link.payload(place), Rsp::into_owned)))
    }
}
