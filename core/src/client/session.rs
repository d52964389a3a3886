//! The protocol of a client, without I/O, buffers or a queue.

use crate::command::{Expected, FindEnd, ReplyShape};
use crate::error::ErrorKind;
use crate::failure::ReplyFault;
use crate::format::{Format, Frame, Line};
use core::ops::Range;

/// The most bytes of a reply that is skipped because it exceeds the receive buffer. A longer one ends the
/// conversation. A server's limit is [`Limits::skip`](crate::Limits::skip).
pub(crate) const SKIP: usize = 65536;

/// Finds the replies in the received bytes, one after the other.
///
/// This is the machine below [`ClientConnection`](crate::ClientConnection), for a client that sends several
/// requests before the first reply. It has neither buffers nor a queue: you keep the received bytes, and an
/// [`Expected`] for each request that has a reply, in the order of the requests.
///
/// For each reply, call [`find`](Self::find) with the oldest [`Expected`] and all received bytes until the
/// reply is complete. Then remove its bytes and call [`next`](Self::next).
///
/// ```
/// use bellwire::{ClientSession, Command, Found, Line};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let mut sent = [0; 64];
/// let first = STRING.encode("one", &mut sent)?;
/// let second = STRING.encode("two", &mut sent[first..])?;
/// assert_eq!(&sent[..first + second], b"STRING\none\nSTRING\ntwo\n");
///
/// let expected = STRING.expected().expect("STRING has a reply");
/// let mut received = &b"1\n2\n"[..];
/// let mut session = ClientSession::default();
/// for reply in ["1", "2"] {
///     assert!(session.find(&expected, received, 64)?);
///     let Some(Found::Reply { start, size }) = session.found() else {
///         unreachable!("no error line");
///     };
///     assert_eq!(STRING.decode_reply(&received[start..size])?, reply);
///     received = &received[size..];
///     session.next();
/// }
/// # Ok::<(), bellwire::ErrorKind>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientSession {
    stage: Stage,
    /// The bytes of the reply that the current stage has searched.
    progress: usize,
}

/// The state of the reply at the front of the received bytes.
#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    /// Unknown: its first bytes will tell.
    #[default]
    Opening,
    /// An incomplete error line or reply.
    Open { is_error: bool },
    /// A complete error line, or a reply that is complete or too long.
    Whole(Found),
}

/// The oldest reply, which [`ClientSession::find`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A reply of `size` bytes. The payload is the bytes from `start` on.
    Reply {
        /// The index of the payload's first byte.
        start: usize,
        /// The length of the reply in bytes.
        size: usize,
    },
    /// An error line of `size` bytes, with its `!` and line feed. See [`RemoteError::parse`].
    ///
    /// [`RemoteError::parse`]: crate::RemoteError::parse
    ErrorLine {
        /// The length of the line in bytes.
        size: usize,
    },
}

impl ClientSession {
    /// Looks for the end of the oldest reply in `received`, which holds all bytes from its first on. Returns
    /// whether [`found`](Self::found) has it.
    ///
    /// `capacity` is the most bytes of a reply that the caller can hold. Repeat the call with the same `expected`
    /// and more bytes until it returns `true`. A reply that exceeds `capacity`, but not 64 KiB, is found before all
    /// of its bytes have arrived: remove them as they arrive. If the caller holds `capacity` bytes and the end is not
    /// found, the reply is too long, and the conversation is over.
    ///
    /// # Errors
    /// In each case the end of the reply is unknown, and the conversation is over.
    /// - [`ErrorKind::UnexpectedReply`]: the reply is not in the format that the command declares.
    /// - [`ErrorKind::Decode`]: the length of the reply is malformed.
    /// - [`ErrorKind::MessageTooLong`]: the reply exceeds `capacity` and 64 KiB.
    pub fn find(
        &mut self,
        expected: &Expected,
        received: &[u8],
        capacity: usize,
    ) -> Result<bool, ErrorKind> {
        self.find_end(expected.reply, received, capacity)
            .map_err(|fault| fault.kind(capacity))
    }

    /// As [`find`](Self::find), for a reply of this shape.
    pub(crate) fn find_end(
        &mut self,
        expected: &ReplyShape,
        received: &[u8],
        capacity: usize,
    ) -> Result<bool, ReplyFault> {
        if let Stage::Opening = self.stage {
            let Some(first) = received.first() else {
                return Ok(false);
            };
            let is_error = *first == b'!';
            let prefix = if is_error { b"" } else { expected.prefix };
            if received
                .iter()
                .zip(prefix)
                .any(|(byte, known)| byte != known)
            {
                return Err(ReplyFault::Unexpected);
            }
            if received.len() < prefix.len() {
                return Ok(false);
            }
            self.stage = Stage::Open { is_error };
        }
        let Stage::Open { is_error } = self.stage else {
            return Ok(true);
        };
        let (start, frame) = if is_error {
            (0, Line::frame as FindEnd)
        } else {
            (expected.prefix.len(), expected.frame)
        };
        let payload = received.get(start..).unwrap_or(&[]);
        let size = match frame(payload, &mut self.progress) {
            Frame::Ends(size) => size.saturating_add(start),
            Frame::Open | Frame::OpenLine => return Ok(false),
            Frame::Broken(kind) => return Err(ReplyFault::Malformed(kind)),
        };
        if size > received.len() && size <= capacity {
            return Ok(false);
        }
        if size > capacity && size > SKIP {
            return Err(ReplyFault::TooLong);
        }
        self.stage = Stage::Whole(if is_error {
            Found::ErrorLine { size }
        } else {
            Found::Reply { start, size }
        });
        Ok(true)
    }

    /// Returns the place of the payload or error line that [`find`](Self::find) found, or an empty place.
    pub(crate) fn payload(&self) -> Range<usize> {
        match self.stage {
            Stage::Whole(Found::Reply { start, size }) => start..size,
            Stage::Whole(Found::ErrorLine { size }) => 0..size,
            _ => 0..0,
        }
    }

    /// Returns the reply that [`find`](Self::find) found.
    pub fn found(&self) -> Option<Found> {
        match self.stage {
            Stage::Whole(found) => Some(found),
            _ => None,
        }
    }

    /// Begins with the next reply. The caller has removed the bytes of the last one.
    pub fn next(&mut self) {
        *self = Self::default();
    }
}
