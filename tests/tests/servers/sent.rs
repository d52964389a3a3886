//! A recorder for the writes of a server.

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Records sent bytes only, after each write.
pub(super) struct Sent<F>(pub(super) Arc<F>);

impl<F: CounterFn + Send + Sync + 'static> Recorder for Sent<F> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "bellwire_sent_bytes_total" => Counter::from_arc(Arc::clone(&self.0)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Counts writes; the server reports each one.
#[derive(Debug, Default)]
pub(super) struct Writes(AtomicUsize);

impl Writes {
    pub(super) fn number(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl CounterFn for Writes {
    fn increment(&self, _bytes: u64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn absolute(&self, _bytes: u64) {}
}
