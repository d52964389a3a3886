//! Waiting for sockets, a point in time and other threads with one poll.

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::event::{EventfdFlags, eventfd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::io::{Read, Write};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::OwnedFd;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest single wait, because some systems accept at most 24 days. Callers wait in a loop.
const LONGEST: Duration = Duration::from_hours(24);

/// Waits until one of `sockets` is ready or `until` has come. May return early.
pub(crate) fn wait(sockets: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<()> {
    let left = until.map_or(LONGEST, |until| {
        until.saturating_duration_since(Instant::now()).min(LONGEST)
    });
    let left = Timespec::try_from(left).map_err(io::Error::other)?;
    match poll(sockets, Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends another thread's [`wait`]. Holds one file descriptor on Linux and Android, and two elsewhere.
#[derive(Debug)]
pub(crate) struct Waker {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    event: OwnedFd,
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    ends: [UnixStream; 2],
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { event })
    }

    /// Ends all current and later waits for it, until it is [reset](Self::reset).
    pub(crate) fn wake(&self) {
        // Fails if the count is at its maximum; then it already wakes every wait.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Discards earlier wakes. They no longer end waits.
    pub(crate) fn reset(&self) {
        // Fails if there are none.
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
    }

    /// Returns the descriptor to pass to [`wait`].
    pub(crate) fn poll(&self) -> PollFd<'_> {
        PollFd::new(&self.event, PollFlags::IN)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { ends: [near, far] })
    }

    /// Ends all current and later waits for it, until it is [reset](Self::reset).
    pub(crate) fn wake(&self) {
        // Fails if the buffer is full; then it already wakes every wait.
        let _ = (&self.ends[0]).write(&[0]);
    }

    /// Discards earlier wakes. They no longer end waits.
    pub(crate) fn reset(&self) {
        let mut dropped = [0; 64];
        while matches!((&self.ends[1]).read(&mut dropped), Ok(1..)) {}
    }

    /// Returns the descriptor to pass to [`wait`].
    pub(crate) fn poll(&self) -> PollFd<'_> {
        PollFd::new(&self.ends[1], PollFlags::IN)
    }
}

impl std::task::Wake for Waker {
    fn wake(self: Arc<Self>) {
        Waker::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Waker::wake(self);
    }
}

/// Returns `from` plus `time`. Saturates; `Duration::MAX` never expires.
pub(crate) fn after(from: Instant, time: Duration) -> Instant {
    /// Thirty years. Some systems cannot represent 100 years, and none tells its limit.
    const NEVER: Duration = Duration::from_hours(30 * 365 * 24);
    from + time.min(NEVER)
}

/// Returns the error of a call that ended at its deadline.
pub(crate) fn deadline_passed() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the deadline has passed")
}

/// Returns whether `deadline` has come.
pub(crate) fn has_passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

#[cfg(test)]
mod tests {
    use super::{Waker, has_passed, wait};
    use std::time::{Duration, Instant};

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn a_wait_lasts_until_its_deadline() {
        let until = soon();
        wait(&mut [], Some(until)).unwrap();
        assert!(has_passed(Some(until)));
    }

    #[test]
    fn a_waker_ends_every_wait_until_it_is_reset() {
        let waker = Waker::new().unwrap();
        for _ in 0..1000 {
            waker.wake();
        }
        for until in [None, Some(Instant::now() + Duration::from_hours(1))] {
            wait(&mut [waker.poll()], until).unwrap();
        }
        waker.reset();
        let until = soon();
        wait(&mut [waker.poll()], Some(until)).unwrap();
        assert!(has_passed(Some(until)));
    }
}
