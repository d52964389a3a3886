//! TLS: peers that speak something else, forge records or cut the stream.

use super::support::{answer, connect, open_server, reach};
use bellwire_std::{Listener, Network, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::running::{PATIENCE, each, serve};
use std::io::{ErrorKind, Read, Write};
use std::thread;

#[test]
fn a_plain_client_at_a_tls_port_gets_an_error_line() {
    each(|kind| {
        let (server, _) = open_server(kind);
        let told = "!refused this port speaks TLS only; connect with TLS\n";
        for input in ["STRING\nhi\n", "A", &"GOB\n".repeat(100_000)] {
            assert_eq!(server.answer(input), told);
        }
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

/// The system resets a connection that is closed with bytes unread.
#[test]
fn a_plain_client_at_a_tls_port_reads_an_end_and_no_reset() {
    each(|kind| {
        let (server, _) = open_server(kind);
        let mut plain = server.connect();
        plain.write_all(b"STRING\nhi\n").unwrap();
        let mut told = String::new();
        plain.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("!refused "), "{told}");
    });
}

#[test]
fn a_tls_client_at_a_plain_port_gets_a_clear_error() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let connector = Authority::new().connector(None);
        let error = connector.connect(reach(&server), HOST).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS handshake failed: the peer does not speak TLS; connect without TLS"
        );
        assert!(server.is_well());
    });
}

#[test]
fn an_invalid_client_hello_ends_the_connection() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut stream = server.connect();
        // A record and a handshake message of valid lengths, with invalid content.
        let mut nonsense = vec![22, 3, 1, 2, 0, 1, 0, 1, 0xfc];
        nonsense.resize(5 + 512, 0xff);
        stream.write_all(&nonsense).unwrap();
        let mut end = Vec::new();
        stream.read_to_end(&mut end).unwrap();
        assert_eq!(end[..3], [21, 3, 3], "no alert");
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

#[test]
fn a_tampered_record_ends_the_connection() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        conn.write_all(b"STRING\nbefore\n").unwrap();
        conn.read_exact(&mut [0; 11]).unwrap();
        let forged = [23, 3, 3, 0, 32].into_iter().chain([7; 32]);
        let bytes: Vec<u8> = forged.collect();
        conn.get_ref().clone().write_all(&bytes).unwrap();
        let error = conn.read(&mut [0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS connection failed: received fatal alert: BadRecordMac"
        );
        assert_eq!(*server.texts.lock().unwrap(), ["before"]);
    });
}

#[test]
fn a_request_truncated_without_close_notify_is_not_run() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        conn.write_all(b"STRING\nwhole\nNOTE\nin pa").unwrap();
        // The socket's end arrives without TLS's end.
        conn.get_ref().close_write().unwrap();
        let mut text = String::new();
        let _ = conn.read_to_string(&mut text);
        assert_eq!(text, "Thank you.\n");
        assert_eq!(*server.texts.lock().unwrap(), ["whole"]);
    });
}

#[test]
fn a_client_reports_an_end_without_close_notify_as_an_error() {
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let cutting = thread::spawn(move || {
        let mut conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        conn.write_all(b"Thank").unwrap();
        conn.get_ref().close();
    });
    let conn = dial(address, PATIENCE).unwrap();
    let mut conn = connector.connect(conn, HOST).unwrap();
    let mut text = String::new();
    let error = conn.read_to_string(&mut text).unwrap_err();
    assert_eq!(text, "Thank");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(
        error.to_string(),
        "the TLS connection was cut: it ended without close_notify"
    );
    cutting.join().unwrap();
}
