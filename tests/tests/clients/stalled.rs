//! The async client on a stream that takes only a part of a request.

use bellwire::{Command, Line, NoReply};
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Cause};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const A: Command<Line, Line> = Command::new("A");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

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
fn the_error_line_that_cuts_a_send_is_its_error_and_the_next_call_is_not_sent() {
    runtime().block_on(async {
        let (near, mut far) = duplex(TAKEN);
        let client = Client::builder().timeout(Some(SHORT)).stream(near);
        let long = "x".repeat(1000);
        let server = async {
            far.read_exact(&mut [0]).await.unwrap();
            far.write_all(b"!refused NOTE: no\n").await.unwrap();
        };
        let (cut, next, ()) = tokio::join!(client.send(NOTE, &long), client.call(A, "2"), server);
        assert!(matches!(cut, Err(CallError::Remote(_))), "{cut:?}");
        let refused = matches!(next, Err(CallError::NotSent(Cause::Remote(_))));
        assert!(refused, "{next:?}");
    });
}

#[test]
fn the_end_of_the_runtime_fails_a_call_as_not_sent_if_no_byte_of_it_was_written() {
    let first = runtime();
    let (near, mut far) = duplex(TAKEN);
    let client = {
        let _context = first.enter();
        Client::builder().timeout(None).stream(near)
    };
    let long = "x".repeat(1000);
    let mut calls = Box::pin(async { tokio::join!(client.call(A, &long), client.call(A, "2")) });
    first.block_on(async {
        // The client's task takes both requests.
        tokio::select! {
            _ = &mut calls => panic!("there is no server"),
            byte = far.read_u8() => assert_eq!(byte.unwrap(), b'A'),
        }
    });
    drop(first);
    let (one, two) = runtime().block_on(calls);
    let begun = matches!(one, Err(CallError::MayHaveRun(Cause::Closed)));
    assert!(begun, "{one:?}");
    let unsent = matches!(two, Err(CallError::NotSent(Cause::Closed)));
    assert!(unsent, "{two:?}");
}

#[test]
fn a_finish_without_an_end_in_time_closes_the_client() {
    runtime().block_on(async {
        let (near, mut far) = duplex(TAKEN);
        let client = Client::builder().timeout(Some(SHORT)).stream(near);
        let error = client.clone().finish().await.unwrap_err();
        let late = matches!(error, CallError::MayHaveRun(Cause::TimedOut));
        assert!(late, "{error:?}");
        let error = client.call(A, "1").await.unwrap_err();
        let closed = matches!(error, CallError::NotSent(Cause::TimedOut));
        assert!(closed, "{error:?}");
        // The stream is dropped, not only shut down.
        tokio::time::sleep(SHORT / 10).await;
        assert!(far.write_all(b"x").await.is_err());
    });
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

#[test]
fn the_queue_is_bounded_in_bytes_while_the_server_does_not_read() {
    runtime().block_on(async {
        let (near, _far) = duplex(TAKEN);
        let builder = Client::builder().timeout(Some(SHORT));
        let client = builder.max_queued(250_000).stream(near);
        let text = "x".repeat(100_000);
        // They are queued before the client's task runs.
        let mut outcomes = Vec::new();
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let (client, text) = (client.clone(), text.clone());
                tokio::spawn(async move { client.call(A, &text).await })
            })
            .collect();
        for call in calls {
            outcomes.push(call.await.unwrap());
        }
        let busy = |outcome: &&Result<_, CallError>| {
            matches!(outcome, Err(CallError::NotSent(Cause::Busy)))
        };
        assert_eq!(outcomes.iter().filter(busy).count(), 2, "{outcomes:?}");
    });
}

#[test]
fn every_call_is_answered_when_a_slow_server_reads_more_than_the_backlog() {
    runtime().block_on(async {
        let (near, far) = duplex(TAKEN);
        let client = Client::builder().timeout(Some(PATIENCE)).stream(near);
        let text = "x".repeat(100_000);
        tokio::spawn(async move {
            let (read, mut write) = tokio::io::split(far);
            let mut lines = BufReader::new(read).lines();
            while let Ok(Some(_)) = lines.next_line().await {
                let value = lines.next_line().await.unwrap().unwrap();
                write
                    .write_all(format!("{}\n", value.len()).as_bytes())
                    .await
                    .unwrap();
            }
        });
        let calls: Vec<_> = (0..10)
            .map(|size| {
                let (client, text) = (client.clone(), text[size..].to_owned());
                tokio::spawn(async move {
                    // Some calls come while the first request is on its way.
                    tokio::time::sleep(Duration::from_millis(size as u64)).await;
                    client.call(A, &text).await.unwrap() == text.len().to_string()
                })
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap());
        }
        client.finish().await.unwrap();
    });
}
