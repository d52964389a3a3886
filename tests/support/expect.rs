//! Checks of a server's replies, one line for each case.

use crate::server::{Outcome, Setup, join, show};

/// Checks that `request` gets `reply` and that the connection stays open. A PING in the same write must be
/// answered, and no byte may be left unread.
#[track_caller]
pub fn answers(request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let input = join(&[request.as_ref(), b"PING\n"]);
    let outcome = Setup::default().hears([input.as_slice()]);
    let expected = join(&[reply.as_ref(), b"pong\n"]);
    assert_eq!(show(&outcome.sent), show(&expected));
    assert!(
        outcome.idle && !outcome.closed,
        "the connection does not stay idle and open"
    );
    outcome
}

/// Checks that `request` gets `reply` and closes the connection. A PING in the same write must not run.
#[track_caller]
pub fn ends(request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let input = join(&[request.as_ref(), b"\nPING\n"]);
    let outcome = Setup::default().hears([input.as_slice()]);
    assert_eq!(show(&outcome.sent), show(reply.as_ref()));
    assert!(outcome.closed, "the connection stays open");
    assert!(
        !outcome.ran.contains(&"PING".into()),
        "a request ran after the end"
    );
    outcome
}

/// Checks that a stream that ends after `input` gets `reply`.
#[track_caller]
pub fn at_its_end_answers(input: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Outcome {
    let outcome = Setup::default().hears_all([input.as_ref()]);
    assert_eq!(show(&outcome.sent), show(reply.as_ref()));
    assert!(outcome.closed, "the connection stays open");
    outcome
}
