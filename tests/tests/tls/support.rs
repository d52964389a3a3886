//! Servers and clients over TLS, for the tests of this folder.

use bellwire_std::tls::rustls::{ClientConfig, ClientConnection, RootCertStore};
use bellwire_std::tls::{self, Connector};
use bellwire_std::{Conn, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::running::{Kind, PATIENCE, Running, serve_over_tls, until};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

/// Starts a server with a certificate, and returns a connector that trusts it.
pub(super) fn open_server(kind: Kind) -> (Running, Connector) {
    let authority = Authority::new();
    let server = serve_over_tls(kind, &authority.acceptor(None), |_| {});
    (server, authority.connector(None))
}

pub(super) fn reach(server: &Running) -> Conn {
    let conn = dial(server.address, PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    conn
}

pub(super) fn connect(server: &Running, connector: &Connector) -> tls::Conn {
    connector.connect(reach(server), HOST).unwrap()
}

/// Sends `bytes`, shuts down the sending, and returns all replies up to a clean end.
pub(super) fn answer(server: &Running, connector: &Connector, bytes: impl AsRef<[u8]>) -> String {
    let mut conn = connect(server, connector);
    conn.write_all(bytes.as_ref()).unwrap();
    conn.close_write().unwrap();
    rest(&mut conn)
}

pub(super) fn rest(conn: &mut tls::Conn) -> String {
    let mut text = String::new();
    conn.read_to_string(&mut text).unwrap();
    text
}

/// Waits until the server has a free permit and serves.
pub(super) fn is_well_again(server: &Running, connector: &Connector) {
    until(|| {
        // The handshake may exceed a short limit.
        let Ok(mut conn) = connector.connect(reach(server), HOST) else {
            return false;
        };
        let mut reply = String::new();
        let _ = conn.write_all(b"STRING\nhi\n");
        let _ = conn.close_write();
        conn.read_to_string(&mut reply).is_ok() && reply == "Thank you.\n"
    });
}

/// Returns a client hello.
pub(super) fn client_hello() -> Vec<u8> {
    let provider = tls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let host = HOST.try_into().unwrap();
    let mut session = ClientConnection::new(Arc::new(config), host).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}
