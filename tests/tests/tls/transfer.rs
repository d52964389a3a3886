//! TLS: requests and replies pass unchanged.

use super::support::{answer, connect, open_server, reach, rest};
use bellwire::blocking::Client;
use bellwire::{Command, Error, Gob, HeapComplexData, Line, Topic};
use bellwire_std::tls;
use bellwire_std::{Conn, Listener, Network, dial};
use bellwire_tests::certificates::{Authority, HOST, Signed};
use bellwire_tests::net::connect_with_receive_buffer;
use bellwire_tests::running::{
    Kind, PATIENCE, POSTCARD, Running, SLOW, STRING, each, serve_over_tls_with_small_buffers,
    serve_tasks, until,
};
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
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

/// Returns a server with tasks and its client. The sockets of both buffer few bytes.
fn with_small_buffers(authority: &Authority, identity: &Signed) -> (Running, tls::Conn) {
    let acceptor = tls::Acceptor::new(identity.identity(), None).unwrap();
    let server = serve_over_tls_with_small_buffers(Kind::Workers, &acceptor, |_| {});
    let conn = Conn::try_from(connect_with_receive_buffer(server.address, 4096)).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    let conn = authority.connector(None).connect(conn, HOST).unwrap();
    (server, conn)
}

/// If a record counted as sent once it is encrypted, nothing would wait for socket space.
#[test]
fn a_record_that_the_socket_cannot_take_is_sent_later() {
    let authority = Authority::new();
    let (_server, mut conn) = with_small_buffers(&authority, &authority.sign(&[HOST]));
    // Two records; the second has to wait.
    conn.write_all(&b"LONG\n".repeat(32)).unwrap();
    wait_for_unread(&conn, 1024);
    conn.read_exact(&mut vec![0; 32_000]).unwrap();
}

#[test]
fn a_handshake_that_the_socket_cannot_take_at_once_succeeds() {
    let authority = Authority::new();
    let mut identity = authority.sign(&[HOST]);
    // Certificates that no client needs make the handshake large.
    identity.chain += &authority.pem().repeat(80);
    let (_server, mut conn) = with_small_buffers(&authority, &identity);
    conn.write_all(b"LONG\n").unwrap();
    conn.read_exact(&mut vec![0; 1000]).unwrap();
}

#[test]
fn a_flush_sends_the_bytes_that_a_full_socket_has_not_taken() {
    let flushes: [fn(&mut tls::Conn) -> io::Result<()>; 2] =
        [Write::flush, embedded_io::Write::flush];
    for flush in flushes {
        let authority = Authority::new();
        let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
        let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
        let address = listener.local_addr().clone();
        let accepting = thread::spawn(move || acceptor.accept(listener.accept().unwrap()).unwrap());
        let mut conn = connector
            .connect(dial(address, PATIENCE).unwrap(), HOST)
            .unwrap();
        let mut peer = accepting.join().unwrap();
        let soon = Instant::now() + Duration::from_millis(50);
        conn.get_ref().set_write_deadline(Some(soon));
        let mut written = 0;
        while let Ok(n) = conn.write(&[0; 10_000]) {
            written += n;
        }
        let late = Some(Instant::now() + PATIENCE);
        conn.get_ref().set_write_deadline(late);
        peer.get_ref().set_read_deadline(late);
        thread::scope(|scope| {
            let reading = scope.spawn(move || peer.read_exact(&mut vec![0; written]));
            flush(&mut conn).unwrap();
            reading.join().unwrap().unwrap();
        });
    }
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
