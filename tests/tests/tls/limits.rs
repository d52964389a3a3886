//! TLS: limits of time, of bytes in flight and of connections.

use super::support::{client_hello, connect, is_well_again, reach, rest};
use bellwire::{Command, Line, Reply, Topic};
use bellwire_std::dial;
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::gate::Gate;
use bellwire_tests::net;
use bellwire_tests::running::{
    Kind, PATIENCE, each, serve_on_one_thread, serve_over_tls, serve_over_tls_with_small_buffers,
    until,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// A time limit that a handshake usually meets.
const HANDSHAKE: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_does_not_read_replies_in_time_is_disconnected() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.reply_timeout = Duration::from_millis(200);
            limits.connections = 1;
        });
        let connector = authority.connector(None);
        let mut greedy = connect(&server, &connector);
        let flood = "LONG\n".repeat(1000);
        while greedy.write_all(flood.as_bytes()).is_ok() {}
        drop(greedy);
        is_well_again(&server, &connector);
    });
}

/// The server waits for room only when it has encrypted all replies.
#[test]
fn a_client_that_takes_a_part_of_its_replies_is_disconnected() {
    each(|kind| {
        let authority = Authority::new();
        let acceptor = authority.acceptor(None);
        let server = serve_over_tls_with_small_buffers(kind, &acceptor, |limits| {
            limits.reply_timeout = net::SHORT;
            limits.connections = 1;
        });
        let connector = authority.connector(None);
        let conn = net::connect_with_receive_buffer(server.address, 1);
        let mut conn = connector.connect(conn.try_into().unwrap(), HOST).unwrap();
        conn.write_all(&b"LONG\n".repeat(12)).unwrap();
        is_well_again(&server, &connector);
    });
}

#[test]
fn a_silent_client_holds_its_permit_only_for_the_handshake_time() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.handshake_timeout = HANDSHAKE;
            limits.connections = 1;
        });
        let mut silent = server.connect();
        assert_eq!(silent.read(&mut [0]).unwrap(), 0);
        drop(silent);
        is_well_again(&server, &authority.connector(None));
    });
}

#[test]
fn a_trickled_client_hello_does_not_extend_the_handshake_time() {
    let hello = client_hello();
    trickles(&hello.iter().map(|byte| vec![*byte]).collect::<Vec<_>>());
}

/// Each record is complete, so no record is ever received in part.
#[test]
fn a_client_hello_trickled_in_records_does_not_extend_the_handshake_time() {
    let hello = client_hello();
    let records = hello[5..].iter().map(|byte| vec![22, 3, 3, 0, 1, *byte]);
    trickles(&records.collect::<Vec<_>>());
}

/// Sends a client hello in `pieces`, slowly. Expects the server to close the connection before the end.
fn trickles(pieces: &[Vec<u8>]) {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.handshake_timeout = HANDSHAKE;
            limits.request_timeout = net::LONG;
            limits.connections = 1;
        });
        let mut trickle = server.connect();
        let begin = Instant::now();
        for piece in pieces {
            thread::sleep(Duration::from_millis(100));
            if trickle.write_all(piece).is_err() {
                break;
            }
        }
        assert!(begin.elapsed() < PATIENCE, "the server read all pieces");
        drop(trickle);
        is_well_again(&server, &authority.connector(None));
    });
}

/// Cause: such a client had the time of an idle connection, minutes, while a record's bytes were held.
#[test]
fn an_incomplete_record_has_the_time_limit_of_a_request() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(200);
        });
        let requests = "STRING\nhi\n".repeat(3);
        for before in ["", &requests] {
            let mut conn = connect(&server, &authority.connector(None));
            conn.write_all(before.as_bytes()).unwrap();
            let mut part = vec![23, 3, 3, 0x41, 0];
            part.resize(16_600, 0);
            conn.get_ref().clone().write_all(&part).unwrap();
            let thanks = "Thank you.\n".repeat(before.lines().count() / 2);
            let told = rest(&mut conn);
            assert!(told.starts_with(&format!("{thanks}!timed-out ")), "{told}");
        }
    });
}

#[test]
fn values_for_a_subscriber_do_not_extend_the_time_limit_of_its_record() {
    const LOG: Topic<Line> = Topic::new("LOG");
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(300);
        });
        let log = server.endpoint.topic(LOG).unwrap();
        let mut conn = connect(&server, &authority.connector(None));
        conn.write_all(b"SUBSCRIBE\nLOG\n").unwrap();
        until(|| log.subscribers() == 1);
        conn.get_ref().clone().write_all(&[23, 3, 3, 1, 0]).unwrap();
        until(|| {
            thread::sleep(Duration::from_millis(20));
            log.publish("value").unwrap() == 0
        });
        let told = rest(&mut conn);
        assert!(told.contains(">LOG\nvalue\n!timed-out "), "{told}");
    });
}

#[test]
fn a_trickled_record_does_not_extend_the_time_limit() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(300);
        });
        let conn = connect(&server, &authority.connector(None));
        let mut socket = conn.get_ref().clone();
        let begin = Instant::now();
        let mut record = [23, 3, 3, 0x40, 0].into_iter().chain([0].repeat(16384));
        while socket.write_all(&[record.next().unwrap()]).is_ok() {
            thread::sleep(Duration::from_millis(20));
            assert!(begin.elapsed() < PATIENCE, "the server still reads");
        }
    });
}

#[test]
fn an_incomplete_record_counts_as_bytes_in_flight() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |limits| {
        limits.bytes_in_flight = 16_384;
    });
    let mut conn = connect(&server, &authority.connector(None));
    let header = [23, 3, 3, 0x40, 1];
    conn.get_ref().clone().write_all(&header).unwrap();
    assert!(rest(&mut conn).starts_with("!busy "));
}

#[test]
fn an_incomplete_record_counts_beside_the_request_of_a_waiting_handler() {
    const WAIT: Command<Line, Line> = Command::new("WAIT");
    let authority = Authority::new();
    let server = serve_on_one_thread(|server| {
        server.tls = Some(authority.acceptor(None));
        server.limits.bytes_in_flight = 10_000;
    });
    let wait = |(): &mut (), _text: &str| async {
        yield_now().await;
        |reply: Reply<'_, Line>| reply.send("done")
    };
    server.endpoint.handle_async(WAIT, wait).unwrap();
    let gate = Gate::new(&server);
    let connector = authority.connector(None);
    let mut conn = connect(&server, &connector);
    let mut blocking = connect(&server, &connector);
    blocking.write_all(b"HOLD\n").unwrap();
    gate.wait();
    // The server's only thread reads both together.
    let request = format!("WAIT\n{}\n", "x".repeat(6000));
    conn.write_all(request.as_bytes()).unwrap();
    let header = [23, 3, 3, 0x17, 0x70];
    conn.get_ref().clone().write_all(&header).unwrap();
    gate.open();
    let mut told = [0; 11];
    conn.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"!busy WAIT:");
}

#[test]
fn a_connection_beyond_the_limit_gets_busy() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 1;
        });
        let connector = authority.connector(None);
        let mut first = connect(&server, &connector);
        first.write_all(b"STRING\nhi\n").unwrap();
        first.read_exact(&mut [0; 11]).unwrap();
        let mut second = connect(&server, &connector);
        assert!(rest(&mut second).starts_with("!busy "));
    });
}

/// Silent clients hold a permit for the handshake's time limit. Each server has 64 permits for
/// connections beyond its limit.
#[test]
fn connections_waiting_for_busy_are_bounded() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 0;
            limits.handshake_timeout = net::LONG;
        });
        let mut silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
        let mut closed = 0;
        until(|| {
            silent.retain_mut(|stream| {
                stream.set_nonblocking(true).unwrap();
                let open = stream
                    .read(&mut [0])
                    .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                closed += usize::from(!open);
                open
            });
            closed >= 100 - 64
        });
        // When one leaves, exactly one more connection gets the error "busy".
        assert_eq!(silent.len(), 64);
        drop(silent.pop());
        until(|| {
            let connector = authority.connector(None);
            let conn = connector.connect(reach(&server), HOST);
            conn.is_ok_and(|mut conn| rest(&mut conn).starts_with("!busy "))
        });
    });
}

#[test]
fn a_connection_beyond_its_idle_time_ends_cleanly() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.idle_timeout = Duration::from_millis(100);
        });
        let mut conn = connect(&server, &authority.connector(None));
        assert_eq!(rest(&mut conn), "");
    });
}

/// Records with content complete all messages before them. If they did not, an idle client would get an error.
#[test]
fn records_with_content_do_not_count_as_an_incomplete_request() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.idle_timeout = Duration::from_millis(100);
            limits.request_timeout = Duration::from_millis(100);
        });
        let mut conn = connect(&server, &authority.connector(None));
        let request = format!("STRING\n{}\n", "x".repeat(1000));
        conn.write_all(request.as_bytes()).unwrap();
        assert_eq!(rest(&mut conn), "Thank you.\n");
    });
}

#[test]
fn an_incomplete_request_gets_the_error_timed_out() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(200);
        });
        let mut conn = connect(&server, &authority.connector(None));
        conn.write_all(b"STRING\nin pa").unwrap();
        assert!(rest(&mut conn).starts_with("!timed-out "));
    });
}

#[test]
fn a_handshake_ends_at_the_connections_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = dial(silent.local_addr().unwrap(), PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + Duration::from_millis(50)));
    let error = Authority::new().connector(None).connect(conn, HOST);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn aborted_handshakes_release_their_permits() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 8;
        });
        for round in 0..100 {
            let mut stream = server.connect();
            let hello = client_hello();
            let _ = stream.write_all(&hello[..round * hello.len() / 100]);
            let _ = stream.shutdown(Shutdown::Both);
        }
        is_well_again(&server, &authority.connector(None));
    });
}
