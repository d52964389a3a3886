//! The counts of one thread.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest latency that can be recorded, in nanoseconds: one hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Replies by latency, and errors by name.
pub(super) struct Counts {
    /// In nanoseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) errors: BTreeMap<String, u64>,
}

impl Default for Counts {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3);
        Self {
            latencies: latencies.expect("these bounds are good"),
            errors: BTreeMap::new(),
        }
    }
}

impl Counts {
    /// Counts `replies` replies with the same latency.
    pub(super) fn record(&mut self, latency: Duration, replies: usize) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST);
        self.latencies
            .saturating_record_n(nanoseconds, replies as u64);
    }

    /// Counts failed requests, or one failed connection if it had no request in flight.
    pub(super) fn fail(&mut self, name: String, requests: usize) {
        *self.errors.entry(name).or_default() += requests.max(1) as u64;
    }

    /// Returns the number of correct replies.
    pub(super) fn replies(&self) -> u64 {
        self.latencies.len()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.latencies += &other.latencies;
        for (name, count) in &other.errors {
            *self.errors.entry(name.clone()).or_default() += count;
        }
    }
}
