//! What the server allows its clients, and what a connection allows its server.

use bellwire::{Error, blocking::Client};
use bellwire_std::{Conn, dial};
use bellwire_tests::running::{PATIENCE, STRING, each, line, rest, serve};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_hours(1);

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_told_that_it_took_too_long() {
    each(|kind| {
        let server = serve(kind, |limits| limits.request = SHORT);
        let mut stream = server.connect();
        let mut trickle = stream.try_clone().unwrap();
        let trickling = thread::spawn(move || {
            for byte in b"STRING\na text that takes its time"
                .iter()
                .cycle()
                .take(200)
            {
                if trickle.write_all(&[*byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(
            rest(&mut stream),
            "!timed-out STRING: the request was not complete in time\n"
        );
        assert!(server.is_well());
        stream.shutdown(Shutdown::Both).unwrap();
        trickling.join().unwrap();
    });
}

/// Cause: the time limit ran on from one half-received request to the next, so a client that
/// always had one on its way was cut off.
#[test]
fn the_time_for_a_request_begins_anew_with_each_request() {
    each(|kind| {
        let server = serve(kind, |limits| limits.request = SHORT);
        let mut stream = server.connect();
        stream.write_all(b"STR").unwrap();
        let begin = Instant::now();
        while begin.elapsed() < 4 * SHORT {
            stream.write_all(b"ING\nhi\nSTR").unwrap();
            assert_eq!(line(&mut stream), "Thank you.\n");
            thread::sleep(SHORT / 20);
        }
    });
}

#[test]
fn a_connection_that_idles_too_long_is_closed() {
    each(|kind| {
        let server = serve(kind, |limits| {
            limits.idle = SHORT;
            limits.request = LONG;
        });
        let mut stream = server.connect();
        stream.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(rest(&mut stream), "Thank you.\n");
    });
}

#[test]
fn a_peer_that_never_reads_its_replies_is_let_go_and_the_others_are_served() {
    each(|kind| {
        let mut server = serve(kind, |limits| limits.reply = SHORT);
        let mut stream = server.connect();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        // It sends until the server, whose replies are not taken, takes no more.
        while stream.write_all(&b"LONG\n".repeat(1000)).is_ok() {}
        assert!(server.is_well());
        // The server stops without waiting for it.
        let begin = Instant::now();
        server.stop();
        assert!(begin.elapsed() < PATIENCE);
    });
}

#[test]
fn a_connection_beyond_the_limit_is_told_so_and_a_later_one_served() {
    each(|kind| {
        let server = serve(kind, |limits| limits.connections = 2);
        let (mut first, mut second) = (server.connect(), server.connect());
        for stream in [&mut first, &mut second] {
            stream.write_all(b"STRING\nhi\n").unwrap();
            assert_eq!(line(stream), "Thank you.\n");
        }
        assert_eq!(
            server.answer("STRING\nhi\n"),
            "!busy the server takes no requests now\n"
        );
        drop(first);
        let begin = Instant::now();
        while !server.is_well() {
            assert!(begin.elapsed() < PATIENCE);
        }
    });
}

#[test]
fn stopping_does_not_wait_for_ever() {
    each(|kind| {
        let mut server = serve(kind, |limits| {
            limits.stop = SHORT;
            limits.reply = LONG;
        });
        let mut stream = server.connect();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        while stream.write_all(&b"LONG\n".repeat(1000)).is_ok() {}
        let begin = Instant::now();
        server.stop();
        assert!(begin.elapsed() < PATIENCE);
    });
}

#[test]
fn a_deadline_is_not_renewed_by_activity() {
    let (mut conn, mut peer) = pair();
    let feeding = thread::spawn(move || {
        while peer.write_all(b"x").is_ok() {
            thread::sleep(SHORT / 20);
        }
    });
    let begin = Instant::now();
    conn.set_read_deadline(Some(begin + SHORT));
    let error = loop {
        if let Err(error) = embedded_io::Read::read(&mut conn, &mut [0; 16]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);

    conn.set_read_deadline(None);
    assert!(embedded_io::Read::read(&mut conn, &mut [0; 16]).is_ok());
    drop(conn);
    feeding.join().unwrap();
}

#[test]
fn a_deadline_in_the_past_fails_at_once() {
    let (mut conn, _peer) = pair();
    conn.set_deadline(Some(Instant::now()));
    let read = embedded_io::Read::read(&mut conn, &mut [0; 16]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
    let written = embedded_io::Write::write(&mut conn, b"x");
    assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_call_whose_reply_is_late_fails_and_the_next_call_gets_its_own() {
    let (conn, mut peer) = pair();
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    client.stream().set_deadline(Some(Instant::now() + SHORT));
    match client.call(STRING, "first") {
        Err(Error::Transport(error)) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        other => panic!("{other:?}"),
    }
    assert_eq!(line(&mut peer) + &line(&mut peer), "STRING\nfirst\n");
    peer.write_all(b"to the first\nto the second\n").unwrap();
    client
        .stream()
        .set_deadline(Some(Instant::now() + PATIENCE));
    assert_eq!(client.call(STRING, "second").unwrap(), "to the second");
}

#[test]
fn dialing_gives_up_in_time() {
    // A listener whose queue is full ignores further connections.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
        waiting.push(stream);
        assert!(waiting.len() < 100);
    }
    let begin = Instant::now();
    let error = dial(address, SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn dialing_a_name_tries_each_of_its_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let closed = SocketAddr::from(([127, 0, 0, 1], 1));
    assert!(dial(&[closed, open][..], PATIENCE).is_ok());
}

/// Two ends of one connection.
fn pair() -> (Conn, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = dial(listener.local_addr().unwrap(), PATIENCE).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (conn, peer)
}
