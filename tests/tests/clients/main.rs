//! The clients of hosts, over real sockets.

mod blocking;
mod failures;
mod outages;
mod panics;
mod pipeline;
#[cfg(target_os = "linux")]
mod soak;
mod stalled;
mod tokio;
