//! Closing a stream after the core's `serve`, while the peer still sends.

use bellwire::{Endpoint, Limits, ServerConnection, asynch, blocking};
use embedded_io::{ErrorType, Read, Write};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

const LINE: &str = "!unknown-command no command is named \"NONE\"\n";

/// A TCP stream for the core's drivers, without the discarding close of `Conn`.
struct Tcp(TcpStream);

impl ErrorType for Tcp {
    type Error = io::Error;
}

impl Read for Tcp {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Sends an unknown command and a megabyte of further bytes. Returns the bytes received before the
/// connection is closed or reset.
fn converse(close: fn(Tcp, &mut ServerConnection<'_>)) -> (String, io::Result<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = Tcp(listener.accept().unwrap().0);
            let endpoint = Endpoint::<(), 1>::new();
            let (mut rx, mut tx) = ([0; 512], [0; 512]);
            let limits = Limits {
                skip: 2 << 20,
                ..Limits::for_buffers(512, 512)
            };
            let mut connection = ServerConnection::new(&mut rx, &mut tx).with_limits(limits);
            blocking::serve(&mut stream, &mut endpoint.with(&mut ()), &mut connection).unwrap();
            close(stream, &mut connection);
        });
        let mut client = TcpStream::connect(address).unwrap();
        let mut requests = b"NONE\n".to_vec();
        requests.resize(1 << 20, b'x');
        // Without a discarding close, this fails or the answer is lost.
        let written = client.write_all(&requests);
        let _ = client.shutdown(Shutdown::Write);
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        (answer, written.and(read))
    })
}

#[test]
fn the_error_line_arrives_although_the_peer_still_sends() {
    for _ in 0..20 {
        let (answer, end) = converse(|stream, connection| {
            blocking::close(stream, connection, |tcp| tcp.0.shutdown(Shutdown::Write)).unwrap();
        });
        assert_eq!(answer, LINE);
        assert_eq!(end.unwrap(), LINE.len());
    }
}

#[test]
fn the_same_peer_is_reset_if_the_stream_is_only_dropped() {
    let resets = (0..20).filter(|_| converse(|stream, _| drop(stream)).1.is_err());
    assert!(resets.count() > 0, "the peer would need no close");
}

/// A peer that sends without end. Counts the bytes read and the shutdowns.
#[derive(Default)]
struct Endless {
    read: usize,
    shutdowns: u32,
}

impl ErrorType for Endless {
    type Error = Infallible;
}

impl Read for Endless {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        self.read += space.len();
        Ok(space.len())
    }
}

impl embedded_io_async::Read for Endless {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        Read::read(self, space)
    }
}

/// Returns the output of a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

#[test]
fn close_reads_at_most_one_buffer_beyond_the_limit() {
    let (mut rx, mut tx) = ([0; 100], [0; 100]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let mut peer = Endless::default();
    blocking::close(&mut peer, &mut connection, |peer| {
        peer.shutdowns += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((peer.read, peer.shutdowns), (1700, 1));

    let mut peer = Endless::default();
    ready(asynch::close(&mut peer, &mut connection, async |peer| {
        peer.shutdowns += 1;
        Ok(())
    }))
    .unwrap();
    assert_eq!((peer.read, peer.shutdowns), (1700, 1));
}
