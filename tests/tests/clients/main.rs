//! The clients of hosts, over real sockets.

mod blocking;
mod failures;
mod pipeline;
mod stalled;
mod tokio;
