//! One direction of a stream between two ends.

use std::collections::VecDeque;

/// Bytes on their way, which come late and in pieces, until they come no more.
#[derive(Debug, Default)]
pub struct Pipe {
    bytes: VecDeque<u8>,
    /// Bytes that were to be taken in, those lost behind a cut among them.
    pub offered: usize,
    /// Bytes that came out.
    pub left: usize,
    /// Whether nothing more is taken in.
    pub cut: bool,
    /// Whether what comes out is not what was taken in.
    pub corrupted: bool,
}

impl Pipe {
    /// Takes bytes in. Behind a cut they are lost.
    pub fn put(&mut self, bytes: &[u8]) {
        self.offered += bytes.len();
        if !self.cut {
            self.bytes.extend(bytes);
        }
    }

    /// Lets up to `most` bytes out into `space`, and says how many.
    pub fn take(&mut self, space: &mut [u8], most: usize) -> usize {
        let size = most.min(space.len()).min(self.bytes.len());
        for (slot, byte) in space.iter_mut().zip(self.bytes.drain(..size)) {
            *slot = byte;
        }
        self.left += size;
        size
    }

    /// Loses all but the first `kept` bytes that are on their way, and all that come later.
    pub fn cut(&mut self, kept: usize) {
        self.bytes.truncate(kept);
        self.cut = true;
    }

    /// Whether nothing will come out any more.
    pub fn is_over(&self) -> bool {
        self.cut && self.bytes.is_empty()
    }

    /// Changes, loses or repeats one of the bytes on their way.
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
