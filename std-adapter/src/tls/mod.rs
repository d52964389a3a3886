//! TLS for connections: who may come in, and whom to trust. Needs the feature `tls`.
//!
//! It is TLS 1.3, by [rustls]. An [`Acceptor`] serves: give it to
//! [`tokio::Server::tls`](crate::tokio::Server::tls), or to a connection of a [`Listener`].
//! A [`Connector`] dials:
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
//! Sessions are not resumed, by either side: each connection shows its certificates anew. What else rustls can, a
//! configuration of its own brings in, by `Acceptor::from` and `Connector::from`; so rustls is
//! a part of this crate's interface, as [`bellwire_std::tls::rustls`](rustls).
//!
//! [`Listener`]: crate::Listener

mod conn;
mod identity;
mod pem;
mod records;
mod sentence;

pub use conn::Conn;
pub use identity::{Identity, RootCerts};
pub use rustls;

#[cfg(feature = "tokio")]
pub(crate) use records::Records;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
#[cfg(feature = "tokio")]
pub(crate) use sentence::no_room;
pub(crate) use sentence::{
    NOT_TLS, begins_tls, cut, failed, gone, handshake_failed, not_tls, stopping, too_slow, unused,
};
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// The side that is connected to. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<ServerConfig>);

impl Acceptor {
    /// One that shows `identity`, and, where `clients` are named, demands of each client a
    /// certificate that they have signed. (Go: `tls.Config` with `Certificates`, `ClientCAs` and
    /// `RequireAndVerifyClientCert`.)
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if rustls cannot use them.
    pub fn new(identity: Identity, clients: Option<&RootCerts>) -> io::Result<Self> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(RootCerts(roots)) => {
                let roots = Arc::clone(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
            }
        };
        let Identity { chain, key } = identity;
        let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self(Arc::new(config)))
    }

    /// Greets the other end of `conn`, which is to begin TLS. Set a deadline before, as this waits
    /// for it. One that begins otherwise hears so by an error line in clear. Where it
    /// fails, it stays for up to two seconds, so that the other end hears why.
    ///
    /// # Errors
    /// One sentence that says why it failed, the other end's missing certificate for instance; those
    /// of reading and writing `conn`.
    pub fn accept(&self, conn: crate::Conn) -> io::Result<Conn> {
        Conn::greet(conn, self.session()?.into())
    }

    pub(crate) fn session(&self) -> io::Result<ServerConnection> {
        ServerConnection::new(Arc::clone(&self.0)).map_err(unusable)
    }
}

impl From<Arc<ServerConfig>> for Acceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(config)
    }
}

/// The side that connects. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// One that takes servers whose certificate the `authorities` have signed, and shows `identity`
    /// to those that demand a certificate. (Go: `tls.Config` with `RootCAs` and `Certificates`.)
    ///
    /// # Errors
    /// As [`Acceptor::new`].
    pub fn new(authorities: &RootCerts, identity: Option<Identity>) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(Arc::clone(&authorities.0));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder
                .with_client_auth_cert(chain, key)
                .map_err(unusable)?,
        };
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Begins TLS with the other end of `conn`, whose certificate must be for `host`: a name, or an
    /// IP address. Set a deadline before, as this waits for it. (Go: `tls.Client` and `Handshake`.)
    ///
    /// That a server demands a certificate, or does not take the one that is shown, comes to light
    /// only at the first read.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a `host` that is none; else as
    /// [`Acceptor::accept`].
    pub fn connect(&self, conn: crate::Conn, host: &str) -> io::Result<Conn> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let what = format!("{host:?} is neither a name nor an IP address");
            io::Error::new(ErrorKind::InvalidInput, what)
        })?;
        let session = ClientConnection::new(Arc::clone(&self.0), name).map_err(unusable)?;
        Conn::greet(conn, session.into())
    }
}

impl From<Arc<ClientConfig>> for Connector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

/// Named here rather than installed for the process, which is the program's to do.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable(error: impl std::fmt::Display) -> io::Error {
    let what = format!("TLS cannot be set up: {error}");
    io::Error::new(ErrorKind::InvalidInput, what)
}
