//! The waiting calls of a client, shared by its handles and its task.

use super::topics::Topics;
use crate::client::{CallError, Cause};
use bellwire::Expected;
use slab::Slab;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::time::Instant;

/// The result of a call: the payload of its reply.
pub(super) type Outcome = Result<Vec<u8>, CallError>;

/// The state that the handles and the task of a client share.
#[derive(Debug)]
pub(super) struct Shared {
    calls: Mutex<Calls>,
    /// The most calls that wait at a time.
    pub(super) max_waiting: usize,
    /// The most bytes in the queue.
    pub(super) max_queued: usize,
}

/// The waiting calls, oldest first: first those in `sent`, then those in `queued`.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The requests that the task has not taken.
    pub(super) queued: VecDeque<Request>,
    /// Their bytes.
    pub(super) bytes: Vec<u8>,
    /// The requests that the task has taken, until they are answered.
    pub(super) sent: VecDeque<Request>,
    slots: Slab<Slot>,
    /// The topics of the subscriptions.
    pub(super) topics: Topics,
    /// The call of `finish`.
    pub(super) finish: Option<usize>,
    /// Whether a conversation ended before the first byte of a due reply.
    pub(super) cut: bool,
    /// Set when the task is to end.
    pub(super) released: bool,
    /// Why the client takes no more calls.
    pub(super) over: Option<Cause>,
    /// The task, if it is to be woken.
    task: Option<Waker>,
}

/// The receiver of the outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The call in this slot.
    Call(usize),
    /// This topic.
    Topic(usize),
    /// Nobody: a request without reply that was written.
    Nobody,
}

impl Owner {
    pub(super) fn is_topic(self) -> bool {
        matches!(self, Self::Topic(_))
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) owner: Owner,
    pub(super) name: &'static str,
    /// `None` if the command has no reply.
    pub(super) expected: Option<Expected>,
    /// The length in bytes.
    pub(super) size: usize,
    /// `None` for a call that waits forever.
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug)]
enum Slot {
    Waiting(Option<Waker>),
    Done(Outcome),
    /// The call was dropped.
    Abandoned,
}

impl Shared {
    pub(super) fn new(max_waiting: usize, max_queued: usize) -> Self {
        Self {
            calls: Mutex::default(),
            max_waiting,
            max_queued,
        }
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a request, which `bytes` holds, and returns the future of its outcome.
    pub(super) fn queue(
        self: &Arc<Self>,
        mut request: Request,
        bytes: &[u8],
    ) -> Result<Waiting<'_>, CallError> {
        let mut calls = self.calls();
        if let Some(cause) = &calls.over {
            return Err(CallError::NotSent(cause.clone()));
        }
        let full = !calls.bytes.is_empty() && calls.bytes.len() + bytes.len() > self.max_queued;
        if full || calls.slots.len() >= self.max_waiting {
            return Err(CallError::NotSent(Cause::Busy));
        }
        let slot = calls.slots.insert(Slot::Waiting(None));
        request.owner = Owner::Call(slot);
        calls.queued.push_back(request);
        calls.bytes.extend_from_slice(bytes);
        calls.wake_task();
        drop(calls);
        Ok(Waiting { shared: self, slot })
    }

    /// Begins the end of the conversation, and returns the future of its outcome.
    pub(super) fn finish(self: &Arc<Self>) -> Waiting<'_> {
        let mut calls = self.calls();
        let slot = calls.slots.insert(Slot::Waiting(None));
        if let Some(cause) = calls.over.clone() {
            calls.complete(slot, Err(CallError::NotSent(cause)));
        } else if let Some(earlier) = calls.finish.replace(slot) {
            calls.complete(earlier, Err(CallError::MayHaveRun(Cause::Closed)));
        }
        calls.wake_task();
        drop(calls);
        Waiting { shared: self, slot }
    }

    /// Has the task end, because no handle is left, or because of `cause`. Then no call is accepted any more.
    pub(super) fn end(&self, cause: Option<Cause>) {
        let mut calls = self.calls();
        calls.over = calls.over.take().or(cause);
        calls.released = true;
        calls.wake_task();
    }

    /// Refuses all calls from now on. The queued ones fail. Call it only when no conversation is left.
    pub(super) fn close(&self, cause: &Cause) {
        let mut calls = self.calls();
        let cause = calls.over.get_or_insert_with(|| cause.clone()).clone();
        calls.fail_queued(&cause);
        calls.topics.end(&CallError::NotSent(cause.clone()));
        if let Some(slot) = calls.finish.take() {
            calls.complete(slot, Err(CallError::MayHaveRun(cause)));
        }
    }
}

impl Calls {
    /// Returns whether there is only one call, so that no other can be about to join it.
    pub(super) fn is_single(&self) -> bool {
        self.slots.len() == 1
    }

    /// Sets the waker of the task, which sleeps until there is something to do.
    pub(super) fn sleep(&mut self, waker: &Waker) {
        match &mut self.task {
            Some(task) => task.clone_from(waker),
            None => self.task = Some(waker.clone()),
        }
    }

    /// Keeps new calls from waking the task, because it runs.
    pub(super) fn awake(&mut self) {
        self.task = None;
    }

    pub(super) fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Completes the call of `request`, if its caller still waits, or tells the topic.
    pub(super) fn answer(&mut self, request: &Request, outcome: Outcome) {
        match request.owner {
            Owner::Call(slot) => self.complete(slot, outcome),
            Owner::Topic(topic) => self.topics.answer(topic, outcome.map(drop)),
            Owner::Nobody => {}
        }
    }

    /// Completes the call in `slot`.
    pub(super) fn complete(&mut self, slot: usize, outcome: Outcome) {
        match self.slots.get_mut(slot) {
            Some(Slot::Abandoned) => drop(self.slots.remove(slot)),
            Some(waiting) => {
                if let Slot::Waiting(Some(waker)) = std::mem::replace(waiting, Slot::Done(outcome))
                {
                    waker.wake();
                }
            }
            None => {}
        }
    }

    /// Fails the requests that the task has not taken.
    pub(super) fn fail_queued(&mut self, cause: &Cause) {
        self.bytes.clear();
        for request in std::mem::take(&mut self.queued) {
            self.answer(&request, Err(CallError::NotSent(cause.clone())));
        }
    }

    /// Fails the queued requests whose time is over. Returns the next deadline.
    pub(super) fn expire_queued(&mut self, now: Instant, cause: &Cause) -> Option<Instant> {
        let late = |request: &Request| request.deadline.is_some_and(|deadline| deadline <= now);
        if self.queued.iter().any(late) {
            let bytes = std::mem::take(&mut self.bytes);
            let mut rest = &bytes[..];
            for request in std::mem::take(&mut self.queued) {
                let (own, others) = rest.split_at(request.size);
                rest = others;
                if late(&request) {
                    self.answer(&request, Err(CallError::NotSent(cause.clone())));
                } else {
                    self.bytes.extend_from_slice(own);
                    self.queued.push_back(request);
                }
            }
        }
        let deadlines = self.queued.iter().filter_map(|request| request.deadline);
        deadlines.min()
    }

    /// Removes a queued request and its bytes.
    fn unqueue(&mut self, index: usize) -> Option<Request> {
        let start: usize = self.queued.iter().take(index).map(|other| other.size).sum();
        let request = self.queued.remove(index)?;
        self.bytes.drain(start..start + request.size);
        Some(request)
    }

    /// Gives up the call in `slot`. A request that the task has not taken is never sent.
    fn abandon(&mut self, slot: usize) {
        let queued = self
            .queued
            .iter()
            .rposition(|request| request.owner == Owner::Call(slot));
        let over = matches!(self.slots.get(slot), Some(Slot::Done(_)));
        if let Some(index) = queued {
            self.unqueue(index);
        } else if !over && self.finish != Some(slot) {
            self.slots[slot] = Slot::Abandoned;
            return;
        }
        if self.finish == Some(slot) {
            self.finish = None;
        }
        self.slots.remove(slot);
    }
}

/// Waits for the outcome of a call. Dropping it gives up the call.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    slot: usize,
}

/// The slot of a call whose outcome was taken.
const TAKEN: usize = usize::MAX;

impl Future for Waiting<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let shared = self.shared;
        let mut calls = shared.calls();
        match calls.slots.get_mut(self.slot) {
            Some(Slot::Waiting(Some(waker))) => waker.clone_from(context.waker()),
            Some(Slot::Waiting(waker)) => *waker = Some(context.waker().clone()),
            _ => {
                let done = calls.slots.try_remove(self.slot);
                self.slot = TAKEN;
                return Poll::Ready(match done {
                    Some(Slot::Done(outcome)) => outcome,
                    _ => Err(CallError::MayHaveRun(Cause::Closed)),
                });
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.slot != TAKEN {
            self.shared.calls().abandon(self.slot);
        }
    }
}
