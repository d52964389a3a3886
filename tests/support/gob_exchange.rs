//! What a Go program and Bellwire say to each other, whatever carries it.

use crate::go::{Go, Process};
use bellwire::{Command, Endpoint, Gob, HeapComplexData, Line, NoReply};
use std::net::SocketAddrV4;

/// How often a client sends both commands, on one connection.
pub const ROUNDS: i64 = 100;

/// Answered with `Thank you.`
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// Not answered.
pub const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

/// The value that the mission's client sends.
pub fn mission() -> HeapComplexData {
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

/// The value of one round: no two are equal.
pub fn value_of(round: i64) -> HeapComplexData {
    HeapComplexData {
        n: 23 + round,
        ..mission()
    }
}

/// A Go client that sends all rounds and a last text to the server at `address`.
pub fn go_client(go: &Go, address: SocketAddrV4) -> Process {
    let (rounds, address) = (ROUNDS.to_string(), address.to_string());
    go.run(&["client", "-rounds", &rounds, &address], b"")
}

/// A Go server that prints what it receives, and where it listens: a port of its choice.
pub fn go_server(go: &Go, address: &str) -> (Process, SocketAddrV4) {
    let server = go.run(&["server", &format!("{address}:0")], b"");
    let line = server.line();
    let address = line.strip_prefix("listening on ").expect("it listens");
    let address = address.parse().expect("it is an address");
    (server, address)
}

/// What Bellwire's server received.
#[derive(Debug, Default)]
pub struct Received {
    texts: Vec<String>,
    values: Vec<HeapComplexData>,
}

impl Received {
    /// A server's commands.
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
        string.and(gob).expect("there is room for both");
        endpoint
    }

    /// It is what [`go_client`] sends: nothing is lost, changed or out of order.
    pub fn is_all_that_go_sent(&self) {
        let values: Vec<_> = (0..ROUNDS).map(value_of).collect();
        assert_eq!(self.values, values);
        let mut texts = vec!["Additional data."; values.len()];
        texts.push("The end.");
        assert_eq!(self.texts, texts);
    }
}
