//! One topic: its latest pushes, and the connections that wait for more.

use crate::metrics::{self, Counter};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::task::Waker;

/// One topic. All its subscribers read the same pushes, each from its own position.
pub(crate) struct Channel {
    pub(super) name: &'static str,
    /// The most pushes that are kept.
    queue: usize,
    latest: RwLock<Latest>,
    /// The subscribers. Lock it before `latest`.
    waiting: Mutex<Slab<Slot>>,
    subscribers: AtomicUsize,
    published: Counter,
    pub(super) delivered: Counter,
    pub(super) lost: Counter,
}

/// The pushes that are kept.
#[derive(Default)]
pub(super) struct Latest {
    pushes: VecDeque<Box<[u8]>>,
    /// The number of the next push.
    pub(super) next: u64,
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
            latest: RwLock::default(),
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

    /// Keeps a push in place of the oldest one, and wakes the subscribers that wait. Returns the number of subscribers.
    pub(super) fn publish(&self, push: &[u8]) -> usize {
        self.published.increment(1);
        // The lock is short: memory is allocated before it and freed after it.
        let push = push.into();
        let mut oldest = None;
        let latest = self.latest.write();
        let mut latest = latest.unwrap_or_else(PoisonError::into_inner);
        if latest.pushes.len() == self.queue {
            oldest = latest.pushes.pop_front();
        }
        latest.pushes.push_back(push);
        latest.next += 1;
        drop(latest);
        drop(oldest);
        let mut waiting = self.waiting();
        for (_, slot) in &mut *waiting {
            if slot.armed
                && let Some(waker) = &slot.waker
            {
                slot.armed = false;
                waker.wake_by_ref();
            }
        }
        waiting.len()
    }

    /// Adds a subscriber. Returns its key, and the number of the first push that it gets.
    pub(super) fn subscribe(&self) -> (usize, u64) {
        let mut waiting = self.waiting();
        let key = waiting.insert(Slot::default());
        self.subscribers.store(waiting.len(), Ordering::SeqCst);
        (key, self.latest().next)
    }

    /// Removes a subscriber. Returns the number of the first push that it does not get.
    pub(super) fn unsubscribe(&self, key: usize) -> u64 {
        let mut waiting = self.waiting();
        waiting.remove(key);
        self.subscribers.store(waiting.len(), Ordering::SeqCst);
        let latest = self.latest.write();
        let mut latest = latest.unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            latest.pushes = VecDeque::new();
        }
        latest.next
    }

    /// Lets the push with the number `next` wake the subscriber. Returns `false` if there is such a push already.
    pub(super) fn arm(&self, key: usize, next: u64, waker: &Waker) -> bool {
        let mut waiting = self.waiting();
        if self.latest().next != next {
            return false;
        }
        let slot = &mut waiting[key];
        slot.armed = true;
        if !slot.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
        true
    }

    /// Returns the pushes that are kept.
    pub(super) fn latest(&self) -> RwLockReadGuard<'_, Latest> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Slab<Slot>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latest {
    /// Returns the number of the oldest push.
    pub(super) fn first(&self) -> u64 {
        self.next - self.pushes.len() as u64
    }

    /// Returns the push with this number, or `None` if it is not there yet.
    pub(super) fn get(&self, number: u64) -> Option<&[u8]> {
        let index = usize::try_from(number - self.first()).ok()?;
        self.pushes.get(index).map(|push| &**push)
    }
}
