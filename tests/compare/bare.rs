//! A minimal server, the baseline for the others. It parses nothing: it answers every second line feed.

mod event_loop;

use std::io;

const REPLY: &[u8] = b"Thank you.\n";

fn main() -> io::Result<()> {
    let (mut buffer, replies) = (vec![0; 65536], REPLY.repeat(65536));
    event_loop::run(|connections, index| {
        let Some(connection) = &mut connections[index] else {
            return Ok(());
        };
        let bytes = connection.read(&mut buffer)?;
        let requests = connection.count_requests(bytes);
        connection.write(&replies[..requests * REPLY.len()])
    })
}
