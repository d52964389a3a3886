//! The steps of a call, for the public methods and for the drivers.
//!
//! They are generic over the error `E` of the driver's stream, so no driver converts their errors.

use super::{ClientConnection, Found};
use crate::command::{ReplyShape, encode_request};
use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, ReplyFault};
use crate::format::{EncodeError, Format, Line};
use crate::topics::Listener;
use crate::{RemoteError, ReplyFormat};

/// Stands in place of a command's name between calls. No error line names it.
const NO_COMMAND: &str = "-";

impl<T: Listener> ClientConnection<'_, T> {
    /// Appends a request of the command `name`, and expects its reply if it has one.
    pub(crate) fn write<Req: Format, E>(
        &mut self,
        name: &str,
        reply: Option<&'static ReplyShape>,
        value: Req::Sent<'_>,
    ) -> Result<(), Failure<E>> {
        let size = encode_request::<Req>(name, value, self.request_space()?);
        self.written(size, reply)
    }

    /// Returns the space for a request.
    pub(crate) fn request_space<E>(&mut self) -> Result<&mut [u8], Failure<E>> {
        if self.ended {
            return Err(Failure::Closed);
        }
        if self.is_waiting() {
            return Err(Failure::Pending);
        }
        Ok(self.tx.space())
    }

    /// Counts a request of `size` bytes as [`pending`](Self::pending), and expects its reply if it has one.
    pub(crate) fn written<E>(
        &mut self,
        size: Result<usize, EncodeError>,
        reply: Option<&'static ReplyShape>,
    ) -> Result<(), Failure<E>> {
        self.tx.fill(size.map_err(Failure::Request)?);
        self.expect(reply);
        Ok(())
    }

    /// Returns whether the expected reply has arrived completely.
    pub(crate) fn find_reply<E>(&mut self) -> Result<bool, Failure<E>> {
        self.drop_past();
        if !self.pass_pushes_on()? {
            return Ok(false);
        }
        let Some(expected) = self.expected else {
            return Ok(false);
        };
        let capacity = self.rx.capacity();
        let found = self.session.find_end(expected, self.rx.filled(), capacity);
        match found {
            Ok(true) if self.session.payload().end > capacity => {
                self.take();
                Err(Failure::Reply(ReplyFault::TooLong))
            }
            Ok(false) if self.ended => {
                self.expect(None);
                Err(Failure::Closed)
            }
            Ok(false) if self.rx.room() == 0 => self.lose(ReplyFault::TooLong),
            Ok(found) => Ok(found),
            Err(fault) => self.lose(fault),
        }
    }

    /// Takes the reply to the command `name`, unless the call failed.
    pub(crate) fn take_reply<Rsp: Format, E>(
        &mut self,
        result: Result<(), Failure<E>>,
        name: &'static str,
    ) -> Result<Rsp::Value<'_>, Error<E>> {
        if let Err(failure) = result {
            return Err(self.error(failure));
        }
        match self.session.found() {
            Some(Found::Reply { .. }) => {
                Rsp::decode(self.take()).map_err(|error| ErrorKind::Decode(error).into())
            }
            Some(Found::ErrorLine { .. }) => {
                let error = RemoteError::parse(self.take(), name);
                if error.names_another() {
                    self.give_up();
                }
                Err(Error::Remote(error))
            }
            None => Err(self.error(Failure::Pending)),
        }
    }

    /// Skips the reply if it has arrived completely, and returns whether it has.
    pub(crate) fn skip_reply<E>(&mut self) -> Result<bool, Failure<E>> {
        match self.find_reply() {
            Ok(true) => {
                self.take();
                Ok(true)
            }
            // Too long, but its end is known.
            Err(Failure::Reply(_)) if !self.ended => Ok(true),
            other => other,
        }
    }

    /// Returns whether the server has ended the conversation. Then [`take_end`](Self::take_end) tells how.
    pub(crate) fn find_end<E>(&mut self) -> Result<bool, Failure<E>> {
        if self.lost {
            return Err(Failure::Closed);
        }
        let between = !self.is_waiting();
        if between {
            // Expect a line during this call only. The search resumes after the bytes already searched.
            self.expected = Line::SHAPE;
        }
        match self.find_reply() {
            Err(Failure::Closed) if self.rx.is_empty() && self.past == 0 => Ok(true),
            Ok(true) => match self.session.found() {
                Some(Found::ErrorLine { .. }) => Ok(true),
                _ => self.lose(ReplyFault::Unexpected),
            },
            Ok(false) if between => {
                self.expected = None;
                Ok(false)
            }
            other => other,
        }
    }

    /// Takes the error line that ended the conversation, if any.
    pub(crate) fn take_end<E>(&mut self) -> Result<(), Error<E>> {
        match self.session.found() {
            Some(Found::ErrorLine { .. }) => {
                Err(Error::Remote(RemoteError::parse(self.take(), NO_COMMAND)))
            }
            _ => Ok(()),
        }
    }

    /// Returns the error to a user.
    pub(crate) fn error<E>(&self, failure: Failure<E>) -> Error<E> {
        failure.error(self.rx.capacity(), self.tx.capacity())
    }

    /// Marks the reply at the front as taken, and returns its payload. Its bytes are removed later.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    fn take(&mut self) -> &[u8] {
        let payload = self.session.payload();
        self.past = payload.end;
        self.expect(None);
        self.rx.filled().get(payload).unwrap_or(&[])
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub(super) fn drop_past(&mut self) {
        let before = self.rx.queued();
        self.rx.consume(self.past);
        let removed = before.wrapping_sub(self.rx.queued());
        self.past = self.past.wrapping_sub(removed);
    }

    /// Ends the conversation, because the end of the reply cannot be found.
    pub(super) fn lose<E>(&mut self, fault: ReplyFault) -> Result<bool, Failure<E>> {
        self.give_up();
        Err(Failure::Reply(fault))
    }
}
