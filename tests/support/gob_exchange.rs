//! The messages that a Go program and Bellwire exchange over any transport.

use crate::go::{Go, Process};
use bellwire::{Command, Endpoint, Gob, HeapComplexData, Line, NoReply};
use std::net::SocketAddrV4;

/// How often a client sends both commands on one connection.
pub const ROUNDS: i64 = 100;

/// A text, answered with `Thank you.`
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// A value without a reply.
pub const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

/// Returns the value that the tutorial's client sends.
pub fn tutorial() -> HeapComplexData {
    let map = |entries: [(&str, i64); 3]| entries.map(|(key, n)| (key.into(), n)).into();
    HeapComplexData {
        n: 23,
        s: "string data".into(),
        m: map([("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".into(),
        c: Some(Box::new(HeapComplexData {
            n: 256,
            s: "Recursive structs? Piece of cake!".into(),
            m: map([("01", 1), ("10", 2), ("11", 3)]),
            ..HeapComplexData::default()
        })),
    }
}

/// Returns the value of one round. No two rounds have equal values.
pub fn value_of(round: i64) -> HeapComplexData {
    HeapComplexData {
        n: 23 + round,
        ..tutorial()
    }
}

/// Starts a Go client that sends all rounds and a last text to the server at `address`.
pub fn go_client(go: &Go, address: SocketAddrV4) -> Process {
    let (rounds, address) = (ROUNDS.to_string(), address.to_string());
    go.run(&["client", "-rounds", &rounds, &address], b"")
}

/// Starts a Go server that prints each message. Returns it and the address on which it listens.
pub fn go_server(go: &Go, address: &str) -> (Process, SocketAddrV4) {
    let server = go.run(&["server", &format!("{address}:0")], b"");
    let line = server.line();
    let address = line
        .strip_prefix("listening on ")
        .expect("the line with the address");
    let address = address.parse().expect("an address");
    (server, address)
}

/// The messages that Bellwire's server received.
#[derive(Debug, Default)]
pub struct Received {
    texts: Vec<String>,
    values: Vec<HeapComplexData>,
}

impl Received {
    /// Returns an endpoint that records texts and values.
    pub fn endpoint() -> Endpoint<Self, 2> {
        let mut endpoint = Endpoint::new();
        let string = endpoint.handle(STRING, &|received: &mut Self, text, reply| {
            received.texts.push(text.to_owned());
            reply.send("Thank you.")
        });
        let gob = endpoint.handle(GOB, &|received: &mut Self, value, reply| {
            received.values.push(value);
            reply.none()
        });
        string.and(gob).expect("room for both commands");
        endpoint
    }

    /// Checks that the messages of [`go_client`] arrived complete, unchanged and in order.
    pub fn is_all_that_go_sent(&self) {
        let values: Vec<_> = (0..ROUNDS).map(value_of).collect();
        assert_eq!(self.values, values);
        let mut texts = vec!["Additional data."; values.len()];
        texts.push("The end.");
        assert_eq!(self.texts, texts);
    }
}
