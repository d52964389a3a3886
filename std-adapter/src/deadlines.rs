//! The deadlines of a connection: those that its handles share, and a server's for more bytes.

use crate::wait::{Waker, deadline_passed, has_passed};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// The deadlines of a connection, and the wakers to wake when they change.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    read: Option<Instant>,
    write: Option<Instant>,
    closed: bool,
    waiting: Vec<Weak<Waker>>,
}

/// The direction that a deadline applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Deadlines {
    pub(crate) fn set_read(&self, deadline: Option<Instant>) {
        self.change(|state| state.read = deadline);
    }

    pub(crate) fn set_write(&self, deadline: Option<Instant>) {
        self.change(|state| state.write = deadline);
    }

    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Returns the deadline for `direction`. Fails if it has passed or the connection is closed.
    pub(crate) fn check(&self, direction: Direction) -> io::Result<Option<Instant>> {
        let state = self.state();
        if state.closed {
            return Err(io::Error::new(
                ErrorKind::NotConnected,
                "this end closed the connection",
            ));
        }
        let deadline = match direction {
            Direction::Read => state.read,
            Direction::Write => state.write,
        };
        drop(state);
        if has_passed(deadline) {
            return Err(deadline_passed());
        }
        Ok(deadline)
    }

    /// Returns a new waker that every later change wakes.
    pub(crate) fn waker(&self) -> io::Result<Arc<Waker>> {
        let waker = Arc::new(Waker::new()?);
        let mut state = self.state();
        state.waiting.retain(|waker| waker.strong_count() > 0);
        state.waiting.push(Arc::downgrade(&waker));
        Ok(waker)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        for waker in state.waiting.iter().filter_map(Weak::upgrade) {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait for more bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// The number of the partial request; see `Session::partial_request`.
    pub(crate) partial_request: Option<u32>,
    pub(crate) deadline: Instant,
}

impl Wait {
    /// Returns the wait of a new connection.
    pub(crate) fn first() -> Self {
        Self {
            partial_request: None,
            deadline: Instant::now(),
        }
    }
}
