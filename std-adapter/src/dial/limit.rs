//! The limit of a dial: a point in time, or a cancellation by another thread.

use crate::wait::{Waker, has_passed, wait};
use rustix::event::PollFd;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Cancels dials from another thread: the part of Go's `context.Context` that dialing needs.
///
/// A clone is another handle to the same cancellation, which cannot be undone. It holds two file
/// descriptors.
///
/// ```
/// use bellwire_std::{Cancel, Dialer, Network};
/// use std::io::ErrorKind;
///
/// let cancel = Cancel::new()?;
/// let dialer = Dialer::new().cancelled_by(&cancel);
/// cancel.cancel(); // usually in another thread
/// let error = dialer.dial(Network::Tcp, "localhost:61000").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cancelled: AtomicBool,
    waker: Waker,
}

impl Cancel {
    /// Creates a `Cancel` that is not yet cancelled.
    ///
    /// # Errors
    /// Any error of the operating system, such as a lack of file descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            cancelled: AtomicBool::new(false),
            waker: Waker::new()?,
        })))
    }

    /// Makes all current and later dials that watch it fail.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }
}

/// The limit of one dial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<'a> {
    pub(crate) until: Option<Instant>,
    pub(crate) cancel: Option<&'a Cancel>,
}

impl<'a> Limit<'a> {
    /// Fails if the dial is cancelled or its time is over.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            let what = "the dial was cancelled";
            return Err(io::Error::new(ErrorKind::ConnectionAborted, what));
        }
        if has_passed(self.until) {
            return Err(no_answer());
        }
        Ok(())
    }

    /// Waits until one of `sockets` is ready, `turn` has come, or the dial is over.
    pub(crate) fn wait(
        &self,
        mut sockets: Vec<PollFd<'a>>,
        turn: Option<Instant>,
    ) -> io::Result<()> {
        sockets.extend(self.cancel.map(|cancel| cancel.0.waker.poll()));
        let first = turn.into_iter().chain(self.until).min();
        wait(&mut sockets, first)
    }
}

/// Returns the error of an address that did not answer in time.
pub(super) fn no_answer() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use super::{Cancel, Limit};
    use crate::wait::has_passed;
    use std::time::{Duration, Instant};

    /// A dial that did not wait here would have the same result, but keep a processor busy.
    #[test]
    fn a_wait_lasts_until_the_turn_or_the_dial_is_over() {
        let (soon, late) = (Duration::from_millis(50), Duration::from_hours(1));
        for (turn, until) in [(soon, late), (late, soon)] {
            let begin = Instant::now();
            let limit = Limit {
                until: Some(begin + until),
                cancel: None,
            };
            limit.wait(Vec::new(), Some(begin + turn)).unwrap();
            assert!(has_passed(Some(begin + soon)));
        }
    }

    #[test]
    fn a_wait_ends_when_the_dial_is_cancelled() {
        let cancel = Cancel::new().unwrap();
        cancel.cancel();
        let limit = Limit {
            until: None,
            cancel: Some(&cancel),
        };
        limit.wait(Vec::new(), None).unwrap();
    }
}
