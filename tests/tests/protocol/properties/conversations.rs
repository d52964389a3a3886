//! A server's answers do not depend on how its requests arrive in pieces.

use super::{each, encode, structure};
use bellwire::{Gob, HeapComplexData, Limits};
use bellwire_tests::server::{Outcome, Setup, framed};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::{option, prop_oneof};

/// The pieces of random requests.
const WORDS: &[&[u8]] = &[
    b"PING\n",
    b"  ECHO \r\n",
    b"STRING\n",
    b"TEXT\n",
    b"REFUSE\n",
    b"REPEAT\n\x01",
    b"POSTCARD\n\x05\0\0\0\0\0",
    b"LAST\n",
    b"GOB\n",
    b"RAW\n\x03\x04\x00\x06",
    b"hi\n",
    b"\x03\x02hi",
];

/// Valid and invalid requests, in sequence.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        8 => select(WORDS).prop_map(<[u8]>::to_vec),
        1 => (0usize..600).prop_map(|size| [b"ECHO\n", &*vec![b'x'; size], b"\n"].concat()),
        1 => (0usize..300).prop_map(|size| framed(vec![0; size])),
        1 => structure(2, 9).prop_map(|data| encode::<Gob<HeapComplexData>>(&data)),
        1 => vec(any::<u8>(), 0..40),
    ];
    vec(words, 0..20).prop_map(|words| words.concat())
}

fn setup() -> impl Strategy<Value = Setup> {
    let limits = (0usize..99, 0usize..200, 0usize..200, 0usize..400);
    (0usize..300, 0usize..400, option::of(limits)).prop_map(|(rx, tx, limits)| Setup {
        rx,
        tx,
        limits: limits.map(|(name, payload, reply, skip)| Limits {
            name,
            payload,
            reply,
            skip,
        }),
    })
}

/// The sizes of pieces in which bytes arrive, repeated until the end.
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1usize..60, 1..8)
}

pub(crate) fn pieces<'b>(mut bytes: &'b [u8], sizes: &[usize]) -> impl Iterator<Item = &'b [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[test]
fn answers_do_not_depend_on_how_requests_arrive_in_pieces() {
    let comparable = |outcome| Outcome {
        taken: 0,
        ..outcome
    };
    each(
        (setup(), conversation(), sizes()),
        |(setup, input, sizes)| {
            let at_once = comparable(setup.hears_all([input.as_slice()]));
            let in_pieces = comparable(setup.hears_all(pieces(&input, &sizes)));
            assert_eq!(at_once, in_pieces);
        },
    );
}
