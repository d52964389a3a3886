//! The wire's rules over memory, for both ends and both drivers: no sockets, no real clock.

mod bad_input;
mod client;
mod drivers;
mod endpoint;
mod errors;
mod help;
mod link;
mod properties;
mod serve_close;
mod session;
mod splits;
mod topics;
mod transport_faults;
mod wire_rules;
