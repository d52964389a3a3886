//! Metrics, for the recorder that the process has installed for the `metrics` crate. Without the
//! feature `metrics`, they cost nothing.

pub(crate) use handles::{Counter, Gauge, Histogram, Stopwatch};

#[cfg(feature = "tls")]
use crate::probe::is_unused;
#[cfg(feature = "tls")]
use std::io;

/// The metrics of all connections of a server. They are shown even while they are zero.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
    pub(crate) answering: Histogram,
    #[cfg(feature = "tls")]
    handshake_failures: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        handles::describe(REQUESTS, "Requests, by command.");
        handles::describe(ERRORS, "Error lines sent, by code.");
        Self {
            received: handles::counter("bellwire_received_bytes_total", "Bytes received."),
            sent: handles::counter("bellwire_sent_bytes_total", "Bytes sent."),
            answering: handles::histogram(
                "bellwire_answer_seconds",
                "Time from reading requests that arrived together, or resuming them, to sending their replies.",
            ),
            #[cfg(feature = "tls")]
            handshake_failures: handles::counter(
                "bellwire_tls_handshake_failures_total",
                "Failed TLS handshakes, except on connections that closed without sending a byte.",
            ),
        }
    }
}

#[cfg(feature = "tls")]
impl Metrics {
    /// Counts a failed handshake, unless the peer was only a probe.
    pub(crate) fn count_handshake_failure(&self, error: &io::Error) {
        if !is_unused(error) {
            self.handshake_failures.increment(1);
        }
    }
}

/// Returns the counter of accepted connections and the gauge of open ones.
pub(crate) fn connections() -> (Counter, Gauge) {
    (
        handles::counter("bellwire_connections_total", "Connections accepted."),
        handles::gauge("bellwire_connections", "Connections open."),
    )
}

const REQUESTS: &str = "bellwire_requests_total";
const ERRORS: &str = "bellwire_errors_total";
const PUBLISHED: &str = "bellwire_published_total";
const DELIVERED: &str = "bellwire_delivered_total";
const LOST: &str = "bellwire_lost_total";

/// Returns the counter of requests for `command`.
pub(crate) fn requests(command: &'static str) -> Counter {
    handles::labelled(REQUESTS, ("command", command))
}

/// Returns the counters of a topic's published, delivered and lost values.
pub(crate) fn topic(name: &'static str) -> [Counter; 3] {
    [
        (
            PUBLISHED,
            "Values published while anyone was subscribed, by topic.",
        ),
        (
            DELIVERED,
            "Values written to a subscriber's transmit buffer, by topic.",
        ),
        (LOST, "Values that a subscriber has lost, by topic."),
    ]
    .map(|(counter, description)| {
        handles::describe(counter, description);
        handles::labelled(counter, ("topic", name))
    })
}

/// Counts an error line with this code.
pub(crate) fn count_error(code: &'static str) {
    handles::labelled(ERRORS, ("code", code)).increment(1);
}

#[cfg(feature = "metrics")]
mod handles {
    pub(crate) use metrics::{Counter, Gauge, Histogram};
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    use std::time::Instant;

    /// Measures one duration for a histogram.
    pub(crate) struct Stopwatch(Instant);

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self(Instant::now())
        }

        pub(crate) fn stop(self, histogram: &Histogram, end: Instant) {
            histogram.record(end - self.0);
        }
    }

    pub(super) fn describe(name: &'static str, description: &'static str) {
        describe_counter!(name, description);
    }

    pub(super) fn counter(name: &'static str, description: &'static str) -> Counter {
        describe(name, description);
        metrics::counter!(name)
    }

    pub(super) fn labelled(name: &'static str, label: (&'static str, &'static str)) -> Counter {
        metrics::counter!(name, &[label])
    }

    pub(super) fn gauge(name: &'static str, description: &'static str) -> Gauge {
        describe_gauge!(name, description);
        metrics::gauge!(name)
    }

    pub(super) fn histogram(name: &'static str, description: &'static str) -> Histogram {
        describe_histogram!(name, description);
        metrics::histogram!(name)
    }
}

/// The same without a recorder.
#[cfg(not(feature = "metrics"))]
mod handles {
    #[derive(Debug, Clone)]
    pub(crate) struct Off;
    pub(crate) use self::{Off as Counter, Off as Gauge, Off as Histogram};
    use std::time::Instant;

    #[expect(clippy::unused_self, reason = "a recorder's handles use it")]
    impl Off {
        pub(crate) fn increment<N>(&self, _by: N) {}

        pub(crate) fn decrement<N>(&self, _by: N) {}
    }

    pub(crate) struct Stopwatch;

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as above")]
        pub(crate) fn stop(self, _histogram: &Off, _end: Instant) {}
    }

    pub(super) fn describe(_name: &'static str, _description: &'static str) {}

    pub(super) fn counter(_name: &'static str, _description: &'static str) -> Off {
        Off
    }

    pub(super) fn labelled(_name: &'static str, _label: (&'static str, &'static str)) -> Off {
        Off
    }

    pub(super) use {counter as gauge, counter as histogram};
}
