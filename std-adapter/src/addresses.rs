//! How many connections each peer address has.

use crate::Address;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the connections that are open by the peer's network, if there is a limit for one. What it
/// keeps is bounded by the connections there are.
#[derive(Clone)]
pub(crate) struct Addresses(Option<Arc<Table>>);

#[derive(Debug)]
struct Table {
    limit: usize,
    open: Mutex<HashMap<u64, usize>>,
}

/// One connection's part in the count, until it is dropped.
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

    /// Counts one more connection of this peer, unless it has as many as it may.
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

/// What counts as one peer: an IPv4 address, or the half of an IPv6 address that its owner cannot
/// choose. No host on the Internet has an IPv6 address that begins with 32 zero bits, so the two do
/// not meet.
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
    fn an_ipv6_peer_is_its_first_64_bits_and_an_ipv4_peer_its_address() {
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
    fn nothing_is_kept_of_peers_that_have_gone() {
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
    fn a_connection_that_ends_makes_room_for_one_more_of_its_peer() {
        let addresses = Addresses::new(Some(2));
        let peer = peer("192.0.2.1");
        let first = addresses.count(&peer).unwrap();
        let _second = addresses.count(&peer).unwrap();
        drop(first);
        let _third = addresses.count(&peer).unwrap();
        assert!(addresses.count(&peer).is_none());
    }

    #[test]
    fn a_peer_over_a_unix_socket_has_no_address_to_count() {
        let addresses = Addresses::new(Some(0));
        assert!(addresses.count(&Address::Unix(None)).is_some());
        assert!(addresses.count(&peer("192.0.2.1")).is_none());
    }
}
