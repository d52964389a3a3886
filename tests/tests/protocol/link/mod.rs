//! The link over a simulated serial line, under a virtual clock.

mod auto;
mod calls;
mod drivers;
mod faults;
mod line;
mod plain;
mod port;
mod restarts;
mod throughput;
