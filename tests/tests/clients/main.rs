//! The clients of hosts, over real sockets.

mod blocking;
mod pipeline;
mod stalled;
mod tokio;
