//! Subscriptions of the async client on one connection.

use super::{A, LOG, TEXT};
use bellwire::{Line, Postcard};
use bellwire_std::Event;
use bellwire_std::tokio::{Client, ClientBuilder, Subscription};
use bellwire_tests::net::SHORT;
use bellwire_tests::poll::cancel_after;
use bellwire_tests::running::PATIENCE;
use bellwire_tests::script::Step::{Bytes, Hear, Say, Stall};
use bellwire_tests::script::{Scripted, Step};
use bellwire_tests::topic_cases::{ASKED, Action, CASES, JOIN, LEAVE, TopicCase, compare, show};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Waits for the next event.
pub(super) async fn next(subscription: &mut Subscription<Line>) -> String {
    show(timeout(PATIENCE, subscription.next()).await.unwrap())
}

/// Waits for this many events.
pub(super) async fn take(subscription: &mut Subscription<Line>, number: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..number {
        events.push(next(subscription).await);
    }
    events
}

/// Runs a test against a server with these scripts.
pub(super) fn run<T>(
    scripts: &'static [&'static [Step]],
    builder: ClientBuilder,
    test: impl AsyncFnOnce(Client) -> T,
) -> T {
    let server = Scripted::start(scripts);
    runtime().block_on(async {
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let ended = timeout(PATIENCE, test(client)).await.unwrap();
        // The client's task ends with its handles.
        let metrics = tokio::runtime::Handle::current().metrics();
        let tasks = async {
            while metrics.num_alive_tasks() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, tasks).await.expect("no task is left");
        ended
    })
}

async fn run_case(case: &TopicCase, client: Client, server: &Scripted) {
    let mut subscriptions = Vec::new();
    for action in case.actions {
        match *action {
            Action::Subscribe(expected) => {
                let outcome = client.subscribe(LOG).await;
                let outcome = outcome.map(|subscription| subscriptions.push(subscription));
                compare(&outcome, &expected, case.name);
            }
            Action::Call(expected) => compare(&client.call(A, "x").await, &expected, case.name),
            Action::Next(expected) => {
                let event = next(subscriptions.last_mut().unwrap()).await;
                assert!(
                    event.starts_with(expected),
                    "{}: {event}, not {expected}",
                    case.name
                );
            }
            Action::Wait => {
                server.wait();
                sleep(SHORT / 4).await;
            }
        }
    }
}

#[test]
fn each_server_with_topics_has_a_clear_outcome() {
    for case in CASES {
        println!("{}", case.name);
        let server = Scripted::start(case.server);
        let builder = Client::builder().max_reply(100).max_events(2);
        let connect = builder.timeout(Some(SHORT));
        runtime().block_on(async {
            let client = connect.connect(&server.address.to_string()).await.unwrap();
            run_case(case, client, &server).await;
        });
    }
}

#[test]
fn pushes_and_replies_are_told_apart_under_every_split() {
    let text = ">LOG\nno push\n";
    let mut bytes = b">LOG\n1\nOK\n\x0e\x0d".to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(b">LOG +2\n>LOG\n2\nreply\n>LOG\n3\n");
    runtime().block_on(async {
        for split in 0..=bytes.len() {
            let (near, mut far) = tokio::io::duplex(1024);
            let client = Client::builder().stream(near);
            let server = async {
                let mut requests = [0; 14 + 7 + 4];
                far.read_exact(&mut requests[..14]).await.unwrap();
                far.write_all(b"OK\n").await.unwrap();
                far.read_exact(&mut requests[14..]).await.unwrap();
                assert_eq!(&requests, b"SUBSCRIBE\nLOG\nTEXT\nx\nA\nx\n");
                for part in [&bytes[..split], &bytes[split..]] {
                    far.write_all(part).await.unwrap();
                    for _ in 0..4 {
                        tokio::task::yield_now().await;
                    }
                }
                far
            };
            let calls = async {
                let mut subscription = client.subscribe(LOG).await.unwrap();
                let (one, two) = tokio::join!(client.call(TEXT, "x"), client.call(A, "x"));
                assert_eq!(
                    (one.unwrap().as_str(), two.unwrap().as_str()),
                    (text, "reply")
                );
                let events = take(&mut subscription, 4).await;
                assert_eq!(events, ["1", "+2", "2", "3"], "split at {split}");
            };
            let both = async { tokio::join!(server, calls) };
            timeout(PATIENCE, both).await.expect("no wait");
        }
    });
}

#[test]
fn a_subscription_is_bounded_in_bytes() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n>LOG\na long line\n>LOG\n2\n"),
        ASKED,
        Say("1\n"),
        ASKED,
        Say("1\n>LOG\n3\n>LOG\n4\n>LOG\n5\n"),
        ASKED,
        Say("1\n"),
        Stall,
    ];
    let builder = Client::builder().max_event_bytes(4);
    run(&[SERVER], builder, async |client| {
        let mut log = client.subscribe(LOG).await.unwrap();
        client.call(A, "x").await.unwrap();
        assert_eq!(take(&mut log, 2).await, ["a long line", "+1"]);
        client.call(A, "x").await.unwrap();
        client.call(A, "x").await.unwrap();
        assert_eq!(take(&mut log, 3).await, ["3", "4", "+1"]);
    });
}

#[test]
fn a_value_beyond_the_limit_of_a_message_is_lost() {
    const BLOB: bellwire::Topic<Postcard<String>> = bellwire::Topic::new("BLOB");
    let mut long = b"OK\n>BLOB\n\x96\x01\x94\x01".to_vec();
    long.extend_from_slice(&[b'x'; 148]);
    long.extend_from_slice(b">BLOB\n\x02\x01y");
    let server: &[Step] = vec![Hear("SUBSCRIBE\nBLOB\n"), Bytes(long.leak()), Stall].leak();
    let builder = Client::builder().max_reply(100);
    run(vec![server].leak(), builder, async |client| {
        let mut blobs = client.subscribe(BLOB).await.unwrap();
        for expected in [Event::Lost(1), Event::Value("y".to_owned())] {
            assert_eq!(blobs.next().await.unwrap().unwrap(), expected);
        }
    });
}

#[test]
fn subscriptions_to_one_topic_share_a_request_and_the_last_one_unsubscribes() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n>LOG\n1\n"),
        ASKED,
        Say(">LOG\n2\n1\n"),
        ASKED,
        Say(">LOG\n3\n1\n"),
        LEAVE,
        ASKED,
        Say(">LOG\n4\n>LOG +1\nOK\n1\n"),
        ASKED,
        Say("1\n"),
        Stall,
    ];
    run(&[SERVER], Client::builder(), async |client| {
        let other = client.clone();
        let (one, two) = tokio::join!(client.subscribe(LOG), other.subscribe(LOG));
        let (mut one, mut two) = (one.unwrap(), two.unwrap());
        assert_eq!(next(&mut one).await, "1");
        let mut three = client.subscribe(LOG).await.unwrap();
        client.call(A, "x").await.unwrap();
        assert_eq!(take(&mut two, 2).await, ["1", "2"]);
        assert_eq!(next(&mut three).await, "2");
        drop((two, three));
        client.call(A, "x").await.unwrap();
        assert_eq!(take(&mut one, 2).await, ["2", "3"]);
        drop(one);
        // The pushes before the reply to UNSUBSCRIBE are discarded.
        sleep(SHORT / 10).await;
        client.call(A, "x").await.unwrap();
        client.call(A, "x").await.unwrap();
    });
}

#[test]
fn a_subscription_that_begins_while_the_last_one_ends_gets_no_value_of_the_last_one() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        LEAVE,
        Say(">LOG\nold\n"),
        ASKED,
        Say(">LOG\nold\nOK\n1\n"),
        JOIN,
        Say("OK\n>LOG\nnew\n"),
        Stall,
    ];
    run(&[SERVER], Client::builder(), async |client| {
        drop(client.subscribe(LOG).await.unwrap());
        // UNSUBSCRIBE leaves before the next subscription is known.
        sleep(SHORT / 10).await;
        let (log, reply) = tokio::join!(client.subscribe(LOG), client.call(A, "x"));
        reply.unwrap();
        assert_eq!(next(&mut log.unwrap()).await, "new");
    });
}

#[test]
fn a_refused_unsubscribe_keeps_the_pushes_away_and_the_topic_can_be_joined_again() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        LEAVE,
        Say("!failed UNSUBSCRIBE\n>LOG\n1\n"),
        ASKED,
        Say("1\n"),
        ASKED,
        Say(">LOG\n2\n1\n"),
        Stall,
    ];
    run(&[SERVER], Client::builder(), async |client| {
        drop(client.subscribe(LOG).await.unwrap());
        sleep(SHORT / 10).await;
        client.call(A, "x").await.unwrap();
        let mut log = client.subscribe(LOG).await.unwrap();
        client.call(A, "x").await.unwrap();
        assert_eq!(next(&mut log).await, "2");
    });
}

#[test]
fn a_raw_subscription_returns_the_encoded_values() {
    const SERVER: &[Step] = &[
        Hear("SUBSCRIBE\nTICK\n"),
        Bytes(b"OK\n>TICK\n\x02\x80\x01"),
        Stall,
    ];
    run(&[SERVER], Client::builder(), async |client| {
        // A value's end depends on the format, not on the type.
        let topic = bellwire::Topic::<Postcard<()>>::new("TICK");
        let mut ticks = client.subscribe_raw(topic.untyped()).await.unwrap();
        assert_eq!(ticks.topic(), "TICK");
        let Some(Ok(Event::Value(payload))) = ticks.next().await else {
            panic!("no value");
        };
        assert_eq!(&*payload, b"\x02\x80\x01");
    });
}

#[test]
fn a_future_that_is_dropped_before_a_byte_was_sent_sends_nothing() {
    const SERVER: &[Step] = &[ASKED, Say("1\n"), Stall];
    run(&[SERVER], Client::builder(), async |client| {
        drop(client.subscribe(LOG));
        assert!(cancel_after(1, client.subscribe(LOG)).is_none());
        client.call(A, "x").await.unwrap();
    });
}

#[test]
fn a_future_that_is_dropped_while_the_server_is_asked_leads_to_unsubscribe() {
    const SERVER: &[Step] = &[
        JOIN,
        ASKED,
        Say("OK\n>LOG\n1\n1\n"),
        LEAVE,
        Say("OK\n"),
        ASKED,
        Say("1\n"),
        Stall,
    ];
    run(&[SERVER], Client::builder(), async |client| {
        let dropped = timeout(SHORT / 10, client.subscribe(LOG)).await;
        assert!(dropped.is_err());
        client.call(A, "x").await.unwrap();
        sleep(SHORT / 10).await;
        client.call(A, "x").await.unwrap();
    });
}

#[test]
fn a_thousand_topics_are_subscribed_at_once() {
    // A name of the greatest length. The requests exceed the bytes that the client passes on at a time.
    let topics = (0..1000).map(|n| bellwire::Topic::<Line>::new(format!("{n:062}").leak()));
    runtime().block_on(async {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let client = Client::builder().stream(near);
        let mut tasks = tokio::task::JoinSet::new();
        for topic in topics {
            let client = client.clone();
            tasks.spawn(async move { client.subscribe(topic).await });
        }
        let server = async {
            let mut requests = vec![0; 1000 * ("SUBSCRIBE\n\n".len() + 62)];
            far.read_exact(&mut requests).await.unwrap();
            far.write_all(&b"OK\n".repeat(1000)).await.unwrap();
        };
        timeout(PATIENCE / 2, server).await.unwrap();
        let subscriptions = tasks.join_all().await;
        assert!(subscriptions.iter().all(Result::is_ok));
    });
}
