//! Ten thousand connections and subscribers to the demo's server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const CONNECTIONS: usize = 10_000;

/// Held by a test, because the process has file descriptors for one such test.
static ALONE: Mutex<()> = Mutex::new(());

/// Starts the server, and connects to it.
fn open_all() -> (Child, Vec<TcpStream>) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_bellwire"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim_end().strip_prefix("listening on ").unwrap();
    let connections = (0..CONNECTIONS).map(|_| {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    });
    let connections = connections.collect();
    (server, connections)
}

#[test]
fn ten_thousand_subscribers_get_every_value_and_their_replies() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut server, mut connections) = open_all();
    for stream in &mut connections {
        stream.write_all(b"SUBSCRIBE\nTICK\n").unwrap();
    }
    for stream in &mut connections {
        let mut reply = [0; 3];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"OK\n");
    }
    for stream in &mut connections {
        let mut last = None;
        for _ in 0..2 {
            let mut push = [0; 8];
            stream.read_exact(&mut push).unwrap();
            let [name @ .., size, second] = push;
            assert_eq!((&name, size), (b">TICK\n", 1));
            assert!(
                last.is_none_or(|last| second == last + 1),
                "{second} {last:?}"
            );
            last = Some(second);
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_stop_with_ten_thousand_connections_loses_no_reply() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut server, mut connections) = open_all();
    for _ in 0..2 {
        for stream in &mut connections {
            stream.write_all(b"STRING\nhi\n").unwrap();
        }
        for stream in &mut connections {
            let mut reply = [0; 11];
            stream.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"Thank you.\n");
        }
    }

    // Stop the server while each connection has a request on its way.
    for stream in &mut connections {
        stream.write_all(b"STRING\nhi\n").unwrap();
    }
    let pid = server.id().to_string();
    let kill = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(kill.unwrap().success());
    for stream in &mut connections {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "Thank you.\n");
    }
    assert!(server.wait().unwrap().success());
}
