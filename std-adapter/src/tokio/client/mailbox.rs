//! The events on their way from the client's task to a subscription.

use crate::client::{CallError, Event, Inbox, Push, RawEvent};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A queue of events. The task fills it, and one subscription empties it.
#[derive(Debug)]
pub(super) struct Mailbox(Mutex<Contents>);

#[derive(Debug)]
struct Contents {
    inbox: Inbox,
    /// Whether the server has confirmed the subscription.
    joined: bool,
    /// Whether the last event is in the inbox or was taken.
    over: bool,
    /// The subscription, if it waits.
    waker: Option<Waker>,
}

impl Contents {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Mailbox {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self(Mutex::new(Contents {
            inbox,
            joined: false,
            over: false,
            waker: None,
        }))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the server's confirmation. A further one comes after a reconnect, so it adds a gap.
    pub(super) fn join(&self, topic: &'static str) {
        let mut contents = self.contents();
        if std::mem::replace(&mut contents.joined, true) {
            contents.inbox.push(topic, Event::Gap);
        }
        contents.wake();
    }

    /// Adds an event. Before the confirmation it belongs to an earlier subscription, and is discarded.
    pub(super) fn deliver(&self, topic: &'static str, event: RawEvent) {
        let mut contents = self.contents();
        if contents.joined {
            contents.inbox.push(topic, event);
            contents.wake();
        }
    }

    /// Ends the subscription with `error`.
    pub(super) fn end(&self, topic: &'static str, error: CallError) {
        let mut contents = self.contents();
        contents.over = true;
        contents.inbox.end(topic, error);
        contents.wake();
    }

    /// Waits for the server's confirmation.
    pub(super) fn poll_joined(&self, context: &Context<'_>) -> Poll<Result<(), CallError>> {
        let mut contents = self.contents();
        if contents.joined {
            return Poll::Ready(Ok(()));
        }
        match contents.inbox.pop() {
            Some(Push {
                event: Err(error), ..
            }) => Poll::Ready(Err(error)),
            _ => contents.wait(context),
        }
    }

    /// Waits for the next event. Returns `None` after the last one.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Push>> {
        let mut contents = self.contents();
        match contents.inbox.pop() {
            Some(push) => Poll::Ready(Some(push)),
            None if contents.over => Poll::Ready(None),
            None => contents.wait(context),
        }
    }
}
