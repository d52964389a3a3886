//! TLS: the end of a connection, by either side.

use super::support::{answer, connect, open_server, rest};
use bellwire_std::{Conn, Listener, Network, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::gate::Gate;
use bellwire_tests::net::connect_with_receive_buffer;
use bellwire_tests::running::{PATIENCE, each, serve_over_tls};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_slow_reply_arrives_after_the_client_has_shut_down_sending() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        assert_eq!(answer(&server, &connector, "SLOW\n"), "done\n");
    });
}

#[test]
fn a_final_error_line_arrives_before_a_clean_end() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let tail = "STRING\nnever run\n".repeat(1000);
        assert_eq!(
            answer(&server, &connector, format!("NOPE\n{tail}")),
            "!unknown-command no command is named \"NOPE\"\n"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_stop_answers_running_requests_and_ends_connections_cleanly() {
    each(|kind| {
        let authority = Authority::new();
        let mut server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            // The stop waits for none of these clients.
            limits.stop_timeout = Duration::from_hours(1);
        });
        let connector = authority.connector(None);
        let idle = connect(&server, &connector);
        let greeting = server.connect();
        let mut busy = connect(&server, &connector);
        let gate = Gate::new(&server);
        busy.write_all(b"HOLD\n").unwrap();
        gate.wait();
        server.begin_stop();
        gate.open();
        server.stop();
        for (mut conn, expected) in [(busy, "done\n"), (idle, "")] {
            assert_eq!(rest(&mut conn), expected);
        }
        drop(greeting);
    });
}

/// Cause: a stopping server read only the first few of the records that had arrived.
#[test]
fn a_stop_answers_arrived_requests_in_all_records() {
    each(|kind| {
        let (mut server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        let gate = Gate::new(&server);
        conn.write_all(b"HOLD\n").unwrap();
        gate.wait();
        for _ in 0..40 {
            conn.write_all(&b"STRING\nhi\n".repeat(100)).unwrap();
        }
        server.begin_stop();
        gate.open();
        let expected = format!("done\n{}", "Thank you.\n".repeat(4000));
        assert!(rest(&mut conn) == expected, "some are not answered");
        server.stop();
    });
}

#[test]
fn dropping_a_client_ends_the_connection_cleanly() {
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let reading = thread::spawn(move || {
        let mut conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        rest(&mut conn)
    });
    let mut conn = connector
        .connect(dial(address, PATIENCE).unwrap(), HOST)
        .unwrap();
    conn.write_all(b"bye").unwrap();
    drop(conn);
    assert_eq!(reading.join().unwrap(), "bye");
}

/// A close with bytes unread makes the system reset the connection, and discard bytes that it has not sent.
#[test]
fn a_connection_that_lingered_loses_no_bytes_and_ends_cleanly() {
    const REPLY: usize = 1 << 20;
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let lingering = thread::spawn(move || {
        let mut conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        conn.read_exact(&mut [0]).unwrap();
        conn.write_all(&vec![7; REPLY]).unwrap();
        conn.linger(1 << 20, Instant::now() + PATIENCE);
    });
    let conn = connect_with_receive_buffer(address.tcp().unwrap(), 4096);
    let conn = Conn::try_from(conn).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    let mut conn = connector.connect(conn, HOST).unwrap();
    conn.write_all(b"read").unwrap();
    conn.write_all(&vec![0; 40_000]).unwrap();
    assert_eq!(rest(&mut conn).len(), REPLY);
    drop(conn);
    lingering.join().unwrap();
}
