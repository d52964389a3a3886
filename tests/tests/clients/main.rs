//! The clients of hosts, over real sockets.

mod blocking;
mod outages;
mod pipeline;
#[cfg(target_os = "linux")]
mod soak;
mod tokio;
