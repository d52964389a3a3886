//! Metrics for the recorder that the process has installed for the `metrics` crate.

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

/// Handles of the metrics that change at each wake-up, or that are shown even while they are zero.
/// Other modules count connections, requests and errors.
pub(super) struct Metrics {
    pub(super) received: Counter,
    pub(super) sent: Counter,
    /// Time from the read, or from the next turn for the same bytes, to the write of the replies.
    pub(super) answering: Histogram,
    #[cfg(feature = "tls")]
    pub(super) handshake_failures: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        describe_counter!("bellwire_requests_total", "Requests, by command.");
        describe_counter!("bellwire_errors_total", "Error lines sent, by code.");
        #[cfg(feature = "tls")]
        describe_counter!(
            "bellwire_tls_handshake_failures_total",
            "Failed TLS handshakes, except on connections that closed without sending a byte."
        );
        describe_counter!(
            "bellwire_received_bytes_total",
            Unit::Bytes,
            "Bytes received."
        );
        describe_counter!("bellwire_sent_bytes_total", Unit::Bytes, "Bytes sent.");
        describe_histogram!(
            "bellwire_answer_seconds",
            Unit::Seconds,
            "Time from reading requests that arrived together, or resuming them, to sending their replies."
        );
        Self {
            received: counter!("bellwire_received_bytes_total"),
            sent: counter!("bellwire_sent_bytes_total"),
            answering: histogram!("bellwire_answer_seconds"),
            #[cfg(feature = "tls")]
            handshake_failures: counter!("bellwire_tls_handshake_failures_total"),
        }
    }
}
