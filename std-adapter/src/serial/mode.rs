//! The bytes on a line: a link's frames, or the conversation itself.

use crate::SerialAddress;
use bellwire::link::{Ended, Link, State};
use std::hash::{BuildHasher, RandomState};

/// The least memory of a link for each direction.
const LEAST: usize = 1024;
/// The most bytes in plain text that wait in each direction.
const PLAIN: usize = 4096;

/// A link, or plain text.
#[derive(Debug)]
pub(super) enum Mode {
    Link(Link<Vec<u8>>),
    Plain { received: Vec<u8>, unsent: Vec<u8> },
}

impl Mode {
    /// Creates the mode of an address. A link begins a conversation.
    pub(super) fn new(address: &SerialAddress, now: u32) -> Self {
        if address.is_plain() {
            return Self::Plain {
                received: Vec::new(),
                unsent: Vec::new(),
            };
        }
        // Enough for 100 ms of the line, because no adapter delays bytes longer than that.
        let size = usize::try_from(address.baud() / 100).unwrap_or(LEAST);
        let size = size.clamp(LEAST, 32 << 10);
        let [a, b, c, d, ..] = RandomState::new().hash_one(now).to_le_bytes();
        let session = u32::from_le_bytes([a, b, c, d]);
        let link = Link::connect(vec![0; size], vec![0; size], session, now);
        Self::Link(link.with_retransmit(retransmit(address.baud())))
    }

    /// Takes bytes from the line.
    pub(super) fn receive(&mut self, now: u32, bytes: &[u8]) {
        match self {
            Self::Link(link) => link.receive(now, bytes),
            Self::Plain { received, .. } => received.extend(bytes),
        }
    }

    /// Returns whether there is room for bytes from the line. A link always takes them; those without room are sent
    /// again.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Link(_) => true,
            Self::Plain { received, .. } => received.len() < PLAIN,
        }
    }

    /// Moves bytes for the line into `space`. Returns their number.
    pub(super) fn transmit(&mut self, now: u32, space: &mut [u8]) -> usize {
        match self {
            Self::Link(link) => link.transmit(now, space),
            Self::Plain { unsent, .. } => take(unsent, space),
        }
    }

    /// Moves received bytes of the conversation into `space`. Returns their number.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Result<usize, Ended> {
        match self {
            Self::Link(link) => link.read(space),
            Self::Plain { received, .. } => Ok(take(received, space)),
        }
    }

    /// Queues bytes of the conversation. Returns the number that fitted.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        match self {
            // `read` returns the error too.
            Self::Link(link) => link.write(bytes).unwrap_or(0),
            Self::Plain { unsent, .. } => {
                let n = bytes.len().min(PLAIN - unsent.len());
                unsent.extend(&bytes[..n]);
                n
            }
        }
    }

    /// Returns whether the other end has all bytes; in plain text, whether all have been passed on.
    pub(super) fn is_delivered(&self) -> bool {
        match self {
            Self::Link(link) => link.unacknowledged() == 0,
            Self::Plain { unsent, .. } => unsent.is_empty(),
        }
    }

    /// Returns the time of the link's next attempt.
    pub(super) fn poll_at(&self) -> Option<u32> {
        match self {
            Self::Link(link) => link.poll_at(),
            Self::Plain { .. } => None,
        }
    }

    /// Returns the state of the link. Plain text is always open.
    pub(super) fn state(&self) -> State {
        match self {
            Self::Link(link) => link.state(),
            Self::Plain { .. } => State::Open,
        }
    }

    /// Ends the conversation. A link tells the other end.
    pub(super) fn close(&mut self) {
        if let Self::Link(link) = self {
            link.close();
        }
    }
}

/// Returns the retransmission time in milliseconds: 100, or longer if the line needs longer for 1 KiB.
fn retransmit(baud: u32) -> u16 {
    // A byte has ten bits.
    let milliseconds = 10 * 1024 * 1000 / u64::from(baud) + 10;
    u16::try_from(milliseconds.max(100)).unwrap_or(u16::MAX)
}

/// Moves bytes from the front of `queue` to `space`.
fn take(queue: &mut Vec<u8>, space: &mut [u8]) -> usize {
    let n = queue.len().min(space.len());
    for (slot, byte) in space.iter_mut().zip(queue.drain(..n)) {
        *slot = byte;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::retransmit;

    #[test]
    fn a_slow_line_has_time_for_the_memory_of_a_device() {
        assert_eq!(retransmit(115_200), 100);
        assert_eq!(retransmit(1_000_000), 100);
        // 512 bytes take 533 ms.
        assert_eq!(retransmit(9600), 1076);
        assert_eq!(retransmit(1), u16::MAX);
    }
}
