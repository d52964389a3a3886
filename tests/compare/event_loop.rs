//! The event loop of the bare servers: one thread, one read and one write for each event.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};

const LISTENER: Token = Token(usize::MAX);

/// A connection and the number of its unanswered line feeds.
pub(crate) struct Connection {
    stream: TcpStream,
    lines: usize,
}

/// Serves the address in the first argument. Calls `serve` when the connection with this index is readable. An error
/// ends the connection.
pub(crate) fn run(
    mut serve: impl FnMut(&mut [Option<Connection>], usize) -> io::Result<()>,
) -> io::Result<()> {
    let address = std::env::args().nth(1).expect("the argument ADDRESS");
    let mut listener = TcpListener::bind(address.parse().expect("an address"))?;
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, None) {
            // A signal, such as SIGCONT after a stop.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let Token(index) = event.token();
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let index = free.pop().unwrap_or(connections.len());
                    let token = Token(index);
                    poll.registry()
                        .register(&mut stream, token, Interest::READABLE)?;
                    connections.resize_with(connections.len().max(index + 1), || None);
                    connections[index] = Some(Connection { stream, lines: 0 });
                }
            } else if connections[index].is_some() && serve(&mut connections, index).is_err() {
                connections[index] = None;
                free.push(index);
            }
        }
    }
}

impl Connection {
    /// Reads once. Returns the bytes.
    pub(crate) fn read<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(&[]),
            size => Ok(&buffer[..size?]),
        }
    }

    /// Returns the number of requests that these bytes complete. Each has two line feeds.
    pub(crate) fn count_requests(&mut self, bytes: &[u8]) -> usize {
        let fresh = bytes.iter().filter(|byte| **byte == b'\n');
        let lines = self.lines + fresh.count();
        self.lines = lines % 2;
        lines / 2
    }

    /// Writes once. A write that the kernel accepts only in part is an error.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.write(bytes)? {
            n if n == bytes.len() => Ok(()),
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }
}
