//! Who is connected, and whether they are to end.

use crate::Address;
use crate::addresses::{Addresses, Counted};
use crate::limits::SURPLUS;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The connections of a server: how many there are, and whether they are to end.
#[derive(Debug)]
pub(super) struct Crowd {
    served: AtomicUsize,
    /// Those beyond the limit, which are told that the server is busy.
    surplus: AtomicUsize,
    /// What is told of it to the recorder of the `metrics` crate.
    accepted: Counter,
    open: Gauge,
    stopping: AtomicBool,
    stop: Notify,
    /// Rings when the last one leaves.
    left: Notify,
}

/// A connection's place in the crowd, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Member {
    /// Whether it is beyond the limit.
    pub(super) surplus: bool,
    counted: Counted,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(super) fn new() -> Self {
        describe_counter!("bellwire_connections_total", "Connections accepted.");
        describe_gauge!("bellwire_connections", "Connections open.");
        Self {
            served: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
            accepted: counter!("bellwire_connections_total"),
            open: gauge!("bellwire_connections"),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            left: Notify::new(),
        }
    }

    /// A place for one more where `limit` are served, if only to be told that the server is busy;
    /// or none, when even those who are told so have become too many.
    pub(super) fn join(self: &Arc<Self>, limit: usize) -> Option<Member> {
        let surplus = !enter(&self.served, limit);
        if surplus && !enter(&self.surplus, SURPLUS) {
            return None;
        }
        self.accepted.increment(1);
        self.open.increment(1);
        Some(Member {
            surplus,
            counted: Counted::default(),
            crowd: Arc::clone(self),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.served.load(Ordering::SeqCst) + self.surplus.load(Ordering::SeqCst)
    }

    /// Has all end, and lets nobody else begin.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stop.notify_waiters();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Rings when [`stop`](Self::stop) is called from now on; what was before, [`is_stopping`](
    /// Self::is_stopping) says.
    pub(super) fn stop_rings(&self) -> Notified<'_> {
        self.stop.notified()
    }

    pub(super) async fn stopped(&self) {
        let rings = self.stop_rings();
        if !self.is_stopping() {
            rings.await;
        }
    }

    /// Waits until all have left.
    pub(super) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            if self.len() == 0 {
                return;
            }
            left.await;
        }
    }
}

fn enter(count: &AtomicUsize, limit: usize) -> bool {
    let one_more = |count| (count < limit).then_some(count + 1);
    let entered = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
    entered.is_ok()
}

impl Member {
    /// Counts it as a connection of this peer. One that is more than the peer may have gives its place
    /// to others, and returns whether it may at least be told that the server is busy.
    pub(super) fn count(&mut self, addresses: &Addresses, peer: &Address) -> bool {
        if self.surplus {
            return true;
        }
        if let Some(counted) = addresses.count(peer) {
            self.counted = counted;
            return true;
        }
        let told = enter(&self.crowd.surplus, SURPLUS);
        if told {
            self.crowd.served.fetch_sub(1, Ordering::SeqCst);
            self.surplus = true;
        }
        told
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let count = if self.surplus {
            &self.crowd.surplus
        } else {
            &self.crowd.served
        };
        count.fetch_sub(1, Ordering::SeqCst);
        self.crowd.open.decrement(1);
        if self.crowd.len() == 0 {
            self.crowd.left.notify_waiters();
        }
    }
}
