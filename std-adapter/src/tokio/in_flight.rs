//! The bytes that a server keeps for all its peers together.

use crate::ServerLimits;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a connection keeps up to this size counts as part of the connection, so that a short request
/// is served when others have used up all there is, and needs nothing that threads share.
const SMALL: usize = 512;

/// The bytes that all connections keep, and how many they may.
pub(super) struct InFlight {
    limit: usize,
    bytes: AtomicUsize,
}

/// One connection's part in it, until it is dropped.
pub(super) struct Share<'a> {
    all: &'a InFlight,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self {
            limit: limits.bytes_in_flight,
            bytes: AtomicUsize::new(0),
        }
    }

    /// The part of a connection that keeps nothing yet.
    pub(super) fn share(&self) -> Share<'_> {
        Share {
            all: self,
            bytes: 0,
        }
    }
}

impl Share<'_> {
    /// Takes note of how many bytes the connection keeps now, and returns whether there is room for
    /// them. Where there is none, the part stays as it was.
    pub(super) fn keep(&mut self, bytes: usize) -> bool {
        let bytes = if bytes <= SMALL { 0 } else { bytes };
        let all = &self.all.bytes;
        if bytes < self.bytes {
            all.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else if bytes > self.bytes {
            let more = bytes - self.bytes;
            let within = |all: usize| all.checked_add(more).filter(|all| *all <= self.all.limit);
            if all
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
                .is_err()
            {
                return false;
            }
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.keep(0);
    }
}

#[cfg(test)]
mod tests {
    use super::{InFlight, SMALL};
    use crate::ServerLimits;

    fn in_flight(bytes: usize) -> InFlight {
        InFlight::new(&ServerLimits {
            bytes_in_flight: bytes,
            ..ServerLimits::default()
        })
    }

    #[test]
    fn all_connections_together_keep_as_many_bytes_as_the_limit_says_and_no_more() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.share(), all.share());
        assert!(first.keep(2000));
        assert!(!second.keep(1001));
        assert!(second.keep(1000));
        assert!(!first.keep(2001));
        assert!(first.keep(2000));
        assert!(!second.keep(usize::MAX));
    }

    #[test]
    fn what_a_connection_keeps_no_longer_is_there_for_others() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.share(), all.share());
        assert!(first.keep(3000));
        assert!(first.keep(1000));
        assert!(second.keep(2000));
        assert!(!second.keep(2001));
        drop(first);
        assert!(second.keep(3000));
        assert!(second.keep(0));
        assert!(all.share().keep(3000));
    }

    #[test]
    fn a_connection_that_is_refused_room_has_what_it_had() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.share(), all.share());
        assert!(first.keep(2000));
        assert!(!first.keep(3001));
        assert!(!second.keep(1001));
        drop(first);
        assert!(second.keep(3000));
    }

    #[test]
    fn a_few_bytes_of_each_connection_do_not_count() {
        let all = in_flight(SMALL + 1);
        let mut some: Vec<_> = (0..10).map(|_| all.share()).collect();
        assert!(some.iter_mut().all(|share| share.keep(SMALL)));
        assert!(some[0].keep(SMALL + 1));
        assert!(!some[1].keep(SMALL + 1));
        assert!(some[0].keep(SMALL));
        assert!(some[1].keep(SMALL + 1));
    }
}
