//! The limit of nesting.

use serde::de::Unexpected;

/// The value of [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH).
pub(crate) const MAX_DEPTH: u8 = 32;

/// Returns the depth inside a container at this depth, or `None` if it exceeds [`MAX_DEPTH`].
///
/// The depth of a whole payload is 0. A format counts each container: a struct, option, sequence, map or variant,
/// and a struct of one unnamed field.
#[cfg(any(feature = "gob", feature = "postcard"))]
pub(super) const fn deeper(depth: u8) -> Option<u8> {
    if depth < MAX_DEPTH {
        Some(depth.wrapping_add(1))
    } else {
        None
    }
}

/// The error value of a type that cannot nest deeper.
pub(crate) const TOO_DEEP: Unexpected<'static> = Unexpected::Other("deeper nesting");
