//! What a server must answer, in one line a case.

use crate::server::{Outcome, Setup, join, show};

/// `request` is answered with `reply`, and the conversation goes on: a PING in the same write is
/// answered as well, and its end finds nothing left over.
#[track_caller]
pub fn answers(request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let input = join(&[request.as_ref(), b"PING\n"]);
    let outcome = Setup::default().hears([input.as_slice()]);
    let expected = join(&[reply.as_ref(), b"pong\n"]);
    assert_eq!(show(&outcome.sent), show(&expected));
    assert!(outcome.idle && !outcome.closed, "it does not go on");
    outcome
}

/// `request` is answered with `reply`, which is the last: a PING in the same write is not answered.
#[track_caller]
pub fn ends(request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let input = join(&[request.as_ref(), b"\nPING\n"]);
    let outcome = Setup::default().hears([input.as_slice()]);
    assert_eq!(show(&outcome.sent), show(reply.as_ref()));
    assert!(outcome.closed, "it is not over");
    assert!(!outcome.ran.contains(&"PING".into()), "a tail was run");
    outcome
}

/// A stream that ends behind `input` is answered with `reply`.
#[track_caller]
pub fn at_its_end_answers(input: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let outcome = Setup::default().hears_all([input.as_ref()]);
    assert_eq!(show(&outcome.sent), show(reply.as_ref()));
    assert!(outcome.closed, "it is not over");
    outcome
}
