//! TLS 1.3 for connections, by [rustls]. Requires the feature `tls`.
//!
//! An [`Acceptor`] is the server's side. Set it as [`Server::tls`](crate::Server::tls) or
//! [`tokio::Server::tls`](crate::tokio::Server::tls), or use it for connections of a [`Listener`].
//! A [`Connector`] is the client's side:
//!
//! ```no_run
//! use bellwire::{Command, Line};
//! use bellwire_std::{Client, tls};
//!
//! const STRING: Command<Line, Line> = Command::new("STRING");
//!
//! let connector = tls::Connector::new(&tls::RootCerts::system()?, None)?;
//! let builder = Client::builder().tls(connector, "bell.example");
//! let mut client = builder.connect("bell.example:61000")?;
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
