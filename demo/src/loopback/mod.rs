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

use crate::output;
use crate::serve::Log;
use std::error::Error;
use std::path::Path;

/// `bellwire loopback`: the exchange, which may be captured, and the measure.
///
/// # Errors
/// As [`exchange`] and [`measure`], and those of printing.
pub fn run(pcap: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let exchange = exchange(&mut Log, 3, 2, pcap)?;
    output::line(format_args!(
        "{} clients on {} listening sockets: {} texts and {} structures arrived as they were sent",
        exchange.clients, exchange.sockets, exchange.texts, exchange.structures
    ))?;
    if let Some(path) = pcap {
        output::line(format_args!("captured in {}", path.display()))?;
    }
    let comparison = measure()?;
    output::line(format_args!(
        "{:.0} round trips a second, {:.0} % of the {:.0} that smoltcp makes of the same bytes alone",
        comparison.bellwire,
        100.0 * comparison.share(),
        comparison.bare
    ))?;
    Ok(())
}
