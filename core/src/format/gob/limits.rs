//! The limits of a stream.

/// The most types that a stream may define.
///
/// [`Gob`](super::Gob) can set a lower limit.
pub const MAX_TYPES: usize = 32;

/// The most fields that the structs of a stream may have in all.
pub const MAX_FIELDS: u32 = 256;

/// The most bytes of a message, the same as for Go on 32-bit machines.
pub const MAX_MESSAGE: u64 = (1 << 30) - 1;
