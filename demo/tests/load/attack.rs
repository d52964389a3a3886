//! Tests of the server under attack, over real sockets: honest clients get every reply, and the server's
//! memory does not grow. The latencies are only printed here; `tests/attack/run` measures them.
#![cfg(target_os = "linux")]

use bellwire_demo::files;
use bellwire_tests::attack::{Attack, Health, ask};
use bellwire_tests::running::{PATIENCE, each, line, rest, serve, until};
use bellwire_tests::served::Served;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Bytes by which the server's memory may grow from the first to the third round of an attack.
const GROWTH: u64 = 4 << 20;

const BINARY: &str = env!("CARGO_BIN_EXE_bellwire");
const SERVE: [&str; 4] = ["serve", "--quiet", "--listen", "127.0.0.1:0"];

/// Starts a server and raises the limit of open files.
fn start() -> Served {
    files::raise_limit();
    Served::start(Command::new(BINARY).args(SERVE))
}

fn connect(server: &Served) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[track_caller]
fn all_well(health: &Health, replies: usize) {
    assert!(health.lost.is_empty(), "{:?}", health.lost);
    assert_eq!(health.replies, replies);
}

/// Attacks a server in three rounds, each with this many connections.
fn withstands(attack: Attack, connections: usize) {
    let server = start();
    let quiet = ask(server.address, 4, 25);
    all_well(&quiet, 100);
    // The first round allocates memory that later rounds reuse.
    let mut first = None;
    for _ in 0..3 {
        let underway = attack.begin(server.address, connections);
        let health = ask(server.address, 4, 25);
        let steps = underway.end();
        all_well(&health, 100);
        let memory = server.memory();
        println!(
            "{attack:?}: {steps} steps, p99 {:?} and {:?} when quiet, {memory} bytes resident",
            health.p99, quiet.p99
        );
        assert!(memory < *first.get_or_insert(memory) + GROWTH, "{first:?}");
    }
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn a_thousand_slow_senders_are_withstood() {
    withstands(Attack::SlowSenders, 1000);
}

#[test]
fn clients_that_never_read_are_withstood() {
    withstands(Attack::NeverReaders, 3);
}

#[test]
fn a_thousand_silent_connections_are_withstood() {
    withstands(Attack::Silent, 1000);
}

#[test]
fn clients_that_vanish_in_the_middle_of_a_request_are_withstood() {
    withstands(Attack::Vanishing, 0);
}

#[test]
fn floods_are_withstood() {
    withstands(Attack::Floods, 3);
}

#[test]
fn connection_churn_is_withstood() {
    withstands(Attack::Churn, 0);
}

#[test]
fn noise_is_withstood() {
    withstands(Attack::Noise, 0);
}

#[test]
fn without_free_file_descriptors_connected_clients_are_served_and_new_ones_wait() {
    for threads in [&[][..], &["--threads"]] {
        serves_without_free_file_descriptors(threads);
    }
}

fn serves_without_free_file_descriptors(more: &[&str]) {
    // 48 descriptors are enough for the server itself and about thirty connections.
    let script = r#"ulimit -n 48; exec "$0" "$@""#;
    let server = Served::start(
        Command::new("sh")
            .args(["-c", script, BINARY])
            .args(SERVE)
            .args(more),
    );
    let mut healthy = connect(&server);
    let mut ask = || {
        healthy.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(line(&mut healthy), "Thank you.\n");
    };
    ask();
    let hoard: Vec<_> = (0..100).map(|_| connect(&server)).collect();
    let before = server.processor_time();
    for _ in 0..100 {
        ask();
        thread::sleep(Duration::from_millis(10));
    }
    // A server that retries `accept` without a pause would use all of this second.
    let used = server.processor_time().saturating_sub(before);
    assert!(used < Duration::from_millis(500), "{used:?} in a second");
    drop(hoard);
    until(|| {
        let mut later = connect(&server);
        later.write_all(b"STRING\nhi\n").unwrap();
        line(&mut later) == "Thank you.\n"
    });
    ask();
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn a_panic_in_a_handler_ends_only_its_own_connection() {
    each(|kind| {
        let server = serve(kind, |_| {});
        thread::scope(|scope| {
            let well = scope.spawn(|| {
                let mut stream = server.connect();
                for _ in 0..200 {
                    stream.write_all(b"STRING\nhi\n").unwrap();
                    assert_eq!(line(&mut stream), "Thank you.\n");
                }
            });
            for _ in 0..20 {
                assert_eq!(
                    server.answer("STRING\nbefore\nPANIC\nSTRING\nafter\n"),
                    "Thank you.\n!failed PANIC: handler panicked\n"
                );
            }
            well.join().unwrap();
        });
        let texts = server.texts.lock().unwrap();
        let count = |text: &str| texts.iter().filter(|seen| *seen == text).count();
        assert_eq!((count("hi"), count("before"), count("after")), (200, 20, 0));
    });
}

#[test]
fn a_stop_during_all_attacks_loses_no_reply_and_ends_in_time() {
    let server = start();
    let mut clients: Vec<_> = (0..50).map(|_| connect(&server)).collect();
    let underway =
        Attack::ALL.map(|attack| attack.begin(server.address, attack.connections().min(100)));
    for client in &mut clients {
        client.write_all(b"STRING\nhi\n").unwrap();
    }
    for client in &mut clients {
        assert_eq!(line(client), "Thank you.\n");
    }
    // Requests that have arrived before the stop are answered.
    for client in &mut clients {
        client.write_all(b"STRING\nhi\n").unwrap();
    }
    server.terminate();
    for client in &mut clients {
        assert_eq!(rest(client), "Thank you.\n");
    }
    assert!(server.wait().success());
    for attack in underway {
        attack.end();
    }
}
