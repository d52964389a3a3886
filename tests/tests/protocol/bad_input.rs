//! Bad input: the error line for it, whether the connection stays open, and how few bytes the server
//! reads of it.

use bellwire::{ErrorKind, Limits, Next, ServerConnection};
use bellwire_tests::arrived::Arrived;
use bellwire_tests::bad_input::{self, BUFFER, Case, LIMITS, cases};
use bellwire_tests::expect::{answers, ends};
use bellwire_tests::server::{App, Setup, converse, endpoint, show};

const TOO_LONG: &str = "payload exceeds 256 bytes\n";

/// Checks a case, whose bytes arrive in `chunks`.
fn check<'c>(case: &Case, chunks: impl IntoIterator<Item = &'c [u8]>) {
    let (mut rx, mut tx) = ([0; BUFFER], [0; BUFFER]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_limits(LIMITS);
    let (endpoint, mut app) = (bad_input::endpoint(), Arrived::default());
    let outcome = converse(&mut connection, &mut endpoint.with(&mut app), chunks, true);
    case.check_replies(&show(&outcome.sent).replace("\\n", "\n"));
    case.check_arrived(&app);
    let most = LIMITS.payload + LIMITS.skip + BUFFER;
    assert!(outcome.taken <= most, "{}: {}", case.name, outcome.taken);
}

#[test]
fn every_bad_input_gets_its_error_line_in_chunks_of_any_size() {
    for case in cases() {
        for size in (1..=40).chain([100, 767, 768, 769, 20_000_000]) {
            check(&case, case.input.chunks(size));
        }
    }
}

#[test]
fn every_bad_input_gets_its_error_line_when_cut_at_any_byte() {
    for case in cases() {
        let last = case.input.len();
        let cuts = 0..last.min(400);
        for cut in cuts.chain(last.saturating_sub(40).max(400)..last) {
            check(&case, <[_; 2]>::from(case.input.split_at(cut)));
        }
    }
}

#[test]
fn a_name_of_10_megabytes_is_read_up_to_the_buffer_size() {
    let outcome = Setup::default().hears([vec![b'N'; 10_000_000].as_slice()]);
    assert_eq!((outcome.closed, outcome.taken), (true, 256));
}

#[test]
fn a_failed_handler_leaves_the_connection_open() {
    answers("REFUSE\nnot now\n", "!refused REFUSE: not now\n");
    answers("REFUSE\n\n", "!refused REFUSE: rejected by the handler\n");
    let cannot = "format cannot carry the value";
    answers("ECHO\n!hi\n", format!("!failed ECHO: {cannot}\n"));
    answers("ECHO\nhi\r\r\n", format!("!failed ECHO: {cannot}\n"));
    answers(b"REPEAT\n\x02\xff\x01", "x".repeat(255) + "\n");
    answers(
        b"REPEAT\n\x02\x80\x02",
        "!failed REPEAT: message exceeds 256 bytes\n",
    );
}

#[test]
fn bad_input_to_a_command_without_reply_closes_the_connection() {
    ends(b"LOG\n\xff\n", "!malformed LOG: invalid UTF-8\n");
    let line = "PING ".repeat(60) + "\n";
    ends(
        format!("LOG\n{line}"),
        format!("!too-large LOG: {TOO_LONG}"),
    );
}

#[test]
fn a_timed_out_request_gets_an_error_line() {
    for (heard, told) in [
        ("PI", "!timed-out request took too long\n"),
        ("ECHO\nhi", "!timed-out ECHO: request took too long\n"),
        (
            "TEXT\n\x7f\x7f\x7f",
            "!timed-out TEXT: request took too long\n",
        ),
        ("NOBODY\n", ""),
    ] {
        let (mut rx, mut tx) = ([0; 256], [0; 512]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        let (endpoint, mut app) = (endpoint(), App::default());
        connection.space()[..heard.len()].copy_from_slice(heard.as_bytes());
        connection.received(heard.len());
        connection.advance(&mut endpoint.with(&mut app));
        connection.sent(connection.pending().len());
        connection.abort(ErrorKind::TimedOut, &mut endpoint.with(&mut app));
        assert_eq!(show(connection.pending()), show(told.as_bytes()));
        assert_eq!(
            connection.advance(&mut endpoint.with(&mut app)),
            Next::Close
        );
    }
}

#[test]
fn limits_beyond_the_buffers_are_lowered_to_the_buffers() {
    let limits = Limits {
        name: 1000,
        payload: 1000,
        reply: 1000,
        skip: 1000,
    };
    let setup = Setup {
        rx: 50,
        tx: 200,
        limits: Some(limits),
    };
    for (input, error) in [
        ("N".repeat(50), "!too-large command line exceeds 50 bytes\n"),
        (
            format!("ECHO\n{}\n", "x".repeat(50)),
            "!too-large ECHO: payload exceeds 50 bytes\n",
        ),
    ] {
        let outcome = setup.hears([input.as_bytes()]);
        assert_eq!(show(&outcome.sent), show(error.as_bytes()));
    }
    let too_long = setup.hears([&b"REPEAT\n\x02\xc8\x01"[..]]);
    let error = "!failed REPEAT: message exceeds 200 bytes\n";
    assert_eq!(show(&too_long.sent), show(error.as_bytes()));
}

#[test]
fn input_after_a_fatal_error_is_discarded() {
    let (mut rx, mut tx) = ([0; 64], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    for _ in 0..3 {
        connection.space().fill(b'N');
        connection.received(64);
        let next = connection.advance(&mut endpoint.with(&mut app));
        assert_eq!((next, connection.space().len()), (Next::Close, 64));
    }
    assert_eq!(
        app.rejected.len(),
        1,
        "the fatal error must be reported once"
    );
}

#[test]
fn custom_limits_replace_those_derived_from_the_buffers() {
    let limits = Limits {
        name: 8,
        payload: 10,
        reply: 12,
        skip: 20,
    };
    let setup = Setup {
        limits: Some(limits),
        ..Setup::default()
    };
    for (input, sent, closed) in [
        ("  PING \n", "pong\n", false),
        (
            "   PING \n",
            "!too-large command line exceeds 8 bytes\n",
            true,
        ),
        ("ECHO\n123456789\nPING\n", "123456789\npong\n", false),
        (
            "ECHO\n1234567890\nPING\n",
            "!too-large ECHO: payload exceeds 10 bytes\npong\n",
            false,
        ),
        ("REPEAT\n\x01\x0b", "xxxxxxxxxxx\n", false),
        (
            "REPEAT\n\x01\x0c",
            "!failed REPEAT: message exceeds 12 bytes\n",
            false,
        ),
        (
            "TEXT\n\x13...................PING\n",
            "!too-large TEXT: payload exceeds 10 bytes\npong\n",
            false,
        ),
        (
            "TEXT\n\x14",
            "!too-large TEXT: payload exceeds 10 bytes\n",
            true,
        ),
    ] {
        let outcome = setup.hears([input.as_bytes()]);
        assert_eq!(show(&outcome.sent), show(sent.as_bytes()), "for {input:?}");
        assert_eq!(outcome.closed, closed, "for {input:?}");
    }
}
