//! Several requests of different commands on their way at once.

use super::pipeline::WINDOW;
use super::{CallError, Cause, Client, decode};
use bellwire::format::OwnedReply;
use bellwire::{Command, Format};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of batches of this process. It tells a batch's tickets from another's.
static BATCHES: AtomicU64 = AtomicU64::new(0);

/// Requests that are encoded but not sent. See [`Client::batch`].
///
/// Dropping it discards them.
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct Batch<'c> {
    client: &'c mut Client,
    number: u64,
    queued: usize,
}

/// The claim to the reply to one request of a [`Batch`].
#[must_use = "its reply is taken with it"]
pub struct Ticket<Rsp> {
    batch: u64,
    index: usize,
    reply: PhantomData<fn() -> Rsp>,
}

/// The replies to the requests of a [`Batch`].
///
/// The replies whose tickets are not taken are discarded by the next call of the client.
#[derive(Debug)]
pub struct Replies<'c> {
    client: &'c mut Client,
    batch: u64,
    /// The number of requests whose outcome is known.
    known: usize,
    /// The outcomes that arrived before a later one was taken, by the index of the request.
    kept: HashMap<usize, Result<Vec<u8>, CallError>>,
}

impl<'c> Batch<'c> {
    pub(super) fn new(client: &'c mut Client) -> Self {
        client.conversation.abandon();
        Self {
            client,
            number: BATCHES.fetch_add(1, Ordering::Relaxed),
            queued: 0,
        }
    }

    /// Encodes a request, to be sent after the earlier ones. The caller bounds the memory for all requests.
    ///
    /// A command without reply cannot be queued; see [`Client::send`].
    ///
    /// # Errors
    /// [`CallError::Request`]. The batch stays as it was.
    pub fn queue<'v, Req, Rsp>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
    ) -> Result<Ticket<Rsp>, CallError>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: OwnedReply,
    {
        let limit = self.client.options.max_request;
        let conversation = &mut self.client.conversation;
        conversation.encode(command.name(), command.expected(), limit, |space| {
            command.encode(value.clone(), space)
        })?;
        let index = self.queued;
        self.queued += 1;
        Ok(Ticket {
            batch: self.number,
            index,
            reply: PhantomData,
        })
    }

    /// Sends the requests. If they exceed 16 KiB, the rest leaves while replies are taken, so neither end can block
    /// the other.
    ///
    /// # Errors
    /// [`CallError::NotSent`]: none of the commands ran.
    pub fn send(self) -> Result<Replies<'c>, CallError> {
        let Self {
            client,
            number,
            queued,
        } = self;
        if queued > 0 {
            let sent = client.transmit(WINDOW, client.deadline());
            if sent.is_err() {
                client.conversation.abandon();
            }
            sent?;
        }
        Ok(Replies {
            client,
            batch: number,
            known: 0,
            kept: HashMap::new(),
        })
    }
}

impl Replies<'_> {
    /// Returns the reply to the request of `ticket`. The tickets may be taken in any order; replies to earlier requests
    /// are kept in memory meanwhile.
    ///
    /// Waits at most the client's [timeout](Client::set_timeout) for each reply up to this one.
    ///
    /// # Errors
    /// See [`CallError`]. Each request has its own error.
    ///
    /// # Panics
    /// Panics if the ticket is another batch's.
    pub fn take<Rsp: OwnedReply>(&mut self, ticket: Ticket<Rsp>) -> Result<Rsp::Owned, CallError> {
        let index = ticket.redeem(self.batch);
        while self.known < index {
            let earlier = self.known;
            let reply = self.receive().map(<[u8]>::to_vec);
            self.kept.insert(earlier, reply);
        }
        if self.known == index {
            return decode::<Rsp, _>(self.receive()?, Rsp::into_owned);
        }
        let kept = self.kept.remove(&index).expect("a ticket is taken once");
        decode::<Rsp, _>(&kept?, Rsp::into_owned)
    }

    /// Receives the next reply, and returns its payload.
    fn receive(&mut self) -> Result<&[u8], CallError> {
        let reply = self.client.next_reply(self.client.deadline());
        self.known += 1;
        // Each queued request has an outcome.
        let place = reply.unwrap_or(Err(CallError::NotSent(Cause::Closed)))?;
        Ok(self.client.conversation.payload(place))
    }
}

impl<Rsp> Ticket<Rsp> {
    /// Returns the index of the request. A ticket is taken once.
    fn redeem(self, batch: u64) -> usize {
        assert!(self.batch == batch, "the ticket is another batch's");
        self.index
    }
}

impl<Rsp> fmt::Debug for Ticket<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, index, .. } = self;
        f.debug_struct("Ticket")
            .field("batch", batch)
            .field("index", index)
            .finish()
    }
}
