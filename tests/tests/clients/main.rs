//! The clients of hosts, over real sockets.

mod batch;
mod blocking;
mod check;
mod checked;
mod described;
mod failures;
mod idle;
mod outages;
mod panics;
mod pipeline;
mod serial;
#[cfg(target_os = "linux")]
mod soak;
mod stalled;
mod tokio;
mod topics;
