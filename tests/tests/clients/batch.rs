//! Requests of different commands on their way at once.

use bellwire::{Command, Line, Postcard};
use bellwire_std::{CallError, Client};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::{Kind, PATIENCE, Running, each, serve};
use bellwire_tests::script::{
    Scripted,
    Step::{self, Close, Hear, Say, Stall},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

const ECHO: Command<Line, Line> = Command::new("ECHO");
const DOUBLE: Command<Postcard<u32>, Postcard<u64>> = Command::new("DOUBLE");
const LONG: Command<(), Line> = Command::new("LONG");

fn with_handlers(server: Running) -> Running {
    let echo = server
        .endpoint
        .handle(ECHO, |(), text, reply| reply.send(text));
    echo.unwrap();
    let double = |(): &mut _, value: u32, reply: bellwire::Reply<'_, Postcard<u64>>| {
        reply.send(&(2 * u64::from(value)))
    };
    server.endpoint.handle(DOUBLE, double).unwrap();
    server
}

#[test]
fn replies_of_different_commands_are_taken_in_any_order() {
    each(|kind| {
        let server = with_handlers(serve(kind, |_| {}));
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut batch = client.batch();
            let first = batch.queue(ECHO, "one").unwrap();
            let second = batch.queue(DOUBLE, &2_000_000_000).unwrap();
            let third = batch.queue(ECHO, "three").unwrap();
            let mut replies = batch.send().unwrap();
            let (mut first, mut second, mut third) = (Some(first), Some(second), Some(third));
            for index in order {
                match index {
                    0 => assert_eq!(replies.take(first.take().unwrap()).unwrap(), "one"),
                    1 => assert_eq!(replies.take(second.take().unwrap()).unwrap(), 4_000_000_000),
                    _ => assert_eq!(replies.take(third.take().unwrap()).unwrap(), "three"),
                }
            }
        }
        assert!(client.batch().send().is_ok());
    });
}

#[test]
fn a_batch_longer_than_the_sockets_buffers_does_not_block() {
    let server = with_handlers(serve(Kind::Threads, |_| {}));
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let text = "x".repeat(30_000);
    let mut batch = client.batch();
    let long: Vec<_> = (0..20_000)
        .map(|_| batch.queue(LONG, ()).unwrap())
        .collect();
    let echoes: Vec<_> = (0..100)
        .map(|_| batch.queue(ECHO, &text).unwrap())
        .collect();
    let mut replies = batch.send().unwrap();
    for ticket in echoes.into_iter().rev() {
        assert!(replies.take(ticket).unwrap() == text);
    }
    for ticket in long {
        assert_eq!(replies.take(ticket).unwrap().len(), 999);
    }
}

#[test]
fn a_value_that_cannot_be_sent_leaves_the_batch_as_it_was() {
    let server = with_handlers(serve(Kind::Threads, |_| {}));
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let mut batch = client.batch();
    let first = batch.queue(ECHO, "1").unwrap();
    let error = batch.queue(ECHO, "2\n").unwrap_err();
    assert!(matches!(error, CallError::Request(_)), "{error}");
    let third = batch.queue(ECHO, "3").unwrap();
    let mut replies = batch.send().unwrap();
    assert_eq!(replies.take(first).unwrap(), "1");
    assert_eq!(replies.take(third).unwrap(), "3");
}

#[test]
fn after_a_dropped_batch_the_next_call_gets_its_own_reply() {
    let server = with_handlers(serve(Kind::Threads, |_| {}));
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let mut batch = client.batch();
    let _ = batch.queue(ECHO, "not sent").unwrap();
    drop(batch);
    assert_eq!(client.call(ECHO, "1").unwrap(), "1");
    let mut batch = client.batch();
    let _ = batch.queue(ECHO, "not taken").unwrap();
    let last = batch.queue(ECHO, "2").unwrap();
    drop(batch.send().unwrap());
    assert_eq!(client.call(ECHO, "3").unwrap(), "3");
    let mut batch = client.batch();
    let _ = batch.queue(ECHO, "4").unwrap();
    let mut replies = batch.send().unwrap();
    let taken = catch_unwind(AssertUnwindSafe(|| replies.take(last)));
    assert!(taken.is_err(), "the ticket is of an earlier batch");
}

/// Returns the outcomes of a batch of three calls as text. The last one is taken first.
fn outcomes(server: &Scripted) -> [String; 3] {
    let builder = Client::builder().timeout(Some(SHORT));
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    let mut batch = client.batch();
    let tickets = ["a", "b", "c"].map(|text| batch.queue(ECHO, text).unwrap());
    let mut replies = batch.send().unwrap();
    let [first, second, third] = tickets;
    let mut show = |ticket| match replies.take(ticket) {
        Ok(reply) => reply,
        Err(error) => error.to_string(),
    };
    let third = show(third);
    [show(first), show(second), third]
}

#[test]
fn each_request_of_a_batch_has_its_own_outcome() {
    const REQUESTS: Step = Hear("ECHO\na\nECHO\nb\nECHO\nc\n");
    let lost = "request sent, reply lost: connection closed";
    let server = Scripted::start(&[&[REQUESTS, Say("1\n!refused ECHO: no\n"), Close]]);
    let refused = "server error (refused): ECHO: no";
    assert_eq!(outcomes(&server), ["1", refused, lost]);

    let server = Scripted::start(&[&[REQUESTS, Say("1\n!busy later\n"), Close]]);
    let busy = "server error (busy): later";
    let not_sent = format!("request not sent: {busy}");
    assert_eq!(outcomes(&server), ["1", busy, &not_sent]);

    let server = Scripted::start(&[&[REQUESTS, Say("1\n"), Stall]]);
    let late = "request sent, reply lost: time limit exceeded";
    assert_eq!(outcomes(&server), ["1", late, late]);
}

#[test]
fn a_batch_to_a_server_that_is_gone_is_not_sent() {
    let server = Scripted::start(&[&[Hear("ECHO\n1\n"), Say("1\n"), Close]]);
    let builder = Client::builder().timeout(Some(SHORT));
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    assert_eq!(client.call(ECHO, "1").unwrap(), "1");
    server.wait();
    for _ in 0..2 {
        let mut batch = client.batch();
        let _ = batch.queue(ECHO, "2").unwrap();
        let error = batch.send().unwrap_err();
        assert!(matches!(error, CallError::NotSent(_)), "{error}");
    }
    // Without a request there is nothing to send.
    assert!(client.batch().send().is_ok());
}
