//! The server's limits on its clients.

use bellwire::{Line, Topic};
use bellwire_tests::net::{LONG, SHORT, connect_from, connect_with_receive_buffer, reset};
use bellwire_tests::running::{
    BUSY, Kind, PATIENCE, each, line, listen_with_send_buffers, rest, serve, serve_over, until,
};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

/// A time that even a client on a busy machine does not spend between two steps.
const PAUSE: Duration = Duration::from_secs(2);

#[test]
fn a_peer_that_trickles_a_request_is_timed_out() {
    each(|kind| {
        let server = serve(kind, |limits| limits.request_timeout = SHORT);
        let mut stream = server.connect();
        stream.write_all(b"STRING\n").unwrap();
        let mut trickle = stream.try_clone().unwrap();
        let trickling = thread::spawn(move || {
            for byte in b"a text that takes its time".iter().cycle().take(200) {
                if trickle.write_all(&[*byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(
            rest(&mut stream),
            "!timed-out STRING: request took too long\n"
        );
        assert!(server.is_well());
        stream.shutdown(Shutdown::Both).unwrap();
        trickling.join().unwrap();
    });
}

/// Cause: the time limit continued from one half-received request to the next. A client that always
/// had a request on its way was cut off.
#[test]
fn each_request_has_its_own_time_limit() {
    at_once(|kind| {
        let server = serve(kind, |limits| limits.request_timeout = PAUSE);
        let mut stream = server.connect();
        stream.write_all(b"STR").unwrap();
        let begin = Instant::now();
        while begin.elapsed() < 2 * PAUSE {
            stream.write_all(b"ING\nhi\nSTR").unwrap();
            assert_eq!(line(&mut stream), "Thank you.\n");
            thread::sleep(PAUSE / 20);
        }
    });
}

#[test]
fn a_connection_beyond_its_idle_time_is_closed() {
    at_once(|kind| {
        let server = serve(kind, |limits| {
            limits.idle_timeout = PAUSE;
            limits.request_timeout = LONG;
        });
        let mut stream = server.connect();
        stream.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(rest(&mut stream), "Thank you.\n");
    });
}

#[test]
fn a_peer_that_never_reads_replies_does_not_affect_others_or_the_stop() {
    each(|kind| {
        let mut server = serve(kind, |limits| limits.reply_timeout = SHORT);
        let mut stream = server.connect();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        // The client sends until the server, whose replies it does not read, stops reading.
        while stream.write_all(&b"LONG\n".repeat(1000)).is_ok() {}
        assert!(server.is_well());
        // The server stops without waiting for this client.
        let begin = Instant::now();
        server.stop();
        assert!(begin.elapsed() < PATIENCE);
    });
}

/// Two seconds for 64 KiB are 32 KiB per second. This peer reads a third of that, with progress every
/// 400 ms.
///
/// Cause: each read of some bytes restarted the whole time limit.
#[test]
fn a_peer_that_reads_replies_too_slowly_is_disconnected() {
    reads_too_slowly(2000, false);
}

/// After each of its reads, the server can send all replies and has nothing left to do.
#[test]
fn a_peer_that_requests_little_and_reads_too_slowly_is_disconnected() {
    reads_too_slowly(8, true);
}

/// Sends requests, then reads slowly until the server closes the connection. If the client `continues`, it requests
/// again as much as it has read.
fn reads_too_slowly(requests: usize, continues: bool) {
    at_once(|kind| {
        // The smallest send buffer that the system allows, so that it reports each small read of the peer.
        let server = serve_over(kind, listen_with_send_buffers(1), |limits| {
            limits.reply_timeout = PAUSE;
        });
        let mut stream = connect_with_receive_buffer(server.address, 1);
        stream.write_all(&b"LONG\n".repeat(requests)).unwrap();
        let begin = Instant::now();
        let (mut taken, mut repeated) = (0, 0);
        while begin.elapsed() < PATIENCE
            && let Ok(n @ 1..) = stream.read(&mut [0; 4096])
        {
            taken += n;
            if continues {
                // A read may bring less than a reply. The write fails if the server has closed the connection.
                let _ = stream.write_all(&b"LONG\n".repeat(taken / 1000 - repeated));
                repeated = taken / 1000;
            }
            thread::sleep(PAUSE / 5);
        }
        assert!(begin.elapsed() < PATIENCE, "it has had {taken} bytes");
    });
}

/// In sum, the server waits for this peer longer than the limit. Each single wait is shorter.
#[test]
fn a_peer_that_reads_fast_enough_between_pauses_gets_all_replies() {
    const CHUNK: usize = 1_000_000;
    at_once(|kind| {
        let listener = listen_with_send_buffers(65536);
        let server = serve_over(kind, listener, |limits| limits.reply_timeout = 3 * PAUSE);
        let mut stream = connect_with_receive_buffer(server.address, 65536);
        stream
            .write_all(&b"LONG\n".repeat(5 * CHUNK / 1000))
            .unwrap();
        for _ in 0..4 {
            thread::sleep(PAUSE);
            stream.read_exact(&mut vec![0; CHUNK]).unwrap();
        }
        stream.read_exact(&mut vec![0; CHUNK]).unwrap();
    });
}

/// This peer is as slow, but a subscriber loses values instead of its connection.
#[test]
fn a_subscriber_that_reads_too_slowly_stays_connected() {
    const LOG: Topic<Line> = Topic::new("LOG");
    at_once(|kind| {
        let server = serve_over(kind, listen_with_send_buffers(1), |limits| {
            limits.reply_timeout = PAUSE;
        });
        let log = server.endpoint.topic(LOG).unwrap();
        let mut stream = connect_with_receive_buffer(server.address, 1);
        stream.write_all(b"SUBSCRIBE\nLOG\n").unwrap();
        assert_eq!(line(&mut stream), "OK\n");
        let begin = Instant::now();
        while begin.elapsed() < 4 * PAUSE {
            for _ in 0..10 {
                assert_eq!(log.publish(&"x".repeat(1000)), Ok(1));
            }
            stream.read_exact(&mut [0; 4096]).unwrap();
            thread::sleep(PAUSE / 5);
        }
    });
}

/// The server writes a part of them and waits for room, again and again.
#[test]
fn replies_that_exceed_the_send_buffer_all_arrive() {
    each(|kind| {
        let server = serve_over(kind, listen_with_send_buffers(1), |_| {});
        let mut stream = server.connect();
        stream.write_all(&b"LONG\n".repeat(200)).unwrap();
        stream.read_exact(&mut vec![0; 200 * 1000]).unwrap();
    });
}

#[test]
fn a_reset_while_replies_wait_frees_the_permit() {
    each(|kind| {
        let server = serve(kind, |limits| {
            limits.connections = 1;
            limits.reply_timeout = LONG;
        });
        let mut stream = server.connect();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        while stream.write_all(&b"LONG\n".repeat(1000)).is_ok() {}
        reset(stream);
        until(|| server.is_well());
    });
}

/// Runs a slow test against all kinds of server in parallel.
fn at_once(test: impl Fn(Kind) + Sync) {
    thread::scope(|scope| {
        for kind in [Kind::Threads, Kind::Tasks, Kind::Workers] {
            let test = &test;
            scope.spawn(move || test(kind));
        }
    });
}

/// Cause: the time limit for reading replies included the handlers' time, so replies were lost.
#[test]
fn handlers_may_run_longer_than_the_time_limit_for_replies() {
    each(|kind| {
        let server = serve(kind, |limits| limits.reply_timeout = SHORT);
        assert_eq!(server.answer("SLOW\n"), "done\n");
        assert_eq!(server.answer("SLOW\nSLOW\n"), "done\ndone\n");
    });
}

/// Cause: a stopping server continued for as long as a client kept sending.
#[test]
fn a_client_that_keeps_sending_does_not_delay_a_stop() {
    each(|kind| {
        let mut server = serve(kind, |limits| limits.stop_timeout = LONG);
        let clients: Vec<_> = (0..2).map(|_| server.connect()).collect();
        let busy: Vec<_> = clients
            .iter()
            .map(|client| {
                let mut reading = client.try_clone().unwrap();
                let mut sending = client.try_clone().unwrap();
                thread::spawn(move || io::copy(&mut reading, &mut io::sink()));
                thread::spawn(move || while sending.write_all(b"STRING\nhi\n").is_ok() {})
            })
            .collect();
        until(|| server.texts.lock().unwrap().len() >= 1000);
        let begin = Instant::now();
        server.stop();
        assert!(begin.elapsed() < PATIENCE);
        for (client, busy) in clients.iter().zip(busy) {
            let _ = client.shutdown(Shutdown::Both);
            busy.join().unwrap();
        }
    });
}

#[test]
fn a_connection_beyond_the_limit_gets_busy_and_a_later_one_is_served() {
    each(|kind| {
        let server = serve(kind, |limits| limits.connections = 2);
        let (mut first, mut second) = (server.connect(), server.connect());
        for stream in [&mut first, &mut second] {
            stream.write_all(b"STRING\nhi\n").unwrap();
            assert_eq!(line(stream), "Thank you.\n");
        }
        assert_eq!(server.answer("STRING\nhi\n"), BUSY);
        drop(first);
        let begin = Instant::now();
        while !server.is_well() {
            assert!(begin.elapsed() < PATIENCE);
        }
    });
}

/// Runs on Linux only, because other systems have a single loopback address.
#[test]
#[cfg(target_os = "linux")]
fn connections_beyond_their_address_limit_get_busy_and_hold_no_permit() {
    each(|kind| {
        let server = serve(kind, |limits| {
            limits.connections = 3;
            limits.connections_per_address = Some(1);
        });
        let connect = |from: &str| {
            let mut stream = connect_from(from, server.address);
            stream.write_all(b"STRING\nhi\n").unwrap();
            let reply = line(&mut stream);
            (stream, reply)
        };
        let (_first, reply) = connect("127.0.0.1");
        assert_eq!(reply, "Thank you.\n");
        let (_told, replies): (Vec<_>, Vec<_>) = (0..5).map(|_| connect("127.0.0.1")).unzip();
        assert_eq!(replies, [BUSY; 5]);
        let (second, reply) = connect("127.0.0.2");
        assert_eq!(reply, "Thank you.\n");
        let (_third, reply) = connect("127.0.0.3");
        assert_eq!(reply, "Thank you.\n");
        drop(second);
        until(|| connect("127.0.0.2").1 == "Thank you.\n");
    });
}

#[test]
fn a_stop_ends_although_a_client_never_reads() {
    each(|kind| {
        let mut server = serve(kind, |limits| {
            limits.stop_timeout = SHORT;
            limits.reply_timeout = LONG;
        });
        let mut stream = server.connect();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        while stream.write_all(&b"LONG\n".repeat(1000)).is_ok() {}
        let begin = Instant::now();
        server.stop();
        assert!(begin.elapsed() < PATIENCE);
    });
}
