//! The open connections of a server, and its stop signal.

use crate::Address;
use crate::addresses::{Addresses, Counted};
use crate::limits::SURPLUS;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The open connections of a server, and its stop signal.
#[derive(Debug)]
pub(super) struct Crowd {
    served: AtomicUsize,
    /// Connections beyond the limit, which are only told that the server is busy.
    surplus: AtomicUsize,
    accepted: Counter,
    open: Gauge,
    stopping: AtomicBool,
    stop: Notify,
    /// Notified when the last connection ends.
    empty: Notify,
}

/// The permit of an open connection. Dropping it removes the connection.
#[derive(Debug)]
pub(super) struct Member {
    /// Whether the connection is beyond the limit and is only told that the server is busy.
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
            empty: Notify::new(),
        }
    }

    /// Adds a connection. Beyond `limit` it gets a surplus permit, for telling it that the server is
    /// busy. Returns `None` if there are already [`SURPLUS`] of these.
    pub(super) fn join(self: &Arc<Self>, limit: usize) -> Option<Member> {
        let surplus = !increment_below(&self.served, limit);
        if surplus && !increment_below(&self.surplus, SURPLUS) {
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

    /// Tells all connections to end and the server to accept no more.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stop.notify_waiters();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Returns a notification of later calls of [`stop`](Self::stop). For earlier calls, check
    /// [`is_stopping`](Self::is_stopping).
    pub(super) fn stop_rings(&self) -> Notified<'_> {
        self.stop.notified()
    }

    /// Waits until the server is stopped.
    pub(super) async fn stopped(&self) {
        let rings = self.stop_rings();
        if !self.is_stopping() {
            rings.await;
        }
    }

    /// Waits until no connection is open.
    pub(super) async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }
}

/// Increments `count` unless it has reached `limit`. Returns whether it did.
fn increment_below(count: &AtomicUsize, limit: usize) -> bool {
    let one_more = |count| (count < limit).then_some(count + 1);
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
        .is_ok()
}

impl Member {
    /// Counts the connection for the address of `peer`.
    ///
    /// Beyond the limit for an address, the permit becomes a surplus permit. Returns `false` if there
    /// are already [`SURPLUS`] of these; the connection must then be closed.
    pub(super) fn count(&mut self, addresses: &Addresses, peer: &Address) -> bool {
        if self.surplus {
            return true;
        }
        if let Some(counted) = addresses.count(peer) {
            self.counted = counted;
            return true;
        }
        let permitted = increment_below(&self.crowd.surplus, SURPLUS);
        if permitted {
            self.crowd.served.fetch_sub(1, Ordering::SeqCst);
            self.surplus = true;
        }
        permitted
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
            self.crowd.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Crowd, Member};
    use crate::Address;
    use crate::addresses::Addresses;
    use crate::limits::SURPLUS;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    fn crowd() -> Arc<Crowd> {
        Arc::new(Crowd::new())
    }

    /// Returns all surplus permits.
    fn all_surplus(crowd: &Arc<Crowd>, limit: usize) -> Vec<Member> {
        let surplus: Vec<_> = (0..SURPLUS).map_while(|_| crowd.join(limit)).collect();
        assert!(surplus.iter().all(|permit| permit.surplus));
        surplus
    }

    /// Returns whether the future is ready at once.
    fn is_ready(future: impl Future<Output = ()>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(future).poll(&mut context).is_ready()
    }

    #[test]
    fn beyond_the_limit_64_connections_get_a_surplus_permit() {
        let crowd = crowd();
        let mut served = [(); 3].map(|()| crowd.join(3));
        assert!(served.iter().flatten().all(|permit| !permit.surplus));
        let mut surplus = all_surplus(&crowd, 3);
        assert_eq!((surplus.len(), crowd.len()), (64, 67));
        assert!(crowd.join(3).is_none());
        surplus.pop();
        assert!(crowd.join(3).unwrap().surplus);
        served[0] = None;
        assert!(!crowd.join(3).unwrap().surplus);
        drop((served, surplus));
        assert_eq!(crowd.len(), 0);
    }

    #[test]
    fn a_connection_beyond_its_address_limit_does_not_count_as_served() {
        let (crowd, addresses) = (crowd(), Addresses::new(Some(1)));
        let peer = Address::Tcp(([192, 0, 2, 1], 7).into());
        let [mut first, mut second] = [(); 2].map(|()| crowd.join(2).unwrap());
        assert!(first.count(&addresses, &peer) && !first.surplus);
        assert!(second.count(&addresses, &peer) && second.surplus);
        assert_eq!(crowd.len(), 2);
        let third = crowd.join(2).unwrap();
        assert!(!third.surplus);
        drop(first);
        let mut fourth = crowd.join(2).unwrap();
        assert!(fourth.count(&addresses, &peer) && !fourth.surplus);
    }

    #[test]
    fn a_connection_beyond_its_address_limit_is_dropped_without_a_surplus_permit() {
        let (crowd, addresses) = (crowd(), Addresses::new(Some(0)));
        let mut permit = crowd.join(1).unwrap();
        let surplus = all_surplus(&crowd, 1);
        let peer = Address::Tcp(([192, 0, 2, 1], 7).into());
        assert!(!permit.count(&addresses, &peer));
        drop(permit);
        assert_eq!(crowd.len(), surplus.len());
        // Surplus connections are not counted.
        assert!(
            surplus
                .into_iter()
                .all(|mut permit| permit.count(&addresses, &peer))
        );
    }

    #[test]
    fn emptied_is_ready_after_the_last_connection_ends() {
        let crowd = crowd();
        assert!(is_ready(crowd.emptied()));
        let permits = [(); 2].map(|()| crowd.join(1).unwrap());
        let mut emptied = pin!(crowd.emptied());
        for permit in permits {
            assert!(!is_ready(emptied.as_mut()));
            drop(permit);
        }
        assert!(is_ready(emptied.as_mut()));
    }

    #[test]
    fn a_stop_ends_current_and_later_waits_for_it() {
        let crowd = crowd();
        assert!(!crowd.is_stopping());
        let (mut rings, mut stopped) = (pin!(crowd.stop_rings()), pin!(crowd.stopped()));
        assert!(!is_ready(rings.as_mut()) && !is_ready(stopped.as_mut()));
        crowd.stop();
        assert!(crowd.is_stopping());
        assert!(is_ready(rings) && is_ready(stopped) && is_ready(crowd.stopped()));
    }
}
