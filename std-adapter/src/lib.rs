//! [Bellwire](bellwire) on a machine with an operating system.
//!
//! | module | what it holds |
//! |---|---|
//! | `conn` | [`Conn`], a `TcpStream` as an embedded-io stream with deadlines; [`dial`] |
//! | `endpoint` | [`Endpoint`], a registry that grows, even while servers use it |
//! | `resolve` | [`resolve`](resolve()), from names to addresses |
//! | `server` | [`Server`], a thread for each connection, within [`ServerLimits`]; [`Stopper`] |
//!
//! A server:
//!
//! ```no_run
//! use bellwire::{Command, Line};
//! use bellwire_std::{Endpoint, Server};
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let endpoint = Endpoint::<()>::new();
//! endpoint.handle(STRING, |(), text, reply| {
//!     println!("{text}");
//!     reply.send("Thank you.")
//! })?;
//! Server::bind(":61000", endpoint.into())?.run(|_peer| ())?;
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

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

mod address;
mod conn;
mod endpoint;
mod ports;
mod resolve;
mod server;

pub use address::{Address, Network};
pub use conn::{Conn, dial};
pub use endpoint::Endpoint;
pub use resolve::resolve;
pub use server::{Server, ServerLimits, Stopper};
