//! Bytes of definitions.

use crate::format::zigzag::unsigned;

/// A byte array that is filled from the front. Bytes beyond its end are lost, and [`is_full`](Self::is_full) notes it.
pub(super) struct Bytes<const N: usize> {
    memory: [u8; N],
    pub(super) size: usize,
    pub(super) is_full: bool,
}

impl<const N: usize> Bytes<N> {
    pub(super) const fn new() -> Self {
        Self {
            memory: [0; N],
            size: 0,
            is_full: false,
        }
    }

    pub(super) const fn written(&self) -> &[u8] {
        self.memory.split_at(self.size).0
    }

    pub(super) const fn byte(&mut self, byte: u8) {
        if self.size < N {
            self.memory[self.size] = byte;
            self.size += 1;
        } else {
            self.is_full = true;
        }
    }

    pub(super) const fn bytes<const M: usize>(&mut self, more: &Bytes<M>) {
        let mut index = 0;
        while index < more.size {
            self.byte(more.memory[index]);
            index += 1;
        }
        self.is_full |= more.is_full;
    }

    pub(super) const fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let [byte, tail @ ..] = rest {
            self.byte(*byte);
            rest = tail;
        }
    }

    #[allow(clippy::cast_possible_truncation)] // a byte of it at a time
    pub(super) const fn uint(&mut self, number: u64) {
        if number < 0x80 {
            self.byte(number as u8);
            return;
        }
        let mut left = 8 - number.leading_zeros() / 8;
        self.byte((left as u8).wrapping_neg());
        while left > 0 {
            left -= 1;
            self.byte((number >> (left * 8)) as u8);
        }
    }

    pub(super) const fn int(&mut self, number: i64) {
        self.uint(unsigned(number));
    }

    /// Writes the next field of a struct, with a number as its value.
    pub(super) const fn field(&mut self, number: i64) {
        self.byte(1);
        self.int(number);
    }

    #[allow(clippy::cast_possible_truncation)] // a digit at a time
    pub(super) const fn decimal(&mut self, number: u32) {
        if number >= 10 {
            self.decimal(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    pub(super) const fn head<const M: usize>(&self) -> [u8; M] {
        let mut head = [0; M];
        let mut index = 0;
        while index < self.size {
            head[index] = self.memory[index];
            index += 1;
        }
        head
    }
}
