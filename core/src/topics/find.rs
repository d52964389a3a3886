//! Finds pushes in the bytes that a client receives.

use crate::client::SKIP;
use crate::command::FindEnd;
use crate::error::ErrorKind;
use crate::failure::ReplyFault;
use crate::format::Frame;
use crate::line;
use crate::name::LONGEST_TOPIC;

/// The most bytes of a push's first line: the mark, the name, the count of lost pushes and the line feed.
const LONGEST_LINE: usize = 1 + LONGEST_TOPIC + 2 + 10 + 1;

/// A topic without its type, for a client. See [`Topic::untyped`](crate::Topic::untyped).
#[derive(Debug, Clone, Copy)]
pub struct UntypedTopic {
    /// The topic's name.
    pub name: &'static str,
    pub(super) frame: FindEnd,
}

/// Finds pushes between the replies, for a client with buffers of its own. It is the companion of
/// [`ClientSession`](crate::ClientSession).
///
/// Call [`find`](Self::find) with all received bytes before you look for a reply in them, and again after you have
/// removed a push or a reply.
///
/// ```
/// use bellwire::topics::{Front, Pushes};
/// use bellwire::{Line, Topic};
///
/// const LOG: Topic<Line> = Topic::new("LOG");
/// let topics = [LOG.untyped()];
/// let mut pushes = Pushes::default();
/// assert_eq!(pushes.find(&topics, b">LOG\ndoor", 64), Ok(Front::Incomplete));
/// let push = Front::Push { topic: 0, start: 5, size: 15 };
/// assert_eq!(pushes.find(&topics, b">LOG\ndoor open\n>LOG", 64), Ok(push));
/// assert_eq!(pushes.find(&topics, b"a reply\n", 64), Ok(Front::NoPush));
/// # Ok::<(), bellwire::ErrorKind>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Pushes {
    stage: Stage,
    /// The bytes that the current stage has searched.
    progress: usize,
}

/// The state of the push at the front of the received bytes.
#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    /// Its first line is incomplete.
    #[default]
    Name,
    /// Its payload begins at `start`.
    Payload { topic: usize, start: usize },
}

/// The message at the front of the received bytes. `topic` is an index of the topics passed to [`Pushes::find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// No push: the beginning of a reply, or no byte at all.
    NoPush,
    /// A push whose end has not arrived.
    Incomplete,
    /// A push of `size` bytes. Its payload is the bytes from `start` on.
    Push {
        /// The index of the topic.
        topic: usize,
        /// The index of the payload's first byte.
        start: usize,
        /// The length of the push in bytes.
        size: usize,
    },
    /// `count` pushes of the topic were lost.
    ///
    /// The server counts the pushes that found no room in its transmit buffer. A push that exceeds the client's
    /// capacity counts as one lost push. Then `size` may exceed the received bytes: remove the rest as it arrives.
    Lost {
        /// The index of the topic.
        topic: usize,
        /// The number of lost pushes, at least 1.
        count: u32,
        /// The length of the message in bytes.
        size: usize,
    },
}

impl Pushes {
    /// Looks for a push at the start of `received`, which begins with the first byte of a push or a reply.
    ///
    /// `capacity` is the most bytes of a push that the caller can hold. If the caller holds that many and the push is
    /// incomplete, it is too long, and the conversation is over. Without topics there are no pushes: `>` is a byte like
    /// any other.
    ///
    /// # Errors
    /// In each case the end of the push is unknown, and the conversation is over.
    /// - [`ErrorKind::UnexpectedReply`]: its first line is malformed, or names none of the topics.
    /// - [`ErrorKind::Decode`]: the length of the payload is malformed.
    /// - [`ErrorKind::MessageTooLong`]: the push exceeds both `capacity` and 64 KiB.
    pub fn find(
        &mut self,
        topics: &[UntypedTopic],
        received: &[u8],
        capacity: usize,
    ) -> Result<Front, ErrorKind> {
        self.find_front(topics, received, capacity)
            .map_err(|fault| fault.kind(capacity))
    }

    /// As [`find`](Self::find).
    pub(super) fn find_front(
        &mut self,
        topics: &[UntypedTopic],
        received: &[u8],
        capacity: usize,
    ) -> Result<Front, ReplyFault> {
        if topics.is_empty() || received.first() != Some(&b'>') {
            return Ok(Front::NoPush);
        }
        let front = match self.stage {
            Stage::Name => self.name(topics, received, capacity)?,
            Stage::Payload { topic, start } => {
                self.payload(topics, topic, start, received, capacity)?
            }
        };
        if front != Front::Incomplete {
            *self = Self::default();
        }
        Ok(front)
    }

    fn name(
        &mut self,
        topics: &[UntypedTopic],
        received: &[u8],
        capacity: usize,
    ) -> Result<Front, ReplyFault> {
        let within = received.get(..LONGEST_LINE).unwrap_or(received);
        let Some(size) = line::find_end(within, &mut self.progress) else {
            return if within.len() < LONGEST_LINE {
                Ok(Front::Incomplete)
            } else {
                Err(ReplyFault::Unexpected)
            };
        };
        let line = within.get(1..size.saturating_sub(1)).unwrap_or(&[]);
        #[cfg(test)]
        crate::work::count(line.len().saturating_mul(topics.len().saturating_add(1)));
        let end = line.iter().position(|byte| *byte == b' ');
        let (name, rest) = line
            .split_at_checked(end.unwrap_or(line.len()))
            .unwrap_or((line, &[]));
        let topic = topics
            .iter()
            .position(|topic| topic.name.as_bytes() == name)
            .ok_or(ReplyFault::Unexpected)?;
        if let [b' ', b'+', digits @ ..] = rest {
            let count = count(digits).ok_or(ReplyFault::Unexpected)?;
            return Ok(Front::Lost { topic, count, size });
        }
        if !rest.is_empty() {
            return Err(ReplyFault::Unexpected);
        }
        self.stage = Stage::Payload { topic, start: size };
        self.progress = 0;
        self.payload(topics, topic, size, received, capacity)
    }

    fn payload(
        &mut self,
        topics: &[UntypedTopic],
        topic: usize,
        start: usize,
        received: &[u8],
        capacity: usize,
    ) -> Result<Front, ReplyFault> {
        // Not an error as long as the topics stay the same.
        let heard = topics.get(topic).ok_or(ReplyFault::Unexpected)?;
        let payload = received.get(start..).unwrap_or(&[]);
        let size = match (heard.frame)(payload, &mut self.progress) {
            Frame::Ends(size) => size.saturating_add(start),
            Frame::Open | Frame::OpenLine => return Ok(Front::Incomplete),
            Frame::Broken(kind) => return Err(ReplyFault::Malformed(kind)),
        };
        if size <= received.len() && size <= capacity {
            Ok(Front::Push { topic, start, size })
        } else if size <= capacity {
            Ok(Front::Incomplete)
        } else if size <= SKIP {
            let count = 1;
            Ok(Front::Lost { topic, count, size })
        } else {
            Err(ReplyFault::TooLong)
        }
    }
}

/// Parses the number of lost pushes. It has at most 32 bits and begins with a digit other than zero.
fn count(digits: &[u8]) -> Option<u32> {
    if !matches!(digits, [b'1'..=b'9', ..]) {
        return None;
    }
    let mut count = 0u32;
    for digit in digits {
        let digit = u32::from(*digit).checked_sub(u32::from(b'0'))?;
        if digit > 9 {
            return None;
        }
        count = count.checked_mul(10)?.checked_add(digit)?;
    }
    Some(count)
}
