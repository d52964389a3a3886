//! Subscriptions over TLS.

use super::{A, LOG};
use bellwire_std::tls::Acceptor;
use bellwire_std::{Conn, Listener, Network, tokio as on_tokio};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use bellwire_tests::topic_cases::show;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

/// Serves one client: two values, a pause, a value in two records, and the reply to a call.
fn serve(acceptor: Acceptor) -> (String, thread::JoinHandle<()>) {
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().to_string();
    let serving = thread::spawn(move || {
        let conn = listener.accept().unwrap();
        conn.set_deadline(Some(Instant::now() + PATIENCE));
        let mut conn = acceptor.accept(conn).unwrap();
        conn.read_exact(&mut [0; 14]).unwrap();
        conn.write_all(b"OK\n>LOG\n1\n>LOG\n2\n").unwrap();
        thread::sleep(2 * SHORT);
        conn.write_all(b">LO").unwrap();
        thread::sleep(SHORT / 4);
        conn.write_all(b"G\n3\n").unwrap();
        conn.read_exact(&mut [0; 4]).unwrap();
        conn.write_all(b"a\n>LOG\n4\n").unwrap();
        let _ = conn.read(&mut [0]);
    });
    (address, serving)
}

#[test]
fn the_blocking_client_gets_values_over_tls() {
    let authority = Authority::new();
    let (address, server) = serve(authority.acceptor(None));
    let builder = bellwire_std::Client::builder().tls(authority.connector(None), HOST);
    let mut client = builder.connect(&address).unwrap();
    client.subscribe(LOG).unwrap();
    let mut next = |timeout| {
        let push = client.next_push(Some(timeout)).unwrap();
        show(push.and_then(|push| push.event(LOG)))
    };
    assert_eq!([next(PATIENCE), next(PATIENCE)], ["1", "2"]);
    assert_eq!([next(Duration::ZERO), next(SHORT)], ["none", "none"]);
    assert_eq!(next(PATIENCE), "3");
    assert_eq!(client.call(A, "x").unwrap(), "a");
    let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
    assert_eq!(show(push.event(LOG)), "4");
    drop(client);
    server.join().unwrap();
}

/// Cause: after a connection that had lasted, each wait counted the failures to connect from 0.
#[test]
fn short_waits_for_events_keep_the_pauses_after_a_long_connection() {
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut conn = acceptor.accept(Conn::try_from(stream).unwrap()).unwrap();
        conn.read_exact(&mut [0; 14]).unwrap();
        conn.write_all(b"OK\n").unwrap();
        // Longer than the longest pause.
        thread::sleep(Duration::from_millis(5100));
        listener
    });
    let builder = bellwire_std::Client::builder().tls(connector, HOST);
    let mut client = builder.connect(&address).unwrap();
    client.subscribe(LOG).unwrap();
    let listener = serving.join().unwrap();
    listener.set_nonblocking(true).unwrap();
    let (start, mut tries) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(300) {
        // The server closes each connection in the handshake.
        assert!(client.next_push(Some(Duration::from_millis(5))).is_err());
        while listener.accept().is_ok() {
            tries += 1;
        }
    }
    // No pause, then at least 25, 50, 100 and 200 ms.
    assert!((1..=4).contains(&tries), "{tries}");
}

#[test]
fn the_async_client_gets_values_over_tls() {
    let authority = Authority::new();
    let (address, server) = serve(authority.acceptor(None));
    super::asynch::runtime().block_on(async {
        let builder = on_tokio::Client::builder().tls(authority.connector(None), HOST);
        let client = builder.connect(&address).await.unwrap();
        let mut log = client.subscribe(LOG).await.unwrap();
        assert_eq!(super::asynch::take(&mut log, 3).await, ["1", "2", "3"]);
        assert_eq!(client.call(A, "x").await.unwrap(), "a");
        assert_eq!(super::asynch::next(&mut log).await, "4");
    });
    server.join().unwrap();
}
