//! Serial ports.
//!
//! A link must be polled all the time, and a client polls only while it calls. So a thread owns the port and the
//! link. It moves bytes between them and a socket pair, whose other end is an ordinary [`Conn`]. All that works over a
//! Unix socket therefore works over a serial port: both clients, deadlines, pipelining, TLS.
//!
//! The crate serial2 sets up the port, and knows Windows too. Only the waiting needs a Unix: one poll for the port and
//! the socket.

mod address;
#[cfg(feature = "serial")]
mod banner;
#[cfg(feature = "serial")]
mod cut;
#[cfg(feature = "serial")]
mod line;
#[cfg(feature = "serial")]
mod mode;
#[cfg(feature = "serial")]
mod port;
#[cfg(feature = "serial")]
mod pump;
#[cfg(feature = "serial")]
mod wire;

pub use address::SerialAddress;
#[cfg(feature = "serial")]
pub(crate) use line::{Line, dial, suspect};

/// Does nothing, because this program has no serial ports.
#[cfg(not(feature = "serial"))]
pub(crate) fn suspect(_: &str) {}

/// Says that this program has no serial ports.
#[cfg(not(feature = "serial"))]
pub(crate) fn dial(_: &str, _: crate::dial::Limit<'_>) -> std::io::Result<crate::Conn> {
    let what =
        "this program is built without serial ports: bellwire-std lacks its feature `serial`";
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, what))
}
