//! [Bellwire](bellwire) on a machine with an operating system: Linux, macOS or another Unix.
//!
//! | module | contents |
//! |---|---|
//! | `resolve` | [`resolve`](resolve()), from names to addresses |
//! | `dial` | [`Dialer`], how to open a connection; [`dial`](dial()) in one line; [`Cancel`] |
//! | `conn` | [`Conn`], a connection as a stream with deadlines |
//! | `listener` | [`Listener`], over TCP and Unix sockets |
//! | `endpoint` | [`Endpoint`], a registry that grows, even while servers use it |
//! | [`tokio`] | with the feature `tokio`: a server for many connections on few threads |
//! | `server` | [`Server`], a thread for each connection, within [`ServerLimits`]; [`ShutdownHandle`] |
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
//! use bellwire::{Command, Line, blocking::Client};
//! use std::time::Duration;
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let conn = bellwire_std::dial("127.0.0.1:61000", Duration::from_secs(5))?;
//! let (mut rx, mut tx) = ([0; 4096], [0; 4096]);
//! let mut client = Client::new(conn, &mut rx, &mut tx);
//! println!("{}", client.call(STRING, "Additional data.")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!("bellwire-std needs a Unix: Linux, macOS or one of the BSDs");

mod address;
mod addresses;
mod conn;
mod deadlines;
mod dial;
mod ending;
mod endpoint;
mod keep_alive;
mod lag;
mod limits;
mod listener;
mod peer;
mod ports;
mod probe;
mod rate;
mod resolve;
mod server;
mod serving;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
mod wait;

pub use address::{Address, Network};
pub use conn::Conn;
pub use dial::{Cancel, Dialer, dial};
pub use endpoint::Endpoint;
pub use limits::ServerLimits;
pub use listener::Listener;
pub use peer::Peer;
pub use resolve::resolve;
pub use server::{Server, ShutdownHandle};
