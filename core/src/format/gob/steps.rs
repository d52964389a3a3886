//! Counts the steps of reading, only in tests and fuzz targets. They check a limit for each byte.

/// Counts a step: a number or name taken from the input, or a look at one type, field or name.
#[inline]
pub(super) fn step() {
    #[cfg(any(test, fuzzing))]
    counted::STEPS.set(counted::STEPS.get() + 1);
}

/// Returns the steps since the last call on this thread.
#[cfg(any(test, fuzzing))]
#[must_use]
pub fn take_steps() -> usize {
    counted::STEPS.take()
}

#[cfg(any(test, fuzzing))]
mod counted {
    extern crate std;

    std::thread_local! {
        pub(super) static STEPS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
    }
}

#[cfg(test)]
mod tests;
