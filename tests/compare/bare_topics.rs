//! A minimal server of one topic, the floor for the others: one thread with one event loop, which makes one send of the
//! same encoded bytes to each subscriber. It parses nothing: it tells `SUBSCRIBE` and `PUBLISH` by the first byte, and
//! counts line feeds.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};

const LISTENER: Token = Token(usize::MAX);
const SUBSCRIBED: &[u8] = b"OK\n";
const PUBLISHED: &[u8] = b"published\n";

/// A connection and the number of its unanswered line feeds.
struct Connection {
    stream: TcpStream,
    lines: usize,
    is_subscribed: bool,
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).expect("usage: bare_topics ADDRESS");
    let mut listener = TcpListener::bind(address.parse().expect("an address"))?;
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 65536];
    let push = format!(">NEWS\n{}\n", "x".repeat(64));
    let (pushes, replies) = (push.repeat(1024), PUBLISHED.repeat(1024));
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
                    connections[index] = Some(Connection {
                        stream,
                        lines: 0,
                        is_subscribed: false,
                    });
                }
                continue;
            }
            let Some(connection) = &mut connections[index] else {
                continue;
            };
            let Ok(published) = serve(connection, &mut buffer, &replies) else {
                connections[index] = None;
                free.push(index);
                continue;
            };
            if published > 0 {
                let pushes = &pushes.as_bytes()[..published * push.len()];
                for connection in connections.iter_mut().flatten() {
                    if connection.is_subscribed {
                        write(&mut connection.stream, pushes)?;
                    }
                }
            }
        }
    }
}

/// Reads once and answers. Returns the number of published values.
fn serve(connection: &mut Connection, buffer: &mut [u8], replies: &[u8]) -> io::Result<usize> {
    let size = match connection.stream.read(buffer) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
        size => size?,
    };
    if buffer[0] == b'S' {
        connection.is_subscribed = true;
        write(&mut connection.stream, SUBSCRIBED)?;
        return Ok(0);
    }
    let fresh = buffer[..size].iter().filter(|byte| **byte == b'\n');
    let lines = connection.lines + fresh.count();
    connection.lines = lines % 2;
    let published = lines / 2;
    write(
        &mut connection.stream,
        &replies[..published * PUBLISHED.len()],
    )?;
    Ok(published)
}

/// Writes once. A write that the kernel accepts only in part ends the connection.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    match stream.write(bytes)? {
        n if n == bytes.len() => Ok(()),
        _ => Err(ErrorKind::WriteZero.into()),
    }
}
