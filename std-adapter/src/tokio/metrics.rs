//! What a server reports to the recorder that the process installed for the `metrics` crate.

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

/// The handles of what is measured at each wake-up, and of what is to be shown also as long as it is
/// zero. Connections, requests and errors are counted where they are found.
pub(super) struct Metrics {
    pub(super) received: Counter,
    pub(super) sent: Counter,
    /// From the moment bytes were read, or the next of their requests had their turn, to the moment the
    /// replies were handed to the system.
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
            "Connections that sent something and ended before TLS was set up."
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
            "Time from reading requests that arrived together, or going on with them, to sending their replies."
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
