//! A byte queue over borrowed memory.

use core::cell::Cell;

/// A queue of received or unsent bytes, in memory that the caller lends.
///
/// The queued bytes are contiguous: [`filled`](Self::filled) returns them. [`space`](Self::space)
/// returns the free memory after them. It first moves the queued bytes to the front, once each, if earlier
/// bytes were consumed. No other method moves bytes.
///
/// ```
/// let mut memory = [0; 8];
/// let mut buffer = bellwire::Buffer::new(&mut memory);
/// buffer.space()[..3].copy_from_slice(b"abc");
/// buffer.fill(3);
/// buffer.consume(1);
/// assert_eq!(buffer.filled(), b"bc");
/// assert_eq!(buffer.space().len(), 6);
/// ```
#[derive(Debug)]
pub struct Buffer<'b> {
    memory: &'b mut [u8],
    /// Index of the first queued byte; at most `end`.
    start: usize,
    /// Index after the last queued byte; at most the size of the memory.
    end: usize,
}

impl<'b> Buffer<'b> {
    /// Creates an empty buffer over `memory`.
    pub fn new(memory: &'b mut [u8]) -> Self {
        Self {
            memory,
            start: 0,
            end: 0,
        }
    }

    /// Returns the memory.
    pub fn into_memory(self) -> &'b mut [u8] {
        self.memory
    }

    /// Returns the buffer's capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Returns the queued bytes, oldest first.
    #[inline(never)] // size
    pub fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or(&[])
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns the number of bytes that still fit.
    pub fn room(&self) -> usize {
        self.memory.len().wrapping_sub(self.queued())
    }

    /// Returns the number of queued bytes.
    pub(crate) fn queued(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    /// Returns all free memory as one slice. Call [`fill`](Self::fill) to queue bytes written to it.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.move_to_front();
        }
        self.memory.get_mut(self.end..).unwrap_or(&mut [])
    }

    /// Returns whether [`space`](Self::space) would move at most as many bytes as were consumed since its last
    /// move.
    pub(crate) fn is_cheap_to_move(&self) -> bool {
        self.start == 0 || self.start >= self.queued()
    }

    /// Moves the queued bytes to the front, one by one from the first, so that no byte is overwritten
    /// before it is moved. A call of `copy_within` would link 0.7 KB of code.
    fn move_to_front(&mut self) {
        let memory = Cell::from_mut(&mut *self.memory).as_slice_of_cells();
        let queued = memory.get(self.start..self.end).unwrap_or(&[]);
        #[cfg(test)]
        crate::work::count(queued.len());
        for (to, from) in memory.iter().zip(queued) {
            to.set(from.get());
        }
        self.end = queued.len();
        self.start = 0;
    }

    /// Queues the first `n` bytes of [`space`](Self::space), or all if there are fewer.
    pub fn fill(&mut self, n: usize) {
        let free = self.memory.len().wrapping_sub(self.end);
        self.end = self.end.wrapping_add(n.min(free));
    }

    /// Removes the first `n` bytes of [`filled`](Self::filled), or all if there are fewer.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.wrapping_add(n.min(self.queued()));
        if self.is_empty() {
            self.clear();
        }
    }

    /// Removes all queued bytes.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}

/// Copies `bytes` to the start of `space` and returns the rest of `space`.
pub(crate) fn put<'s>(space: &'s mut [u8], bytes: &[u8]) -> Option<&'s mut [u8]> {
    let (head, tail) = space.split_at_mut_checked(bytes.len())?;
    head.copy_from_slice(bytes);
    Some(tail)
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn all_queued_bytes_move_to_the_front() {
        for size in 0..20 {
            for used in 0..=size {
                let bytes = *b"abcdefghijklmnopqrst";
                let queued = &bytes[used..size];
                let mut memory = bytes;
                let mut buffer = Buffer::new(&mut memory);
                buffer.fill(size);
                buffer.consume(used);
                assert_eq!(buffer.space().len(), 20 - queued.len());
                assert_eq!(buffer.filled(), queued);
            }
        }
    }
}
