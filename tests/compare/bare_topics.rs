//! A minimal server of one topic, the floor for the others: it makes one send of the same encoded bytes to each
//! subscriber. It parses nothing: it tells `SUBSCRIBE` and `PUBLISH` by the first byte, and counts line feeds.

mod event_loop;

use std::io;

const SUBSCRIBED: &[u8] = b"OK\n";
const PUBLISHED: &[u8] = b"published\n";

fn main() -> io::Result<()> {
    let mut buffer = vec![0; 65536];
    let push = format!(">NEWS\n{}\n", "x".repeat(64));
    let (pushes, replies) = (push.repeat(1024), PUBLISHED.repeat(1024));
    // By the index of the connection.
    let mut subscribed = Vec::new();
    event_loop::run(|connections, index| {
        let Some(connection) = &mut connections[index] else {
            return Ok(());
        };
        let bytes = connection.read(&mut buffer)?;
        subscribed.resize(subscribed.len().max(index + 1), false);
        subscribed[index] = bytes.first() == Some(&b'S');
        if subscribed[index] {
            return connection.write(SUBSCRIBED);
        }
        let published = connection.count_requests(bytes);
        connection.write(&replies[..published * PUBLISHED.len()])?;
        if published > 0 {
            let pushes = &pushes.as_bytes()[..published * push.len()];
            for (connection, is_subscribed) in connections.iter_mut().zip(&subscribed) {
                if let Some(connection) = connection
                    && *is_subscribed
                {
                    connection.write(pushes)?;
                }
            }
        }
        Ok(())
    })
}
