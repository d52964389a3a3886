//! TLS 1.3 for connections, by [rustls]. Requires the feature `tls`.
//!
//! An [`Acceptor`] is the server's side. Set it as [`Server::tls`](crate::Server::tls) or
//! [`tokio::Server::tls`](crate::tokio::Server::tls), or use it for connections of a [`Listener`].
//! A [`Connector`] is the client's side:
//!
//! ```no_run
//! use bellwire::{Command, Line, blocking::Client};
//! use bellwire_std::{dial, tls};
//! use std::time::{Duration, Instant};
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let connector = tls::Connector::new(&tls::RootCerts::system()?, None)?;
//! let conn = dial("bell.example:61000", Duration::from_secs(5))?;
//! conn.set_deadline(Some(Instant::now() + Duration::from_secs(5)));
//! let (mut rx, mut tx) = ([0; 4096], [0; 4096]);
//! let mut client = Client::new(connector.connect(conn, "bell.example")?, &mut rx, &mut tx);
//! println!("{}", client.call(STRING, "Additional data.")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Neither side resumes sessions: each connection shows its certificates again. For other features
//! of rustls, pass a rustls configuration to `Acceptor::from` or `Connector::from`. So rustls is part
//! of this crate's interface, as [`bellwire_std::tls::rustls`](rustls).
//!
//! [`Listener`]: crate::Listener

mod conn;
mod driver;
mod ends;
mod error;
mod identity;
mod pem;
mod records;

pub use conn::Conn;
pub use ends::{Acceptor, Connector};
pub use identity::{Identity, RootCerts};
pub use rustls;

#[cfg(feature = "tokio")]
pub(crate) use driver::Driver;
#[cfg(feature = "tokio")]
pub(crate) use error::no_room;
pub(crate) use error::{stopping, too_slow};
