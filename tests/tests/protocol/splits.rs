//! Neither the chunks in which bytes arrive nor the size of the buffers changes the replies.

use bellwire::Limits;
use bellwire_tests::server::{Outcome, Setup, framed, join};

const LIMITS: Limits = Limits {
    name: 16,
    payload: 40,
    reply: 40,
    skip: 150,
};

/// The smallest buffers that hold [`LIMITS`] and complete error lines.
const SMALLEST: Setup = Setup {
    rx: 40,
    tx: 160,
    limits: Some(LIMITS),
};

/// Requests of every kind, good and bad, after which the server keeps the connection open.
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

/// Inputs that end a conversation, each followed by a command that must not run.
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

/// Returns the conversations: all of [`requests`], then one of the endings.
fn conversations() -> Vec<Vec<u8>> {
    ENDINGS.map(|ending| join(&[&requests(), ending])).into()
}

/// Returns the server's outcome when all of `input` arrives at once.
fn outcome_of(setup: &Setup, input: &[u8]) -> Outcome {
    comparable(setup.hears_all([input]))
}

/// Clears `taken`: the bytes read before an ending depend on the buffers. Nothing else may.
fn comparable(outcome: Outcome) -> Outcome {
    Outcome {
        taken: 0,
        ..outcome
    }
}

#[test]
fn the_conversations_run_14_commands_and_reject_the_rest() {
    let outcome = outcome_of(&SMALLEST, &requests());
    assert_eq!(outcome.ran.len(), 14, "{:?}", outcome.ran);
    assert_eq!(outcome.rejected.len(), 8, "{:?}", outcome.rejected);
    for ending in &ENDINGS[1..] {
        let outcome = outcome_of(&SMALLEST, &join(&[&requests(), ending]));
        assert_eq!(outcome.ran.len(), 14, "{:?}", outcome.ran);
        assert_eq!(outcome.rejected.len(), 9, "{:?}", outcome.rejected);
    }
}

#[test]
fn a_cut_at_any_byte_does_not_change_the_replies() {
    for input in conversations() {
        let whole = outcome_of(&SMALLEST, &input);
        for cut in 0..=input.len() {
            let (front, back) = input.split_at(cut);
            let outcome = comparable(SMALLEST.hears_all([front, back]));
            assert_eq!(outcome, whole, "cut at {cut}");
        }
    }
}

#[test]
fn no_chunk_size_changes_the_replies() {
    for input in conversations() {
        let whole = outcome_of(&SMALLEST, &input);
        for size in 1..=input.len() {
            let outcome = comparable(SMALLEST.hears_all(input.chunks(size)));
            assert_eq!(outcome, whole, "chunks of {size}");
        }
    }
}

#[test]
fn no_buffer_size_changes_the_replies_under_equal_limits() {
    for input in conversations() {
        let whole = outcome_of(&SMALLEST, &input);
        for rx in SMALLEST.rx..120 {
            for tx in [160, 161, 170, 199, 200, 201, 240, 500, 2000] {
                let setup = Setup { rx, tx, ..SMALLEST };
                assert_eq!(outcome_of(&setup, &input), whole, "rx {rx}, tx {tx}");
            }
        }
    }
}
