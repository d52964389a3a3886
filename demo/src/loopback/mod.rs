//! Both ends in one process, over smoltcp: one TCP/IP stack on a loopback interface, without sockets of
//! the operating system. The stack and the conversations use no heap.
//!
//! ```text
//! exchange   clients and a server hold the tutorial's conversation
//! measure    round trips a second, with Bellwire and with smoltcp alone
//!    visitor    a client with its script
//!    network    the interface and the clock
//!    ring       the interface's device
//!    capture    the packets, as a file for Wireshark
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

/// Runs `bellwire loopback`: the exchange, captured in the file `pcap`, then the measurement.
///
/// # Errors
/// If [`exchange`], [`measure`] or printing fails.
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
