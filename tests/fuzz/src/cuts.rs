//! Splits bytes into pieces.

/// The sizes of pieces, each at least 1 byte. The sequence repeats.
#[derive(Debug, Clone, Copy)]
pub struct Cuts<'a> {
    sizes: &'a [u8],
    next: usize,
}

impl<'a> Cuts<'a> {
    /// Returns sizes of one more than each byte of `sizes`. Without any, the whole rest is one piece.
    pub const fn new(sizes: &'a [u8]) -> Self {
        Self { sizes, next: 0 }
    }

    /// Everything in one piece.
    pub const NONE: Self = Self::new(&[]);

    /// Returns the size of the next piece, at most `available`.
    pub fn next(&mut self, available: usize) -> usize {
        if self.sizes.is_empty() {
            return available;
        }
        let size = usize::from(self.sizes[self.next]) + 1;
        self.next = (self.next + 1) % self.sizes.len();
        size.min(available)
    }

    /// Splits `bytes` into pieces.
    pub fn of(mut self, mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        core::iter::from_fn(move || {
            let (piece, rest) = bytes.split_at(self.next(bytes.len()));
            bytes = rest;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
