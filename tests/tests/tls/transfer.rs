//! TLS: requests and replies pass unchanged.

use super::support::{answer, connect, open_server, reach, rest};
use bellwire::blocking::Client;
use bellwire::{Command, Error, Gob, HeapComplexData, Line, Topic};
use bellwire_std::tls::{self};
use bellwire_std::{Conn, Endpoint, Listener, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::running::{
    Kind, LONG, PATIENCE, POSTCARD, SLOW, STRING, each, serve_tasks, until,
};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const GOB: Command<Gob<HeapComplexData>, Line> = Command::new("GOB");

#[test]
fn a_subscriber_over_tls_gets_values_between_its_replies() {
    const LOG: Topic<Line> = Topic::new("LOG");
    each(|kind| {
        let (server, connector) = open_server(kind);
        let log = server.endpoint.topic(LOG).unwrap();
        let mut conn = connect(&server, &connector);
        let mut received = Vec::new();
        for (request, text, reply) in [
            ("SUBSCRIBE\nLOG\n", "one", "OK\n>LOG\none\n"),
            ("STRING\nhi\n", "two", "Thank you.\n>LOG\ntwo\n"),
        ] {
            conn.write_all(request.as_bytes()).unwrap();
            received.resize(reply.len() - 6 - text.len(), 0);
            conn.read_exact(&mut received).unwrap();
            log.publish(text).unwrap();
            let mut push = vec![0; 6 + text.len()];
            conn.read_exact(&mut push).unwrap();
            received.extend(push);
            assert_eq!(String::from_utf8_lossy(&received), reply, "{kind:?}");
        }
    });
}

#[test]
fn every_format_works_over_tls() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        server
            .endpoint
            .handle(GOB, |(), data, reply| reply.send(&data.s))
            .unwrap();
        let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
        let mut client = Client::new(connect(&server, &connector), &mut rx, &mut tx);
        let value = HeapComplexData {
            n: 23,
            s: "string data".into(),
            ..HeapComplexData::default()
        };
        let thanks = client.call(STRING, "Additional data.").unwrap();
        assert_eq!(thanks, "Thank you.");
        assert_eq!(client.call(POSTCARD, &value).unwrap(), "string data");
        assert_eq!(client.call(GOB, &value).unwrap(), "string data");
    });
}

#[test]
fn pipelined_requests_are_answered_after_the_client_shuts_down_sending() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let replies = answer(&server, &connector, "STRING\nhi\n".repeat(1000));
        assert_eq!(replies, "Thank you.\n".repeat(1000));
    });
}

#[test]
fn requests_may_arrive_in_records_of_one_byte() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        for byte in "STRING\nhi\n".repeat(20).bytes() {
            conn.write_all(&[byte]).unwrap();
        }
        conn.close_write().unwrap();
        assert_eq!(rest(&mut conn), "Thank you.\n".repeat(20));
    });
}

#[test]
fn a_payload_may_span_many_records() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let text = "ß".repeat(30_000);
        let reply = answer(&server, &connector, format!("STRING\n{text}\n"));
        assert_eq!(reply, "Thank you.\n");
        assert_eq!(*server.texts.lock().unwrap(), [text]);
    });
}

#[test]
fn a_late_reader_gets_megabytes_of_replies() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let conn = reach(&server);
        SockRef::from(&conn).set_recv_buffer_size(65536).unwrap();
        let mut conn = connector.connect(conn, HOST).unwrap();
        conn.write_all("LONG\n".repeat(8000).as_bytes()).unwrap();
        wait_for_unread(&conn, 16_384);
        let mut replies = vec![0; 8_000_000];
        conn.read_exact(&mut replies).unwrap();
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        assert!(replies.chunks(1000).all(|reply| reply == line));
        conn.close_write().unwrap();
        assert_eq!(rest(&mut conn), "");
    });
}

/// If a record counted as sent once it is encrypted, nothing would wait for socket space.
#[test]
fn a_record_that_the_socket_cannot_take_is_sent_later() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted sockets inherit the buffer size.
    SockRef::from(&listener).set_send_buffer_size(4096).unwrap();
    let endpoint = Endpoint::new();
    endpoint
        .handle(LONG, |(), (), reply| reply.send(&"x".repeat(999)))
        .unwrap();
    let listener = Listener::try_from(listener).unwrap();
    let mut server = bellwire_std::tokio::Server::from_listener(listener, endpoint);
    server.tls = Some(authority.acceptor(None));
    let (address, stopper) = (server.local_addr().clone(), server.shutdown_handle());
    let running = thread::spawn(move || server.run_on_threads(1));

    let conn = dial(address, PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    SockRef::from(&conn).set_recv_buffer_size(4096).unwrap();
    let mut conn = authority.connector(None).connect(conn, HOST).unwrap();
    // Two records; the second has to wait.
    conn.write_all(&b"LONG\n".repeat(32)).unwrap();
    wait_for_unread(&conn, 1024);
    conn.read_exact(&mut vec![0; 32_000]).unwrap();
    stopper.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_client_is_usable_after_a_call_timed_out() {
    let (server, connector) = open_server(Kind::Tasks);
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(connect(&server, &connector), &mut rx, &mut tx);
    let soon = Instant::now() + Duration::from_millis(50);
    client.stream().get_ref().set_deadline(Some(soon));
    let Err(Error::Transport(error)) = client.call(SLOW, ()) else {
        panic!("it was in time");
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client
        .stream()
        .get_ref()
        .set_deadline(Some(Instant::now() + PATIENCE));
    assert_eq!(client.call(STRING, "hi").unwrap(), "Thank you.");
}

#[test]
fn tls_starts_after_the_proxy_header() {
    let authority = Authority::new();
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.tls = Some(authority.acceptor(None));
    });
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
    let conn = Conn::try_from(stream).unwrap();
    let mut conn = authority.connector(None).connect(conn, HOST).unwrap();
    conn.write_all(b"STRING\nhi\n").unwrap();
    conn.close_write().unwrap();
    assert_eq!(rest(&mut conn), "Thank you.\n");
}

/// Waits until `bytes` bytes have arrived at `conn` that it has not read.
fn wait_for_unread(conn: &tls::Conn, bytes: usize) {
    let socket = SockRef::from(conn.get_ref());
    let mut unread = vec![MaybeUninit::uninit(); bytes];
    until(|| {
        socket
            .peek(&mut unread)
            .is_ok_and(|arrived| arrived == bytes)
    });
}
