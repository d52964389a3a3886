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

    /// Returns at least `size` bytes of space.
    pub(crate) fn space(&mut self, size: usize) -> &mut [u8] {
        if self.memory.len() - self.end < size {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let least = self.end + size;
            if self.memory.len() < least {
                self.memory.resize(least.max(2 * self.end), 0);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn bytes_leave_in_their_order_and_the_memory_stays_in_proportion() {
        let mut buffer = Buffer::default();
        let mut model = VecDeque::new();
        let (mut most, mut next) = (0, 0);
        for turn in 0..10_000 {
            // Up to 50 bytes come, and up to 60 leave.
            let (come, leave) = (turn * 7 % 51, turn * 13 % 61);
            let space = buffer.space(50);
            assert!(space.len() >= 50);
            for byte in &mut space[..come] {
                next = u8::wrapping_add(next, 1);
                *byte = next;
                model.push_back(next);
            }
            buffer.fill(come);
            most = most.max(buffer.len());
            let leave = leave.min(model.len());
            let start = buffer.consume(leave);
            let left: Vec<u8> = model.drain(..leave).collect();
            assert_eq!(buffer.get(start..start + leave), left);
            assert_eq!(*buffer.filled(), *model.make_contiguous());
            assert_eq!(buffer.len(), model.len());
            assert_eq!(buffer.is_empty(), model.is_empty());
            assert!(buffer.memory.len() <= 2 * most + 50);
        }
    }

    #[test]
    fn bytes_that_are_removed_before_they_come_are_skipped() {
        let mut buffer = Buffer::default();
        for (come, left) in [
            (&b"ab"[..], &b""[..]),
            (b"c", b""),
            (b"de", b"e"),
            (b"f", b"ef"),
        ] {
            buffer.space(9)[..come.len()].copy_from_slice(come);
            buffer.fill(come.len());
            if come == b"ab" {
                buffer.consume(4);
            }
            assert_eq!(buffer.filled(), left);
        }
    }

    #[test]
    fn bytes_that_were_to_be_skipped_are_forgotten_with_the_rest() {
        let mut buffer = Buffer::default();
        buffer.consume(4);
        buffer.clear();
        buffer.space(2)[..2].copy_from_slice(b"ab");
        buffer.fill(2);
        assert_eq!(buffer.filled(), b"ab");
    }
}
