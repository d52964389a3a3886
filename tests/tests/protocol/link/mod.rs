//! The link over a simulated serial line, under a virtual clock.

mod auto;
mod calls;
mod drivers;
mod faults;
pub(crate) mod line;
mod plain;
pub(crate) mod port;
mod restarts;
mod throughput;
