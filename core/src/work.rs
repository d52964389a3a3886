//! The cost of conversations: bytes looked at or moved, however slowly they trickle.

extern crate std;

use crate::format::{End, Frame};
use crate::{
    Buffer, ClientConnection, Command, Endpoint, ErrorKind, Line, NoReply, Postcard,
    ServerConnection, Session, Step,
};
use std::cell::Cell;
use std::vec::Vec;
use std::{format, vec};

std::thread_local! {
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Counts bytes that are looked at or moved.
pub(crate) fn count(bytes: usize) {
    WORK.set(WORK.get() + bytes);
}

/// The work of `act`.
fn work<T>(act: impl FnOnce() -> T) -> (T, usize) {
    WORK.set(0);
    let value = act();
    (value, WORK.get())
}

const LINE: Command<Line, Line> = Command::new("LINE");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");
const BYTES: Command<Postcard<Vec<u8>>, Line> = Command::new("BYTES");

/// That a server does no more for `input` than three things for each byte of it, in whatever pieces
/// it comes.
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
        let most = 3 * input.len();
        assert!(work <= most, "{work} in pieces of {piece}, not {most}");
    }
}

#[test]
fn a_server_works_a_few_steps_a_byte_however_they_come() {
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
        // Names: alone, with spaces, repeated, alternating, and one that never ends.
        "LINE\n\n".repeat(2000).as_bytes(),
        format!("{}LINE \r\n\n", " ".repeat(50))
            .repeat(500)
            .as_bytes(),
        "LINE\n\nNOTE\n\n".repeat(1000).as_bytes(),
        " ".repeat(10_000).as_bytes(),
        // Lines: long ones, ones that are refused and skipped, and one that never ends.
        format!("LINE\n{long}\n").repeat(5).as_bytes(),
        format!("LINE\n{too_long}\n").repeat(3).as_bytes(),
        format!("LINE\n{too_long}{too_long}").as_bytes(),
        // Counted payloads: short ones, long ones, ones that are skipped, and malformed ones.
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
fn a_reader_of_few_bytes_has_few_bytes_moved() {
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
                        let answered = crate::Service::call(&mut service, index, payload, reply);
                        session.answered(answered, &mut service, &mut out);
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
        // Each byte of the lines is read, and each byte sent paid for one moved.
        let most = requests.len() + sent;
        assert!(work <= most, "{work} for {sent} in pieces of {piece}");
    }
}

/// That a client does no more for `replies` than three things for each byte of them.
#[track_caller]
fn client_is_linear(replies: &[u8], mut call: impl FnMut(&mut ClientConnection<'_>) -> bool) {
    for piece in [1, 2, 3, 7, 100, 1000, 4096] {
        let (mut rx, mut tx) = (vec![0; 4096], [0; 64]);
        let mut caller = ClientConnection::new(&mut rx, &mut tx);
        let ((), work) = work(|| {
            for mut bytes in replies.chunks(piece) {
                while !bytes.is_empty() {
                    while call(&mut caller) {}
                    let space = caller.space();
                    let size = bytes.len().min(space.len());
                    if size == 0 {
                        return;
                    }
                    space[..size].copy_from_slice(&bytes[..size]);
                    caller.received(size);
                    bytes = &bytes[size..];
                }
            }
            while call(&mut caller) {}
        });
        let most = 3 * replies.len();
        assert!(work <= most, "{work} in pieces of {piece}, not {most}");
    }
}

/// Takes a reply that has come, and calls again.
fn next_reply<Rsp: crate::Format>(
    caller: &mut ClientConnection<'_>,
    command: Command<(), Rsp>,
) -> bool {
    if !caller.is_waiting() {
        if caller.request(command, ()).is_err() {
            return false;
        }
        caller.sent(caller.pending().len());
    }
    match caller.has_reply() {
        Ok(true) => {
            let _ = caller.reply(command);
            true
        }
        Err(crate::Error::Protocol(ErrorKind::MessageTooLong { .. })) => true,
        Ok(false) | Err(_) => false,
    }
}

#[test]
fn a_client_works_a_few_steps_a_byte_however_they_come() {
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
        client_is_linear(replies.as_bytes(), |caller| next_reply(caller, SAYS));
    }
    for size in [1u8, 100] {
        let body = [&[size + 1, size][..], &vec![7; size.into()]].concat();
        let reply = [b"OK\n", &*body].concat();
        client_is_linear(&reply.repeat(500), |caller| next_reply(caller, GIVES));
    }
    // One of 40 000 bytes, which is skipped, and one that is beyond that.
    let skipped = [b"OK\n\xc0\xb8\x02", &*vec![7; 40_000]].concat();
    client_is_linear(&skipped.repeat(3), |caller| next_reply(caller, GIVES));
    let beyond = [b"OK\n\xff\xff\xff\x7f", &*vec![7; 10_000]].concat();
    client_is_linear(&beyond, |caller| next_reply(caller, GIVES));
}

#[test]
fn the_end_is_waited_for_in_a_few_steps_a_byte() {
    for last in ["x".repeat(10_000), format!("!{}\n", "x".repeat(3000))] {
        client_is_linear(last.as_bytes(), |caller| {
            let _ = caller.is_over();
            false
        });
    }
}

/// A line's end is looked for only in the new bytes.
#[test]
fn a_frame_looks_at_each_byte_once() {
    let line = "x".repeat(5000);
    let ((), work) = work(|| {
        let mut progress = 0;
        for size in 0..=line.len() {
            let frame = <Line as crate::Format>::frame(&line.as_bytes()[..size], &mut progress);
            assert_eq!(frame, Frame::Open(End::LineFeed));
        }
    });
    assert_eq!(work, line.len());
}
