//! Finding and running the commands of an endpoint for one connection.

#[cfg(feature = "tokio")]
use crate::endpoint::ReplyFuture;
use crate::endpoint::{Commands, Outcome, Run};
use crate::metrics::count_error;
use crate::rate::limited;
use crate::{Address, Endpoint};
use bellwire::schema::HelpEntry;
use bellwire::{ErrorKind, Reply, ReplySent, RequestError, Route, Service};
#[cfg(feature = "tokio")]
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::task::Poll;
use std::task::{Context, Waker};

/// An endpoint as one connection uses it.
pub(crate) struct Dispatch<'a, App> {
    /// A snapshot, so that finding and running a command takes no lock.
    commands: Arc<Commands<App>>,
    app: App,
    pub(crate) peer: &'a Address,
}

impl<'a, App: 'static> Dispatch<'a, App> {
    pub(crate) fn new(endpoint: &Endpoint<App>, app: App, peer: &'a Address) -> Self {
        Self {
            commands: endpoint.commands(),
            app,
            peer,
        }
    }

    /// Replaces the snapshot if commands were added.
    pub(crate) fn refresh(&mut self, endpoint: &Endpoint<App>) {
        if !endpoint.is_current(&self.commands) {
            self.commands = endpoint.commands();
        }
    }

    /// Counts requests for the command with this index.
    pub(crate) fn count(&self, index: usize, requests: u64) {
        self.commands.count(index, requests);
    }

    /// Runs the handler of a request. If the handler returns a future, polls it once if `may_poll` allows it.
    /// The caller must catch a panic of the handler or of the future.
    pub(crate) fn start<'r>(
        &mut self,
        index: usize,
        payload: &[u8],
        reply: Reply<'r>,
        context: &mut Context<'_>,
        may_poll: impl FnOnce() -> bool,
    ) -> Outcome<'r> {
        let Self { commands, app, .. } = self;
        match commands.handler(index) {
            Run::Now(run) => Outcome::Answered(run(app, payload, reply)),
            Run::Async(start) => start(app, payload, reply, may_poll().then_some(context)),
        }
    }
}

impl<App: 'static> Service for Dispatch<'_, App> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        self.commands.find(name)
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        self.count(index, 1);
        let context = &mut Context::from_waker(Waker::noop());
        guard(
            || match self.start(index, payload, reply, context, || false) {
                Outcome::Answered(answered) => answered,
                // A server that has handlers that await polls them by `start`.
                Outcome::Pending(_, reply) => reply.fail(ErrorKind::Unanswered),
            },
        )
    }

    fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        self.commands.listed(index)
    }

    fn listed_topic(&self, index: usize) -> Option<HelpEntry<'_>> {
        self.commands.listed_topic(index)
    }

    fn rejected(&mut self, rejection: &RequestError) {
        count_error(rejection.kind.code().as_str());
        let end = if rejection.fatal {
            "; the conversation ends"
        } else {
            ""
        };
        limited!(warn, "{}: {rejection}{end}", self.peer);
        let Self { commands, app, .. } = self;
        // A panic of the listener must not end the conversation.
        let _ = catch_unwind(AssertUnwindSafe(|| commands.rejected(app, rejection)));
    }
}

/// Runs a handler. A panic fails the request and ends only this conversation.
pub(crate) fn guard(handle: impl FnOnce() -> ReplySent) -> ReplySent {
    catch_unwind(AssertUnwindSafe(handle)).unwrap_or_else(|_| crashed())
}

/// Guards a future as [`guard`] guards a handler.
#[cfg(feature = "tokio")]
pub(crate) fn guard_future(mut future: ReplyFuture) -> ReplyFuture {
    Box::pin(poll_fn(move |context| {
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        poll.unwrap_or_else(|_| Poll::Ready(Box::new(|_: Reply<'_>| crashed())))
    }))
}

fn crashed() -> ReplySent {
    Reply::new(&mut []).fail(ErrorKind::Crashed)
}
