//! What a server reports to the recorder that the process installed for the `metrics` crate.

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

/// The handles of what is counted for all connections together. Requests and errors are counted
/// where they are found, as they are counted by command and by code.
pub(super) struct Metrics {
    pub(super) received: Counter,
    pub(super) sent: Counter,
    /// From the moment bytes were read to the moment their replies were handed to the system.
    pub(super) answering: Histogram,
    accepted: Counter,
    open: Gauge,
}

/// An open connection, as long as it lives.
pub(super) struct Open<'a>(&'a Gauge);

impl Metrics {
    pub(super) fn new() -> Self {
        describe_counter!("bellwire_connections_total", "Connections accepted.");
        describe_gauge!("bellwire_connections", "Connections open.");
        describe_counter!("bellwire_requests_total", "Requests, by command.");
        describe_counter!("bellwire_errors_total", "Error lines sent, by code.");
        describe_counter!(
            "bellwire_received_bytes_total",
            Unit::Bytes,
            "Bytes received."
        );
        describe_counter!("bellwire_sent_bytes_total", Unit::Bytes, "Bytes sent.");
        describe_histogram!(
            "bellwire_answer_seconds",
            Unit::Seconds,
            "Time from reading requests that arrived together to sending their replies."
        );
        Self {
            received: counter!("bellwire_received_bytes_total"),
            sent: counter!("bellwire_sent_bytes_total"),
            answering: histogram!("bellwire_answer_seconds"),
            accepted: counter!("bellwire_connections_total"),
            open: gauge!("bellwire_connections"),
        }
    }

    pub(super) fn open(&self) -> Open<'_> {
        self.accepted.increment(1);
        self.open.increment(1);
        Open(&self.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
