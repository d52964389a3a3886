//! A queue of bytes in lent memory, which wraps round at its end.

use super::narrow;

/// Bytes at the front of the memory that hold a frame's header and checksum.
pub(super) const SCRATCH: usize = 16;
/// The largest capacity: half of the sequence numbers. With more, old and new ones could not be told apart.
const MOST: usize = 0x7FFF;

/// A queue in `memory`, after [`SCRATCH`] bytes for a header.
///
/// Offsets count from the oldest queued byte. Bytes may be put after the last queued byte before they count
/// as queued.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ring<M> {
    memory: M,
    /// Index of the oldest queued byte.
    start: u16,
    /// Number of queued bytes.
    len: u16,
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> Ring<M> {
    pub(super) fn new(memory: M) -> Self {
        Self {
            memory,
            start: 0,
            len: 0,
        }
    }

    pub(super) fn into_memory(self) -> M {
        self.memory
    }

    pub(super) fn len(&self) -> u16 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of bytes that still fit.
    pub(super) fn room(&self) -> u16 {
        self.capacity().saturating_sub(self.len)
    }

    #[inline(never)] // size
    pub(super) fn capacity(&self) -> u16 {
        let size = self.memory.as_ref().len();
        narrow(size.saturating_sub(SCRATCH).min(MOST))
    }

    /// Returns the memory in front of the queue, unless the memory is smaller.
    pub(super) fn scratch(&self) -> Option<&[u8; SCRATCH]> {
        self.memory.as_ref().first_chunk()
    }

    /// As [`scratch`](Self::scratch), to be written.
    pub(super) fn scratch_mut(&mut self) -> Option<&mut [u8; SCRATCH]> {
        self.memory.as_mut().first_chunk_mut()
    }

    /// Returns the index in the memory of the byte at `offset`, which is less than the capacity.
    fn index(&self, offset: u16) -> usize {
        let capacity = self.capacity();
        let index = self.start.wrapping_add(offset);
        let index = if index >= capacity {
            index.wrapping_sub(capacity)
        } else {
            index
        };
        SCRATCH.wrapping_add(usize::from(index))
    }

    /// Returns the byte at `offset`.
    #[inline(never)] // size
    pub(super) fn at(&self, offset: u16) -> u8 {
        let index = self.index(offset);
        self.memory.as_ref().get(index).copied().unwrap_or(0)
    }

    /// Writes the byte at `offset`.
    #[inline(never)] // size
    pub(super) fn put(&mut self, offset: u16, byte: u8) {
        let index = self.index(offset);
        if let Some(slot) = self.memory.as_mut().get_mut(index) {
            *slot = byte;
        }
    }

    /// Counts `n` more bytes as queued.
    pub(super) fn extend(&mut self, n: u16) {
        self.len = self.len.wrapping_add(n.min(self.room()));
    }

    /// Removes the oldest `n` bytes.
    #[inline(never)] // size
    pub(super) fn release(&mut self, n: u16) {
        let n = n.min(self.len);
        self.len = self.len.wrapping_sub(n);
        self.start = self.start.wrapping_add(n);
        let capacity = self.capacity();
        if self.start >= capacity {
            self.start = self.start.wrapping_sub(capacity);
        }
    }

    /// Removes all queued bytes. Bytes put after them stay where they are.
    pub(super) fn clear(&mut self) {
        self.release(self.len);
    }

    /// Moves the queue to the front of its memory and overwrites the rest.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        let mut queued = [0; 16];
        let n = self.pop(&mut queued);
        assert!(self.is_empty(), "a queue of at most 16 bytes");
        self.start = 0;
        self.memory.as_mut().fill(0);
        self.push(queued.get(..n).unwrap_or(&[]));
    }

    /// Queues the first bytes of `bytes`. Returns the number of bytes that fitted.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let n = narrow(bytes.len()).min(self.room());
        let offsets = self.len..self.len.wrapping_add(n);
        for (offset, byte) in offsets.zip(bytes) {
            self.put(offset, *byte);
        }
        self.extend(n);
        usize::from(n)
    }

    /// Moves the oldest bytes into `space`. Returns their number.
    pub(super) fn pop(&mut self, space: &mut [u8]) -> usize {
        let n = narrow(space.len()).min(self.len);
        for (offset, slot) in (0..n).zip(space) {
            *slot = self.at(offset);
        }
        self.release(n);
        usize::from(n)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ring, SCRATCH};

    #[test]
    fn bytes_come_out_in_order_wherever_the_queue_begins() {
        for first in 0..5 {
            let mut ring = Ring::new([0; SCRATCH + 5]);
            let mut out = [0; 8];
            assert_eq!(ring.push(&[9; 5][..first]), first);
            assert_eq!(ring.pop(&mut out), first);
            assert_eq!(ring.push(b"abcdefg"), 5);
            assert_eq!(ring.room(), 0);
            assert_eq!(ring.pop(&mut out[..2]), 2);
            assert_eq!(ring.push(b"xyz"), 2);
            assert_eq!(ring.pop(&mut out[2..]), 5);
            assert_eq!(&out[..7], b"abcdexy");
        }
    }

    #[test]
    fn memory_without_room_for_a_header_holds_nothing() {
        for size in 0..=SCRATCH {
            let mut ring = Ring::new(std::vec![0; size]);
            assert_eq!(ring.push(b"a"), 0);
            assert_eq!(ring.scratch().is_some(), size == SCRATCH);
        }
    }

    extern crate std;
}
