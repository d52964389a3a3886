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
