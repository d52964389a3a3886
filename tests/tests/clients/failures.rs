//! The blocking client: the end of a conversation, requests sent in part, and TLS that breaks.

use bellwire::{Command, ErrorKind, Line, NoReply};
use bellwire_std::{CallError, Cause, Client, Conn};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::{PATIENCE, STRING, each, serve};
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{Close, Hear, Reset, Say, Stall};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;

const A: Command<Line, Line> = Command::new("A");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");
const LONG: Command<(), Line> = Command::new("LONG");

fn connect(server: &Scripted) -> Client {
    let builder = Client::builder().timeout(Some(SHORT)).max_request(1 << 26);
    builder.connect(&server.address.to_string()).unwrap()
}

/// Sends a request without reply, and finishes.
fn finish_after(script: &'static [&'static [bellwire_tests::script::Step]]) -> CallError {
    let mut client = connect(&Scripted::start(script));
    client.send(NOTE, "x").unwrap();
    client.finish().unwrap_err()
}

#[test]
fn finish_returns_the_error_line_of_a_rejected_send() {
    let error = finish_after(&[&[Hear("NOTE\nx\n"), Say("!refused NOTE: no\n"), Close]]);
    assert!(matches!(error, CallError::Remote(_)), "{error:?}");
}

#[test]
fn finish_after_a_cut_error_line_may_have_run() {
    let error = finish_after(&[&[Hear("NOTE\nx\n"), Say("!refused NO"), Close]]);
    let closed = matches!(error, CallError::MayHaveRun(Cause::Closed));
    assert!(closed, "{error:?}");
}

#[test]
fn finish_without_an_end_in_time_may_have_run() {
    // The system accepts the connection, and no one ends it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = Client::builder().timeout(Some(SHORT));
    let address = listener.local_addr().unwrap().to_string();
    let mut client = builder.connect(&address).unwrap();
    client.send(NOTE, "x").unwrap();
    let error = client.finish().unwrap_err();
    let late = matches!(error, CallError::MayHaveRun(Cause::TimedOut));
    assert!(late, "{error:?}");
}

#[test]
fn a_request_that_is_cut_in_the_middle_is_never_repeated() {
    // The second connection hears only the second call.
    let server = Scripted::start(&[
        &[Hear("A\nx"), Reset],
        &[Hear("A\n2\n"), Say("two\n"), Stall],
    ]);
    let mut client = connect(&server);
    client.set_timeout(Some(PATIENCE));
    let error = client.call(A, &"x".repeat(1 << 24)).unwrap_err();
    assert!(
        matches!(error, CallError::MayHaveRun(Cause::Transport(_))),
        "{error:?}"
    );
    assert_eq!(client.call(A, "2").unwrap(), "two");
}

#[test]
fn the_error_line_that_cuts_a_send_is_its_error() {
    let server = Scripted::start(&[&[Hear("NOTE\nx"), Say("!refused NOTE: no\n"), Reset]]);
    let mut client = connect(&server);
    client.set_timeout(Some(PATIENCE));
    let error = client.send(NOTE, &"x".repeat(1 << 24)).unwrap_err();
    assert!(matches!(error, CallError::Remote(_)), "{error:?}");
}

#[test]
fn a_pipeline_goes_on_over_a_new_connection() {
    // One value fills more than half of the window, so only the first was sent.
    let value = "x".repeat(10_000);
    let request: &'static str = format!("A\n{value}\n").leak();
    let again: &'static [_] = vec![
        Hear(request),
        Say("two\n"),
        Hear(request),
        Say("three\n"),
        Stall,
    ]
    .leak();
    let server = Scripted::start(vec![&[Hear("A\nx"), Reset] as &[_], again].leak());
    let mut client = connect(&server);
    let mut outcomes = client.pipeline(A, [&*value; 3]);
    let first = outcomes.next().unwrap();
    assert!(matches!(first, Err(CallError::MayHaveRun(_))), "{first:?}");
    let rest: Result<Vec<_>, _> = outcomes.collect();
    assert_eq!(rest.unwrap(), ["two", "three"]);
}

#[test]
fn a_reply_beyond_the_limit_is_skipped_and_the_next_call_succeeds() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let builder = Client::builder().max_reply(100);
        let mut client = builder.connect(&server.address.to_string()).unwrap();
        for _ in 0..3 {
            let error = client.call(LONG, ()).unwrap_err();
            assert!(
                matches!(
                    error,
                    CallError::Reply(ErrorKind::MessageTooLong { limit: 100, .. })
                ),
                "{error:?}"
            );
            assert_eq!(client.call(STRING, "a").unwrap(), "Thank you.");
        }
    });
}

fn over_tls(authority: &Authority, listener: &TcpListener) -> io::Result<Client> {
    let builder = Client::builder()
        .timeout(Some(SHORT))
        .connect_timeout(SHORT);
    let builder = builder.tls(authority.connector(None), HOST);
    builder.connect(&listener.local_addr()?.to_string())
}

#[test]
fn a_handshake_that_stalls_or_is_cut_fails_to_connect() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = over_tls(&authority, &listener).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = listener.try_clone().unwrap();
    let cutting = thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
    });
    let error = over_tls(&authority, &listener).unwrap_err();
    assert_ne!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    cutting.join().unwrap();
}

#[test]
fn a_restart_in_mid_reply_over_tls_fails_one_call() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    let server = thread::spawn(move || {
        for (request, reply) in [("A\n1\n", "on"), ("A\n2\n", "two\n")] {
            let (stream, _) = accepting.accept().unwrap();
            let mut conn = acceptor.accept(Conn::try_from(stream).unwrap()).unwrap();
            let mut heard = vec![0; request.len()];
            conn.read_exact(&mut heard).unwrap();
            assert_eq!(heard, request.as_bytes());
            conn.write_all(reply.as_bytes()).unwrap();
            conn.flush().unwrap();
        }
    });
    let mut client = over_tls(&authority, &listener).unwrap();
    let error = client.call(A, "1").unwrap_err();
    assert!(matches!(error, CallError::MayHaveRun(_)), "{error:?}");
    assert_eq!(client.call(A, "2").unwrap(), "two");
    server.join().unwrap();
}
