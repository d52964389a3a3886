//! Handlers that await, on the thread of their connection.

use crate::dispatch::{Dispatch, guard};
use crate::endpoint::{Outcome, ReplyFuture};
use crate::hangup::{LOOK, is_gone};
use crate::wait::after;
use bellwire::schema::HelpEntry;
use bellwire::{ErrorKind, Reply, ReplySent, RequestError, Route, Service};
use socket2::Socket;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A [`Dispatch`] that blocks its thread until a handler has answered.
pub(super) struct Blocking<'a, App> {
    pub(super) dispatch: Dispatch<'a, App>,
    pub(super) socket: Arc<Socket>,
    pub(super) answer_timeout: Duration,
}

impl<App: 'static> Service for Blocking<'_, App> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        self.dispatch.find(name)
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        let Self {
            dispatch,
            socket,
            answer_timeout,
        } = self;
        dispatch.count(index, 1);
        let context = &mut Context::from_waker(Waker::noop());
        guard(
            || match dispatch.start(index, payload, reply, context, || false) {
                Outcome::Answered(answered) => answered,
                Outcome::Pending(future, reply) => wait(future, reply, socket, *answer_timeout),
            },
        )
    }

    fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        self.dispatch.listed(index)
    }

    fn listed_topic(&self, index: usize) -> Option<HelpEntry<'_>> {
        self.dispatch.listed_topic(index)
    }

    fn rejected(&mut self, rejection: &RequestError) {
        self.dispatch.rejected(rejection);
    }
}

/// Waits for the future. Drops it if the client is gone or the time is over.
fn wait(mut future: ReplyFuture, reply: Reply<'_>, socket: &Socket, limit: Duration) -> ReplySent {
    let waker = Arc::new(Unpark(thread::current())).into();
    let context = &mut Context::from_waker(&waker);
    let deadline = after(Instant::now(), limit);
    loop {
        if let Poll::Ready(finish) = future.as_mut().poll(context) {
            return finish(reply);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || is_gone(socket) {
            return reply.fail(ErrorKind::TimedOut);
        }
        thread::park_timeout(left.min(LOOK));
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
