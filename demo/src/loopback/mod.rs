//! Both ends over smoltcp, in one process: a TCP/IP stack on one interface that hears what it says,
//! without an operating system's socket and without a heap.
//!
//! ```text
//! exchange   clients and a server hold the mission's conversation, which may be captured
//! measure    its round trips a second, and those of smoltcp without Bellwire
//!    network    the interface, polled; and the clock
//!    ring       the device under it
//!    capture    the frames, as a file for Wireshark
//! ```

mod capture;
mod exchange;
mod measure;
mod network;
mod ring;
mod visitor;

pub use exchange::{Exchange, exchange};
pub use measure::{Comparison, measure};
