//! Both ends over smoltcp, with a simulated clock and network.

mod bad_input;
mod client;
mod network_faults;
mod server;
mod topics;
