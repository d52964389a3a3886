//! Stopping a server.

use crate::wait::Waker;
use rustix::event::PollFd;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "tokio")]
use tokio::sync::{Notify, futures::Notified};

/// Stops a running server, from any thread or task. A clone stops the same server.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(pub(crate) Arc<StopSignal>);

impl ShutdownHandle {
    /// Stops accepting at once. `run` returns after the requests that have arrived are answered and
    /// the clients have received the replies, at the latest after
    /// [`stop_timeout`](crate::ServerLimits::stop_timeout). Then
    /// [`Server`](crate::Server) closes the remaining connections; those of
    /// [`tokio::Server`](crate::tokio::Server) go on until the runtime ends.
    ///
    /// A server that is stopped before it runs accepts nothing.
    pub fn stop(&self) {
        self.0.give();
    }
}

/// Tells the threads and tasks of a listener to stop. It is given once.
#[derive(Debug)]
pub(crate) struct StopSignal {
    given: AtomicBool,
    threads: Waker,
    #[cfg(feature = "tokio")]
    tasks: Notify,
}

impl StopSignal {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            given: AtomicBool::new(false),
            threads: Waker::new()?,
            #[cfg(feature = "tokio")]
            tasks: Notify::new(),
        })
    }

    pub(crate) fn give(&self) {
        if !self.given.swap(true, Ordering::SeqCst) {
            self.threads.wake();
            #[cfg(feature = "tokio")]
            self.tasks.notify_waiters();
        }
    }

    pub(crate) fn is_given(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    /// Returns a descriptor to poll. It is readable once the signal is given.
    pub(crate) fn poll(&self) -> PollFd<'_> {
        self.threads.poll()
    }

    /// Returns a notification of a later [`give`](Self::give). For an earlier one, check
    /// [`is_given`](Self::is_given).
    #[cfg(feature = "tokio")]
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.tasks.notified()
    }

    /// Waits until the signal is given.
    #[cfg(feature = "tokio")]
    pub(crate) async fn given(&self) {
        let notified = self.notified();
        if !self.is_given() {
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StopSignal;
    use crate::wait::wait;

    #[test]
    fn a_stop_ends_current_and_later_waits_of_threads() {
        let stop = StopSignal::new().unwrap();
        assert!(!stop.is_given());
        std::thread::scope(|scope| {
            scope.spawn(|| wait(&mut [stop.poll()], None).unwrap());
            stop.give();
        });
        assert!(stop.is_given());
        wait(&mut [stop.poll()], None).unwrap();
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_stop_ends_current_and_later_waits_of_tasks() {
        use crate::connections::tests::is_ready;
        use std::pin::pin;

        let stop = StopSignal::new().unwrap();
        let (mut notified, mut given) = (pin!(stop.notified()), pin!(stop.given()));
        assert!(!is_ready(notified.as_mut()) && !is_ready(given.as_mut()));
        stop.give();
        assert!(is_ready(notified) && is_ready(given) && is_ready(stop.given()));
    }
}
