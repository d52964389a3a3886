//! The clients of hosts, over real sockets.

mod batch;
mod blocking;
mod check;
mod checked;
mod described;
mod dropped;
mod failures;
mod half_closed;
mod idle;
mod outages;
mod panics;
mod pipeline;
mod serial;
#[cfg(target_os = "linux")]
mod soak;
mod stalled;
mod streams;
mod tokio;
mod topics;
