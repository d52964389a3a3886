//! The server over TCP, with typical input of real clients.

use bellwire::{Command, HeapComplexData, Line, RegisterError, blocking::Client};
use bellwire_std::{Address, Endpoint, Peer, Server, dial};
use bellwire_tests::gate::Gate;
use bellwire_tests::running::{PATIENCE, POSTCARD, Running, STRING, each, line, rest, serve};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

const NEW: Command<(), Line> = Command::new("NEW");

/// Checks that a server with the default limits answers `request` with `expected` and keeps running.
#[track_caller]
fn answers(request: impl AsRef<[u8]>, expected: &str) {
    each(|kind| {
        let server = serve(kind, |_| {});
        assert_eq!(server.answer(&request), expected);
        assert!(server.is_well());
    });
}

/// Cause: the server with a thread for each connection ended when one panicked here.
#[test]
fn a_panic_while_making_an_app_ends_only_its_connection() {
    fn first_panics() -> impl Fn(&Peer) + Send + Sync + 'static {
        let first = AtomicBool::new(true);
        move |_peer| {
            assert!(
                !first.swap(false, Ordering::SeqCst),
                "the first call panics"
            );
        }
    }
    fn check(address: &Address) {
        let mut first = dial(address, PATIENCE).unwrap();
        first.set_deadline(Some(Instant::now() + PATIENCE));
        assert_eq!(first.read(&mut [0]).unwrap(), 0);
        let mut second = dial(address, PATIENCE).unwrap();
        second.set_deadline(Some(Instant::now() + PATIENCE));
        second.write_all(b"NOPE\n").unwrap();
        let mut told = String::new();
        second.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("!unknown-command "), "{told}");
    }
    let server = Server::bind("127.0.0.1:0", Endpoint::new()).unwrap();
    let (address, shutdown) = (server.local_addr().clone(), server.shutdown_handle());
    let running = thread::spawn(move || server.run_with(first_panics()));
    check(&address);
    shutdown.stop();
    running.join().unwrap().unwrap();

    let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", Endpoint::new()).unwrap();
    let (address, shutdown) = (server.local_addr().clone(), server.shutdown_handle());
    let running = thread::spawn(move || server.run_on_threads_with(1, first_panics()));
    check(&address);
    shutdown.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_text_line_gets_a_reply_line() {
    answers("STRING\nhi\n", "Thank you.\n");
}

#[test]
fn carriage_returns_and_spaces_around_the_name_are_ignored() {
    answers("  STRING \r\nhi\r\n", "Thank you.\n");
}

#[test]
fn a_thousand_pipelined_requests_in_one_write_get_a_thousand_replies() {
    answers("STRING\nhi\n".repeat(1000), &"Thank you.\n".repeat(1000));
}

#[test]
fn replies_larger_than_the_transmit_buffer_all_arrive() {
    let reply = "x".repeat(999) + "\n";
    answers("LONG\n".repeat(500), &reply.repeat(500));
}

#[test]
fn by_default_a_payload_has_at_most_65536_bytes() {
    let text = "x".repeat(70_000);
    answers(
        format!("STRING\n{text}\nSTRING\nhi\n"),
        "!too-large STRING: payload exceeds 65536 bytes\nThank you.\n",
    );
}

#[test]
fn peers_that_vanish_in_mid_request_disturb_no_other_connection() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let mut other = server.connect();
        other.write_all(b"STRING\nhi").unwrap();
        for _ in 0..20 {
            let mut stream = server.connect();
            stream.write_all(b"STRING\nh").unwrap();
            drop(stream);
        }
        other.write_all(b" there\n").unwrap();
        assert_eq!(line(&mut other), "Thank you.\n");
        assert!(server.is_well());
    });
}

#[test]
fn fifty_concurrent_clients_get_their_own_replies() {
    each(|kind| {
        let server = serve(kind, |_| {});
        thread::scope(|scope| {
            for number in 0..50 {
                let server = &server;
                scope.spawn(move || exchange(server, number));
            }
        });
        assert_eq!(server.texts.lock().unwrap().len(), 500);
    });
}

fn exchange(server: &Running, number: i64) {
    let conn = dial(server.address, PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    for round in 0..10 {
        assert_eq!(client.call(STRING, "hi").unwrap(), "Thank you.");
        let s = format!("{number} {round}");
        let data = HeapComplexData {
            s: s.clone(),
            ..HeapComplexData::default()
        };
        assert_eq!(client.call(POSTCARD, &data).unwrap(), s);
    }
}

#[test]
fn a_command_can_be_added_while_the_server_runs() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let mut stream = server.connect();
        stream.write_all(b"STRING\nbefore\n").unwrap();
        assert_eq!(line(&mut stream), "Thank you.\n");

        let added = server
            .endpoint
            .handle(NEW, |(), (), reply| reply.send("new"));
        assert_eq!(added, Ok(()));
        stream.write_all(b"NEW\n").unwrap();
        assert_eq!(line(&mut stream), "new\n");
        let again = server
            .endpoint
            .handle(NEW, |(), (), reply| reply.send("newer"));
        assert_eq!(again, Err(RegisterError::Duplicate));
    });
}

#[test]
fn a_panicking_handler_ends_only_its_connection() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let mut other = server.connect();
        other.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(
            server.answer("STRING\nhi\nPANIC\nSTRING\nhi\n"),
            "Thank you.\n!failed PANIC: handler panicked\n"
        );
        assert_eq!(line(&mut other), "Thank you.\n");
        assert!(server.is_well());
    });
}

#[test]
fn a_stop_closes_idle_connections_and_finishes_running_requests() {
    each(|kind| {
        let mut server = serve(kind, |_| {});
        let (mut idle, mut busy, mut begun) =
            (server.connect(), server.connect(), server.connect());
        for stream in [&mut idle, &mut busy, &mut begun] {
            stream.write_all(b"STRING\nhi\n").unwrap();
            assert_eq!(line(stream), "Thank you.\n");
        }
        begun.write_all(b"STRING\nh").unwrap();
        let gate = Gate::new(&server);
        busy.write_all(b"HOLD\n").unwrap();
        gate.wait();

        server.begin_stop();
        assert_eq!(rest(&mut idle), "");
        gate.open();
        assert_eq!(rest(&mut busy), "done\n");
        assert_eq!(rest(&mut begun), "!busy STRING: temporarily unavailable\n");
        drop((idle, busy, begun));
        server.stop();
        assert!(std::net::TcpStream::connect(server.address).is_err());
    });
}

#[test]
fn a_final_error_line_arrives_although_the_client_keeps_sending() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let mut stream = server.connect();
        stream.write_all(b"NOPE\n").unwrap();
        for _ in 0..50 {
            let _ = stream.write_all(&[b'x'; 10_000]);
        }
        let _ = stream.shutdown(Shutdown::Write);
        let mut first = [0; 5];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"!unkn");
    });
}
