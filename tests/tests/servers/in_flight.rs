//! The limit on the bytes that a server with tasks holds for all its clients together. The servers
//! have one thread, so a connection's reservation is known before the next connection is read.

use super::topics::{LOG, count_until_ok, expect, subscribe};
use bellwire::{Command, Line, Reply};
use bellwire_tests::net::{LONG, reset};
use bellwire_tests::running::{Running, line, rest, serve_on_one_thread, until};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A payload so large that the limit cannot hold two of them.
const MOST: usize = 6000;
const LIMIT: usize = 10_000;

const BUSY_STRING: &str = "!busy STRING: temporarily unavailable\n";

fn serve(limit: usize) -> Running {
    serve_on_one_thread(|server| {
        server.limits.bytes_in_flight = limit;
        server.limits.request_timeout = LONG;
        server.limits.reply_timeout = LONG;
    })
}

/// A connection that has sent most of a request.
fn begin(server: &Running) -> TcpStream {
    let mut stream = server.connect();
    stream
        .write_all(format!("STRING\nhi\nSTRING\n{}", "x".repeat(MOST)).as_bytes())
        .unwrap();
    stream
}

#[test]
fn a_request_beyond_the_limit_gets_busy_and_does_not_run() {
    let server = serve(MOST - 1);
    let mut stream = begin(&server);
    assert_eq!(line(&mut stream), "Thank you.\n");
    assert_eq!(line(&mut stream), BUSY_STRING);
    // The rest of the rejected request does not run as a command.
    let _ = stream.write_all(b"\nSTRING\nho\n");
    assert_eq!(rest(&mut stream), "");
    assert_eq!(*server.texts.lock().unwrap(), ["hi"]);
}

#[test]
fn a_reservation_is_released_when_its_request_or_connection_ends() {
    let server = serve(LIMIT);
    for how in ["answered", "gone", "reset"] {
        let mut first = begin(&server);
        assert_eq!(line(&mut first), "Thank you.\n");
        let mut second = begin(&server);
        assert_eq!(line(&mut second), "Thank you.\n");
        assert_eq!(line(&mut second), BUSY_STRING);
        match how {
            "answered" => {
                first.write_all(b"\n").unwrap();
                assert_eq!(line(&mut first), "Thank you.\n");
            }
            "gone" => first.shutdown(Shutdown::Both).unwrap(),
            _ => reset(first),
        }
        until(|| {
            let mut third = begin(&server);
            line(&mut third);
            let _ = third.write_all(b"\n");
            line(&mut third) == "Thank you.\n"
        });
    }
}

#[test]
fn with_a_limit_of_zero_trickled_and_long_requests_are_served() {
    let server = serve(0);
    let mut stream = server.connect();
    for byte in b"STRING\nbyte by byte\n" {
        stream.write_all(&[*byte]).unwrap();
        // A reply to another connection shows that the server has read the byte.
        assert!(server.is_well());
    }
    assert_eq!(line(&mut stream), "Thank you.\n");
    // A long request is also served if it arrives at once.
    let long = format!("STRING\n{}\n", "x".repeat(MOST));
    assert_eq!(server.answer(long), "Thank you.\n");
}

/// These requests exceed a turn, and no bytes may be held until the next.
#[test]
fn with_a_limit_of_zero_pipelined_short_requests_are_all_answered() {
    let server = serve(0);
    assert_eq!(
        server.answer("STRING\nhi\n".repeat(500)),
        "Thank you.\n".repeat(500)
    );
}

/// Cause: the buffered part of the first request took space that the unread bytes did not need.
#[test]
fn with_a_limit_of_zero_requests_after_a_partial_one_are_all_answered() {
    for (requests, part) in [(100, "STRI"), (150, ""), (300, "")] {
        let server = serve(0);
        let mut stream = server.connect();
        stream.write_all(b"STR").unwrap();
        // A reply to another connection shows that the server has read the bytes.
        assert!(server.is_well());
        let burst = format!("ING\nhi\n{}{part}", "STRING\nhi\n".repeat(requests));
        stream.write_all(burst.as_bytes()).unwrap();
        for _ in 0..=requests {
            assert_eq!(line(&mut stream), "Thank you.\n");
        }
        if !part.is_empty() {
            stream.write_all(b"NG\nhi\n").unwrap();
            assert_eq!(line(&mut stream), "Thank you.\n");
        }
    }
}

#[test]
fn a_peer_whose_unread_replies_exceed_the_limit_is_disconnected() {
    let server = serve(900);
    let mut stream = server.connect();
    // The client reads no reply, so the server finally has to hold one; its time limit is long. Few
    // requests at a time keep the held requests small.
    let error = (0..5000).find_map(|_| {
        assert!(server.is_well());
        stream.write_all(&b"LONG\n".repeat(20)).err()
    });
    let gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(gone.contains(&error.unwrap().kind()));
}

/// Cause: its unsent pushes counted like unsent replies.
#[test]
fn a_slow_subscriber_beyond_the_limit_loses_values_and_is_not_disconnected() {
    for limit in [0, 900] {
        let server = serve(limit);
        let log = server.endpoint.topic(LOG).unwrap();
        let mut slow = subscribe(&server, "LOG");
        let text = "x".repeat(100);
        // More than the buffers of both sockets hold.
        let published = 100_000;
        for number in 0..published {
            assert_eq!(log.publish(&text), Ok(1));
            if number % 50 == 0 {
                // A reply to another connection lets the server send.
                assert!(server.is_well());
            }
        }
        // These replies leave no room for pushes.
        let requests = "STRING\nhi\n".repeat(60) + "UNSUBSCRIBE\nLOG\n";
        slow.write_all(requests.as_bytes()).unwrap();
        let (delivered, lost) = count_until_ok(&mut slow);
        assert_eq!(delivered + lost, published);
        assert!(lost > 0, "the test publishes too little");
    }
}

#[test]
fn a_value_that_exceeds_the_limit_is_lost_and_reported() {
    let server = serve(900);
    let log = server.endpoint.topic(LOG).unwrap();
    let mut stream = subscribe(&server, "LOG");
    let fits = "x".repeat(900 - ">LOG\n\n".len());
    log.publish(&fits).unwrap();
    log.publish(&format!("{fits}x")).unwrap();
    log.publish("small").unwrap();
    expect(
        &mut stream,
        &format!(">LOG\n{fits}\n>LOG +1\n>LOG\nsmall\n"),
    );
}

const WAIT: Command<Line, Line> = Command::new("WAIT");

/// A server with a handler of `WAIT` that waits for a permit before each reply.
struct Waiting {
    server: Running,
    permits: Arc<Semaphore>,
    /// The handlers that have begun.
    begun: Arc<AtomicUsize>,
}

impl Waiting {
    fn serve(reply_text: String) -> Self {
        let server = serve(LIMIT);
        let (permits, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (theirs, count) = (Arc::clone(&permits), Arc::clone(&begun));
        let wait = move |(): &mut (), _text: &str| {
            let (permits, count) = (Arc::clone(&theirs), Arc::clone(&count));
            let text = reply_text.clone();
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                permits.acquire().await.unwrap().forget();
                move |reply: Reply<'_, Line>| reply.send(&text)
            }
        };
        server.endpoint.handle_async(WAIT, wait).unwrap();
        Self {
            server,
            permits,
            begun,
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[test]
fn a_waiting_handlers_request_counts_and_a_rejected_one_does_not_start() {
    let waiting = Waiting::serve("done".into());
    let server = &waiting.server;
    let request = format!("WAIT\n{}\n", "x".repeat(MOST));

    let mut first = server.connect();
    first.write_all(request.as_bytes()).unwrap();
    until(|| waiting.begun() == 1);
    assert_eq!(
        server.answer(&request),
        "!busy WAIT: temporarily unavailable\n"
    );
    assert_eq!(waiting.begun(), 1);
    waiting.permits.add_permits(2);
    assert_eq!(line(&mut first), "done\n");
    assert_eq!(server.answer(&request), "done\n");
    assert_eq!(waiting.begun(), 2);
}

/// Cause: the reply was kept for the next turn, and the connection ended because it exceeded the limit.
#[test]
fn a_reply_that_has_no_room_beside_the_next_request_is_sent_first() {
    let long = "x".repeat(MOST);
    let waiting = Waiting::serve(long.clone());
    let mut stream = waiting.server.connect();
    stream
        .write_all(format!("WAIT\na\nWAIT\n{long}\n").as_bytes())
        .unwrap();
    until(|| waiting.begun() == 1);
    waiting.permits.add_permits(2);
    for _ in 0..2 {
        assert!(line(&mut stream) == format!("{long}\n"), "the reply");
    }
    assert_eq!(waiting.begun(), 2);
}
