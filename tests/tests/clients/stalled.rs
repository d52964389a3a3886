//! The async client on a stream that takes only a part of a request.

use bellwire::{Command, Line};
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Cause};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const A: Command<Line, Line> = Command::new("A");

/// The bytes that the stream takes.
const TAKEN: usize = 64;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Calls with a long and a short value on a stream that takes a part of the first request and returns `reply`.
fn outcomes(reply: &'static [u8]) -> [Result<String, CallError>; 2] {
    runtime().block_on(async {
        let (near, mut far) = duplex(TAKEN);
        let client = Client::builder().timeout(Some(SHORT)).stream(near);
        let long = "x".repeat(1000);
        let server = async {
            far.read_exact(&mut [0]).await.unwrap();
            far.write_all(reply).await.unwrap();
        };
        let (one, two, ()) = tokio::join!(client.call(A, &long), client.call(A, "2"), server);
        [one, two]
    })
}

#[test]
fn a_reply_to_a_request_that_was_sent_in_part_is_unexpected() {
    let [one, two] = outcomes(b"1\n2\n");
    assert!(
        matches!(one, Err(CallError::MayHaveRun(Cause::Protocol(_)))),
        "{one:?}"
    );
    assert!(matches!(two, Err(CallError::NotSent(_))), "{two:?}");
}

#[test]
fn an_error_line_to_a_request_that_was_sent_in_part_ends_the_conversation() {
    let [one, two] = outcomes(b"!refused A: no\n2\n");
    assert!(matches!(one, Err(CallError::Remote(_))), "{one:?}");
    assert!(matches!(two, Err(CallError::NotSent(_))), "{two:?}");
}

#[test]
fn a_call_after_a_dropped_finish_has_a_time_limit() {
    runtime().block_on(async {
        let (near, _far) = duplex(TAKEN);
        let client = Client::builder().timeout(Some(SHORT)).stream(near);
        let finish = client.clone().finish();
        assert!(timeout(Duration::from_millis(20), finish).await.is_err());
        let outcome = timeout(PATIENCE, client.call(A, "1")).await.unwrap();
        assert!(
            matches!(outcome, Err(CallError::NotSent(Cause::TimedOut))),
            "{outcome:?}"
        );
    });
}
