//! What ends a dialing early: a point in time, or another thread.

use crate::wait::{Waker, has_passed, wait};
use rustix::event::PollFd;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Ends dialings from another thread: the part of Go's `context.Context` that dialing needs.
///
/// A clone is another handle to the same. Once cancelled, it stays so. It holds two file descriptors.
///
/// ```
/// use bellwire_std::{Cancel, Dialer, Network};
/// use std::io::ErrorKind;
///
/// let cancel = Cancel::new()?;
/// let dialer = Dialer::new().cancelled_by(&cancel);
/// cancel.cancel(); // most often in another thread
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
    /// One that is not yet cancelled.
    ///
    /// # Errors
    /// When no file descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            cancelled: AtomicBool::new(false),
            waker: Waker::new()?,
        })))
    }

    /// Has every dialing that watches it fail, those that wait and those that are yet to come.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }
}

/// How long a dialing may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit<'a> {
    pub(super) until: Option<Instant>,
    pub(super) cancel: Option<&'a Cancel>,
}

impl<'a> Limit<'a> {
    /// Fails once the dialing is over.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            let what = "the dialing was cancelled";
            return Err(io::Error::new(ErrorKind::ConnectionAborted, what));
        }
        if has_passed(self.until) {
            return Err(no_answer());
        }
        Ok(())
    }

    /// Waits for `sockets`, at most until `turn`, and in any case until the dialing is over.
    pub(super) fn wait(
        &self,
        mut sockets: Vec<PollFd<'a>>,
        turn: Option<Instant>,
    ) -> io::Result<()> {
        sockets.extend(self.cancel.map(|cancel| cancel.0.waker.poll()));
        let first = turn.into_iter().chain(self.until).min();
        wait(&mut sockets, first)
    }
}

/// The error of an address for which the time was over.
pub(super) fn no_answer() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use super::{Cancel, Limit};
    use crate::wait::has_passed;
    use std::time::{Duration, Instant};

    /// Cause: a dialing that did not wait here would reach the same end, and keep a processor busy.
    #[test]
    fn a_wait_lasts_until_the_turn_or_the_dialing_is_over() {
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
    fn a_wait_ends_when_the_dialing_is_cancelled() {
        let cancel = Cancel::new().unwrap();
        cancel.cancel();
        let limit = Limit {
            until: None,
            cancel: Some(&cancel),
        };
        limit.wait(Vec::new(), None).unwrap();
    }
}
