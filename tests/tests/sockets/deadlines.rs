//! The deadlines of a connection: points in time that any thread may move.

use bellwire_tests::net::{LONG, SHORT, fill, pair, read, waits, while_waiting};
use bellwire_tests::running::PATIENCE;
use std::io::{ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

fn soon() -> Instant {
    Instant::now() + SHORT
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
        if let Err(error) = read(&mut conn) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);

    conn.set_read_deadline(None);
    assert!(read(&mut conn).is_ok());
    drop(conn);
    feeding.join().unwrap();
}

#[test]
fn a_deadline_ends_a_waiting_read_and_a_waiting_write() {
    let (mut conn, _peer) = pair();
    conn.set_deadline(Some(soon()));
    let begin = Instant::now();
    assert_eq!(read(&mut conn).unwrap_err().kind(), ErrorKind::TimedOut);
    conn.set_deadline(Some(soon()));
    let error = fill(&mut conn);
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the deadline has passed");
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn after_a_deadline_reads_and_writes_fail_even_if_bytes_are_available() {
    let (mut conn, mut peer) = pair();
    peer.write_all(b"x").unwrap();
    conn.set_deadline(Some(Instant::now()));
    assert_eq!(read(&mut conn).unwrap_err().kind(), ErrorKind::TimedOut);
    let written = conn.write(b"x").unwrap_err();
    assert_eq!(written.kind(), ErrorKind::TimedOut);
    conn.set_deadline(None);
    assert_eq!(read(&mut conn).unwrap(), 1);
    assert_eq!(conn.write(b"x").unwrap(), 1);
}

#[test]
fn each_direction_has_its_own_deadline() {
    let (mut conn, mut peer) = pair();
    peer.write_all(b"xx").unwrap();
    conn.set_read_deadline(Some(Instant::now()));
    assert_eq!(conn.write(b"x").unwrap(), 1);
    assert!(read(&mut conn).is_err());
    conn.set_read_deadline(None);
    conn.set_write_deadline(Some(Instant::now()));
    assert_eq!(read(&mut conn).unwrap(), 2);
    assert!(conn.write(b"x").is_err());
}

#[test]
fn a_deadline_in_the_past_set_by_another_thread_wakes_a_read() {
    let (mut conn, _peer) = pair();
    let handle = conn.clone();
    let result = while_waiting(
        || read(&mut conn),
        || handle.set_read_deadline(Some(Instant::now())),
    );
    assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_deadline_in_the_past_set_by_another_thread_wakes_a_write() {
    let (mut conn, _peer) = pair();
    let handle = conn.clone();
    let error = while_waiting(
        || fill(&mut conn),
        || handle.set_write_deadline(Some(Instant::now())),
    );
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn an_earlier_deadline_wakes_a_read_with_a_later_one() {
    let (mut conn, _peer) = pair();
    let handle = conn.clone();
    conn.set_read_deadline(Some(Instant::now() + LONG));
    let result = while_waiting(
        || read(&mut conn),
        || handle.set_read_deadline(Some(soon())),
    );
    assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_cleared_deadline_does_not_end_a_waiting_read() {
    let (mut conn, mut peer) = pair();
    let handle = conn.clone();
    let deadline = Duration::from_secs(2);
    conn.set_read_deadline(Some(Instant::now() + deadline));
    let result = while_waiting(
        || read(&mut conn),
        || {
            handle.set_read_deadline(None);
            thread::sleep(deadline);
            peer.write_all(b"late").unwrap();
        },
    );
    assert_eq!(result.unwrap(), 4);
}

#[test]
fn a_deadline_wakes_all_waiting_handles() {
    let (mut first, _peer) = pair();
    let handle = first.clone();
    for _ in 0..50 {
        // From the second iteration on, the first handle has waited before.
        let mut second = first.clone();
        handle.set_read_deadline(None);
        thread::scope(|scope| {
            let waiting = [&mut first, &mut second].map(|conn| waits(scope, || read(conn)));
            handle.set_read_deadline(Some(Instant::now()));
            for waiting in waiting {
                let result = waiting.join().unwrap();
                assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
            }
        });
    }
}

#[test]
fn a_woken_read_can_wait_again() {
    let (mut conn, mut peer) = pair();
    let handle = conn.clone();
    for _ in 0..3 {
        let result = while_waiting(
            || read(&mut conn),
            || handle.set_read_deadline(Some(Instant::now())),
        );
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
        handle.set_read_deadline(None);
        let result = while_waiting(|| read(&mut conn), || peer.write_all(b"x").unwrap());
        assert_eq!(result.unwrap(), 1);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_woken_read_that_waits_again_uses_no_cpu_time() {
    let (mut conn, mut peer) = pair();
    let handle = conn.clone();
    let worked = while_waiting(
        || {
            read(&mut conn).unwrap();
            // The first number is the nanoseconds that this thread has run.
            let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            times.split(' ').next().unwrap().parse().unwrap()
        },
        || {
            handle.set_read_deadline(Some(Instant::now() + LONG));
            thread::sleep(2 * SHORT);
            peer.write_all(b"x").unwrap();
        },
    );
    assert!(Duration::from_nanos(worked) < SHORT / 2);
}
