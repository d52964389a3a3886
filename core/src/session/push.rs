//! Pushes: the messages that a server writes between two replies.

use super::{Phase, Session};
use crate::{Buffer, error_line};

impl Session {
    /// Returns the room that the next reply or error line may need, in bytes.
    #[doc(hidden)]
    pub fn needed(&self) -> usize {
        self.limits.reply.max(error_line::LONGEST)
    }

    /// Returns the space in `out` for a push, or `None` if no push may be written now.
    ///
    /// After it `out` still has room for the longest reply and for an error line. There is no space during the reply to
    /// `HELP` or `SCHEMA`, after the end of the conversation, or if too many bytes are unsent.
    ///
    /// Write whole pushes, then count them with [`Buffer::fill`]. While a request is answered, do so before its reply
    /// is written or after [`answered`](Self::answered), not between the two.
    pub fn push_space<'o>(&self, out: &'o mut Buffer<'_>) -> Option<&'o mut [u8]> {
        self.space_beside(self.needed(), out)
    }

    /// Does the same, except that `reserved` bytes stay free.
    #[doc(hidden)]
    pub fn space_beside<'o>(
        &self,
        reserved: usize,
        out: &'o mut Buffer<'_>,
    ) -> Option<&'o mut [u8]> {
        let closed = matches!(
            self.phase,
            Phase::Help | Phase::Schema | Phase::Ended | Phase::Refused
        );
        if closed || !out.is_cheap_to_move() {
            return None;
        }
        let room = out.room().checked_sub(reserved)?;
        out.space().get_mut(..room)
    }

    /// Writes a push that [`Topic::encode`](crate::Topic::encode) or
    /// [`Topic::encode_lost`](crate::Topic::encode_lost) has encoded. Returns whether it was written.
    ///
    /// The rules are those of [`push_space`](Self::push_space). If it was not written, it is lost: count it, and report
    /// the count before the next push of this topic.
    ///
    /// ```
    /// use bellwire::{Buffer, Limits, Session};
    ///
    /// let session = Session::new(Limits::for_buffers(256, 320));
    /// let mut memory = [0; 320];
    /// let mut out = Buffer::new(&mut memory);
    /// assert!(session.push(b">LOG\ndoor open\n", &mut out));
    /// assert_eq!(out.filled(), b">LOG\ndoor open\n");
    /// assert!(!session.push(&[0; 160], &mut out));
    /// ```
    #[must_use = "a push that was not written is lost"]
    pub fn push(&self, push: &[u8], out: &mut Buffer<'_>) -> bool {
        let space = self.push_space(out);
        let Some(space) = space.and_then(|space| space.get_mut(..push.len())) else {
            return false;
        };
        space.copy_from_slice(push);
        out.fill(push.len());
        true
    }
}
