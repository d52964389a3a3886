//! Many requests on their way at once.

use bellwire::{Command, Line};
use bellwire_std::{CallError, Client};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::{Kind, PATIENCE, STRING, each, serve};
use bellwire_tests::script::{
    Scripted,
    Step::{Close, Hear, Repeat, Say, Stall},
};
use std::cell::Cell;

const A: Command<Line, Line> = Command::new("A");
const LONG: Command<(), Line> = Command::new("LONG");

#[test]
fn replies_keep_the_order_of_the_values() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let echo: Command<Line, Line> = Command::new("ECHO");
        server
            .endpoint
            .handle(echo, |(), text, reply| reply.send(text))
            .unwrap();
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        let values: Vec<_> = (0..10_000).map(|n| n.to_string()).collect();
        let replies = client.pipeline(echo, values.iter().map(String::as_str));
        assert_eq!(replies.collect::<Result<Vec<_>, _>>().unwrap(), values);
        let replies = client.pipeline_with(echo, 0..10_000, |_| "same");
        assert!(replies.map(Result::unwrap).all(|reply| reply == "same"));
    });
}

#[test]
fn long_replies_and_long_requests_do_not_block_each_other() {
    let server = serve(Kind::Threads, |_| {});
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let replies = client.pipeline(LONG, std::iter::repeat_n((), 20_000));
    assert_eq!(
        replies
            .filter(|reply| reply.as_ref().unwrap().len() == 999)
            .count(),
        20_000
    );
    let text = "x".repeat(50_000);
    let replies = client.pipeline(STRING, std::iter::repeat_n(&*text, 100));
    assert_eq!(replies.map(Result::unwrap).count(), 100);
}

#[test]
fn half_of_16_kib_of_requests_are_on_their_way_while_the_replies_to_the_others_are_taken() {
    // Requests of 1 KiB.
    let text = "x".repeat(1021);
    let requests = |number| Hear(format!("A\n{text}\n").repeat(number).leak());
    let script = [
        requests(16),
        Repeat("1\n", 8),
        requests(8),
        Repeat("1\n", 16),
        Stall,
    ];
    let server = Scripted::start(vec![&*script.to_vec().leak()].leak());
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let replies = client.pipeline(A, std::iter::repeat_n(&*text, 24));
    assert_eq!(replies.map(Result::unwrap).count(), 24);
}

#[test]
fn values_are_taken_at_most_16_kib_and_one_value_ahead_of_the_replies() {
    let server = serve(Kind::Threads, |_| {});
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    // With the command line, requests of 1 KiB.
    let text = "x".repeat(1024 - "STRING\n\n".len());
    let taken = Cell::new(0);
    let values = std::iter::repeat_n(&*text, 100).inspect(|_| taken.set(taken.get() + 1));
    for (replies, reply) in client.pipeline(STRING, values).enumerate() {
        reply.unwrap();
        assert!(taken.get() <= replies + 17, "{} taken", taken.get());
    }
}

#[test]
fn after_a_dropped_iterator_the_next_call_gets_its_own_reply() {
    let server = serve(Kind::Threads, |_| {});
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    for taken in [0, 1, 100] {
        let replies = client.pipeline(LONG, std::iter::repeat(()));
        assert_eq!(replies.take(taken).map(Result::unwrap).count(), taken);
        assert_eq!(client.call(STRING, "a").unwrap(), "Thank you.");
    }
}

/// Returns the outcomes as text, for a comparison with one line.
fn outcomes(server: &Scripted, values: &[&'static str]) -> Vec<String> {
    let builder = Client::builder().timeout(Some(SHORT));
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    let show = |result: Result<String, CallError>| match result {
        Ok(reply) => reply,
        Err(error) => error.to_string(),
    };
    client
        .pipeline(A, values.iter().copied())
        .map(show)
        .collect()
}

#[test]
fn each_sent_request_has_its_own_outcome() {
    let server = Scripted::start(&[&[
        Hear("A\na\nA\nb\nA\nc\n"),
        Say("1\n!refused A: no\n"),
        Close,
    ]]);
    let lost = "request sent, reply lost: connection closed";
    assert_eq!(
        outcomes(&server, &["a", "b", "c"]),
        ["1", "server error (refused): A: no", lost]
    );

    let server = Scripted::start(&[&[Hear("A\na\nA\nb\nA\nc\n"), Say("1\n!busy later\n"), Close]]);
    let busy = "server error (busy): later";
    assert_eq!(
        outcomes(&server, &["a", "b", "c"]),
        ["1", busy, &format!("request not sent: {busy}")]
    );

    let server = Scripted::start(&[&[Hear("A\na\nA\nb\n"), Say("1\n"), Stall]]);
    let lost = "request sent, reply lost: time limit exceeded";
    assert_eq!(outcomes(&server, &["a", "b"]), ["1", lost]);
}

#[test]
fn a_value_that_cannot_be_sent_fails_in_its_place() {
    let server = Scripted::start(&[&[
        Hear("A\na\n"),
        Say("1\n"),
        Hear("A\nc\n"),
        Say("3\n"),
        Stall,
    ]]);
    let invalid = "invalid request: format cannot carry the value";
    assert_eq!(outcomes(&server, &["a", "b\n", "c"]), ["1", invalid, "3"]);
}
