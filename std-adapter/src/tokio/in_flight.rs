//! The bytes that a server keeps for all its clients together.

use crate::ServerLimits;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A connection that keeps up to this many bytes does not count. So a short request is served even
/// when other connections have reserved all bytes, and it needs no atomic that threads share, unless it is
/// subscribed.
pub(super) const SMALL: usize = 512;

/// The bytes that all connections have reserved, and their limit.
pub(super) struct InFlight {
    limit: usize,
    bytes: AtomicUsize,
}

/// The bytes that one connection has reserved. Dropping it releases them.
pub(super) struct Reservation<'a> {
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

    /// Returns an empty reservation.
    pub(super) fn reserve(&self) -> Reservation<'_> {
        Reservation {
            all: self,
            bytes: 0,
        }
    }
}

impl Reservation<'_> {
    /// Raises the reservation to `bytes`, or as far as the limit allows. Returns the reserved bytes.
    pub(super) fn raise(&mut self, bytes: usize) -> usize {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return self.bytes;
        }
        let raised = |all: usize| Some(all + more.min(self.all.limit.saturating_sub(all)));
        let all = &self.all.bytes;
        if let Ok(before) = all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raised) {
            self.bytes += more.min(self.all.limit.saturating_sub(before));
        }
        self.bytes
    }

    /// Raises the reservation to `bytes` if it is lower. Returns `false`, without a change, if this would exceed the
    /// limit.
    pub(super) fn cover(&mut self, bytes: usize) -> bool {
        bytes <= self.bytes || self.resize(bytes)
    }

    /// Changes the reservation to `bytes`. Returns `false`, without a change, if this would exceed the
    /// limit.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
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

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.resize(0);
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
    fn all_reservations_together_cannot_exceed_the_limit() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.reserve(), all.reserve());
        assert!(first.resize(2000));
        assert!(!second.resize(1001));
        assert!(second.resize(1000));
        assert!(!first.resize(2001));
        assert!(first.resize(2000));
        assert!(!second.resize(usize::MAX));
    }

    #[test]
    fn released_bytes_are_available_to_others() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.reserve(), all.reserve());
        assert!(first.resize(3000));
        assert!(first.resize(1000));
        assert!(second.resize(2000));
        assert!(!second.resize(2001));
        drop(first);
        assert!(second.resize(3000));
        assert!(second.resize(0));
        assert!(all.reserve().resize(3000));
    }

    #[test]
    fn a_reservation_rises_as_far_as_the_limit_allows() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.reserve(), all.reserve());
        assert!(first.resize(2000));
        assert_eq!(second.raise(800), 800);
        assert_eq!(second.raise(2000), 1000);
        assert_eq!(second.raise(500), 1000);
        assert!(second.cover(900));
        assert!(!second.cover(1001));
        assert_eq!(second.bytes, 1000);
        assert_eq!(first.raise(3000), 2000);
        assert!(second.resize(0));
        assert_eq!(first.raise(3000), 3000);
    }

    #[test]
    fn a_failed_resize_leaves_the_reservation_unchanged() {
        let all = in_flight(3000);
        let (mut first, mut second) = (all.reserve(), all.reserve());
        assert!(first.resize(2000));
        assert!(!first.resize(3001));
        assert!(!second.resize(1001));
        drop(first);
        assert!(second.resize(3000));
    }

    #[test]
    fn connections_that_keep_at_most_512_bytes_do_not_count() {
        let all = in_flight(SMALL + 1);
        let mut some: Vec<_> = (0..10).map(|_| all.reserve()).collect();
        assert!(some.iter_mut().all(|reservation| reservation.resize(SMALL)));
        assert!(some[0].resize(SMALL + 1));
        assert!(!some[1].resize(SMALL + 1));
        assert!(some[0].resize(SMALL));
        assert!(some[1].resize(SMALL + 1));
    }
}
