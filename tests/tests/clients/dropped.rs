//! The async client: futures that are dropped, and the bounds of its queue.

use bellwire::{Command, Line};
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Cause};
use bellwire_tests::net::{Manner, SHORT, host};
use bellwire_tests::poll::cancel_after;
use bellwire_tests::running::PATIENCE;
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{Hear, Say, Stall};
use std::task::{Context, Waker};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

const A: Command<Line, Line> = Command::new("A");

/// The bytes of a long value: with them, the next requests stay in the queue until they are written.
const LONG: usize = 200_000;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_call_that_is_dropped_after_its_reply_has_arrived_keeps_no_place() {
    let server = Scripted::start(&[&[
        Hear("A\n1\n"),
        Say("1\n"),
        Hear("A\n2\n"),
        Say("2\n"),
        Stall,
    ]]);
    runtime().block_on(async {
        let builder = Client::builder().max_waiting(1);
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let mut call = Box::pin(client.call(A, "1"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        sleep(SHORT / 4).await;
        drop(call);
        // On a slow machine, the reply may be on its way yet.
        let reply = async {
            loop {
                match client.call(A, "2").await {
                    Err(CallError::NotSent(Cause::Busy)) => sleep(SHORT / 10).await,
                    reply => break reply.unwrap(),
                }
            }
        };
        assert_eq!(timeout(PATIENCE, reply).await.unwrap(), "2");
    });
}

#[test]
fn a_finish_that_is_dropped_before_the_sending_has_ended_has_no_effect() {
    let server = Scripted::start(&[&[Hear("A\nx\n"), Say("1\n"), Stall]]);
    runtime().block_on(async {
        let client = Client::connect(&server.address.to_string()).await.unwrap();
        assert!(cancel_after(1, client.clone().finish()).is_none());
        assert_eq!(client.call(A, "x").await.unwrap(), "1");
    });
}

#[test]
fn a_call_that_is_dropped_does_not_disturb_a_finish() {
    let server = Scripted::start(&[&[Stall]]);
    runtime().block_on(async {
        let client = Client::connect(&server.address.to_string()).await.unwrap();
        let mut finish = Box::pin(client.clone().finish());
        let mut context = Context::from_waker(Waker::noop());
        assert!(finish.as_mut().poll(&mut context).is_pending());
        assert!(cancel_after(1, client.call(A, "x")).is_none());
        timeout(PATIENCE / 2, finish).await.unwrap().unwrap();
    });
}

#[test]
fn a_connect_that_is_dropped_ends_its_thread() {
    let silent = host(&[("127.0.0.1", Manner::Ignores)]);
    let runtime = runtime();
    let start = Instant::now();
    runtime.block_on(async {
        let builder = Client::builder().connect_timeout(2 * PATIENCE);
        let address = format!("127.0.0.1:{}", silent.port);
        let connecting = timeout(SHORT / 10, builder.connect(&address));
        assert!(connecting.await.is_err());
    });
    // A runtime waits for its threads.
    drop(runtime);
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_request_beyond_the_limit_is_not_sent() {
    let server = Scripted::start(&[&[Hear("A\nx\n"), Say("1\n"), Stall]]);
    runtime().block_on(async {
        for limit in [10, 3000] {
            let builder = Client::builder().max_request(limit);
            let (near, _far) = duplex(64);
            let client = builder.stream(near);
            let error = client.call(A, &"x".repeat(limit)).await.unwrap_err();
            let text = format!("invalid request: message exceeds {limit} bytes");
            assert_eq!(error.to_string(), text);
        }
        let builder = Client::builder().max_request(4);
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        assert_eq!(client.call(A, "x").await.unwrap(), "1");
    });
}

#[test]
fn the_queue_is_bounded_when_calls_come_one_after_the_other() {
    runtime().block_on(async {
        let (near, _far) = duplex(64);
        let builder = Client::builder().timeout(Some(PATIENCE));
        let client = builder.max_queued(2 * LONG + 100).stream(near);
        let text = "x".repeat(LONG);
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = Vec::new();
        // The client's task takes the first, and two wait in the queue.
        for _ in 0..3 {
            let mut call = Box::pin(client.call(A, &text));
            assert!(call.as_mut().poll(&mut context).is_pending());
            waiting.push(call);
            sleep(SHORT / 10).await;
        }
        let error = client.call(A, &text).await.unwrap_err();
        assert!(matches!(error, CallError::NotSent(Cause::Busy)), "{error}");
    });
}

#[test]
fn a_queued_call_is_sent_when_the_server_reads_all_of_a_long_one_at_once() {
    runtime().block_on(async {
        let (near, mut far) = duplex(LONG);
        let client = Client::builder().stream(near);
        let text = "x".repeat(2 * LONG - 10);
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Box::pin(client.call(A, &text));
        assert!(first.as_mut().poll(&mut context).is_pending());
        // The first half of the request fills the stream.
        sleep(SHORT / 10).await;
        let mut second = Box::pin(client.call(A, "x"));
        assert!(second.as_mut().poll(&mut context).is_pending());
        sleep(SHORT / 10).await;
        let server = async {
            let size = "A\n\n".len() + text.len() + "A\nx\n".len();
            far.read_exact(&mut vec![0; size]).await.unwrap();
            far.write_all(b"1\n2\n").await.unwrap();
        };
        let all = async { tokio::join!(first, second, server) };
        let (first, second, ()) = timeout(PATIENCE / 2, all).await.unwrap();
        assert_eq!(
            (first.unwrap().as_str(), second.unwrap().as_str()),
            ("1", "2")
        );
    });
}
