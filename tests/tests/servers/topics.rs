//! Topics of both servers, over real sockets.

use bellwire::{Command, Line, Reply, Topic};
use bellwire_std::Publisher;
use bellwire_tests::net::connect_with_receive_buffer;
use bellwire_tests::running::{
    Kind, Running, each, listen_with_send_buffers, rest, serve, serve_over, until,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(super) const LOG: Topic<Line> = Topic::new("LOG");

/// The bytes of the servers' transmit buffers.
pub(super) const TRANSMIT: usize = 512;

/// A server with the topic `LOG`.
pub(super) fn logging(kind: Kind) -> (Running, Publisher<Line>) {
    let server = serve(kind, |limits| limits.transmit_buffer = TRANSMIT);
    let log = server.endpoint.topic(LOG).unwrap();
    (server, log)
}

/// A server with the topic `LOG`, and a command `SAY` that publishes its line there.
fn saying(kind: Kind) -> Running {
    const SAY: Command<Line, Line> = Command::new("SAY");
    let (server, log) = logging(kind);
    let say = move |(): &mut (), text: &str, reply: Reply<'_, Line>| {
        log.publish(text).unwrap();
        reply.send("said")
    };
    server.endpoint.handle(SAY, say).unwrap();
    server
}

/// Connects, and subscribes to the topic.
pub(super) fn subscribe(server: &Running, topic: &str) -> TcpStream {
    let mut stream = server.connect();
    ask(&mut stream, &format!("SUBSCRIBE\n{topic}\n"), "OK\n");
    stream
}

/// Sends a request and expects this reply.
#[track_caller]
pub(super) fn ask(stream: &mut TcpStream, request: &str, reply: &str) {
    stream.write_all(request.as_bytes()).unwrap();
    expect(stream, reply);
}

#[track_caller]
pub(super) fn expect(stream: &mut TcpStream, bytes: &str) {
    let mut received = vec![0; bytes.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), bytes);
}

/// Reads pushes of `LOG` up to the next `OK`. Returns the delivered and the lost ones.
pub(super) fn count_until_ok(stream: &mut TcpStream) -> (u64, u64) {
    let (mut delivered, mut lost) = (0, 0);
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 16];
    while !bytes.ends_with(b"\nOK\n") {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the server ended the conversation");
        bytes.extend_from_slice(&piece[..n]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == ">LOG" {
            lines.next().unwrap();
            delivered += 1;
        } else if let Some(count) = line.strip_prefix(">LOG +") {
            lost += count.parse::<u64>().unwrap();
        } else {
            assert!(["OK", "Thank you."].contains(&line), "{line}");
        }
    }
    (delivered, lost)
}

#[test]
fn a_subscriber_gets_each_value_between_its_replies_and_others_get_none() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut other = server.connect();
        let mut subscriber = subscribe(&server, "LOG");
        assert_eq!(log.publish("one"), Ok(1));
        expect(&mut subscriber, ">LOG\none\n");
        ask(&mut subscriber, "STRING\nhi\n", "Thank you.\n");
        assert_eq!(log.publish("two"), Ok(1));
        assert_eq!(log.publish("three"), Ok(1));
        expect(&mut subscriber, ">LOG\ntwo\n>LOG\nthree\n");
        ask(&mut subscriber, "UNSUBSCRIBE\nLOG\n", "OK\n");
        assert_eq!(log.publish("four"), Ok(0));
        ask(&mut subscriber, "STRING\nhi\n", "Thank you.\n");
        ask(&mut other, "STRING\nhi\n", "Thank you.\n");
    });
}

#[test]
fn a_value_that_a_handler_publishes_reaches_every_subscriber() {
    each(|kind| {
        let server = saying(kind);
        let mut one = subscribe(&server, "LOG");
        let mut two = subscribe(&server, "LOG");
        ask(&mut one, "SAY\nhello\n", "said\n>LOG\nhello\n");
        expect(&mut two, ">LOG\nhello\n");
    });
}

#[test]
fn an_unknown_topic_is_refused_and_to_subscribe_twice_is_no_error() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut stream = server.connect();
        let refused = |verb| format!("!refused {verb}: no topic is named \"TOCK\"\n");
        for verb in ["SUBSCRIBE", "UNSUBSCRIBE"] {
            ask(&mut stream, &format!("{verb}\nTOCK\n"), &refused(verb));
        }
        ask(&mut stream, "UNSUBSCRIBE\nLOG\n", "OK\n");
        ask(
            &mut stream,
            "SUBSCRIBE\n LOG \r\nSUBSCRIBE\nLOG\n",
            "OK\nOK\n",
        );
        assert_eq!(log.publish("once"), Ok(1));
        expect(&mut stream, ">LOG\nonce\n");
        ask(
            &mut stream,
            "UNSUBSCRIBE\nLOG\nUNSUBSCRIBE\nLOG\n",
            "OK\nOK\n",
        );
        assert_eq!(log.subscribers(), 0);
    });
}

#[test]
fn a_server_without_topics_does_not_know_subscribe() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let error = "!unknown-command no command is named \"SUBSCRIBE\"\n";
        assert_eq!(server.answer("SUBSCRIBE\nLOG\n"), error);
    });
}

#[test]
fn a_topic_has_one_publisher_that_can_be_cloned() {
    let endpoint = bellwire_std::Endpoint::new();
    let log = endpoint.topic(LOG).unwrap();
    assert!(endpoint.topic(LOG).is_err());
    assert_eq!(log.clone().subscribers(), 0);
}

#[test]
fn a_slow_reader_loses_values_and_is_told_how_many_and_nobody_waits() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut slow = subscribe(&server, "LOG");
        let mut quick = subscribe(&server, "LOG");
        let text = "x".repeat(100);
        // More than the buffers of both sockets hold.
        let published = 100_000;
        for _ in 0..published {
            assert_eq!(log.publish(&text), Ok(2));
        }
        // The fast reader is served although the slow one does not read.
        quick.write_all(b"UNSUBSCRIBE\nLOG\n").unwrap();
        let (delivered, lost) = count_until_ok(&mut quick);
        assert_eq!(delivered + lost, published, "{kind:?}");
        slow.write_all(b"UNSUBSCRIBE\nLOG\n").unwrap();
        let (delivered, lost) = count_until_ok(&mut slow);
        assert_eq!(delivered + lost, published, "{kind:?}");
        assert!(lost > 0, "{kind:?}: the test publishes too little");
    });
}

#[test]
fn a_publisher_faster_than_the_line_does_not_hide_a_request() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut stream = subscribe(&server, "LOG");
        let (publishing, stopped) = (log.clone(), Arc::new(AtomicBool::new(false)));
        let stop = Arc::clone(&stopped);
        let publisher = thread::spawn(move || {
            let text = "x".repeat(100);
            while !stop.load(Ordering::Relaxed) {
                publishing.publish(&text).unwrap();
            }
        });
        // A reader that never pauses.
        let mut reader = stream.try_clone().unwrap();
        let reading = thread::spawn(move || count_until_ok(&mut reader));
        thread::sleep(Duration::from_millis(100));
        stream.write_all(b"UNSUBSCRIBE\nLOG\n").unwrap();
        let (delivered, _) = reading.join().unwrap();
        assert!(delivered > 0, "{kind:?}");
        stopped.store(true, Ordering::Relaxed);
        publisher.join().unwrap();
        ask(&mut stream, "STRING\nhi\n", "Thank you.\n");
    });
}

#[test]
fn a_subscriber_that_never_reads_is_closed_after_the_reply_timeout() {
    each(|kind| {
        let server = serve(kind, |limits| {
            limits.reply_timeout = Duration::from_millis(300);
        });
        let log = server.endpoint.topic(LOG).unwrap();
        let _never = subscribe(&server, "LOG");
        let text = "x".repeat(4000);
        until(|| {
            for _ in 0..100 {
                log.publish(&text).unwrap();
            }
            log.subscribers() == 0
        });
        assert!(server.is_well());
    });
}

#[test]
fn a_subscriber_is_not_idle_until_it_unsubscribes() {
    each(|kind| {
        let server = serve(kind, |limits| {
            limits.idle_timeout = Duration::from_millis(200);
        });
        let log = server.endpoint.topic(LOG).unwrap();
        let mut stream = subscribe(&server, "LOG");
        thread::sleep(Duration::from_millis(500));
        assert_eq!(log.publish("still there"), Ok(1), "{kind:?}");
        expect(&mut stream, ">LOG\nstill there\n");
        ask(&mut stream, "UNSUBSCRIBE\nLOG\n", "OK\n");
        assert_eq!(rest(&mut stream), "", "{kind:?}");
    });
}

#[test]
fn a_value_between_subscribe_and_unsubscribe_is_delivered_if_it_fits() {
    each(|kind| {
        let server = saying(kind);
        let requests = "SUBSCRIBE\nLOG\nSAY\nhello\nUNSUBSCRIBE\nLOG\n";
        let replies = "OK\nsaid\n>LOG\nhello\nOK\n";
        assert_eq!(server.answer(requests), replies, "{kind:?}");
    });
}

#[test]
fn a_busy_topic_does_not_keep_another_from_being_sent() {
    // Its values are as long as those of the other: room for one is room for the other.
    const NEWS: Topic<Line> = Topic::new("NEWS");
    each(|kind| {
        // The system's own buffers could hold all pushes up to the bound.
        let server = serve_over(kind, listen_with_send_buffers(65536), |limits| {
            limits.transmit_buffer = TRANSMIT;
        });
        let log = server.endpoint.topic(LOG).unwrap();
        let news = server.endpoint.topic(NEWS).unwrap();
        let mut stream = connect_with_receive_buffer(server.address, 65536);
        for topic in ["LOG", "NEWS"] {
            ask(&mut stream, &format!("SUBSCRIBE\n{topic}\n"), "OK\n");
        }
        let text = "x".repeat(100);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    log.publish(&text).unwrap();
                }
            });
            let mut lines = BufReader::new(&stream).lines().take(100_000);
            let is_busy = lines.nth(10_000).is_some();
            let published = news.publish(&text);
            let found = lines.any(|line| line.is_ok_and(|line| line == ">NEWS"));
            is_over.store(true, Ordering::Relaxed);
            assert!(is_busy && published == Ok(1) && found);
        });
    });
}

#[test]
fn pushes_are_sent_while_a_handler_awaits() {
    const LATER: Command<(), Line> = Command::new("LATER");
    for kind in [Kind::Tasks, Kind::Workers] {
        let (server, log) = logging(kind);
        let gate = Arc::new(tokio::sync::Notify::new());
        let open = Arc::clone(&gate);
        let later = move |(): &mut (), ()| {
            let open = Arc::clone(&open);
            async move {
                open.notified().await;
                |reply: Reply<'_, Line>| reply.send("done")
            }
        };
        server.endpoint.handle_async(LATER, later).unwrap();
        let mut stream = subscribe(&server, "LOG");
        stream
            .write_all(b"STRING\nhi\nLATER\nSTRING\nhi\n")
            .unwrap();
        expect(&mut stream, "Thank you.\n");
        for text in ["one", "two"] {
            log.publish(text).unwrap();
            expect(&mut stream, &format!(">LOG\n{text}\n"));
        }
        gate.notify_one();
        expect(&mut stream, "done\nThank you.\n");
        log.publish("three").unwrap();
        expect(&mut stream, ">LOG\nthree\n");
    }
}

#[test]
fn a_client_that_goes_away_is_no_subscriber_any_more() {
    each(|kind| {
        let (server, log) = logging(kind);
        let gone: Vec<_> = (0..20).map(|_| subscribe(&server, "LOG")).collect();
        assert_eq!(log.subscribers(), 20);
        drop(gone);
        until(|| log.subscribers() == 0);
        let ended = subscribe(&server, "LOG");
        ended.shutdown(Shutdown::Write).unwrap();
        until(|| log.subscribers() == 0);
    });
}

#[test]
fn a_server_that_stops_ends_its_subscribers() {
    each(|kind| {
        let (mut server, log) = logging(kind);
        let mut subscribers: Vec<_> = (0..20).map(|_| subscribe(&server, "LOG")).collect();
        log.publish("last").unwrap();
        for stream in &mut subscribers {
            expect(stream, ">LOG\nlast\n");
        }
        server.stop();
        for stream in &mut subscribers {
            assert_eq!(rest(stream), "");
        }
        assert_eq!(log.publish("nobody"), Ok(0));
    });
}

#[test]
fn no_push_follows_a_fatal_error_line() {
    each(|kind| {
        let (server, log) = logging(kind);
        for _ in 0..20 {
            let mut stream = subscribe(&server, "LOG");
            stream.write_all(b"NONSENSE\n").unwrap();
            for _ in 0..50 {
                log.publish("value").unwrap();
            }
            let text = rest(&mut stream);
            let (_, after) = text.split_once("!unknown-command").expect("an error line");
            assert!(!after.contains('>'), "{kind:?}: {text}");
        }
    });
}

#[test]
fn a_client_whose_conversation_is_over_is_no_subscriber_even_if_it_stays() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut stays = subscribe(&server, "LOG");
        let start = Instant::now();
        stays.write_all(b"NONSENSE\n").unwrap();
        until(|| log.subscribers() == 0);
        // The server waits 2 seconds for such a client.
        assert!(start.elapsed() < Duration::from_secs(1), "{kind:?}");
    });
}

#[test]
fn many_subscribers_get_every_value_in_order() {
    each(|kind| {
        let (server, log) = logging(kind);
        let streams: Vec<_> = (0..100).map(|_| subscribe(&server, "LOG")).collect();
        let readers = streams.into_iter().map(|mut stream| {
            thread::spawn(move || {
                for number in 0..40 {
                    expect(&mut stream, &format!(">LOG\n{number}\n"));
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for number in 0..40 {
            assert_eq!(log.publish(&number.to_string()), Ok(100));
        }
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(server.is_well());
    });
}

/// Cause: the loss could never be reported, and the server tried forever.
#[test]
fn with_a_transmit_buffer_too_small_to_report_a_loss_there_is_no_subscription() {
    each(|kind| {
        let server = serve(kind, |limits| limits.transmit_buffer = 160);
        let log = server.endpoint.topic(LOG).unwrap();
        let reply = server.answer("SUBSCRIBE\nLOG\nSTRING\nhi\n");
        assert!(reply.starts_with("!failed SUBSCRIBE"), "{reply}");
        assert!(reply.ends_with("\nThank you.\n"), "{reply}");
        assert_eq!(log.publish("nobody"), Ok(0));
    });
}
