//! The task of an async client: one conversation after the other.

use super::builder::Listener;
use super::calls::Shared;
use super::connect::Io;
use super::conversation::Conversation;
use crate::client::{CallError, Cause, LONGEST, Options, Target, pause};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The task of a client. When it ends, also with its runtime, all calls fail.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) options: Options,
    pub(super) listener: Option<Listener>,
    /// `None` for a stream that cannot be opened again.
    pub(super) target: Option<Target>,
}

impl Drop for Task {
    fn drop(&mut self) {
        // The runtime may have ended during a conversation.
        self.suspect();
        self.shared.close(&Cause::Closed);
    }
}

impl Task {
    /// Runs until the last handle is dropped, or the client is finished, or its stream cannot be opened again.
    pub(super) async fn run(self, stream: Box<dyn Io>) {
        let mut next = Some(stream);
        let mut failures = 0;
        while let Some(stream) = next.take() {
            let opened = Instant::now();
            let mut conversation = Conversation::new(&self.shared, stream, self.options);
            let cause = poll_fn(|context| conversation.poll(context)).await;
            if conversation.has_answered() || opened.elapsed() > LONGEST {
                failures = 0;
            }
            drop(conversation);
            self.suspect();
            let Some(cause) = cause else {
                return; // released, or finished
            };
            self.tell(&cause);
            let Some(target) = &self.target else {
                return self.shared.close(&cause);
            };
            next = self.reconnect(target, &mut failures, cause).await;
        }
    }

    /// Notes for a serial port that the last conversation ended while a reply was due.
    fn suspect(&self) {
        let was_cut = std::mem::take(&mut self.shared.calls().cut);
        if let Some(target) = &self.target
            && was_cut
        {
            target.suspect();
        }
    }

    fn tell(&self, cause: &Cause) {
        if let Some(listener) = &self.listener {
            listener(cause);
        }
    }

    /// Waits for a call or a subscription and connects for it. Returns `None` if no handle is left or the client is
    /// finished.
    async fn reconnect(
        &self,
        target: &Target,
        failures: &mut u32,
        mut last: Cause,
    ) -> Option<Box<dyn Io>> {
        let mut queue = Queue::new(&self.shared);
        loop {
            if !poll_fn(|context| queue.poll_needed(context, &last)).await {
                return None;
            }
            let pause = pause(*failures);
            let attempt = async {
                sleep(pause).await;
                target.open_async().await
            };
            let opened = queue.expire_during(attempt, &last).await?;
            // A server that accepts and closes at once is a failure, too, until it answers a call.
            *failures = failures.saturating_add(1);
            match opened {
                Ok(stream) => return Some(stream),
                Err(error) => {
                    last = Cause::Transport(Arc::new(error));
                    self.shared.calls().topics.disconnected(&last);
                    self.tell(&last);
                }
            }
        }
    }
}

/// The queued calls while there is no connection.
struct Queue<'a> {
    shared: &'a Shared,
    alarm: Pin<Box<Sleep>>,
}

impl<'a> Queue<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            alarm: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Waits until a connection is needed. Returns false if no handle is left or the client is finished.
    fn poll_needed(&mut self, context: &mut Context<'_>, cause: &Cause) -> Poll<bool> {
        if self.poll_over(context, cause).is_ready() {
            return Poll::Ready(false);
        }
        let calls = self.shared.calls();
        if calls.queued.is_empty() && !calls.topics.is_wanted() {
            Poll::Pending
        } else {
            Poll::Ready(true)
        }
    }

    /// Runs `attempt`. Meanwhile it fails the calls whose time is over, with `cause`. Returns `None` if no
    /// handle is left or the client is finished.
    async fn expire_during<T>(
        &mut self,
        attempt: impl Future<Output = io::Result<T>>,
        cause: &Cause,
    ) -> Option<io::Result<T>> {
        let mut attempt = pin!(attempt);
        poll_fn(|context| {
            if self.poll_over(context, cause).is_ready() {
                return Poll::Ready(None);
            }
            attempt.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Fails the calls whose time is over. Is ready when no handle is left or the client is finished.
    fn poll_over(&mut self, context: &mut Context<'_>, cause: &Cause) -> Poll<()> {
        loop {
            let mut calls = self.shared.calls();
            let next = calls.expire_queued(Instant::now(), cause);
            if let Some(slot) = calls.finish.take() {
                // There is no conversation to end, and nothing more is sent.
                calls.fail_queued(&Cause::Closed);
                let outcome = match cause {
                    Cause::Remote(error) => Err(CallError::Remote(error.clone())),
                    _ => Ok(Vec::new()),
                };
                calls.complete(slot, outcome);
                return Poll::Ready(());
            }
            if calls.released {
                return Poll::Ready(());
            }
            calls.sleep(context.waker());
            drop(calls);
            let Some(next) = next else {
                return Poll::Pending;
            };
            self.alarm.as_mut().reset(next);
            if self.alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
