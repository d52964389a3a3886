//! A connection: its bytes, addresses, handles and end.

use bellwire::{Error, blocking::Client};
use bellwire_std::{Address, Conn};
use bellwire_tests::net::{SHORT, fill, pair, read, waits, while_waiting};
use bellwire_tests::running::{PATIENCE, STRING, line, rest};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

#[test]
fn bytes_pass_in_both_directions() {
    let (mut conn, mut peer) = pair();
    conn.write_all(b"to you\n").unwrap();
    assert_eq!(line(&mut peer), "to you\n");
    peer.write_all(b"to me").unwrap();
    drop(peer);
    let mut text = String::new();
    conn.read_to_string(&mut text).unwrap();
    assert_eq!(text, "to me");
}

#[test]
fn transfers_may_exceed_the_system_buffers() {
    let (mut conn, mut peer) = pair();
    let sent: Vec<u8> = (0..8_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut received = vec![0; sent.len()];
    thread::scope(|scope| {
        scope.spawn(|| conn.write_all(&sent).unwrap());
        peer.read_exact(&mut received).unwrap();
    });
    assert!(sent == received);
}

#[test]
fn close_write_ends_the_peers_reading_and_lets_it_answer() {
    let (mut conn, mut peer) = pair();
    conn.write_all(b"to you").unwrap();
    conn.close_write().unwrap();
    assert_eq!(rest(&mut peer), "to you");
    peer.write_all(b"to me").unwrap();
    drop(peer);
    let mut text = String::new();
    conn.read_to_string(&mut text).unwrap();
    assert_eq!(text, "to me");
}

/// A close with bytes unread makes the system reset the connection.
#[test]
fn a_connection_that_lingered_ends_without_a_reset() {
    let (mut conn, mut peer) = pair();
    peer.write_all(b"unread").unwrap();
    conn.write_all(b"to you").unwrap();
    let mut text = String::new();
    thread::scope(|scope| {
        scope.spawn(move || conn.linger(1 << 20, Instant::now() + PATIENCE));
        peer.read_to_string(&mut text).unwrap();
        drop(peer);
    });
    assert_eq!(text, "to you");
}

#[test]
fn linger_stops_after_its_limit_of_bytes() {
    let (mut conn, mut peer) = pair();
    peer.write_all(&[0; 5000]).unwrap();
    let begin = Instant::now();
    conn.linger(1000, begin + PATIENCE);
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn empty_reads_and_writes_return_at_once() {
    let (mut conn, _peer) = pair();
    assert_eq!(conn.read(&mut []).unwrap(), 0);
    assert_eq!(conn.write(&[]).unwrap(), 0);
}

#[test]
fn addresses_match_those_that_the_peer_sees() {
    let (conn, peer) = pair();
    let local = Address::Tcp(peer.peer_addr().unwrap());
    assert_eq!(conn.local_addr().unwrap(), local);
    let remote = Address::Tcp(peer.local_addr().unwrap());
    assert_eq!(*conn.peer_addr(), remote);
    drop(peer);
    conn.close();
    assert_eq!(*conn.peer_addr(), remote);
}

#[test]
fn a_std_stream_converts_to_a_connection() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut conn = Conn::try_from(near).unwrap();
    assert_eq!(*conn.peer_addr(), Address::Unix(None));
    far.write_all(b"hi").unwrap();
    assert_eq!(read(&mut conn).unwrap(), 2);
}

#[test]
fn one_handle_reads_while_another_writes() {
    let (mut conn, mut peer) = pair();
    let mut writer = conn.clone();
    let written = while_waiting(
        || read(&mut conn),
        || {
            writer.write_all(b"ping\n").unwrap();
            assert_eq!(line(&mut peer), "ping\n");
            peer.write_all(b"pong\n").unwrap();
        },
    );
    assert_eq!(written.unwrap(), 5);
}

#[test]
fn close_wakes_a_read_and_a_write_in_other_threads() {
    let (mut conn, _peer) = pair();
    let (mut writer, closer) = (conn.clone(), conn.clone());
    thread::scope(|scope| {
        let reading = waits(scope, || read(&mut conn).unwrap_err());
        let writing = waits(scope, || fill(&mut writer));
        closer.close();
        for error in [reading.join().unwrap(), writing.join().unwrap()] {
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            assert_eq!(error.to_string(), "this end closed the connection");
        }
    });
}

#[test]
fn after_close_the_peer_reads_all_written_bytes_and_the_end() {
    let (mut conn, mut peer) = pair();
    let handle = conn.clone();
    conn.write_all(b"the last words").unwrap();
    conn.close();
    assert_eq!(rest(&mut peer), "the last words");
    assert!(read(&mut conn).is_err() && conn.write(b"x").is_err());
    drop(handle);
}

#[test]
fn the_connection_closes_with_its_last_handle() {
    let (conn, mut peer) = pair();
    let mut handle = conn.clone();
    drop(conn);
    handle.write_all(b"still here\n").unwrap();
    assert_eq!(line(&mut peer), "still here\n");
    drop(handle);
    assert_eq!(rest(&mut peer), "");
}

#[test]
fn writing_to_a_closed_peer_is_an_error() {
    let (mut conn, peer) = pair();
    drop(peer);
    conn.set_write_deadline(Some(Instant::now() + PATIENCE));
    let error = fill(&mut conn);
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_single_waiting_handle_needs_one_file_descriptor() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let (conns, peers): (Vec<_>, Vec<_>) = (0..100).map(|_| pair()).unzip();
    thread::scope(|scope| {
        let wait = |mut conn| waits(scope, move || read(&mut conn));
        let waiting: Vec<_> = conns.into_iter().map(wait).collect();
        // Other tests in this process open descriptors too.
        assert!(open() - before < 300);
        drop(peers);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap().unwrap(), 0);
        }
    });
}

#[test]
fn after_a_timed_out_call_the_next_call_gets_its_own_reply() {
    let (conn, mut peer) = pair();
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    client
        .stream()
        .set_read_deadline(Some(Instant::now() + SHORT));
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
fn closing_a_handle_ends_a_call_waiting_in_another_thread() {
    let (conn, _peer) = pair();
    let handle = conn.clone();
    let error = while_waiting(
        || {
            let (mut rx, mut tx) = ([0; 64], [0; 64]);
            let mut client = Client::new(conn, &mut rx, &mut tx);
            client.call(STRING, "hi").map(str::to_owned).unwrap_err()
        },
        || handle.close(),
    );
    match error {
        Error::Transport(error) => assert_eq!(error.kind(), ErrorKind::NotConnected),
        other => panic!("{other:?}"),
    }
}
