//! The protocol of a client, without I/O, buffers and queue.

use crate::command::Expected;
use crate::error::{DecodeError, ErrorKind};
use crate::format::Frame;
use crate::line;

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
///     let Found::Reply { start, size } = session.find(&expected, received, 64)? else {
///         unreachable!("the reply is complete");
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
    /// An incomplete error line.
    ErrorLine,
    /// An incomplete payload. It starts after `start` bytes of [`Format::PREFIX`](crate::Format::PREFIX).
    Payload { start: usize },
    /// Complete.
    Found(Found),
}

/// What [`ClientSession::find`] has found of the oldest reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The reply is incomplete. Receive more bytes.
    Partial,
    /// A complete reply of `size` bytes. The payload is the bytes from `start` on.
    Reply {
        /// The index of the payload's first byte.
        start: usize,
        /// The length of the reply in bytes.
        size: usize,
    },
    /// A complete error line of `size` bytes, with its `!` and line feed. See [`RemoteError::parse`].
    ///
    /// [`RemoteError::parse`]: crate::RemoteError::parse
    ErrorLine {
        /// The length of the line in bytes.
        size: usize,
    },
    /// A reply that exceeds the capacity, but not 64 KiB. Remove `size` bytes, of which some may not have
    /// arrived.
    TooLong {
        /// The length of the reply in bytes.
        size: usize,
    },
}

impl ClientSession {
    /// Looks for the end of the oldest reply in `received`, which holds all bytes from its first on.
    ///
    /// `capacity` is the most bytes of a reply that the caller can hold. Repeat the call with the same
    /// `expected` and more bytes until it returns something else than [`Found::Partial`]. No byte is searched
    /// twice, except by a format that must. If the caller has received `capacity` bytes and the reply is still
    /// partial, the reply is too long, and the conversation is over.
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
    ) -> Result<Found, ErrorKind> {
        loop {
            self.stage = match self.stage {
                Stage::Opening => {
                    let prefix = expected.reply.prefix;
                    let known = received.get(..prefix.len()).unwrap_or(received);
                    match received.first() {
                        None => return Ok(Found::Partial),
                        Some(b'!') => Stage::ErrorLine,
                        Some(_) if known == prefix => Stage::Payload {
                            start: prefix.len(),
                        },
                        Some(_) if prefix.starts_with(known) => return Ok(Found::Partial),
                        Some(_) => return Err(ErrorKind::UnexpectedReply),
                    }
                }
                Stage::ErrorLine => match line::find_end(received, &mut self.progress) {
                    Some(size) => Stage::Found(Found::ErrorLine { size }),
                    None => return Ok(Found::Partial),
                },
                Stage::Payload { start } => {
                    let payload = received.get(start..).unwrap_or(&[]);
                    let size = match (expected.reply.frame)(payload, &mut self.progress) {
                        Frame::Ends(size) => size.saturating_add(start),
                        Frame::Open(_) => return Ok(Found::Partial),
                        Frame::Broken(kind) => {
                            return Err(ErrorKind::Decode(DecodeError::from(kind)));
                        }
                    };
                    if size <= received.len() {
                        Stage::Found(Found::Reply { start, size })
                    } else if size <= capacity {
                        return Ok(Found::Partial);
                    } else if size <= SKIP {
                        Stage::Found(Found::TooLong { size })
                    } else {
                        return Err(ErrorKind::MessageTooLong { limit: capacity });
                    }
                }
                Stage::Found(found) => return Ok(found),
            }
        }
    }

    /// Returns what the last [`find`](Self::find) found.
    pub fn found(&self) -> Found {
        match self.stage {
            Stage::Found(found) => found,
            _ => Found::Partial,
        }
    }

    /// Begins with the next reply. The caller has removed the bytes of the last one.
    pub fn next(&mut self) {
        *self = Self::default();
    }
}
