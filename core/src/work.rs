//! Counts the bytes searched or moved, only in tests.

extern crate std;

use std::cell::Cell;

std::thread_local! {
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Counts bytes that are searched or moved.
pub(crate) fn count(bytes: usize) {
    WORK.set(WORK.get() + bytes);
}

/// Returns the result of `act`, and the bytes searched or moved during it.
#[cfg(feature = "postcard")]
fn work<T>(act: impl FnOnce() -> T) -> (T, usize) {
    WORK.set(0);
    let value = act();
    (value, WORK.get())
}

#[cfg(feature = "postcard")]
mod tests;
