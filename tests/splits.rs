//! However the bytes are cut on their way and whatever buffers take them, the same is answered.

use bellwire::Limits;
use bellwire_tests::server::{Outcome, Setup, framed, join};

const LIMITS: Limits = Limits {
    name: 16,
    payload: 40,
    reply: 40,
    skip: 150,
};

/// The smallest buffers in which [`LIMITS`] and whole error lines have room.
const SMALLEST: Setup = Setup {
    rx: 40,
    tx: 160,
    limits: Some(LIMITS),
};

/// Requests of every kind, good and bad, that leave the conversation going.
fn requests() -> Vec<u8> {
    join(&[
        b"STRING\nhi\r\n  PING \r\nLOG\nsome text\nECHO\n",
        "Grüße 🌍\n".as_bytes(),
        b"RESET\nECHO\nnot \xff UTF-8\nECHO\n!hi\nREFUSE\nnot now\nPING\n",
        b"ECHO\n",
        &b"PING ".repeat(20),
        b"\nTEXT\n\x83\x00\x02hi",
        b"TEXT\n",
        &framed(b"PING\n".repeat(28)),
        b"TEXT\n\x08\x02hiPING\nPOSTCARD\n",
        &framed(b"\x2e\x03abc\x01\x03one\x02\x01\xff\x01\x01\x00\x00\x00\x00"),
        b"LAST\nPOSTCARD\n\x03\0\0\x09REPEAT\n\x01\x27REPEAT\n\x01\x28PING\n",
    ])
}

/// What ends a conversation, each with something behind it that must not be run.
const ENDINGS: [&[u8]; 8] = [
    b"",
    b"\nPING\n",
    b"NOBODY\nPING\n",
    b"NNNNNNNNNNNNNNNN\nPING\n",
    b"LOG\n\xff\nPING\n",
    b"TEXT\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02PING\n",
    b"TEXT\n\xff\x7fPING\n",
    b"TEXT\n\x20PING\n",
];

/// The conversations: all the good and recoverable requests, then one of the endings.
fn conversations() -> Vec<Vec<u8>> {
    ENDINGS.map(|ending| join(&[&requests(), ending])).into()
}

/// What a server makes of it when all arrives at once.
fn at_once(setup: &Setup, input: &[u8]) -> Outcome {
    comparable(setup.hears_all([input]))
}

/// How much was taken in before an ending depends on the buffers; nothing else may.
fn comparable(outcome: Outcome) -> Outcome {
    Outcome {
        taken: 0,
        ..outcome
    }
}

#[test]
fn the_conversation_holds_what_it_should() {
    let outcome = at_once(&SMALLEST, &requests());
    assert_eq!(outcome.ran.len(), 14, "{:?}", outcome.ran);
    assert_eq!(outcome.rejected.len(), 8, "{:?}", outcome.rejected);
    for ending in &ENDINGS[1..] {
        let outcome = at_once(&SMALLEST, &join(&[&requests(), ending]));
        assert_eq!(outcome.ran.len(), 14, "{:?}", outcome.ran);
        assert_eq!(outcome.rejected.len(), 9, "{:?}", outcome.rejected);
    }
}

#[test]
fn every_cut_into_two_gives_the_same() {
    for input in conversations() {
        let whole = at_once(&SMALLEST, &input);
        for cut in 0..=input.len() {
            let (front, back) = input.split_at(cut);
            let outcome = comparable(SMALLEST.hears_all([front, back]));
            assert_eq!(outcome, whole, "cut at {cut}");
        }
    }
}

#[test]
fn every_size_of_chunk_gives_the_same() {
    for input in conversations() {
        let whole = at_once(&SMALLEST, &input);
        for size in 1..=input.len() {
            let outcome = comparable(SMALLEST.hears_all(input.chunks(size)));
            assert_eq!(outcome, whole, "chunks of {size}");
        }
    }
}

#[test]
fn every_size_of_the_buffers_gives_the_same_within_the_same_limits() {
    for input in conversations() {
        let whole = at_once(&SMALLEST, &input);
        for rx in SMALLEST.rx..120 {
            for tx in [160, 161, 170, 199, 200, 201, 240, 500, 2000] {
                let setup = Setup { rx, tx, ..SMALLEST };
                assert_eq!(at_once(&setup, &input), whole, "rx {rx}, tx {tx}");
            }
        }
    }
}
