//! Who is connected.

use crate::Conn;
use crate::addresses::{Addresses, Counted};
use crate::limits::{SURPLUS, ServerLimits};
use socket2::Socket;
use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// All connections of a server, so that they can be counted, and told to end.
#[derive(Clone)]
pub(super) struct Crowd(Arc<Shared>);

struct Shared {
    limit: usize,
    addresses: Addresses,
    members: Mutex<Members>,
    left: Condvar,
}

#[derive(Default)]
struct Members {
    sockets: HashMap<u64, Arc<Socket>>,
    joined: u64,
    /// How many of them are beyond the limit.
    surplus: usize,
}

/// One connection's place in the crowd, which it leaves when this is dropped.
pub(super) struct Member {
    /// Whether it is beyond the limit.
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
            members: Mutex::default(),
            left: Condvar::new(),
        }))
    }

    /// A place for this connection, if only to be told that the server is busy; or none, when
    /// even those who are told so have become too many.
    pub(super) fn join(&self, conn: &Conn) -> Option<Member> {
        let mut members = self.members();
        let full = members.sockets.len() - members.surplus >= self.0.limit;
        let counted = if full {
            None
        } else {
            self.0.addresses.count(conn.peer_addr())
        };
        let surplus = counted.is_none();
        if surplus && members.surplus >= SURPLUS {
            return None;
        }
        members.surplus += usize::from(surplus);
        let number = members.joined;
        members.joined += 1;
        members.sockets.insert(number, conn.socket());
        Some(Member {
            surplus,
            crowd: self.clone(),
            number,
            _counted: counted,
        })
    }

    /// Waits until all connections have ended, and cuts the others at `deadline`. The close of the
    /// listener has told them to end.
    pub(super) fn dismiss(&self, deadline: Instant) {
        let mut members = self.members();
        while !members.sockets.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!("{} connections did not end in time", members.sockets.len());
                for socket in members.sockets.values() {
                    // It fails where the peer is gone already, which is as good.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                return;
            }
            let waited = self.0.left.wait_timeout(members, left);
            members = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        let members = self.0.members.lock();
        members.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        members.sockets.remove(&self.number);
        members.surplus -= usize::from(self.surplus);
        drop(members);
        self.crowd.0.left.notify_all();
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
    fn as_many_as_the_limit_are_served_and_64_more_are_told_that_there_is_no_room() {
        let crowd = crowd(3, None);
        let conn = Conn::try_from(UnixStream::pair().unwrap().0).unwrap();
        let mut served = [(); 3].map(|()| crowd.join(&conn));
        assert!(served.iter().flatten().all(|member| !member.surplus));
        let mut told: Vec<_> = (0..100).map_while(|_| crowd.join(&conn)).collect();
        assert!(told.iter().all(|member| member.surplus));
        assert_eq!(told.len(), 64);
        told.pop();
        assert!(crowd.join(&conn).unwrap().surplus);
        served[0] = None;
        assert!(!crowd.join(&conn).unwrap().surplus);
        drop((served, told));
        assert!(crowd.members().sockets.is_empty());
    }

    #[test]
    fn a_connection_too_many_of_its_address_takes_no_place() {
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
