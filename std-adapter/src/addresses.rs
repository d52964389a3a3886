//! Counting the connections of each peer address.

use crate::Address;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts open connections by the peer's network, if there is a limit for each network. It has
/// at most one entry for each open connection.
#[derive(Clone)]
pub(crate) struct Addresses(Option<Arc<Table>>);

#[derive(Debug)]
struct Table {
    limit: usize,
    open: Mutex<HashMap<u64, usize>>,
}

/// One counted connection. Dropping it ends the count.
#[derive(Debug, Default)]
pub(crate) struct Counted(Option<Box<(Arc<Table>, u64)>>);

impl Addresses {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self(limit.map(|limit| {
            Arc::new(Table {
                limit,
                open: Mutex::default(),
            })
        }))
    }

    /// Counts a connection of `peer`, or returns `None` if the peer is at its limit.
    pub(crate) fn count(&self, peer: &Address) -> Option<Counted> {
        let Some((table, peer)) = self.0.as_ref().zip(peer.tcp()) else {
            return Some(Counted::default());
        };
        let network = network(peer.ip());
        let mut open = table.open();
        let count = open.get(&network).map_or(0, |count| *count);
        if count >= table.limit {
            return None;
        }
        open.insert(network, count + 1);
        Some(Counted(Some(Box::new((Arc::clone(table), network)))))
    }
}

impl Table {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((table, network)) = self.0.as_deref() else {
            return;
        };
        if let Entry::Occupied(mut count) = table.open().entry(*network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Returns the key of a peer: its IPv4 address, or the first 64 bits of its IPv6 address. A
/// client can choose only the other 64. The keys do not collide, because no host on the Internet has an IPv6 address
/// that begins with 32 zero bits.
fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;
    use crate::Address;

    fn peer(ip: &str) -> Address {
        Address::Tcp((ip.parse::<std::net::IpAddr>().unwrap(), 7).into())
    }

    #[test]
    fn ipv6_peers_count_by_their_first_64_bits_and_ipv4_peers_by_their_address() {
        let addresses = Addresses::new(Some(1));
        for (first, second, one) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let _counted = addresses.count(&peer(first)).unwrap();
            let full = addresses.count(&peer(second)).is_none();
            assert_eq!(full, one, "{first} {second}");
        }
    }

    #[test]
    fn the_table_keeps_no_entry_of_disconnected_peers() {
        let addresses = Addresses::new(Some(2));
        let table = addresses.0.as_ref().unwrap();
        for round in 0..1000u32 {
            let peer = Address::Tcp((std::net::Ipv4Addr::from_bits(round), 7).into());
            let both = [addresses.count(&peer), addresses.count(&peer)];
            assert!(both.iter().all(Option::is_some));
            assert!(addresses.count(&peer).is_none());
            assert_eq!(table.open().len(), 1);
        }
        assert!(table.open().is_empty());
    }

    #[test]
    fn a_closed_connection_makes_room_for_another_of_its_peer() {
        let addresses = Addresses::new(Some(2));
        let peer = peer("192.0.2.1");
        let first = addresses.count(&peer).unwrap();
        let _second = addresses.count(&peer).unwrap();
        drop(first);
        let _third = addresses.count(&peer).unwrap();
        assert!(addresses.count(&peer).is_none());
    }

    #[test]
    fn peers_on_unix_sockets_are_not_counted() {
        let addresses = Addresses::new(Some(0));
        assert!(addresses.count(&Address::Unix(None)).is_some());
        assert!(addresses.count(&peer("192.0.2.1")).is_none());
    }
}
