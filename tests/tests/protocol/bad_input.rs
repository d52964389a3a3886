//! Bad input: the error line for it, whether the connection stays open, and how few bytes the server
//! reads of it.

use bellwire::{ErrorKind, Limits, Next, ServerConnection};
use bellwire_tests::expect::{answers, at_its_end_answers, ends};
use bellwire_tests::server::{App, Setup, endpoint, framed, join, show};

const TOO_LONG: &str = "payload exceeds 256 bytes\n";

/// Returns a request to TEXT with this payload, which includes its length prefix.
fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    join(&[b"TEXT\n", payload.as_ref()])
}

/// Returns a request to POSTCARD with this body, and adds the length prefix.
fn postcard(body: impl AsRef<[u8]>) -> Vec<u8> {
    join(&[b"POSTCARD\n", &framed(body)])
}

#[test]
fn an_empty_name_closes_the_connection() {
    ends("\n", "!malformed empty command name\n");
    ends(" \r \r\n", "!malformed empty command name\n");
    ends("ECHO\nhi\n\n", "hi\n!malformed empty command name\n");
}

#[test]
fn an_unknown_name_closes_the_connection() {
    ends(
        "NOBODY\nECHO\nhi\n",
        "!unknown-command no command is named \"NOBODY\"\n",
    );
    ends(
        b"\xff\x00\x1b[2J\n",
        "!unknown-command no command is named \"???[2J\"\n",
    );
    ends(
        "N".repeat(63) + "\n",
        format!(
            "!unknown-command no command is named \"{}\"\n",
            "N".repeat(63)
        ),
    );
}

#[test]
fn an_oversized_name_closes_the_connection() {
    let error = "!too-large command line exceeds 64 bytes\n";
    ends("N".repeat(64), error);
    ends("N".repeat(64) + "\n", error);
    ends("PING".to_string() + &" ".repeat(60) + "\n", error);
    answers("PING".to_string() + &" ".repeat(59) + "\n", "pong\n");
}

#[test]
fn a_name_of_10_megabytes_is_read_up_to_the_buffer_size() {
    let outcome = Setup::default().hears([vec![b'N'; 10_000_000].as_slice()]);
    assert_eq!((outcome.closed, outcome.taken), (true, 256));
}

#[test]
fn an_oversized_line_is_skipped() {
    let line = |length: usize| format!("ECHO\n{}\n", "PING ".repeat(length / 5));
    answers(line(255), line(255).replace("ECHO\n", ""));
    answers(line(260), format!("!too-large ECHO: {TOO_LONG}"));
    answers(line(4_000), format!("!too-large ECHO: {TOO_LONG}"));
}

#[test]
fn a_line_beyond_the_skip_limit_closes_the_connection() {
    let error = format!("!too-large ECHO: {TOO_LONG}");
    let outcome = ends("ECHO\n".to_string() + &"x".repeat(10_000_000), error);
    assert!(outcome.taken < 5_000, "{} bytes", outcome.taken);
}

#[test]
fn a_line_of_invalid_utf8_is_rejected_and_skipped() {
    for bad in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80"] {
        answers(
            join(&[b"ECHO\n", bad, b"\n"]),
            "!malformed ECHO: invalid UTF-8\n",
        );
    }
}

#[test]
fn an_oversized_payload_is_skipped_by_its_length() {
    let error = format!("!too-large TEXT: {TOO_LONG}");
    for length in [255, 256, 1000, 4_094] {
        let commands = b"PING\n".iter().cycle().copied().take(length);
        answers(text(framed(commands.collect::<Vec<_>>())), &error);
    }
}

#[test]
fn a_payload_beyond_the_skip_limit_closes_the_connection() {
    let error = format!("!too-large TEXT: {TOO_LONG}");
    ends(text(b"\xff\x1f"), &error); // 4,095, with the length 4,097
    ends(text(b"\xff\xff\xff\xff\x0f"), &error);
    ends(text(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), &error);
    ends(text(b"\xf5\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &error); // u64::MAX - 10
    ends(text(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &error); // u64::MAX
}

#[test]
fn a_length_beyond_64_bits_closes_the_connection() {
    let error = "!malformed TEXT: invalid length\n";
    ends(text(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), error);
    ends(text(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), error);
    ends(text([0xff; 11]), error);
    let ten_bytes = Setup::default().hears([text([0x80; 10]).as_slice()]);
    assert_eq!(show(&ten_bytes.sent), show(error.as_bytes()));
}

#[test]
fn a_malformed_postcard_body_is_rejected_and_skipped() {
    let cut_short = "!malformed TEXT: payload too short\n";
    answers(text(b"\0"), cut_short);
    answers(text(b"\x01\x05"), cut_short);
    answers(text(b"\x05\x05PING"), cut_short);
    answers(
        text(b"\x03\x02\xc3\x28"),
        "!malformed TEXT: invalid UTF-8\n",
    );
    answers(
        text(framed([0xff; 11])),
        "!malformed TEXT: invalid length\n",
    );
    let left_over = "!malformed TEXT: trailing bytes\n";
    answers(text(b"\x08\x02hiPING\n"), left_over);
}

#[test]
fn a_malformed_structure_is_rejected_with_the_field_name() {
    for (body, error) in [
        (
            &b"\x02\x41"[..],
            "!malformed POSTCARD: payload too short in field S",
        ),
        (
            b"\0\x01\xff\0\0\0",
            "!malformed POSTCARD: invalid UTF-8 in field S",
        ),
        (
            b"\0\0\x09\0\0\0",
            "!malformed POSTCARD: invalid length in field M",
        ),
        (
            b"\0\0\x02\x01a\x02\x01a\x02\0\0",
            "!malformed POSTCARD: duplicate map key in field M",
        ),
        (
            b"\0\0\0\0\x02",
            "!malformed POSTCARD: invalid value in field C",
        ),
        (b"\0\0\0\0\0PING\n", "!malformed POSTCARD: trailing bytes"),
        (
            b"\0\0\0\0\x01\0\0\0\0\x01\0\0\0\0\0",
            "!too-large POSTCARD: nested too deep in field C",
        ),
    ] {
        answers(postcard(body), format!("{error}\n"));
    }
    let long = join(&[b"\0", &framed([b's'; 65]), b"\0\0\0"]);
    let error = "!too-large POSTCARD: capacity exceeded in field S\n";
    answers(postcard(long), error);
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
fn a_stream_that_ends_within_a_request_gets_an_error_line() {
    let request = b"ECHO\nhi\nTEXT\n\x03\x02hi";
    for end in 0..request.len() {
        let error = "stream ended inside a request\n";
        let reply = match end {
            0 => String::new(),
            1..=4 => format!("!malformed {error}"),
            5..=7 => format!("!malformed ECHO: {error}"),
            8 => "hi\n".into(),
            9..=12 => format!("hi\n!malformed {error}"),
            _ => format!("hi\n!malformed TEXT: {error}"),
        };
        at_its_end_answers(&request[..end], reply);
    }
}

#[test]
fn a_stream_that_ends_within_skipped_bytes_gets_no_second_error_line() {
    let error = |name| format!("!too-large {name}: {TOO_LONG}");
    at_its_end_answers("ECHO\n".to_string() + &"x".repeat(300), error("ECHO"));
    at_its_end_answers(text(b"\xff\xff\x01abc"), error("TEXT"));
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
