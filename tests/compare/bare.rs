//! A minimal server, the baseline for the others: one thread with one event loop, which makes one read
//! and one write for each event. It parses nothing: it answers every second line feed.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};

const LISTENER: Token = Token(usize::MAX);
const REPLY: &[u8] = b"Thank you.\n";

/// A connection and the number of its unanswered line feeds.
struct Connection {
    stream: TcpStream,
    lines: usize,
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).expect("usage: bare ADDRESS");
    let mut listener = TcpListener::bind(address.parse().expect("an address"))?;
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Events::with_capacity(1024);
    let (mut buffer, replies) = (vec![0; 65536], REPLY.repeat(65536));
    loop {
        match poll.poll(&mut events, None) {
            // A signal, such as SIGCONT after a stop.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
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
            } else if let Some(connection) = &mut connections[event.token().0]
                && serve(connection, &mut buffer, &replies).is_err()
            {
                connections[event.token().0] = None;
                free.push(event.token().0);
            }
        }
    }
}

/// Reads once and writes once. A write that the kernel accepts only in part ends the connection.
fn serve(connection: &mut Connection, buffer: &mut [u8], replies: &[u8]) -> io::Result<()> {
    let size = match connection.stream.read(buffer) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        size => size?,
    };
    let fresh = buffer[..size].iter().filter(|byte| **byte == b'\n');
    let lines = connection.lines + fresh.count();
    connection.lines = lines % 2;
    let reply = &replies[..lines / 2 * REPLY.len()];
    match connection.stream.write(reply)? {
        n if n == reply.len() => Ok(()),
        _ => Err(ErrorKind::WriteZero.into()),
    }
}
