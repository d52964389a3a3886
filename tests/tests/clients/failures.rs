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
use std::sync::mpsc::channel;
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
    // The window takes one value of the first size, or two of the second.
    for (size, sent) in [(10_000, 1), (7000, 2)] {
        let value = "x".repeat(size);
        let request: &'static str = format!("A\n{value}\n").leak();
        let cut: &'static [_] = vec![Hear(request.repeat(sent).leak()), Close].leak();
        let again: &'static [_] = vec![
            Hear(request),
            Say("last but one\n"),
            Hear(request),
            Say("last\n"),
            Stall,
        ]
        .leak();
        let server = Scripted::start(vec![cut, again].leak());
        let mut client = connect(&server);
        let mut outcomes = client.pipeline(A, std::iter::repeat_n(&*value, sent + 2));
        for _ in 0..sent {
            let lost = outcomes.next().unwrap();
            assert!(matches!(lost, Err(CallError::MayHaveRun(_))), "{lost:?}");
        }
        let rest: Result<Vec<_>, _> = outcomes.collect();
        assert_eq!(rest.unwrap(), ["last but one", "last"]);
    }
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

#[test]
fn an_idle_connection_over_tls_that_ends_or_breaks_is_replaced_before_the_next_call() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    let ((take, taken), (end, ended)) = (channel(), channel());
    let server = thread::spawn(move || {
        for call in 0..3 {
            let (mut stream, _) = accepting.accept().unwrap();
            let conn = Conn::try_from(stream.try_clone().unwrap()).unwrap();
            let mut conn = acceptor.accept(conn).unwrap();
            conn.read_exact(&mut [0; 4]).unwrap();
            conn.write_all(b"1\n").unwrap();
            conn.flush().unwrap();
            taken.recv_timeout(PATIENCE).unwrap();
            if call == 1 {
                // Bytes that are no record.
                stream.write_all(&[0; 100]).unwrap();
            } else {
                conn.close_write().unwrap();
            }
            end.send(()).unwrap();
            // A request on the old connection would get no reply.
            let _ = stream.read(&mut [0]);
        }
    });
    let builder = Client::builder().tls(authority.connector(None), HOST);
    let address = listener.local_addr().unwrap().to_string();
    let mut client = builder.connect(&address).unwrap();
    for _ in 0..3 {
        assert_eq!(client.call(A, "x").unwrap(), "1");
        take.send(()).unwrap();
        ended.recv_timeout(PATIENCE).unwrap();
        thread::sleep(SHORT / 10);
    }
    drop(client);
    server.join().unwrap();
}
