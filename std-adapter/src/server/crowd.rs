//! The open connections of a server.

use crate::Conn;
use crate::addresses::{Addresses, Counted};
use crate::limits::{SURPLUS, ServerLimits};
use socket2::Socket;
use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The open connections of a server. Clones share them.
#[derive(Clone)]
pub(super) struct Crowd(Arc<Shared>);

struct Shared {
    limit: usize,
    addresses: Addresses,
    open: Mutex<Open>,
    /// Notified when a connection ends.
    ended: Condvar,
}

#[derive(Default)]
struct Open {
    sockets: HashMap<u64, Arc<Socket>>,
    /// The number of the next connection.
    next: u64,
    /// How many connections are beyond the limit.
    surplus: usize,
}

/// The permit of an open connection. Dropping it removes the connection.
pub(super) struct Member {
    /// Whether the connection is beyond the limit and is only told that the server is busy.
    pub(super) surplus: bool,
    crowd: Crowd,
    number: u64,
    _counted: Option<Counted>,
}

impl Crowd {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self(Arc::new(Shared {
            limit: limits.connections,
            addresses: Addresses::new(limits.connections_per_address),
            open: Mutex::default(),
            ended: Condvar::new(),
        }))
    }

    /// Adds a connection. Beyond the limit it gets a surplus permit, for telling it that the server is
    /// busy. Returns `None` if there are already [`SURPLUS`] of these.
    pub(super) fn join(&self, conn: &Conn) -> Option<Member> {
        let mut open = self.open();
        let full = open.sockets.len() - open.surplus >= self.0.limit;
        let counted = if full {
            None
        } else {
            self.0.addresses.count(conn.peer_addr())
        };
        let surplus = counted.is_none();
        if surplus && open.surplus >= SURPLUS {
            return None;
        }
        open.surplus += usize::from(surplus);
        let number = open.next;
        open.next += 1;
        open.sockets.insert(number, conn.socket());
        Some(Member {
            surplus,
            crowd: self.clone(),
            number,
            _counted: counted,
        })
    }

    /// Waits until all connections have ended, and shuts down the remaining ones at `deadline`. They
    /// were told to end when the listener was closed.
    pub(super) fn dismiss(&self, deadline: Instant) {
        let mut open = self.open();
        while !open.sockets.is_empty() {
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                tracing::warn!("{} connections did not end in time", open.sockets.len());
                for socket in open.sockets.values() {
                    // Fails if the peer is already gone; then there is nothing to shut down.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                return;
            }
            let waited = self.0.ended.wait_timeout(open, remaining);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.crowd.open();
        open.sockets.remove(&self.number);
        open.surplus -= usize::from(self.surplus);
        drop(open);
        self.crowd.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;
    use crate::limits::ServerLimits;
    use crate::{Conn, Dialer, Listener, Network};
    use std::os::unix::net::UnixStream;

    fn crowd(connections: usize, per_address: Option<usize>) -> Crowd {
        Crowd::new(&ServerLimits {
            connections,
            connections_per_address: per_address,
            ..ServerLimits::default()
        })
    }

    #[test]
    fn beyond_the_limit_64_connections_get_a_surplus_permit() {
        let crowd = crowd(3, None);
        let conn = Conn::try_from(UnixStream::pair().unwrap().0).unwrap();
        let mut served = [(); 3].map(|()| crowd.join(&conn));
        assert!(served.iter().flatten().all(|permit| !permit.surplus));
        let mut surplus: Vec<_> = (0..100).map_while(|_| crowd.join(&conn)).collect();
        assert!(surplus.iter().all(|permit| permit.surplus));
        assert_eq!(surplus.len(), 64);
        surplus.pop();
        assert!(crowd.join(&conn).unwrap().surplus);
        served[0] = None;
        assert!(!crowd.join(&conn).unwrap().surplus);
        drop((served, surplus));
        assert!(crowd.open().sockets.is_empty());
    }

    #[test]
    fn a_connection_beyond_its_address_limit_does_not_count_as_served() {
        let crowd = crowd(2, Some(1));
        let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
        let address = listener.local_addr().to_string();
        let conn = Dialer::new().dial(Network::Tcp, &address).unwrap();
        let first = crowd.join(&conn).unwrap();
        let second = crowd.join(&conn).unwrap();
        assert!(!first.surplus && second.surplus);
        let other = Conn::try_from(UnixStream::pair().unwrap().0).unwrap();
        assert!(!crowd.join(&other).unwrap().surplus);
        drop(first);
        assert!(!crowd.join(&conn).unwrap().surplus);
    }
}
