//! Subscriptions of the blocking client.

use super::{A, COUNT, ECHO, LOG, TEXT, counting, wait_for_subscribers};
use bellwire::{Line, Topic};
use bellwire_std::json::RemoteTopic;
use bellwire_std::schema::parse;
use bellwire_std::{CallError, Client, Event};
use bellwire_tests::net::{SHORT, while_waiting};
use bellwire_tests::running::{Kind, PATIENCE, each, until};
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{self, Bytes, Close, Hear, Say, Stall};
use bellwire_tests::topic_cases::{ASKED, Action, CASES, JOIN, TopicCase, compare, show};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const ALARM: Topic<Line> = Topic::new("ALARM");

pub(super) fn connect(server: &Scripted) -> Client {
    Client::connect(server.address, PATIENCE).unwrap()
}

/// Waits for the next event of `LOG`.
pub(super) fn next(client: &mut Client) -> String {
    let push = client.next_push(Some(PATIENCE)).unwrap();
    show(push.and_then(|push| push.event(LOG)))
}

/// Waits for this many events of `LOG`.
pub(super) fn take(client: &mut Client, number: usize) -> Vec<String> {
    (0..number).map(|_| next(client)).collect()
}

fn run_case(case: &TopicCase) {
    println!("{}", case.name);
    let server = Scripted::start(case.server);
    let builder = Client::builder().max_reply(100).max_events(2);
    let builder = builder.timeout(Some(SHORT));
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    for action in case.actions {
        match *action {
            Action::Subscribe(expected) => compare(&client.subscribe(LOG), &expected, case.name),
            Action::Call(expected) => compare(&client.call(A, "x"), &expected, case.name),
            Action::Next(expected) => {
                let event = next(&mut client);
                assert!(
                    event.starts_with(expected),
                    "{}: {event}, not {expected}",
                    case.name
                );
            }
            Action::Wait => {
                server.wait();
                thread::sleep(SHORT / 10);
            }
        }
    }
}

#[test]
fn each_server_with_topics_has_a_clear_outcome() {
    for case in CASES {
        run_case(case);
    }
}

#[test]
fn pushes_and_replies_are_told_apart_under_every_split() {
    let texts = [">LOG\nno push\n", "!"];
    let mut bytes = b">LOG\n1\nOK\n\x0e\x0d".to_vec();
    bytes.extend_from_slice(texts[0].as_bytes());
    bytes.extend_from_slice(b">LOG +2\n>LOG\n2\nOK\n\x02\x01!>LOG\n3\n");
    let splits = 0..=bytes.len();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        for split in 0..=bytes.len() {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            stream.read_exact(&mut [0; 14]).unwrap();
            stream.write_all(b"OK\n").unwrap();
            stream.read_exact(&mut [0; 14]).unwrap();
            stream.write_all(&bytes[..split]).unwrap();
            thread::sleep(Duration::from_millis(1));
            stream.write_all(&bytes[split..]).unwrap();
            let _ = stream.read(&mut [0]);
        }
    });
    for split in splits {
        let mut client = Client::connect(address, PATIENCE).unwrap();
        client.subscribe(LOG).unwrap();
        let replies: Vec<_> = client
            .pipeline(TEXT, ["x", "x"])
            .map(Result::unwrap)
            .collect();
        assert_eq!(replies, texts, "split at {split}");
        let events = take(&mut client, 4);
        assert_eq!(events, ["1", "+2", "2", "3"], "split at {split}");
    }
    server.join().unwrap();
}

#[test]
fn replies_of_a_pipeline_keep_their_order_while_values_arrive() {
    each(|kind| {
        let (server, count) = counting(kind, "127.0.0.1:0");
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        client.subscribe(COUNT).unwrap();
        let mut published = 0;
        let lines: Vec<_> = (0..5000).map(|n: u32| n.to_string()).collect();
        let values = lines.iter().inspect(|_| {
            published += 1;
            assert_eq!(count.publish(&published), Ok(1));
        });
        for (reply, line) in client.pipeline_with(ECHO, values, |line| line).zip(&lines) {
            assert_eq!(&reply.unwrap(), line);
        }
        client.unsubscribe(COUNT).unwrap();
        let (mut delivered, mut lost) = (0, 0);
        while let Some(push) = client.next_push(Some(PATIENCE)).unwrap() {
            match push.event(COUNT).unwrap().unwrap() {
                Event::Value(number) => {
                    delivered += 1;
                    assert_eq!(u64::from(number), delivered + lost);
                }
                Event::Lost(more) => lost += more,
                _ => panic!("there was no gap"),
            }
        }
        // Between both replies, the values and the losses are all that were published.
        assert!(delivered > 0);
        assert_eq!(delivered + lost, u64::from(published));
    });
}

#[test]
fn a_timeout_is_no_error_and_zero_takes_only_what_has_arrived() {
    const SERVER: &[Step] = &[JOIN, Say("OK\n"), ASKED, Say("a\n>LOG\n1\n"), Stall];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    // The time limit of a call does not matter.
    client.set_timeout(None);
    client.subscribe(LOG).unwrap();
    let start = Instant::now();
    assert!(client.next_push(Some(SHORT)).unwrap().is_none());
    assert!(start.elapsed() >= SHORT);
    assert!(client.next_push(Some(Duration::ZERO)).unwrap().is_none());
    client.call(A, "x").unwrap();
    thread::sleep(SHORT / 4);
    let push = client.next_push(Some(Duration::ZERO)).unwrap().unwrap();
    assert_eq!((push.topic, push.event(ALARM).is_none()), ("LOG", true));
    assert_eq!(show(push.event(LOG)), "1");
    assert!(matches!(push.event, Ok(Event::Value(payload)) if *payload == *b"1\n"));
}

#[test]
fn a_client_without_subscriptions_and_events_waits_for_nothing() {
    let server = Scripted::start(&[&[Stall]]);
    assert!(connect(&server).next_push(None).unwrap().is_none());
}

#[test]
fn the_events_of_all_topics_arrive_in_their_order_and_share_a_bound() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        Hear("SUBSCRIBE\nALARM\n"),
        Say("OK\n>LOG\n1\n>ALARM\n2\n>LOG\n3\n>ALARM\n4\n>LOG\n5\n>ALARM +2\n>LOG\n6\n"),
        ASKED,
        Say("a\n"),
        Stall,
    ];
    let server = Scripted::start(&[SERVER]);
    let builder = Client::builder().max_events(3);
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    client.subscribe(LOG).unwrap();
    client.subscribe(ALARM).unwrap();
    client.call(A, "x").unwrap();
    let events: Vec<_> = (0..5)
        .map(|_| {
            let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
            let event = push.event(LOG).or_else(|| push.event(ALARM));
            format!("{} {}", push.topic, show(event))
        })
        .collect();
    assert_eq!(events, ["LOG 1", "ALARM 2", "LOG 3", "ALARM +3", "LOG +2"]);
}

#[test]
fn a_server_that_is_away_is_waited_for_with_pauses() {
    let mut served = Some(counting(Kind::Threads, "127.0.0.1:0"));
    let address = served.as_ref().unwrap().0.address.to_string();
    let mut client = Client::connect(&address, PATIENCE).unwrap();
    client.subscribe(COUNT).unwrap();
    for restart in 1..=2 {
        served.as_ref().unwrap().1.publish(&restart).unwrap();
        let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
        assert_eq!(push.event(COUNT).unwrap().unwrap(), Event::Value(restart));
        served = None;
        let error = client.next_push(Some(SHORT)).unwrap_err();
        assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
        let push = while_waiting(
            || client.next_push(Some(PATIENCE)).unwrap().unwrap(),
            || served = Some(counting(Kind::Threads, &address)),
        );
        assert_eq!(push.event(COUNT).unwrap().unwrap(), Event::Gap);
        wait_for_subscribers(&served.as_ref().unwrap().1, 1);
    }
}

#[test]
fn a_server_that_closes_each_subscription_at_once_is_not_asked_in_a_loop() {
    const CLOSES: &[Step] = &[JOIN, Say("OK\n"), Close];
    let server = Scripted::start(&[CLOSES, CLOSES, CLOSES, CLOSES, CLOSES]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    let start = Instant::now();
    assert_eq!(take(&mut client, 4), ["gap"; 4]);
    // No pause, then at least 25, 50 and 100 ms.
    assert!(start.elapsed() >= Duration::from_millis(175));
}

/// Cause: each wait began the pause anew, and ended before it. A wait of zero gave the attempt no time.
#[test]
fn waits_for_events_that_are_shorter_than_a_pause_connect_again() {
    const CLOSES: &[Step] = &[JOIN, Say("OK\n"), Close];
    const BUSY: &[Step] = &[JOIN, Say("!busy temporarily unavailable\n"), Close];
    for wait in [Duration::from_millis(5), Duration::ZERO] {
        let server = Scripted::start(&[CLOSES, BUSY, BUSY, &[JOIN, Say("OK\n"), Stall]]);
        let mut client = connect(&server);
        client.subscribe(LOG).unwrap();
        let start = Instant::now();
        until(|| {
            let push = client.next_push(Some(wait));
            push.is_ok_and(|push| push.is_some_and(|push| matches!(push.event, Ok(Event::Gap))))
        });
        // No pause, then at least 25 and 50 ms. After 5 seconds a connection is no longer a failure.
        let pauses = Duration::from_millis(75)..Duration::from_secs(4);
        assert!(pauses.contains(&start.elapsed()));
    }
}

#[test]
fn reconnect_subscribes_again() {
    const SERVER: &[Step] = &[JOIN, Say("OK\n>LOG\n1\n"), Stall];
    let server = Scripted::start(&[SERVER, SERVER]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    assert_eq!(next(&mut client), "1");
    client.reconnect().unwrap();
    assert_eq!(take(&mut client, 2), ["gap", "1"]);
}

#[test]
fn events_skip_the_replies_to_calls_that_were_given_up() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        Hear("A\nx\nA\nx\n"),
        Say("a\n>LOG\n1\na\n>LOG\n2\n"),
        Stall,
    ];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    assert!(client.pipeline(A, ["x", "x"]).next().unwrap().is_ok());
    assert_eq!(take(&mut client, 2), ["1", "2"]);
}

#[test]
fn finish_ignores_the_values_until_the_end() {
    const SERVER: &[Step] = &[JOIN, Bytes(b"OK\n>LOG\n1\n>LOG\n2\n"), Close];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    client.finish().unwrap();
}

#[test]
fn topics_of_each_format_are_converted_to_json() {
    let (mut steps, mut topics) = (Vec::new(), Vec::new());
    for (name, encoding, payload, json) in [
        ("LINE", "line", &b"a \"b\"\n"[..], r#""a \"b\"""#),
        ("UNIT", "()", b"", "null"),
        ("PAIR", "postcard (u8, bool)", b"\x02\x07\x01", "[7,true]"),
        ("GOB", "gob i64", b"\x03\x04\x00\x54", "42"),
    ] {
        let topic = RemoteTopic::new(parse(&format!(">{name} {encoding}")).unwrap()).unwrap();
        topics.push((topic, json));
        let push = [b"OK\n>", name.as_bytes(), b"\n", payload].concat();
        steps.push(Hear(format!("SUBSCRIBE\n{name}\n").leak()));
        steps.push(Bytes(push.leak()));
    }
    steps.push(Stall);
    let script: &[Step] = steps.leak();
    let server = Scripted::start(vec![script].leak());
    let mut client = connect(&server);
    for (topic, json) in topics {
        client.subscribe_raw(topic.untyped().unwrap()).unwrap();
        let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
        assert_eq!(push.topic, topic.name());
        let Ok(Event::Value(value)) = push.event else {
            panic!("no value");
        };
        assert_eq!(topic.decode(&value).unwrap(), json);
    }
    assert!(parse(&format!(">{} line", "X".repeat(63))).is_err());
}

#[test]
fn the_description_of_a_topic_comes_from_the_server() {
    let (server, count) = counting(Kind::Threads, "127.0.0.1:0");
    server.endpoint.describe(&[COUNT.describe()]);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let topic = RemoteTopic::fetch(&mut client, "COUNT").unwrap();
    client.subscribe_raw(topic.untyped().unwrap()).unwrap();
    count.publish(&300).unwrap();
    let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
    let Ok(Event::Value(payload)) = push.event else {
        panic!("no value");
    };
    assert_eq!(topic.decode(&payload).unwrap(), "300");
}
