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

    /// As many more of them as are told that the server is busy.
    fn told(crowd: &Arc<Crowd>, limit: usize) -> Vec<Member> {
        let told: Vec<_> = (0..SURPLUS).map_while(|_| crowd.join(limit)).collect();
        assert!(told.iter().all(|member| member.surplus));
        told
    }

    /// Whether this ends without waiting.
    fn is_over(future: impl Future<Output = ()>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(future).poll(&mut context).is_ready()
    }

    #[test]
    fn as_many_as_the_limit_are_served_and_64_more_are_told_that_there_is_no_room() {
        let crowd = crowd();
        let mut served = [(); 3].map(|()| crowd.join(3));
        assert!(served.iter().flatten().all(|member| !member.surplus));
        let mut told = told(&crowd, 3);
        assert_eq!((told.len(), crowd.len()), (64, 67));
        assert!(crowd.join(3).is_none());
        told.pop();
        assert!(crowd.join(3).unwrap().surplus);
        served[0] = None;
        assert!(!crowd.join(3).unwrap().surplus);
        drop((served, told));
        assert_eq!(crowd.len(), 0);
    }

    #[test]
    fn a_connection_too_many_of_its_address_takes_no_place() {
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
    fn a_connection_too_many_of_its_address_is_dropped_when_too_many_are_told_so() {
        let (crowd, addresses) = (crowd(), Addresses::new(Some(0)));
        let mut member = crowd.join(1).unwrap();
        let told = told(&crowd, 1);
        let peer = Address::Tcp(([192, 0, 2, 1], 7).into());
        assert!(!member.count(&addresses, &peer));
        drop(member);
        assert_eq!(crowd.len(), told.len());
        // One that is told so already is not counted.
        assert!(
            told.into_iter()
                .all(|mut member| member.count(&addresses, &peer))
        );
    }

    #[test]
    fn it_is_empty_when_the_last_has_left() {
        let crowd = crowd();
        assert!(is_over(crowd.emptied()));
        let members = [(); 2].map(|()| crowd.join(1).unwrap());
        let mut emptied = pin!(crowd.emptied());
        for member in members {
            assert!(!is_over(emptied.as_mut()));
            drop(member);
        }
        assert!(is_over(emptied.as_mut()));
    }

    #[test]
    fn a_stop_is_heard_by_who_waits_and_by_who_comes_later() {
        let crowd = crowd();
        assert!(!crowd.is_stopping());
        let (mut rings, mut stopped) = (pin!(crowd.stop_rings()), pin!(crowd.stopped()));
        assert!(!is_over(rings.as_mut()) && !is_over(stopped.as_mut()));
        crowd.stop();
        assert!(crowd.is_stopping());
        assert!(is_over(rings) && is_over(stopped) && is_over(crowd.stopped()));
    }
}
