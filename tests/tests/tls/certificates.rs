//! TLS: which certificates are accepted, and what the errors say.

use super::support::{answer, connect, open_server, reach};
use bellwire::Error;
use bellwire::blocking::Client;
use bellwire_std::tls::{self};
use bellwire_std::{Listener, Network, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::running::{Kind, PATIENCE, STRING, each, serve_over_tls};
use std::thread;

/// Returns the error of a call over `conn`.
fn refusal(conn: tls::Conn) -> String {
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let error = Client::new(conn, &mut rx, &mut tx)
        .call(STRING, "hi")
        .unwrap_err();
    let Error::Transport(error) = error else {
        panic!("{error}");
    };
    error.to_string()
}

#[test]
fn a_client_with_a_certificate_of_the_trusted_authority_is_served() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(Some(clients.sign(&["client"])));
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

#[test]
fn a_client_without_the_required_certificate_is_rejected() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(None);
        assert_eq!(
            refusal(connect(&server, &connector)),
            "the TLS connection failed: the peer requires a certificate"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_client_with_a_certificate_of_another_authority_is_rejected() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(Some(authority.sign(&["client"])));
        assert_eq!(
            refusal(connect(&server, &connector)),
            "the TLS connection failed: the peer rejected this end's certificate"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_client_rejects_a_server_of_an_unknown_authority() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let stranger = Authority::new().connector(None);
        let error = stranger.connect(reach(&server), HOST).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS handshake failed: the peer's certificate is not signed by a trusted authority"
        );
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

/// Cause: a new authority with the same name as the trusted one was reported as a bad signature.
#[test]
fn authorities_with_the_same_name_are_distinguished() {
    let (old, new) = (Authority::named("Bell"), Authority::named("Bell"));
    let server = serve_over_tls(Kind::Tasks, &old.acceptor(Some(&old)), |_| {});
    let error = new.connector(None).connect(reach(&server), HOST);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the TLS handshake failed: the peer's certificate is not signed by a trusted authority"
    );
    let connector = old.connector(Some(new.sign(&["client"])));
    assert_eq!(
        refusal(connect(&server, &connector)),
        "the TLS connection failed: the peer rejected this end's certificate"
    );
}

#[test]
fn a_client_rejects_a_server_with_another_name() {
    let (server, connector) = open_server(Kind::Tasks);
    let error = connector.connect(reach(&server), "bell.example");
    assert_eq!(
        error.unwrap_err().to_string(),
        r#"the TLS handshake failed: the peer's certificate is not for "bell.example""#
    );
    assert!(connector.connect(reach(&server), "127.0.0.1").is_ok());
}

#[test]
fn an_invalid_host_name_is_a_clear_error() {
    let (server, connector) = open_server(Kind::Tasks);
    let error = connector.connect(reach(&server), "bell example");
    assert_eq!(
        error.unwrap_err().to_string(),
        r#""bell example" is neither a name nor an IP address"#
    );
}

#[test]
fn both_ends_can_read_the_peers_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (acceptor, connector) = (
        authority.acceptor(Some(&clients)),
        authority.connector(Some(clients.sign(&["client"]))),
    );
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let seeing = thread::spawn(move || {
        let conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        conn.peer_certificates()
            .map(<[u8]>::len)
            .collect::<Vec<_>>()
    });
    let conn = connector.connect(dial(address, PATIENCE).unwrap(), HOST);
    assert_eq!(conn.unwrap().peer_certificates().count(), 1);
    let shown = seeing.join().unwrap();
    assert!(shown.len() == 1 && shown[0] > 100, "{shown:?}");
}

#[test]
fn unusable_certificates_and_keys_are_clear_errors() {
    let authority = Authority::new();
    let (one, other) = (authority.sign(&[HOST]), authority.sign(&[HOST]));
    let error = tls::Identity::from_pem(one.chain.as_bytes(), other.key.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the private key does not belong to the certificate"
    );
    let error = tls::Identity::from_pem(one.key.as_bytes(), one.key.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it holds no certificate in PEM");
    let error = tls::Identity::from_pem(one.chain.as_bytes(), one.chain.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it holds no private key in PEM");
    for text in ["0 is also the first byte of DER", &one.key] {
        let error = tls::RootCerts::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "it holds no certificate in PEM");
    }
}
