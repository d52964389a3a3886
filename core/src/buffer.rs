//! A lent stretch of memory with a front that is read and a back that is filled.

use core::cell::Cell;

/// Bytes on their way in or out, held in memory that the caller lends.
///
/// The filled part lies in one piece: [`filled`](Self::filled) is what waits to be
/// used, [`space`](Self::space) is where more goes. Bytes move only when space is
/// asked for behind a used front, and then each waiting byte moves once.
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
    /// The first byte that waits; at most `end`.
    start: usize,
    /// Behind the last byte that waits; at most the size of the memory.
    end: usize,
}

impl<'b> Buffer<'b> {
    /// An empty buffer over `memory`.
    pub fn new(memory: &'b mut [u8]) -> Self {
        Self {
            memory,
            start: 0,
            end: 0,
        }
    }

    /// The bytes that the buffer can hold.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// The bytes that wait, oldest first.
    #[inline(never)] // for the sake of small machines, as it has many callers
    pub fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or(&[])
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The bytes that still fit.
    pub fn room(&self) -> usize {
        self.memory.len().wrapping_sub(self.waiting())
    }

    /// How many bytes wait.
    fn waiting(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    /// All the room there is, in one piece. What is written here counts after
    /// [`fill`](Self::fill).
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.move_to_front();
        }
        self.memory.get_mut(self.end..).unwrap_or(&mut [])
    }

    /// Whether [`space`](Self::space) moves no more bytes than were consumed since it last moved any.
    pub(crate) fn is_cheap_to_move(&self) -> bool {
        self.start == 0 || self.start >= self.waiting()
    }

    /// Moves what waits to the front, byte by byte from its start, so that none is written over that
    /// is still to be moved. Moving overlapping bytes at once would bring 0.7 KB of code along.
    fn move_to_front(&mut self) {
        let memory = Cell::from_mut(&mut *self.memory).as_slice_of_cells();
        let waiting = memory.get(self.start..self.end).unwrap_or(&[]);
        #[cfg(test)]
        crate::work::count(waiting.len());
        for (to, from) in memory.iter().zip(waiting) {
            to.set(from.get());
        }
        self.end = waiting.len();
        self.start = 0;
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as filled; at most all of it.
    pub fn fill(&mut self, n: usize) {
        let free = self.memory.len().wrapping_sub(self.end);
        self.end = self.end.wrapping_add(n.min(free));
    }

    /// Drops the first `n` bytes of [`filled`](Self::filled); at most all of them.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.wrapping_add(n.min(self.waiting()));
        if self.is_empty() {
            self.clear();
        }
    }

    /// Drops all that waits.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn what_waits_moves_to_the_front_whole() {
        for size in 0..20 {
            for used in 0..=size {
                let bytes = *b"abcdefghijklmnopqrst";
                let waiting = &bytes[used..size];
                let mut memory = bytes;
                let mut buffer = Buffer::new(&mut memory);
                buffer.fill(size);
                buffer.consume(used);
                assert_eq!(buffer.space().len(), 20 - waiting.len());
                assert_eq!(buffer.filled(), waiting);
            }
        }
    }
}
