//! The result of a load test.

use super::Arguments;
use super::counts::Counts;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The result of a load test. JSON uses the same names.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The server's address.
    pub server: String,
    /// The connections that were opened.
    pub connections: usize,
    /// The requests in flight on each connection.
    pub pipeline: usize,
    /// The time until the last reply.
    pub seconds: f64,
    /// The correct replies.
    pub replies: u64,
    /// The correct replies per second.
    pub requests_per_second: f64,
    /// The latencies of the correct replies.
    pub latency_us: Latency,
    /// The requests without a correct reply and the connections that failed to open, by cause.
    pub errors: BTreeMap<String, u64>,
    /// The resources that the server's process used, with `--server-pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_process: Option<ServerProcess>,
}

/// Percentiles of the time from sending a request until its reply arrives, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

/// The resources that the server's process used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ServerProcess {
    /// User and system time per correct reply, in microseconds.
    pub cpu_us_per_request: f64,
    /// Growth of resident memory per connection, in bytes, without the kernel's memory.
    pub memory_per_connection: f64,
}

#[allow(clippy::cast_precision_loss)] // these figures need no last digit
impl Report {
    pub(super) fn new(
        arguments: &Arguments,
        server: String,
        connections: usize,
        elapsed: Duration,
        counts: Counts,
        server_process: Option<ServerProcess>,
    ) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self {
            server,
            connections,
            pipeline: arguments.pipeline,
            seconds,
            replies: counts.replies(),
            requests_per_second: counts.replies() as f64 / seconds,
            latency_us: Latency::new(&counts.latencies),
            errors: counts.errors,
            server_process,
        }
    }
}

#[allow(clippy::cast_precision_loss)]
impl Latency {
    fn new(nanoseconds: &Histogram<u64>) -> Self {
        let at = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: nanoseconds.max() as f64 / 1000.0,
        }
    }
}

#[allow(clippy::cast_precision_loss)]
impl ServerProcess {
    pub(super) fn new(cpu: Duration, replies: u64, memory: u64, connections: usize) -> Self {
        Self {
            cpu_us_per_request: cpu.as_secs_f64() * 1e6 / (replies.max(1) as f64),
            memory_per_connection: memory as f64 / (connections.max(1) as f64),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            connections,
            pipeline,
            seconds,
            replies,
            requests_per_second,
            latency_us,
            errors,
            server_process,
        } = self;
        writeln!(
            f,
            "{server}: {connections} connections, {pipeline} in flight on each, {seconds:.1} s"
        )?;
        writeln!(
            f,
            "{requests_per_second:.0} requests a second, {replies} in all"
        )?;
        let Latency {
            p50,
            p90,
            p99,
            p99_9,
            max,
        } = latency_us;
        writeln!(
            f,
            "latency in µs: {p50:.0} (p50)  {p90:.0} (p90)  {p99:.0} (p99)  {p99_9:.0} (p99.9)  {max:.0} (max)"
        )?;
        if let Some(used) = server_process {
            writeln!(
                f,
                "the server used {:.3} µs of CPU a request, {:.2} kB a connection",
                used.cpu_us_per_request,
                used.memory_per_connection / 1000.0
            )?;
        }
        for (name, count) in errors {
            writeln!(f, "{count} errors: {name}")?;
        }
        Ok(())
    }
}
