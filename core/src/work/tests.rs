//! Tests of the work for each byte: the bytes searched or moved, however small the received pieces are.

extern crate std;

use super::work;
use crate::format::Frame;
use crate::topics::{Listener, Listening, Published, Push};
use crate::{
    Buffer, ClientConnection, Command, Endpoint, ErrorKind, Line, NoReply, Postcard,
    ServerConnection, Session, Step, Topic,
};
use std::vec::Vec;
use std::{format, vec};

const LINE: Command<Line, Line> = Command::new("LINE");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");
const BYTES: Command<Postcard<Vec<u8>>, Line> = Command::new("BYTES");

/// Asserts that a server searches or moves at most three bytes for each byte of `input`, whatever the size of
/// the pieces that arrive.
#[track_caller]
fn server_is_linear(input: &[u8]) {
    let mut endpoint = Endpoint::<(), 3>::new();
    endpoint
        .handle(LINE, &|(), _text, reply| reply.send("ok"))
        .unwrap();
    endpoint
        .handle(NOTE, &|(), _text, reply| reply.none())
        .unwrap();
    endpoint
        .handle(BYTES, &|(), _bytes, reply| reply.send("ok"))
        .unwrap();
    for piece in [1, 2, 3, 7, 100, 1000, 4096] {
        let (mut rx, mut tx) = (vec![0; 4096], [0; 1024]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        let ((), work) = work(|| {
            for mut bytes in input.chunks(piece) {
                while !bytes.is_empty() {
                    let space = connection.space();
                    let size = bytes.len().min(space.len());
                    space[..size].copy_from_slice(&bytes[..size]);
                    bytes = &bytes[size..];
                    connection.received(size);
                    while connection.advance(&mut endpoint.with(&mut ())) == crate::Next::Send {
                        connection.sent(connection.pending().len());
                    }
                    connection.sent(connection.pending().len());
                }
            }
        });
        let limit = 3 * input.len();
        assert!(
            work <= limit,
            "work {work} exceeds {limit} in pieces of {piece}"
        );
    }
}

#[test]
fn a_servers_work_is_linear_in_the_input_for_all_piece_sizes() {
    let long = "x".repeat(4000);
    let too_long = "x".repeat(40_000);
    let bytes = |size: usize| {
        let mut space = vec![0; size + 10];
        let size = postcard::to_slice(&vec![7u8; size], &mut space)
            .unwrap()
            .len();
        let mut length = [0; 10];
        let length = postcard::to_slice(&size, &mut length).unwrap();
        [b"BYTES\n", &*length, &space[..size]].concat()
    };
    for input in [
        // Names: repeated, with spaces, alternating, and one without an end.
        "LINE\n\n".repeat(2000).as_bytes(),
        format!("{}LINE \r\n\n", " ".repeat(50))
            .repeat(500)
            .as_bytes(),
        "LINE\n\nNOTE\n\n".repeat(1000).as_bytes(),
        " ".repeat(10_000).as_bytes(),
        // Lines: long ones, rejected and skipped ones, and one without an end.
        format!("LINE\n{long}\n").repeat(5).as_bytes(),
        format!("LINE\n{too_long}\n").repeat(3).as_bytes(),
        format!("LINE\n{too_long}{too_long}").as_bytes(),
        // Length-prefixed payloads: short, long, skipped and malformed ones.
        &bytes(1).repeat(2000),
        &bytes(4000).repeat(5),
        &bytes(40_000).repeat(3),
        &b"BYTES\n\x02\x05\x01".repeat(2000),
        b"BYTES\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        server_is_linear(input);
    }
}

#[test]
fn a_peer_that_reads_slowly_causes_no_more_moves_than_bytes_read() {
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(LINE, &|(), _text, reply| {
            reply.send("a reply of some bytes")
        })
        .unwrap();
    let requests = b"LINE\n\n".repeat(2000);
    for piece in [1, 2, 5, 22, 100] {
        let mut memory = vec![0; 4096];
        let mut out = Buffer::new(&mut memory);
        let mut session = Session::new(crate::Limits::for_buffers(4096, 4096));
        let mut input = &requests[..];
        let (sent, work) = work(|| {
            let mut sent = 0;
            loop {
                let mut context = ();
                let mut service = endpoint.with(&mut context);
                match session.next(&mut service, &mut input, &mut out) {
                    Step::Request { index, payload } => {
                        let reply = session.reply(&mut out);
                        let sent = crate::Service::call(&mut service, index, payload, reply);
                        session.answered(sent, &mut service, &mut out);
                    }
                    Step::Send => {
                        let size = piece.min(out.filled().len());
                        out.consume(size);
                        sent += size;
                    }
                    Step::Receive | Step::Close => break sent,
                }
            }
        });
        assert!(sent > 30_000, "{sent}");
        // Each byte of a request is searched once. Each byte sent allows one move.
        let limit = requests.len() + sent;
        assert!(
            work <= limit,
            "work {work} exceeds {limit} in pieces of {piece}"
        );
    }
}

/// Asserts that a client searches or moves at most three bytes for each byte of `replies`.
#[track_caller]
fn client_is_linear(replies: &[u8], call: impl FnMut(&mut ClientConnection<'_>) -> bool) {
    is_linear(replies, 3, |client| client, call);
}

/// Asserts that a client searches or moves at most `limit` bytes for each byte of `replies`.
#[track_caller]
fn is_linear<T: Listener>(
    replies: &[u8],
    limit: usize,
    prepare: impl for<'b> Fn(ClientConnection<'b>) -> ClientConnection<'b, T>,
    mut call: impl FnMut(&mut ClientConnection<'_, T>) -> bool,
) {
    for piece in [1, 2, 3, 7, 100, 1000, 4096] {
        let (mut rx, mut tx) = (vec![0; 4096], [0; 64]);
        let mut client = prepare(ClientConnection::new(&mut rx, &mut tx));
        let ((), work) = work(|| {
            for mut bytes in replies.chunks(piece) {
                while !bytes.is_empty() {
                    while call(&mut client) {}
                    let space = client.space();
                    let size = bytes.len().min(space.len());
                    if size == 0 {
                        return;
                    }
                    space[..size].copy_from_slice(&bytes[..size]);
                    client.received(size);
                    bytes = &bytes[size..];
                }
            }
            while call(&mut client) {}
        });
        let limit = limit * replies.len();
        assert!(
            work <= limit,
            "work {work} exceeds {limit} in pieces of {piece}"
        );
    }
}

/// A client with [`TOPICS`].
type Hearing<'b> = ClientConnection<'b, Listening<fn(Push<'_>), 8>>;

fn with_topics(client: ClientConnection<'_>) -> Hearing<'_> {
    client.with_topics(TOPICS.map(|topic| topic.untyped()), |_| ())
}

/// Takes a reply if one has arrived, and sends the next request. Returns whether a reply was taken.
fn next_reply<Rsp: crate::Format, T: Listener>(
    client: &mut ClientConnection<'_, T>,
    command: Command<(), Rsp>,
) -> bool {
    if !client.is_waiting() {
        if client.request(command, ()).is_err() {
            return false;
        }
        client.sent(client.pending().len());
    }
    match client.has_reply() {
        Ok(true) => {
            let _ = client.reply(command);
            true
        }
        Err(crate::Error::Protocol(ErrorKind::MessageTooLong { .. })) => true,
        Ok(false) | Err(_) => false,
    }
}

#[test]
fn a_clients_work_is_linear_in_the_replies_for_all_piece_sizes() {
    const SAYS: Command<(), Line> = Command::new("SAYS");
    const GIVES: Command<(), Postcard<Vec<u8>>> = Command::new("GIVES");
    let long = "x".repeat(4000);
    let lines = [
        "\n".repeat(5000),
        "a reply\n".repeat(1000),
        format!("{long}\n").repeat(5),
        "!failed SAYS: an error line\n".repeat(500),
        format!("!{long}\n").repeat(5),
        "x".repeat(10_000),
        format!("!{long}{long}"),
    ];
    for replies in lines {
        client_is_linear(replies.as_bytes(), |client| next_reply(client, SAYS));
    }
    for size in [1u8, 100] {
        let body = [&[size + 1, size][..], &vec![7; size.into()]].concat();
        let reply = [b"OK\n", &*body].concat();
        client_is_linear(&reply.repeat(500), |client| next_reply(client, GIVES));
    }
    // A reply of 40 000 bytes is skipped. A longer one ends the conversation.
    let skipped = [b"OK\n\xc0\xb8\x02", &*vec![7; 40_000]].concat();
    client_is_linear(&skipped.repeat(3), |client| next_reply(client, GIVES));
    let beyond = [b"OK\n\xff\xff\xff\x7f", &*vec![7; 10_000]].concat();
    client_is_linear(&beyond, |client| next_reply(client, GIVES));
}

#[test]
fn the_work_of_is_over_is_linear_for_all_piece_sizes() {
    for last in ["x".repeat(10_000), format!("!{}\n", "x".repeat(3000))] {
        client_is_linear(last.as_bytes(), |client| {
            let _ = client.is_over();
            false
        });
    }
}

/// Topics whose names have the same 61 bytes and then differ.
const TOPICS: [Topic<Line>; 8] = [
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNA"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNB"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNC"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNND"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNE"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNF"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNG"),
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNH"),
];

#[test]
fn the_work_to_find_pushes_is_linear_for_all_piece_sizes() {
    const SAYS: Command<(), Line> = Command::new("SAYS");
    let last = TOPICS[7].name();
    let long = "x".repeat(3900);
    for replies in [
        // Pushes and losses, and replies between them.
        format!(">{last}\n\n").repeat(200),
        format!(">{last} +4294967295\n").repeat(200),
        format!(">{last}\nvalue\nreply\n").repeat(100),
        format!(">{last}\n{long}\n>{last}\n\n").repeat(5),
        // A first line without end, an unknown topic, and a payload without end.
        format!(">{}", "N".repeat(10_000)),
        format!(">{last}x\n").repeat(100),
        format!(">{last}\n{long}{long}"),
    ] {
        let limit = 3 + TOPICS.len();
        let replies = replies.as_bytes();
        is_linear(replies, limit, with_topics, |client| {
            client.receive_pushes() == Ok(true)
        });
        is_linear(replies, limit, with_topics, |client| {
            next_reply(client, SAYS)
        });
    }
}

#[test]
fn a_server_whose_pushes_are_all_lost_works_in_proportion_to_the_bytes_and_its_topics() {
    let endpoint = Endpoint::<(), 1>::new();
    let (mut rx, mut tx) = ([0; 256], [0; 1024]);
    let connection = ServerConnection::new(&mut rx, &mut tx);
    let mut connection = connection.with_topics(TOPICS.map(|topic| topic.name()));
    let advance = |connection: &mut ServerConnection<'_, _>, bytes: &[u8]| {
        connection.space()[..bytes.len()].copy_from_slice(bytes);
        connection.received(bytes.len());
        connection.advance(&mut endpoint.with(&mut ()))
    };
    for topic in TOPICS {
        advance(
            &mut connection,
            format!("SUBSCRIBE\n{}\n", topic.name()).as_bytes(),
        );
        connection.sent(connection.pending().len());
    }
    let (mut received, mut sent) = (0, 0);
    let ((), work) = work(|| {
        for round in 0..5000 {
            for topic in TOPICS {
                assert_ne!(connection.publish(topic, "value"), Published::NotSubscribed);
            }
            connection.sent(1);
            sent += 1;
            if advance(&mut connection, b"") == crate::Next::Receive {
                advance(&mut connection, &b" SUBSCRIBE"[round % 10..][..1]);
                received += 1;
            }
        }
    });
    // In each round the loss of a topic is reported at most once a publish, once a sent byte and once a call of
    // `advance`.
    let limit = (received + sent) * (1 + 3 * TOPICS.len());
    assert!(
        received > 10 && work <= limit,
        "work {work} exceeds {limit}"
    );
}

#[test]
fn line_frame_searches_each_byte_once() {
    let line = "x".repeat(5000);
    let ((), work) = work(|| {
        let mut progress = 0;
        for size in 0..=line.len() {
            let frame = <Line as crate::Format>::frame(&line.as_bytes()[..size], &mut progress);
            assert_eq!(frame, Frame::OpenLine);
        }
    });
    assert_eq!(work, line.len());
}
