//! How bytes are cut on their way.

/// Sizes of pieces, from 1 byte up, that follow one another over and over.
#[derive(Debug, Clone, Copy)]
pub struct Cuts<'a> {
    sizes: &'a [u8],
    next: usize,
}

impl<'a> Cuts<'a> {
    /// Pieces of one more than these bytes say; of any size where there are none.
    pub const fn new(sizes: &'a [u8]) -> Self {
        Self { sizes, next: 0 }
    }

    /// All in one piece.
    pub const NONE: Self = Self::new(&[]);

    /// The size of the next piece, at most `available`.
    pub fn next(&mut self, available: usize) -> usize {
        if self.sizes.is_empty() {
            return available;
        }
        let size = usize::from(self.sizes[self.next]) + 1;
        self.next = (self.next + 1) % self.sizes.len();
        size.min(available)
    }

    /// `bytes` in pieces.
    pub fn of(mut self, mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        core::iter::from_fn(move || {
            let (piece, rest) = bytes.split_at(self.next(bytes.len()));
            bytes = rest;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
