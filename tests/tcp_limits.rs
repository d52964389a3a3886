//! What the server allows its clients.

use bellwire_std::Listener;
use bellwire_tests::net::{LONG, SHORT, connect_from};
use bellwire_tests::running::{BUSY, Kind, PATIENCE, each, line, rest, serve, serve_over, until};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A time to wait that a client on a busy machine does not use up between two steps.
const PAUSE: Duration = Duration::from_secs(2);

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_told_that_it_took_too_long() {
    each(|kind| {
        let server = serve(kind, |limits| limits.request = SHORT);
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

/// Cause: the time limit ran on from one half-received request to the next, so a client that
/// always had one on its way was cut off.
#[test]
fn the_time_for_a_request_begins_anew_with_each_request() {
    at_once(|kind| {
        let server = serve(kind, |limits| limits.request = PAUSE);
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
fn a_connection_that_idles_too_long_is_closed() {
    at_once(|kind| {
        let server = serve(kind, |limits| {
            limits.idle = PAUSE;
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

/// Two seconds for 64 KiB are 32 KiB a second. This peer takes a third of
/// that, though something every 400 ms.
///
/// Cause: each bit that a peer took gave it all its time again.
#[test]
fn a_peer_that_takes_its_replies_bit_by_bit_is_let_go() {
    at_once(|kind| {
        // The smallest that the system allows, so that it tells of each bit that the peer takes.
        let server = serve_over(kind, listen_with_send_buffers(1), |limits| {
            limits.reply = PAUSE;
        });
        let mut stream = connect_with_receive_buffer(server.address, 1);
        stream.write_all(&b"LONG\n".repeat(2000)).unwrap();
        let begin = Instant::now();
        let mut taken = 0;
        while let Ok(n @ 1..) = stream.read(&mut [0; 4096]) {
            taken += n;
            thread::sleep(PAUSE / 5);
            assert!(begin.elapsed() < 2 * PATIENCE, "it has had {taken} bytes");
        }
    });
}

/// The server waits for it longer than the limit in all, and shorter each time.
#[test]
fn a_peer_that_takes_enough_of_its_replies_between_pauses_has_them_all() {
    const CHUNK: usize = 1_000_000;
    at_once(|kind| {
        let listener = listen_with_send_buffers(65536);
        let server = serve_over(kind, listener, |limits| limits.reply = 3 * PAUSE);
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

/// Runs a test that takes its time against all kinds of server at once.
fn at_once(test: impl Fn(Kind) + Sync) {
    thread::scope(|scope| {
        for kind in [Kind::Threads, Kind::Tasks, Kind::Workers] {
            let test = &test;
            scope.spawn(move || test(kind));
        }
    });
}

fn listen_with_send_buffers(bytes: usize) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted sockets inherit it.
    let socket = SockRef::from(&listener);
    socket.set_send_buffer_size(bytes).unwrap();
    listener.try_into().unwrap()
}

fn connect_with_receive_buffer(to: SocketAddr, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Cause: the time for taking replies ran while handlers did, so their replies were thrown away.
#[test]
fn handlers_may_take_longer_than_clients_have_to_take_replies() {
    each(|kind| {
        let server = serve(kind, |limits| limits.reply = SHORT);
        assert_eq!(server.answer("SLOW\n"), "done\n");
        assert_eq!(server.answer("SLOW\nSLOW\n"), "done\ndone\n");
    });
}

/// Cause: a stopping server went on as long as a client had more to say.
#[test]
fn a_client_that_sends_on_and_on_does_not_hold_up_a_stop() {
    each(|kind| {
        let mut server = serve(kind, |limits| limits.stop = LONG);
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
        thread::sleep(SHORT);
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
fn a_connection_beyond_the_limit_is_told_so_and_a_later_one_served() {
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

/// On Linux, as elsewhere a machine has one loopback address.
#[test]
#[cfg(target_os = "linux")]
fn connections_beyond_the_limit_of_their_address_are_told_so_and_take_no_place() {
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
