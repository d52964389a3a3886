//! [Bellwire](bellwire) on a machine with an operating system: Linux, macOS or another Unix.
//!
//! | items of | contents |
//! |---|---|
//! | `resolve` | [`resolve`](resolve()), from names to addresses |
//! | `dial` | [`Dialer`], how to open a connection; [`dial`](dial()) in one line; [`Cancel`] |
//! | `client` | [`Client`], which connects again; [`ClientBuilder`]; [`Batch`]; [`CallError`]; [`Event`] of a topic |
//! | `conn` | [`Conn`], a connection as a stream with deadlines |
//! | `listener` | [`Listener`], over TCP and Unix sockets |
//! | `endpoint` | [`Endpoint`], a registry that grows, even while servers use it |
//! | `topics` | [`Publisher`], which sends values to the subscribers of an endpoint's topic |
//! | `threads` | [`Server`], with a thread for each connection |
//! | [`tokio`] | with the feature `tokio`: a server for many connections on few threads, a client that tasks share |
//! | `server` | [`ServerOn`], the configuration of both, with [`ServerLimits`]; [`Peer`]; [`ShutdownHandle`] |
//! | [`schema`] | descriptions of commands that arrive at run time |
//! | [`json`] | with the feature `json`: JSON for payloads of any described type |
//! | `serial` | [`SerialAddress`]; with the feature `serial`, clients over serial ports |
//! | [`tls`] | with the feature `tls`: TLS on top of connections, and for both servers |
//!
//! A server:
//!
//! ```no_run
//! use bellwire::{Command, Line};
//! use bellwire_std::{Endpoint, Server};
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let endpoint = Endpoint::new();
//! endpoint.handle(STRING, |(), text, reply| {
//!     println!("{text}");
//!     reply.send("Thank you.")
//! })?;
//! Server::bind(":61000", endpoint)?.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A client:
//!
//! ```no_run
//! use bellwire::{Command, Line};
//! use bellwire_std::Client;
//! use std::time::Duration;
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let mut client = Client::connect("127.0.0.1:61000", Duration::from_secs(5))?;
//! println!("{}", client.call(STRING, "Additional data.")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `serial`, a client may also talk over a serial port, through a [link](bellwire::link) that repairs
//! the line. A thread owns the port. If the device falls silent, calls fail within 8 seconds at 115 200 baud. After
//! any failure the next call opens the port again.
//!
//! ```no_run
//! # use bellwire::{Command, Line};
//! # const STRING: Command<Line, Line> = Command::new("STRING");
//! use bellwire_std::{Client, Network};
//!
//! let mut client = Client::builder()
//!     .network(Network::Serial)
//!     .connect("serial:/dev/ttyUSB0?baud=115200")?;
//! println!("{}", client.call(STRING, "Additional data.")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `proxy-protocol`, both servers learn a client's address from the load balancer in
//! front of them.
//!
//! With the feature `metrics`, both report to the recorder of the crate [`metrics`](https://docs.rs/metrics), if the
//! process installs one before it makes the endpoint: `bellwire_connections`, `bellwire_connections_total`,
//! `bellwire_requests_total` by command, `bellwire_errors_total` by code, `bellwire_received_bytes_total`,
//! `bellwire_sent_bytes_total` and `bellwire_answer_seconds`; `bellwire_published_total`, `bellwire_delivered_total`
//! and `bellwire_lost_total` by topic; with TLS also `bellwire_tls_handshake_failures_total`. A value counts as delivered
//! once it is written to the transmit buffer of a connection.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!("bellwire-std needs a Unix: Linux, macOS or one of the BSDs");

mod address;
mod addresses;
mod backoff;
mod client;
mod conn;
mod connections;
mod deadlines;
mod dial;
mod dispatch;
mod ending;
mod endpoint;
mod hangup;
#[cfg(feature = "json")]
pub mod json;
mod keep_alive;
mod lag;
mod limits;
mod listener;
mod metrics;
mod peer;
mod ports;
mod probe;
#[cfg(feature = "proxy-protocol")]
mod proxy;
mod rate;
mod resolve;
pub mod schema;
mod serial;
mod server;
mod stop;
mod threads;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
mod topics;
mod wait;

pub use address::{Address, Network};
pub use client::{
    Batch, CallError, Cause, Client, ClientBuilder, ClientStream, Event, EventError, Push,
    RawEvent, Replies, Ticket,
};
pub use conn::Conn;
pub use dial::{Cancel, Dialer, dial};
pub use endpoint::Endpoint;
pub use limits::ServerLimits;
pub use listener::Listener;
pub use peer::Peer;
pub use resolve::resolve;
pub use serial::SerialAddress;
pub use server::ServerOn;
pub use stop::ShutdownHandle;
pub use threads::{Server, Threads};
pub use topics::Publisher;
