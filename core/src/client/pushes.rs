//! A client's topics: it looks for pushes before it looks for a reply.

use super::ClientConnection;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::failure::{Failure, ReplyFault};
use crate::topics::{Hearing, Listener, Listening, Push, UntypedTopic};
use core::convert::Infallible;

impl<'b> ClientConnection<'b> {
    /// Passes the pushes of these topics to `listener`, in their order. See [`topics`](crate::topics).
    ///
    /// The client recognizes only these topics. A push of another one ends the conversation, so
    /// [subscribe](crate::topics::SUBSCRIBE) to no other. `rx` holds one push or one reply at a time. A push that
    /// exceeds it counts as lost if its end is known, and otherwise ends the conversation.
    ///
    /// The listener runs inside the methods that look for a reply: [`receive_pushes`](Self::receive_pushes),
    /// [`has_reply`](Self::has_reply), [`skip`](Self::skip) and [`is_over`](Self::is_over).
    pub fn with_topics<L: FnMut(Push<'_>), const N: usize>(
        self,
        topics: [UntypedTopic; N],
        listener: L,
    ) -> ClientConnection<'b, Listening<L, N>> {
        ClientConnection {
            rx: self.rx,
            tx: self.tx,
            expected: self.expected,
            session: self.session,
            past: self.past,
            ended: self.ended,
            lost: self.lost,
            topics: Listening::new(topics, listener),
        }
    }
}

impl<T: Listener> ClientConnection<'_, T> {
    /// Passes on the pushes that have arrived completely. Returns whether there was one.
    ///
    /// Call it between calls, after each receipt of bytes. While a call waits for its reply,
    /// [`has_reply`](Self::has_reply) does the same.
    ///
    /// # Errors
    /// - [`ErrorKind::ReplyPending`]: the reply to a call is expected.
    /// - [`Error::Remote`]: the server ended the conversation with an error line.
    /// - [`Error::Closed`]: the stream has ended, or the conversation was over earlier.
    /// - [`ErrorKind::UnexpectedReply`]: bytes other than a push arrived.
    pub fn receive_pushes(&mut self) -> Result<bool, Error<Infallible>> {
        let heard = self.find_push().map_err(|failure| self.error(failure))?;
        self.take_end()?;
        Ok(heard)
    }

    /// Returns whether a push was passed on, or the server has ended the conversation with an error line, which
    /// [`take_end`](Self::take_end) takes.
    pub(crate) fn find_push<E>(&mut self) -> Result<bool, Failure<E>> {
        if self.is_waiting() {
            return Err(Failure::Pending);
        }
        self.topics.take_heard();
        let is_over = self.find_end()?;
        match self.topics.take_heard() {
            false if is_over && self.session.found().is_none() => Err(Failure::Closed),
            heard => Ok(heard || is_over),
        }
    }

    /// Passes on the pushes at the front. Returns `false` if a part of a push is left there.
    pub(super) fn pass_pushes_on<E>(&mut self) -> Result<bool, Failure<E>> {
        if self.lost {
            return Ok(true);
        }
        loop {
            match self.topics.hear(self.rx.filled(), self.rx.capacity()) {
                Ok(Hearing::Nothing) => return Ok(true),
                Ok(Hearing::Push(size)) => {
                    self.past = size;
                    self.drop_past();
                }
                Ok(Hearing::Part) if self.ended => {
                    self.expect(None);
                    return Err(Failure::Closed);
                }
                Ok(Hearing::Part) if self.rx.room() == 0 => return self.lose(ReplyFault::TooLong),
                Ok(Hearing::Part) => return Ok(false),
                Err(fault) => return self.lose(fault),
            }
        }
    }
}
