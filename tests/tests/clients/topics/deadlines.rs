//! Time limits of calls while values arrive.

use super::{A, LOG};
use bellwire_std::{CallError, Cause, Client, ClientStream, tokio as on_tokio};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Starts a server that confirms the subscription of each client, publishes a value each 10 ms, and answers no call.
fn publishing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 14]).unwrap();
        stream.write_all(b"OK\n").unwrap();
        while stream.write_all(b">LOG\nx\n").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    address
}

/// Checks that a call which began at `start` has failed at its time limit.
fn check<T>(outcome: &Result<T, CallError>, start: Instant) {
    let Err(CallError::MayHaveRun(Cause::TimedOut)) = outcome else {
        panic!("the reply was not late");
    };
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

/// A stream whose time limit is that of each read.
struct Port(TcpStream);

impl Read for Port {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Port {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ClientStream for Port {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.0
            .set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))
    }

    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.set_nonblocking(true)?;
        let read = self.0.read(buf);
        self.0.set_nonblocking(false)?;
        read
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

#[test]
fn values_do_not_prolong_a_call_of_the_blocking_client() {
    let builder = Client::builder().timeout(Some(SHORT));
    let port = Port(TcpStream::connect(publishing()).unwrap());
    for mut client in [
        builder.clone().connect(&publishing().to_string()).unwrap(),
        builder.stream(port),
    ] {
        client.subscribe(LOG).unwrap();
        let start = Instant::now();
        check(&client.call(A, "x"), start);
    }
}

#[test]
fn values_do_not_prolong_a_call_of_the_async_client() {
    let address = publishing().to_string();
    super::asynch::runtime().block_on(async {
        let builder = on_tokio::Client::builder().timeout(Some(SHORT));
        let client = builder.connect(&address).await.unwrap();
        let _log = client.subscribe(LOG).await.unwrap();
        let start = Instant::now();
        check(&client.call(A, "x").await, start);
    });
}

#[test]
fn the_wait_for_a_value_ends_at_its_timeout_on_every_stream() {
    let port = Port(TcpStream::connect(publishing()).unwrap());
    let mut client = Client::builder().stream(port);
    client.subscribe(LOG).unwrap();
    let timeout = Some(Duration::from_millis(1));
    // Both outcomes occur, and the connection survives each.
    let pushes: Vec<_> = (0..50)
        .map(|_| client.next_push(timeout).unwrap())
        .collect();
    assert!(pushes.iter().any(Option::is_some) && pushes.iter().any(Option::is_none));
}
