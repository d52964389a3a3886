//! One topic: its latest pushes, and the connections that wait for more.

use super::latest::Latest;
use crate::metrics::{self, Counter};
use slab::Slab;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// One topic. All its subscribers read the same pushes, each from its own position.
pub(crate) struct Channel {
    pub(super) name: &'static str,
    /// The most pushes that are kept.
    queue: usize,
    /// No `RwLock`: it prefers writers, so publishers in a loop would lock out the subscribers.
    latest: Mutex<Latest>,
    /// The number of the next push. A publisher stores it before it locks `waiting`.
    next: AtomicU64,
    /// Lock it before `latest`.
    waiting: Mutex<Waiting>,
    subscribers: AtomicUsize,
    published: Counter,
    pub(super) delivered: Counter,
    pub(super) lost: Counter,
}

/// The subscribers.
#[derive(Default)]
struct Waiting {
    slots: Slab<Slot>,
    /// The keys of the armed slots.
    armed: Vec<usize>,
}

/// The waker of a subscriber.
#[derive(Default)]
struct Slot {
    waker: Option<Waker>,
    /// Whether the next push wakes it.
    armed: bool,
}

impl Channel {
    pub(super) fn new(name: &'static str, queue: usize) -> Self {
        let [published, delivered, lost] = metrics::topic(name);
        Self {
            name,
            queue: queue.max(1),
            latest: Mutex::default(),
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            subscribers: AtomicUsize::new(0),
            published,
            delivered,
            lost,
        }
    }

    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::SeqCst)
    }

    /// Returns the number of the next push.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// Keeps a push in place of the oldest one, and wakes the subscribers that wait. Returns the number of subscribers.
    pub(super) fn publish(&self, push: &[u8]) -> usize {
        self.published.increment(1);
        let mut latest = self.latest();
        latest.add(push, self.queue);
        self.next.store(latest.next(), Ordering::Release);
        drop(latest);
        let mut waiting = self.waiting();
        let Waiting { slots, armed } = &mut *waiting;
        for key in armed.drain(..) {
            let slot = &mut slots[key];
            slot.armed = false;
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
        slots.len()
    }

    /// Adds a subscriber. Returns its key, and the number of the first push that it gets.
    pub(super) fn subscribe(&self) -> (usize, u64) {
        let mut waiting = self.waiting();
        let key = waiting.slots.insert(Slot::default());
        self.subscribers
            .store(waiting.slots.len(), Ordering::SeqCst);
        (key, self.latest().next())
    }

    /// Removes a subscriber. Returns the number of the first push that it does not get.
    pub(super) fn unsubscribe(&self, key: usize) -> u64 {
        let mut waiting = self.waiting();
        let Waiting { slots, armed } = &mut *waiting;
        if slots.remove(key).armed {
            armed.retain(|other| *other != key);
        }
        self.subscribers.store(slots.len(), Ordering::SeqCst);
        let mut latest = self.latest();
        if slots.is_empty() {
            latest.clear();
        }
        latest.next()
    }

    /// Lets the push with the number `next` wake the subscriber. Returns `false` if there is such a push already.
    pub(super) fn arm(&self, key: usize, next: u64, waker: &Waker) -> bool {
        if self.next() != next {
            return false;
        }
        let mut waiting = self.waiting();
        // A publisher that stores another number from here on finds the slot armed.
        if self.next() != next {
            return false;
        }
        let Waiting { slots, armed } = &mut *waiting;
        let slot = &mut slots[key];
        if !slot.armed {
            slot.armed = true;
            armed.push(key);
        }
        if !slot.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
        true
    }

    /// Returns the pushes that are kept.
    pub(super) fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Channel;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_push_wakes_each_armed_subscriber_once_and_none_that_left() {
        let channel = Channel::new("LOG", 4);
        let wakes: [_; 3] = std::array::from_fn(|_| Arc::new(Wakes::default()));
        let handles = wakes.clone().map(Waker::from);
        let woken = || {
            wakes
                .each_ref()
                .map(|wakes| wakes.0.load(Ordering::Relaxed))
        };
        let (stays, next) = channel.subscribe();
        let (leaves, _) = channel.subscribe();
        for _ in 0..2 {
            assert!(channel.arm(stays, next, &handles[0]));
            assert!(channel.arm(leaves, next, &handles[1]));
        }
        channel.unsubscribe(leaves);
        let (later, _) = channel.subscribe();
        assert!(channel.arm(later, next, &handles[2]));
        assert_eq!(channel.publish(b"one"), 2);
        assert_eq!(woken(), [1, 0, 1]);
        assert!(!channel.arm(stays, next, &handles[0]));
        assert!(channel.arm(stays, next + 1, &handles[0]));
        assert_eq!(channel.publish(b"two"), 2);
        assert_eq!(woken(), [2, 0, 1]);
    }
}
