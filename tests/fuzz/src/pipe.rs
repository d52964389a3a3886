//! One direction of a stream between two ends.

use std::collections::VecDeque;

/// Bytes in transit. They arrive late and in pieces, until the pipe is cut.
#[derive(Debug, Default)]
pub struct Pipe {
    bytes: VecDeque<u8>,
    /// Bytes put into the pipe, including those lost after a cut.
    pub offered: usize,
    /// Bytes that have left the pipe.
    pub left: usize,
    /// Whether the pipe is cut and loses all further bytes.
    pub cut: bool,
    /// Whether bytes in the pipe were changed, lost or repeated.
    pub corrupted: bool,
}

impl Pipe {
    /// Puts bytes into the pipe. After a cut they are lost.
    pub fn put(&mut self, bytes: &[u8]) {
        self.offered += bytes.len();
        if !self.cut {
            self.bytes.extend(bytes);
        }
    }

    /// Moves up to `most` bytes into `space` and returns their number.
    pub fn take(&mut self, space: &mut [u8], most: usize) -> usize {
        let size = most.min(space.len()).min(self.bytes.len());
        for (slot, byte) in space.iter_mut().zip(self.bytes.drain(..size)) {
            *slot = byte;
        }
        self.left += size;
        size
    }

    /// Cuts the pipe: loses all but the first `kept` bytes in transit, and all later bytes.
    pub fn cut(&mut self, kept: usize) {
        self.bytes.truncate(kept);
        self.cut = true;
    }

    /// Returns whether no byte will leave the pipe any more.
    pub fn is_over(&self) -> bool {
        self.cut && self.bytes.is_empty()
    }

    /// Changes, loses or repeats one of the bytes in transit.
    pub fn corrupt(&mut self, place: usize, change: u8) {
        if self.bytes.is_empty() {
            return;
        }
        self.corrupted = true;
        let place = place % self.bytes.len();
        match change {
            0 => drop(self.bytes.remove(place)),
            1 => self.bytes.insert(place, self.bytes[place]),
            change => self.bytes[place] ^= change,
        }
    }
}
