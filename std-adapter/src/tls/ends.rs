//! The server's and the client's side of TLS.

use super::conn::Conn;
use super::driver::Driver;
use super::identity::{Identity, RootCerts, provider};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// The server's side of TLS. A clone shares its configuration.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<ServerConfig>);

impl Acceptor {
    /// Creates an acceptor that shows `identity`. With `clients`, each client must show a certificate
    /// signed by one of these authorities. (Go: `tls.Config` with `Certificates`, `ClientCAs` and
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

    /// Waits for the TLS handshake of the client on `conn`. Set a deadline on `conn` first.
    ///
    /// A client that does not begin TLS receives an error line in plain text. After a failed
    /// handshake, this call waits up to two seconds for the client to receive the reason.
    ///
    /// # Errors
    /// An error whose text says why the handshake failed, for example a missing client certificate.
    /// The errors of reading and writing `conn`.
    pub fn accept(&self, conn: crate::Conn) -> io::Result<Conn> {
        Conn::with_handshake(conn, self.driver()?)
    }

    pub(crate) fn driver(&self) -> io::Result<Driver> {
        let session = ServerConnection::new(Arc::clone(&self.0));
        session.map(Driver::new).map_err(unusable)
    }
}

impl From<Arc<ServerConfig>> for Acceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(config)
    }
}

/// The client's side of TLS. A clone shares its configuration.
#[derive(Debug, Clone)]
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Creates a connector that trusts servers whose certificate is signed by one of the `roots`. It
    /// shows `identity` to servers that require a certificate. (Go: `tls.Config` with `RootCAs` and
    /// `Certificates`.)
    ///
    /// # Errors
    /// The errors of [`Acceptor::new`].
    pub fn new(roots: &RootCerts, identity: Option<Identity>) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(Arc::clone(&roots.0));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder
                .with_client_auth_cert(chain, key)
                .map_err(unusable)?,
        };
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Performs the TLS handshake with the server on `conn`. Set a deadline on `conn` first. (Go:
    /// `tls.Client` and `Handshake`.)
    ///
    /// The server's certificate must be for `host`, a name or an IP address. If the server requires
    /// a client certificate or rejects this one, only the first read fails.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `host` is neither a name nor an IP address;
    /// otherwise the errors of [`Acceptor::accept`].
    pub fn connect(&self, conn: crate::Conn, host: &str) -> io::Result<Conn> {
        Conn::with_handshake(conn, self.driver(host)?)
    }

    /// Performs the TLS handshake as [`connect`](Self::connect) does, and returns rustls' session, for an event loop
    /// of your own. The stream stays `conn`'s socket.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub fn handshake(&self, conn: &mut crate::Conn, host: &str) -> io::Result<Connection> {
        let mut driver = self.driver(host)?;
        driver.handshake_over(conn)?;
        Ok(driver.into_session())
    }

    pub(crate) fn driver(&self, host: &str) -> io::Result<Driver> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let what = format!("{host:?} is neither a name nor an IP address");
            io::Error::new(ErrorKind::InvalidInput, what)
        })?;
        let session = ClientConnection::new(Arc::clone(&self.0), name);
        session.map(Driver::new).map_err(unusable)
    }
}

impl From<Arc<ClientConfig>> for Connector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

fn unusable(error: impl std::fmt::Display) -> io::Error {
    let what = format!("TLS cannot be set up: {error}");
    io::Error::new(ErrorKind::InvalidInput, what)
}
