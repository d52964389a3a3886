//! A buffer of bytes that grows up to a limit.

use std::ops::Range;

/// The least space for a read of a client, in bytes.
pub(crate) const READ: usize = 4096;

/// Bytes in a queue: written at the end, removed at the front.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
    /// The bytes to remove that have not been written yet.
    skip: usize,
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Returns at least one byte of space, and at least `size` bytes unless that many are filled already.
    pub(crate) fn space(&mut self, size: usize) -> &mut [u8] {
        if self.start > 0 && self.memory.len() - self.end < size {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.memory.len() - self.end < size {
            let more = (self.end + size).max(2 * self.end);
            self.memory.resize(more, 0);
        }
        &mut self.memory[self.end..]
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as filled.
    pub(crate) fn fill(&mut self, n: usize) {
        self.end += n;
        let now = self.skip.min(self.len());
        self.skip -= now;
        self.start += now;
    }

    /// Removes `size` bytes from the front, also those that are yet to come. Returns the index of the first one for
    /// [`get`](Self::get).
    pub(crate) fn consume(&mut self, size: usize) -> usize {
        let first = self.start;
        let now = size.min(self.len());
        self.start += now;
        self.skip += size - now;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        first
    }

    /// Returns bytes that were removed last. They stay until the next call of [`space`](Self::space).
    pub(crate) fn get(&self, range: Range<usize>) -> &[u8] {
        self.memory.get(range).unwrap_or(&[])
    }

    pub(crate) fn clear(&mut self) {
        (self.start, self.end, self.skip) = (0, 0, 0);
    }
}
