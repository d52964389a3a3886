//! The client. A call that fails never hands its reply to another call.

#![allow(clippy::needless_pass_by_value)] // lets a case read Ok(…) or Err(…)

use bellwire::blocking::Client;
use bellwire::{
    ClientConnection, Code, DecodeError, DecodeErrorKind, Error, ErrorKind, RemoteError,
};
use bellwire_tests::server::{ECHO, LOG, PING, RESET, STRING, TEXT, framed, join, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};

type Result<T> = core::result::Result<T, Error<Failed>>;

/// Runs `calls` on a connection that delivers `replies` and then ends.
/// Repeats this with the replies in one piece, in single bytes and in pieces of 7 bytes.
fn with_replies(replies: impl Into<Vec<u8>>, calls: impl Fn(&mut Client<'_, Wire>)) {
    let replies = replies.into();
    for short in [0, 1, 7] {
        let (mut rx, mut tx) = ([0; 32], [0; 32]);
        let wire = Wire {
            short,
            ..Wire::with(replies.as_slice())
        };
        calls(&mut Client::new(wire, &mut rx, &mut tx));
    }
}

/// Checks the result of an ECHO call that receives `reply`, and that the next call succeeds.
#[track_caller]
fn check_echo(reply: impl AsRef<[u8]>, expected: Result<&str>) {
    with_replies(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(ECHO, "hi"), expected.clone());
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

/// Checks the result of a TEXT call that receives `reply`, and that the next call succeeds.
#[track_caller]
fn check_text(reply: impl AsRef<[u8]>, expected: Result<&str>) {
    with_replies(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(TEXT, &"hi"), expected.clone());
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

/// Checks the error of a TEXT call that receives `reply`, and that it closes the client.
#[track_caller]
fn check_text_closes(reply: impl AsRef<[u8]>, expected: Error<Failed>) {
    with_replies(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(TEXT, &"hi"), Err(expected.clone()));
        let before = client.stream().written.len();
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
        assert_eq!(
            client.stream().written.len(),
            before,
            "a closed client sent bytes"
        );
    });
}

fn refused(code: Code, sentence: &str) -> Error<Failed> {
    let sentence = sentence.try_into().expect("short enough");
    Error::Remote(RemoteError {
        command: None,
        code,
        sentence,
    })
}

fn malformed(flaw: DecodeErrorKind) -> Error<Failed> {
    ErrorKind::Decode(DecodeError {
        kind: flaw,
        field: None,
    })
    .into()
}

#[test]
fn a_call_sends_a_request_and_returns_its_reply() {
    with_replies(b"Thank you.\npong\r\nOK\nOK\n\x03\x02hi", |client| {
        assert_eq!(client.call(STRING, "Additional data."), Ok("Thank you."));
        assert_eq!(client.call(PING, ()), Ok("pong"));
        assert_eq!(client.call(RESET, ()), Ok(()));
        assert_eq!(client.call(TEXT, &"ho"), Ok("hi"));
        assert_eq!(client.send(LOG, "some text"), Ok(()));
        assert_eq!(
            show(&client.stream().written),
            "STRING\\nAdditional data.\\nPING\\nRESET\\nTEXT\\n\\x03\\x02hoLOG\\nsome text\\n"
        );
    });
}

#[test]
fn a_call_after_an_error_line_succeeds() {
    for (line, code, sentence) in [
        ("!refused no", Code::Refused, "no"),
        ("!unknown-command x", Code::UnknownCommand, "x"),
        ("!malformed x y\r", Code::Malformed, "x y"),
        ("!too-large x", Code::TooLarge, "x"),
        ("!failed x", Code::Failed, "x"),
        ("!timed-out x", Code::TimedOut, "x"),
        ("!busy", Code::Busy, ""),
    ] {
        let line = format!("{line}\n");
        check_echo(&line, Err(refused(code, sentence)));
        check_text(&line, Err(refused(code, sentence)));
    }
}

#[test]
fn an_error_line_that_names_the_command_belongs_to_its_call() {
    for (line, sentence) in [
        ("!refused ECHO: no\n", "no"),
        ("!refused ECHO: a: b\r\n", "a: b"),
        ("!refused ECHO:\n", ""),
        ("!refused ECHO\n", ""), // from a server without sentences
    ] {
        let Error::Remote(mut error) = refused(Code::Refused, sentence) else {
            unreachable!();
        };
        error.command = Some("ECHO");
        check_echo(line, Err(Error::Remote(error)));
    }
}

/// Regression: the next call took the reply to this one, if the error line belonged to an earlier command.
#[test]
fn an_error_line_that_names_another_command_ends_the_conversation() {
    for name in ["LOG", "ECH", "ECHO2", "E"] {
        let line = format!("!refused {name}: no\nnext\n");
        let error = refused(Code::Refused, &format!("{name}: no"));
        with_replies(line, |client| {
            assert_eq!(client.call(ECHO, "hi"), Err(error.clone()));
            assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
            // Cause: if more bytes had arrived already, this reported an unexpected reply.
            assert_eq!(client.finish(), Err(Error::Closed));
        });
    }
}

/// Regression: a lost reply made every later call fail for good, without a hint and without a way back.
#[test]
fn a_client_whose_reply_was_lost_serves_again_over_another_stream() {
    let (mut rx, mut tx) = ([0; 64], [0; 32]);
    let timed_out = embedded_io::ErrorKind::TimedOut;
    let silent = Wire {
        trouble: Some((2, Trouble::Fails(timed_out))), // after write and flush
        lasts: true,
        ..Wire::with("")
    };
    let mut client = Client::new(silent, &mut rx, &mut tx);
    for _ in 0..3 {
        let overdue = Err(Error::Transport(Failed(timed_out)));
        assert_eq!(client.call(TEXT, &"hi"), overdue);
        assert!(client.is_waiting());
    }
    client.replace_stream(Wire::with("next\nagain\n"));
    assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    let (_, rx, tx) = client.into_parts();
    assert_eq!((rx.len(), tx.len()), (64, 32));
}

#[test]
fn an_error_line_with_an_unknown_code_keeps_its_sentence() {
    for (line, sentence) in [
        ("!\n", ""),
        ("!no\n", "no"),
        ("! no such thing\n", "no such thing"),
        ("!ERR no such thing\n", "ERR no such thing"),
    ] {
        check_echo(line, Err(refused(Code::Other, sentence)));
    }
    let sentence = "invalid UTF-8 in the error line";
    check_echo(b"!refused \xff\n", Err(refused(Code::Refused, sentence)));
}

#[test]
fn the_sentence_of_an_error_line_is_cut_to_96_bytes() {
    let (mut rx, mut tx) = ([0; 256], [0; 32]);
    let line = format!("!failed {}\n", "ü".repeat(60));
    let mut client = Client::new(Wire::with(line), &mut rx, &mut tx);
    let error = refused(Code::Failed, &"ü".repeat(48));
    assert_eq!(client.call(PING, ()), Err(error));
}

#[test]
fn a_request_that_cannot_be_encoded_sends_no_bytes() {
    const TOO_LONG: ErrorKind = ErrorKind::MessageTooLong { limit: 32 };
    with_replies("next\n", |client| {
        let long = "x".repeat(27); // ECHO, two line feeds: 33 bytes
        assert_eq!(client.call(ECHO, &long), Err(TOO_LONG.into()));
        assert_eq!(client.call(TEXT, &long.as_str()), Err(TOO_LONG.into()));
        assert_eq!(client.send(LOG, &(long + "x")), Err(TOO_LONG.into()));
        for text in ["a\nb", "\n", "a\r"] {
            assert_eq!(client.call(ECHO, text), Err(ErrorKind::Unencodable.into()));
        }
        assert_eq!(client.call(ECHO, &"x".repeat(26)), Ok("next"));
        assert_eq!(client.stream().written.len(), 32);
    });
}

#[test]
fn a_call_after_a_malformed_reply_succeeds() {
    check_text(
        b"OK\n\x03\x05hi",
        Err(malformed(DecodeErrorKind::Truncated)),
    );
    check_text(b"OK\n\x00", Err(malformed(DecodeErrorKind::Truncated)));
    check_text(
        b"OK\n\x04\x02hi!",
        Err(malformed(DecodeErrorKind::LeftOver)),
    );
    check_text(
        b"OK\n\x03\x02\xc3\x28",
        Err(malformed(DecodeErrorKind::BadUtf8)),
    );
    check_echo(b"\xff\n", Err(malformed(DecodeErrorKind::BadUtf8)));
}

#[test]
fn an_oversized_reply_is_skipped_by_its_length_prefix() {
    let too_long = || Err(ErrorKind::MessageTooLong { limit: 32 }.into());
    let fits = "x".repeat(27);
    check_text(join(&[b"OK\n", &framed(framed(&fits))]), Ok(&fits));
    for length in [29, 100, 1000, 65_000] {
        check_text(join(&[b"OK\n", &framed(vec![b'x'; length])]), too_long());
    }
}

#[test]
fn an_oversized_reply_that_cannot_be_skipped_closes_the_client() {
    let too_long = || ErrorKind::MessageTooLong { limit: 32 }.into();
    check_text_closes(b"OK\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", too_long());
    check_text_closes(b"OK\n\xfe\xff\x03", too_long());
    check_text_closes("!refused ".to_owned() + &"x".repeat(23), too_long());
    with_replies("x".repeat(32) + "\nnext\n", |client| {
        assert_eq!(client.call(ECHO, "hi"), Err(too_long()));
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
    });
    let fits = "x".repeat(31);
    check_echo(fits.clone() + "\n", Ok(&fits));
}

#[test]
fn a_garbage_reply_closes_the_client() {
    for garbage in ["Thank you.\n", "OX\n", "OK \n", "\n", "\0", "ok\n", "K"] {
        check_text_closes(garbage, ErrorKind::UnexpectedReply.into());
    }
    check_text_closes(
        b"OK\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        malformed(DecodeErrorKind::BadLength),
    );
}

#[test]
fn finish_after_a_garbage_reply_reports_closed() {
    with_replies(b"garbage\nnext\n", |client| {
        assert_eq!(
            client.call(TEXT, &"hi"),
            Err(ErrorKind::UnexpectedReply.into())
        );
        assert_eq!(client.finish(), Err(Error::Closed));
    });
}

#[test]
fn finish_after_a_truncated_oversized_reply_reports_closed() {
    with_replies(b"OK\n\x7fabc", |client| {
        let fault = ErrorKind::MessageTooLong { limit: 32 };
        assert_eq!(client.call(TEXT, &"hi"), Err(fault.into()));
        assert_eq!(client.finish(), Err(Error::Closed));
        assert_eq!(client.finish(), Err(Error::Closed));
    });
}

#[test]
fn bytes_after_the_last_reply_are_an_unexpected_reply() {
    for garbage in [&b"more\n"[..], b"\xff\n"] {
        with_replies(garbage, |client| {
            assert_eq!(client.finish(), Err(ErrorKind::UnexpectedReply.into()));
            assert_eq!(client.finish(), Err(Error::Closed));
        });
    }
}

#[test]
fn a_stream_that_ends_within_a_reply_reports_closed() {
    for reply in [&b"OK\n\x03\x02hi"[..], b"!refused TEXT: no\n"] {
        for end in 0..reply.len() {
            with_replies(&reply[..end], |client| {
                assert_eq!(client.call(TEXT, &"hi"), Err(Error::Closed), "after {end}");
                assert_eq!(client.call(TEXT, &"hi"), Err(Error::Closed));
            });
        }
    }
    with_replies("Thank yo", |client| {
        assert_eq!(client.call(STRING, "hi"), Err(Error::Closed));
    });
}

/// Checks that a client skips `late`, which arrives after its TEXT call failed. The next call succeeds.
#[track_caller]
fn check_late(late: impl AsRef<[u8]>) {
    with_replies(join(&[late.as_ref(), b"next\n"]), |client| {
        let timed_out = embedded_io::ErrorKind::TimedOut;
        client.stream().trouble = Some((2, Trouble::Fails(timed_out))); // after write and flush
        let failed = Error::Transport(Failed(timed_out));
        assert_eq!(client.call(TEXT, &"hi"), Err(failed));
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

#[test]
fn a_late_reply_is_skipped() {
    check_late(b"OK\n\x03\x02hi");
    check_late(b"!refused TEXT: no\n");
    check_late(b"!refused TEXT\n");
}

#[test]
fn a_late_malformed_or_oversized_reply_is_skipped() {
    check_late(b"OK\n\x03\x05hi");
    check_late(join(&[b"OK\n", &framed([b'x'; 1000])]));
}

#[test]
fn a_late_garbage_reply_closes_the_client() {
    with_replies(b"garbage\nnext\n", |client| {
        client.stream().trouble = Some((2, Trouble::Fails(embedded_io::ErrorKind::TimedOut)));
        assert!(client.call(TEXT, &"hi").is_err());
        assert_eq!(
            client.call(ECHO, "hi"),
            Err(ErrorKind::UnexpectedReply.into())
        );
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
    });
}

#[test]
fn a_rejected_send_is_reported_by_the_next_call() {
    let (mut rx, mut tx) = ([0; 64], [0; 32]);
    let wire = Wire::with("!refused LOG: no\n");
    let mut client = Client::new(wire, &mut rx, &mut tx);
    assert_eq!(client.send(LOG, "hi"), Ok(()));
    let error = client.call(ECHO, "hi");
    assert_eq!(error, Err(refused(Code::Refused, "LOG: no")));
    assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
}

#[test]
fn a_caller_sends_no_request_while_a_reply_is_pending() {
    let (mut rx, mut tx) = ([0; 32], [0; 32]);
    let mut caller = ClientConnection::new(&mut rx, &mut tx);
    assert_eq!(caller.reply(PING), Err(ErrorKind::ReplyPending.into()));
    assert_eq!(caller.request(LOG, "a"), Ok(()));
    assert_eq!(caller.request(LOG, "b"), Ok(()));
    assert_eq!(
        (caller.is_waiting(), caller.has_reply()),
        (false, Ok(false))
    );
    assert_eq!(caller.request(PING, ()), Ok(()));
    assert!(caller.is_waiting());
    assert_eq!(
        caller.request(LOG, "c"),
        Err(ErrorKind::ReplyPending.into())
    );
    assert_eq!(show(caller.pending()), "LOG\\na\\nLOG\\nb\\nPING\\n");
    caller.space()[..7].copy_from_slice(b"pong\nno");
    caller.received(4);
    assert_eq!(caller.has_reply(), Ok(false));
    assert_eq!(caller.reply(PING), Err(ErrorKind::ReplyPending.into()));
    assert_eq!(
        (caller.is_over(), caller.is_waiting()),
        (Ok(false), true),
        "the reply is incomplete"
    );
    caller.space()[0] = b'\n';
    caller.received(1);
    assert_eq!(caller.has_reply(), Ok(true));
    assert_eq!(caller.reply(PING), Ok("pong"));
    assert_eq!(
        caller.reply(PING),
        Err(ErrorKind::ReplyPending.into()),
        "the reply was taken already"
    );
    assert_eq!(caller.skip(), Ok(false), "no reply to skip");
    assert_eq!(caller.request(PING, ()), Ok(()));
    caller.space()[..5].copy_from_slice(b"pong\n");
    caller.received(5);
    assert_eq!(caller.has_reply(), Ok(true));
}

#[test]
fn no_buffer_size_makes_the_client_panic_or_loop() {
    for rx in 0..40 {
        for tx in 0..20 {
            for replies in [&b"OK\n\x03\x02hi"[..], b"!refused TEXT: no\n", b"garbage"] {
                let (mut rx, mut tx) = (vec![0; rx], vec![0; tx]);
                let mut client = Client::new(Wire::with(replies), &mut rx, &mut tx);
                let first = client.call(TEXT, &"hi").map(str::to_owned);
                assert!(first.is_err() || first == Ok("hi".into()));
                assert!(client.call(TEXT, &"hi").is_err());
            }
        }
    }
}
