//! The open connections of a server, and which ones it admits.

use crate::Address;
use crate::addresses::{Addresses, Counted};
use crate::limits::ServerLimits;
use crate::metrics::{self, Counter, Gauge};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
#[cfg(feature = "tokio")]
use tokio::sync::Notify;

/// How many connections beyond the limit are told at a time that the server is busy. Others are
/// closed at once.
const SURPLUS: usize = 64;

/// The end of such another connection, for the log.
pub(crate) const TOO_MANY: &str =
    "closed at once, because 64 connections beyond the limit are being refused already";

/// The open connections of a server.
pub(crate) struct Connections {
    limit: usize,
    addresses: Addresses,
    open: Mutex<Open>,
    /// Both are notified when the last connection ends.
    empty: Condvar,
    #[cfg(feature = "tokio")]
    empty_task: Notify,
    accepted: Counter,
    gauge: Gauge,
}

#[derive(Debug, Default, Clone, Copy)]
struct Open {
    served: usize,
    /// Connections beyond the limit, which are only told that the server is busy.
    surplus: usize,
}

/// The permit of an open connection. Dropping it removes the connection.
pub(crate) struct Permit {
    surplus: bool,
    counted: Counted,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(limits: &ServerLimits) -> Arc<Self> {
        let (accepted, gauge) = metrics::connections();
        Arc::new(Self {
            limit: limits.connections,
            addresses: Addresses::new(limits.connections_per_address),
            open: Mutex::default(),
            empty: Condvar::new(),
            #[cfg(feature = "tokio")]
            empty_task: Notify::new(),
            accepted,
            gauge,
        })
    }

    /// Admits a connection. Beyond the limit it gets a surplus permit, for telling it that the server
    /// is busy. Returns `None` if there are already [`SURPLUS`] of these.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Permit> {
        let mut open = self.open();
        let surplus = open.served >= self.limit;
        if surplus && open.surplus >= SURPLUS {
            return None;
        }
        *open.count(surplus) += 1;
        self.accepted.increment(1);
        self.gauge.increment(1);
        Some(Permit {
            surplus,
            counted: Counted::default(),
            connections: Arc::clone(self),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.open().len()
    }

    /// Waits until no connection is open, at most until `deadline`.
    pub(crate) fn wait_until_empty(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let is_open = |open: &mut Open| open.len() > 0;
        // A poisoned lock ends the wait too.
        let _ = self.empty.wait_timeout_while(self.open(), left, is_open);
    }

    /// Waits until no connection is open.
    #[cfg(feature = "tokio")]
    pub(crate) async fn emptied(&self) {
        loop {
            let empty = self.empty_task.notified();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Logs how many connections are still open after the time of a stop. Returns whether any is.
    pub(crate) fn are_late(&self) -> bool {
        let open = self.len();
        if open > 0 {
            tracing::warn!("{open} connections did not end in time");
        }
        open > 0
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn len(self) -> usize {
        self.served + self.surplus
    }

    fn count(&mut self, surplus: bool) -> &mut usize {
        if surplus {
            &mut self.surplus
        } else {
            &mut self.served
        }
    }
}

impl Permit {
    /// Returns whether the connection is beyond the limit and is only told that the server is busy.
    pub(crate) fn is_surplus(&self) -> bool {
        self.surplus
    }

    /// Counts the connection for the address of `peer`.
    ///
    /// Beyond the limit for an address, the permit becomes a surplus permit. Returns `false` if there
    /// are already [`SURPLUS`] of these; the connection must then be closed.
    pub(crate) fn count(&mut self, peer: &Address) -> bool {
        if self.surplus {
            return true;
        }
        if let Some(counted) = self.connections.addresses.count(peer) {
            self.counted = counted;
            return true;
        }
        let mut open = self.connections.open();
        if open.surplus >= SURPLUS {
            return false;
        }
        open.served -= 1;
        open.surplus += 1;
        self.surplus = true;
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        *open.count(self.surplus) -= 1;
        let is_empty = open.len() == 0;
        drop(open);
        self.connections.gauge.decrement(1);
        if is_empty {
            self.connections.empty.notify_all();
            #[cfg(feature = "tokio")]
            self.connections.empty_task.notify_waiters();
        }
    }
}

/// Returns the error of a connection that cannot even be told that the server is busy.
pub(crate) fn too_many() -> io::Error {
    io::Error::new(ErrorKind::QuotaExceeded, TOO_MANY)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Connections, Permit, SURPLUS, TOO_MANY};
    use crate::{Address, ServerLimits};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    fn connections(connections: usize, per_address: Option<usize>) -> Arc<Connections> {
        Connections::new(&ServerLimits {
            connections,
            connections_per_address: per_address,
            ..ServerLimits::default()
        })
    }

    fn peer() -> Address {
        Address::Tcp(([192, 0, 2, 1], 7).into())
    }

    /// Returns all surplus permits.
    fn all_surplus(connections: &Arc<Connections>) -> Vec<Permit> {
        let surplus: Vec<_> = std::iter::from_fn(|| connections.admit()).collect();
        assert!(surplus.iter().all(Permit::is_surplus));
        surplus
    }

    /// Returns whether the future is ready at once.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_ready(future: impl Future) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(future).poll(&mut context).is_ready()
    }

    #[test]
    fn beyond_the_limit_64_connections_get_a_surplus_permit() {
        let connections = connections(3, None);
        let mut served = [(); 3].map(|()| connections.admit());
        assert!(served.iter().flatten().all(|permit| !permit.is_surplus()));
        let mut surplus = all_surplus(&connections);
        assert_eq!((surplus.len(), connections.len()), (64, 67));
        surplus.pop();
        assert!(connections.admit().unwrap().is_surplus());
        served[0] = None;
        assert!(!connections.admit().unwrap().is_surplus());
        drop((served, surplus));
        assert_eq!(connections.len(), 0);
    }

    #[test]
    fn the_log_names_the_number_of_surplus_permits() {
        assert!(TOO_MANY.contains(&format!(" {SURPLUS} connections ")));
    }

    #[test]
    fn a_connection_beyond_its_address_limit_does_not_count_as_served() {
        let connections = connections(2, Some(1));
        let [mut first, mut second] = [(); 2].map(|()| connections.admit().unwrap());
        assert!(first.count(&peer()) && !first.is_surplus());
        assert!(second.count(&peer()) && second.is_surplus());
        assert_eq!(connections.len(), 2);
        let mut third = connections.admit().unwrap();
        assert!(third.count(&Address::Unix(None)) && !third.is_surplus());
        drop((first, third));
        let mut fourth = connections.admit().unwrap();
        assert!(fourth.count(&peer()) && !fourth.is_surplus());
    }

    #[test]
    fn a_connection_beyond_its_address_limit_is_dropped_without_a_surplus_permit() {
        let connections = connections(1, Some(0));
        let mut permit = connections.admit().unwrap();
        let mut surplus = all_surplus(&connections);
        assert_eq!(surplus.len(), SURPLUS);
        assert!(!permit.count(&peer()));
        drop(permit);
        assert_eq!(connections.len(), SURPLUS);
        // Surplus connections are not counted.
        assert!(surplus.iter_mut().all(|permit| permit.count(&peer())));
    }

    #[test]
    fn a_wait_lasts_until_the_last_connection_ends_or_the_deadline() {
        let connections = connections(1, None);
        let long = Instant::now() + Duration::from_hours(1);
        connections.wait_until_empty(long);
        let permits = [(); 2].map(|()| connections.admit().unwrap());
        let soon = Instant::now() + Duration::from_millis(50);
        connections.wait_until_empty(soon);
        assert!(Instant::now() >= soon && connections.are_late());
        std::thread::scope(|scope| {
            scope.spawn(|| connections.wait_until_empty(long));
            drop(permits);
        });
        assert!(!connections.are_late());
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn emptied_is_ready_after_the_last_connection_ends() {
        let connections = connections(1, None);
        assert!(is_ready(connections.emptied()));
        let permits = [(); 2].map(|()| connections.admit().unwrap());
        let mut emptied = std::pin::pin!(connections.emptied());
        for permit in permits {
            assert!(!is_ready(emptied.as_mut()));
            drop(permit);
        }
        assert!(is_ready(emptied.as_mut()));
    }
}
