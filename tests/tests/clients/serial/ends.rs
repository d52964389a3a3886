//! The ends of conversations over serial ports.

use super::{Bench, builder, connect, read};
use bellwire_std::CallError;
use bellwire_tests::pty::Port;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};
use thermostat::{HISTORY, LOG, Thermostat};

/// Locks a port, as another program does. Returns the handle that keeps the lock.
fn lock(port: &Port) -> OwnedFd {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let port = open(port.path(), flags, Mode::empty()).unwrap();
    flock(&port, FlockOperation::NonBlockingLockExclusive).unwrap();
    port
}

#[test]
fn finish_tells_whether_the_last_request_was_accepted() {
    for mode in ["", "?plain"] {
        let bench = Bench::quiet("finish");
        let address = bench.address() + mode;
        let mut client = connect(&address);
        client.send(LOG, "window open").unwrap();
        client.finish().unwrap();

        let mut client = connect(&address);
        client.send(LOG, &"x".repeat(33)).unwrap();
        let error = client.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "server error (refused): LOG: a note takes at most 32 bytes"
        );
        let history = connect(&address).call(HISTORY, &8).unwrap();
        assert_eq!(history[0].note.as_deref(), Some("window open"));
    }
}

/// Cause: the bytes beyond 4096 waited for a reply, and there was none.
#[test]
fn finish_sends_many_requests_in_plain_text() {
    let bench = Bench::quiet("many");
    let address = bench.address() + "?plain";
    let mut client = connect(&address);
    for number in 0..200 {
        client.send(LOG, &format!("{number:>32}")).unwrap();
    }
    client.finish().unwrap();
    let history = connect(&address).call(HISTORY, &1).unwrap();
    let note = history[0].note.as_deref().unwrap();
    assert!(note.ends_with(" 199"), "{note}");
}

#[test]
fn finish_fails_if_the_device_does_not_confirm_the_last_request() {
    let mut bench = Bench::quiet("unconfirmed");
    let limit = Duration::from_secs(1);
    let builder = builder().timeout(Some(limit));
    let mut client = builder.connect(&bench.address()).unwrap();
    bench.device.stop();
    client.send(LOG, "window open").unwrap();
    let error = client.finish().unwrap_err();
    assert!(matches!(error, CallError::MayHaveRun(_)), "{error}");
}

/// A slow machine may need several attempts to send all within 100 ms.
#[test]
fn a_dropped_client_sends_the_requests_that_it_has_taken() {
    let bench = Bench::quiet("dropped");
    // More than a link keeps.
    let notes = 0..100;
    let arrived = || {
        let mut client = bench.connect();
        for number in notes.clone() {
            client.send(LOG, &format!("{number:>32}")).unwrap();
        }
        drop(client);
        let history = bench.connect().call(HISTORY, &1).unwrap();
        let note = history.first().and_then(|entry| entry.note.as_deref());
        note.is_some_and(|note| note.ends_with("99"))
    };
    assert!((0..20).any(|_| arrived()));
}

#[test]
fn a_client_dropped_while_the_device_is_silent_frees_its_port_at_once() {
    let mut bench = Bench::quiet("freed");
    let mut client = bench.connect();
    bench.device.stop();
    client.send(LOG, "window open").unwrap();
    let begin = Instant::now();
    drop(client);
    assert!(begin.elapsed() < Duration::from_secs(4));
    lock(&bench.port);
}

/// Opens a port with a cable that nobody reads.
fn stuck() -> (OwnedFd, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let cable = openpt(flags).unwrap();
    grantpt(&cable).unwrap();
    unlockpt(&cable).unwrap();
    let path = ptsname(&cable, Vec::new()).unwrap();
    (cable, path.into_string().unwrap())
}

#[test]
fn a_client_dropped_while_its_port_takes_no_bytes_ends_in_time() {
    let (_cable, path) = stuck();
    let mut client = connect(&format!("serial:{path}?plain"));
    // More than the port keeps.
    for _ in 0..20 {
        client.send(LOG, &"x".repeat(8000)).unwrap();
    }
    let begin = Instant::now();
    drop(client);
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[test]
fn connecting_waits_for_a_program_that_is_about_to_free_the_port() {
    let bench = Bench::quiet("moment");
    let lock = lock(&bench.port);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            drop(lock);
        });
        read(&mut bench.connect(), &mut Thermostat::new());
    });
}

#[test]
fn replies_that_nobody_reads_wait_for_their_reader() {
    let bench = Bench::quiet("unread");
    let mut client = bench.connect();
    for _ in 0..5 {
        client.call(thermostat::READ, ()).unwrap();
        client.send(LOG, &"x".repeat(32)).unwrap();
    }
    let expected = client.call(HISTORY, &5).unwrap();
    let mut batch = client.batch();
    // Their replies are more than a socket keeps.
    let tickets: Vec<_> = (0..800)
        .map(|_| batch.queue(HISTORY, &5).unwrap())
        .collect();
    let mut replies = batch.send().unwrap();
    thread::sleep(Duration::from_secs(1));
    for ticket in tickets {
        assert_eq!(replies.take(ticket).unwrap(), expected);
    }
}
