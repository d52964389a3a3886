//! The limit on the bytes that a server of tasks keeps for all its clients together. The servers here
//! have one thread, so that what one connection keeps is known before the next is looked at.

use bellwire::{Command, Line, Reply};
use bellwire_tests::net::{LONG, reset};
use bellwire_tests::running::{Running, line, rest, serve_on_one_thread, until};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// So many bytes that two connections cannot keep them at a time.
const MOST: usize = 6000;
const LIMIT: usize = 10_000;

const BUSY_STRING: &str = "!busy STRING: temporarily unavailable\n";

fn serve(limit: usize) -> Running {
    serve_on_one_thread(|server| {
        server.limits.bytes_in_flight = limit;
        server.limits.request = LONG;
        server.limits.reply = LONG;
    })
}

/// A connection on which most of a request has arrived.
fn begin(server: &Running) -> TcpStream {
    let mut stream = server.connect();
    stream
        .write_all(format!("STRING\nhi\nSTRING\n{}", "x".repeat(MOST)).as_bytes())
        .unwrap();
    stream
}

#[test]
fn a_request_that_needs_more_than_there_is_is_refused_and_not_run() {
    let server = serve(MOST - 1);
    let mut stream = begin(&server);
    assert_eq!(line(&mut stream), "Thank you.\n");
    assert_eq!(line(&mut stream), BUSY_STRING);
    // What still comes of it is not taken for a command.
    let _ = stream.write_all(b"\nSTRING\nho\n");
    assert_eq!(rest(&mut stream), "");
    assert_eq!(*server.texts.lock().unwrap(), ["hi"]);
}

#[test]
fn what_one_connection_keeps_is_missing_for_the_next_until_it_is_given_back() {
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
fn short_requests_are_served_while_nothing_is_left() {
    let server = serve(0);
    let mut stream = server.connect();
    for byte in b"STRING\nbyte by byte\n" {
        stream.write_all(&[*byte]).unwrap();
        // By then the byte has been looked at.
        assert!(server.is_well());
    }
    assert_eq!(line(&mut stream), "Thank you.\n");
    // So is a long one that arrives at once.
    let long = format!("STRING\n{}\n", "x".repeat(MOST));
    assert_eq!(server.answer(long), "Thank you.\n");
}

/// They are more than a turn, and nothing may be kept for the next.
#[test]
fn short_requests_that_arrive_together_are_all_answered_while_nothing_is_left() {
    let server = serve(0);
    assert_eq!(
        server.answer("STRING\nhi\n".repeat(500)),
        "Thank you.\n".repeat(500)
    );
}

/// What was kept of the first request took room that what is left of the others does not need.
#[test]
fn so_are_those_that_arrive_with_the_rest_of_one() {
    for (requests, part) in [(100, "STRI"), (150, ""), (300, "")] {
        let server = serve(0);
        let mut stream = server.connect();
        stream.write_all(b"STR").unwrap();
        // It has been read once another connection is answered.
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
fn a_peer_whose_replies_need_more_than_there_is_is_let_go() {
    let server = serve(900);
    let mut stream = server.connect();
    // It takes no reply, so at last the server keeps some, though the time for them is long. What it
    // keeps of the requests is little, as they are few at a time.
    let error = (0..5000).find_map(|_| {
        assert!(server.is_well());
        stream.write_all(&b"LONG\n".repeat(20)).err()
    });
    let gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(gone.contains(&error.unwrap().kind()));
}

#[test]
fn a_request_that_a_handler_waits_with_counts_and_a_refused_one_does_not_begin() {
    const WAIT: Command<Line, Line> = Command::new("WAIT");
    let server = serve(LIMIT);
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, count) = (Arc::clone(&gate), Arc::clone(&begun));
    let wait = move |(): &mut (), _text: &str| {
        let (gate, count) = (Arc::clone(&theirs), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            |reply: Reply<'_, Line>| reply.send("done")
        }
    };
    server.endpoint.handle_async(WAIT, wait).unwrap();
    let request = format!("WAIT\n{}\n", "x".repeat(MOST));

    let mut first = server.connect();
    first.write_all(request.as_bytes()).unwrap();
    until(|| begun.load(Ordering::SeqCst) == 1);
    assert_eq!(
        server.answer(&request),
        "!busy WAIT: temporarily unavailable\n"
    );
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    gate.add_permits(2);
    assert_eq!(line(&mut first), "done\n");
    assert_eq!(server.answer(&request), "done\n");
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}
