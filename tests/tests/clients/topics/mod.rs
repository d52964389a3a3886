//! The subscriptions of both clients.

mod asynch;
mod blocking;
mod deadlines;
mod described;
mod many;
mod restarts;
mod secure;
mod unsubscribe;

use bellwire::{Command, Line, Postcard, Topic};
use bellwire_std::{Listener, Network, Publisher};
use bellwire_tests::running::{Kind, Running, serve_over, until};

const A: Command<Line, Line> = Command::new("A");
const LOG: Topic<Line> = Topic::new("LOG");
/// Replies a text that may look like a push.
const TEXT: Command<Line, Postcard<String>> = Command::new("TEXT");

/// Returns the line.
const ECHO: Command<Line, Line> = Command::new("ECHO");
/// Numbers, from 1 on.
const COUNT: Topic<Postcard<u32>> = Topic::new("COUNT");

/// Starts a server with `ECHO` and `COUNT`.
fn counting(kind: Kind, address: &str) -> (Running, Publisher<Postcard<u32>>) {
    let listener = Listener::bind(Network::Tcp, address).unwrap();
    let server = serve_over(kind, listener, |_| {});
    let echo = server
        .endpoint
        .handle(ECHO, |(), line, reply| reply.send(line));
    echo.unwrap();
    let count = server.endpoint.topic(COUNT).unwrap();
    (server, count)
}

fn wait_for_subscribers(count: &Publisher<Postcard<u32>>, number: usize) {
    until(|| count.subscribers() == number);
}
