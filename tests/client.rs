//! The client's side: whatever goes wrong with one call, no other call gets its reply.

#![allow(clippy::needless_pass_by_value)] // so that a case reads Ok(…) or Err(…)

use bellwire::blocking::Client;
use bellwire::{Caller, Code, Error, Fault, Flaw, Malformed, Refusal};
use bellwire_tests::server::{ECHO, LOG, PING, RESET, STRING, TEXT, framed, join, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};
use embedded_io::ErrorKind;

type Result<T> = core::result::Result<T, Error<Failed>>;

/// Makes one call after the other on a connection over which `replies` arrive, and then its end.
/// They arrive at once, and again in pieces.
fn over(replies: impl Into<Vec<u8>>, calls: impl Fn(&mut Client<'_, Wire>)) {
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

/// What a call of ECHO comes to when `reply` arrives, and that the next call is answered.
#[track_caller]
fn echo(reply: impl AsRef<[u8]>, expected: Result<&str>) {
    over(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(ECHO, "hi"), expected.clone());
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

/// What a call of TEXT comes to when `reply` arrives, and that the next call is answered.
#[track_caller]
fn text(reply: impl AsRef<[u8]>, expected: Result<&str>) {
    over(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(TEXT, &"hi"), expected.clone());
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

/// The same where the conversation is over afterwards, though more arrives.
#[track_caller]
fn text_ends(reply: impl AsRef<[u8]>, expected: Error<Failed>) {
    over(join(&[reply.as_ref(), b"next\n"]), |client| {
        assert_eq!(client.call(TEXT, &"hi"), Err(expected.clone()));
        let before = client.stream().written.len();
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
        assert_eq!(client.stream().written.len(), before, "it sent for nothing");
    });
}

fn refused(code: Code, sentence: &str) -> Error<Failed> {
    let sentence = sentence.try_into().expect("short enough");
    Error::Refused(Refusal { code, sentence })
}

fn malformed(flaw: Flaw) -> Error<Failed> {
    Fault::Malformed(Malformed { flaw, field: None }).into()
}

#[test]
fn a_call_sends_a_request_and_returns_its_reply() {
    over(b"Thank you.\npong\r\nOK\nOK\n\x03\x02hi", |client| {
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
fn an_error_line_is_an_error_and_it_goes_on() {
    for (line, code, sentence) in [
        ("!refused ECHO: no", Code::Refused, "ECHO: no"),
        ("!unknown-command x", Code::UnknownCommand, "x"),
        ("!malformed x y\r", Code::Malformed, "x y"),
        ("!too-large x", Code::TooLarge, "x"),
        ("!failed x", Code::Failed, "x"),
        ("!timed-out x", Code::TimedOut, "x"),
        ("!busy", Code::Busy, ""),
    ] {
        let line = format!("{line}\n");
        echo(&line, Err(refused(code, sentence)));
        text(&line, Err(refused(code, sentence)));
    }
}

#[test]
fn an_error_line_of_another_make_keeps_its_words() {
    for (line, words) in [
        ("!\n", ""),
        ("!no\n", "no"),
        ("! no such thing\n", "no such thing"),
        ("!ERR no such thing\n", "ERR no such thing"),
    ] {
        echo(line, Err(refused(Code::Other, words)));
    }
    let words = "the server's words are not UTF-8";
    echo(b"!refused \xff\n", Err(refused(Code::Other, words)));
}

#[test]
fn the_words_of_an_error_line_are_cut_to_96_bytes() {
    let (mut rx, mut tx) = ([0; 256], [0; 32]);
    let line = format!("!failed {}\n", "ü".repeat(60));
    let mut client = Client::new(Wire::with(line), &mut rx, &mut tx);
    let words = refused(Code::Failed, &"ü".repeat(48));
    assert_eq!(client.call(PING, ()), Err(words));
}

#[test]
fn a_request_that_cannot_be_sent_leaves_nothing_behind() {
    const TOO_LONG: Fault = Fault::MessageTooLong { limit: 32 };
    over("next\n", |client| {
        let long = "x".repeat(27); // ECHO, two line feeds: 33 bytes
        assert_eq!(client.call(ECHO, &long), Err(TOO_LONG.into()));
        assert_eq!(client.call(TEXT, &long.as_str()), Err(TOO_LONG.into()));
        assert_eq!(client.send(LOG, &(long + "x")), Err(TOO_LONG.into()));
        for text in ["a\nb", "\n", "a\r"] {
            assert_eq!(client.call(ECHO, text), Err(Fault::Unencodable.into()));
        }
        assert_eq!(client.call(ECHO, &"x".repeat(26)), Ok("next"));
        assert_eq!(client.stream().written.len(), 32);
    });
}

#[test]
fn a_reply_that_is_malformed_is_passed() {
    text(b"OK\n\x03\x05hi", Err(malformed(Flaw::Truncated)));
    text(b"OK\n\x00", Err(malformed(Flaw::Truncated)));
    text(b"OK\n\x04\x02hi!", Err(malformed(Flaw::LeftOver)));
    text(b"OK\n\x03\x02\xc3\x28", Err(malformed(Flaw::BadUtf8)));
    echo(b"\xff\n", Err(malformed(Flaw::BadUtf8)));
}

#[test]
fn a_reply_that_is_too_long_is_passed_where_its_end_is_known() {
    let too_long = || Err(Fault::MessageTooLong { limit: 32 }.into());
    let fits = "x".repeat(27);
    text(join(&[b"OK\n", &framed(framed(&fits))]), Ok(&fits));
    for length in [29, 100, 1000, 65_000] {
        text(join(&[b"OK\n", &framed(vec![b'x'; length])]), too_long());
    }
}

#[test]
fn a_reply_that_is_too_long_ends_it_where_its_end_is_unknown() {
    let too_long = || Fault::MessageTooLong { limit: 32 }.into();
    text_ends(b"OK\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", too_long());
    text_ends(b"OK\n\xfe\xff\x03", too_long());
    text_ends("!refused ".to_owned() + &"x".repeat(23), too_long());
    over("x".repeat(32) + "\nnext\n", |client| {
        assert_eq!(client.call(ECHO, "hi"), Err(too_long()));
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
    });
    let fits = "x".repeat(31);
    echo(fits.clone() + "\n", Ok(&fits));
}

#[test]
fn what_is_no_reply_of_the_kind_ends_it() {
    for garbage in ["Thank you.\n", "OX\n", "OK \n", "\n", "\0", "ok\n", "K"] {
        text_ends(garbage, Fault::UnexpectedReply.into());
    }
    text_ends(
        b"OK\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        malformed(Flaw::BadLength),
    );
}

#[test]
fn behind_what_is_no_reply_the_end_cannot_be_told_however_it_arrived() {
    over(b"garbage\nnext\n", |client| {
        assert_eq!(client.call(TEXT, &"hi"), Err(Fault::UnexpectedReply.into()));
        assert_eq!(client.finish(), Err(Error::Closed));
    });
}

#[test]
fn behind_a_long_reply_that_is_cut_off_the_server_has_not_ended_the_conversation() {
    over(b"OK\n\x7fabc", |client| {
        let fault = Fault::MessageTooLong { limit: 32 };
        assert_eq!(client.call(TEXT, &"hi"), Err(fault.into()));
        assert_eq!(client.finish(), Err(Error::Closed));
        assert_eq!(client.finish(), Err(Error::Closed));
    });
}

#[test]
fn whatever_comes_behind_the_last_reply_is_unexpected() {
    for garbage in [&b"more\n"[..], b"\xff\n"] {
        over(garbage, |client| {
            assert_eq!(client.finish(), Err(Fault::UnexpectedReply.into()));
            assert_eq!(client.finish(), Err(Error::Closed));
        });
    }
}

#[test]
fn a_server_that_closes_within_a_reply_has_closed() {
    for reply in [&b"OK\n\x03\x02hi"[..], b"!refused TEXT: no\n"] {
        for end in 0..reply.len() {
            over(&reply[..end], |client| {
                assert_eq!(client.call(TEXT, &"hi"), Err(Error::Closed), "after {end}");
                assert_eq!(client.call(TEXT, &"hi"), Err(Error::Closed));
            });
        }
    }
    over("Thank yo", |client| {
        assert_eq!(client.call(STRING, "hi"), Err(Error::Closed));
    });
}

/// A call of TEXT whose first read fails, so that `late` comes after it was given up; then a call
/// that is answered.
#[track_caller]
fn late(late: impl AsRef<[u8]>) {
    over(join(&[late.as_ref(), b"next\n"]), |client| {
        let timed_out = ErrorKind::TimedOut;
        client.stream().trouble = Some((2, Trouble::Fails(timed_out))); // behind write and flush
        let failed = Error::Transport(Failed(timed_out));
        assert_eq!(client.call(TEXT, &"hi"), Err(failed));
        assert_eq!(client.call(ECHO, "hi"), Ok("next"));
    });
}

#[test]
fn a_reply_that_is_late_is_skipped() {
    late(b"OK\n\x03\x02hi");
    late(b"!refused TEXT: no\n");
}

#[test]
fn a_reply_that_is_late_and_wrong_is_skipped() {
    late(b"OK\n\x03\x05hi");
    late(join(&[b"OK\n", &framed([b'x'; 1000])]));
}

#[test]
fn a_reply_that_is_late_and_has_no_end_ends_it() {
    over(b"garbage\nnext\n", |client| {
        client.stream().trouble = Some((2, Trouble::Fails(ErrorKind::TimedOut)));
        assert!(client.call(TEXT, &"hi").is_err());
        assert_eq!(client.call(ECHO, "hi"), Err(Fault::UnexpectedReply.into()));
        assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
    });
}

#[test]
fn the_error_line_for_a_command_without_reply_shows_at_the_next_call() {
    let (mut rx, mut tx) = ([0; 64], [0; 32]);
    let wire = Wire::with("!refused LOG: no\n");
    let mut client = Client::new(wire, &mut rx, &mut tx);
    assert_eq!(client.send(LOG, "hi"), Ok(()));
    let error = client.call(ECHO, "hi");
    assert_eq!(error, Err(refused(Code::Refused, "LOG: no")));
    assert_eq!(client.call(ECHO, "hi"), Err(Error::Closed));
}

#[test]
fn a_caller_takes_one_request_with_a_reply_at_a_time() {
    let (mut rx, mut tx) = ([0; 32], [0; 32]);
    let mut caller = Caller::new(&mut rx, &mut tx);
    assert_eq!(caller.reply(PING), Err(Fault::ReplyPending.into()));
    assert_eq!(caller.request(LOG, "a"), Ok(()));
    assert_eq!(caller.request(LOG, "b"), Ok(()));
    assert_eq!(
        (caller.is_waiting(), caller.has_reply()),
        (false, Ok(false))
    );
    assert_eq!(caller.request(PING, ()), Ok(()));
    assert!(caller.is_waiting());
    assert_eq!(caller.request(LOG, "c"), Err(Fault::ReplyPending.into()));
    assert_eq!(show(caller.pending()), "LOG\\na\\nLOG\\nb\\nPING\\n");
    caller.space()[..7].copy_from_slice(b"pong\nno");
    caller.received(4);
    assert_eq!(caller.has_reply(), Ok(false));
    assert_eq!(caller.reply(PING), Err(Fault::ReplyPending.into()));
    assert_eq!(
        (caller.is_over(), caller.is_waiting()),
        (Ok(false), true),
        "the reply is still to come"
    );
    caller.space()[0] = b'\n';
    caller.received(1);
    assert_eq!(caller.has_reply(), Ok(true));
    assert_eq!(caller.reply(PING), Ok("pong"));
    assert_eq!(
        caller.reply(PING),
        Err(Fault::ReplyPending.into()),
        "it is taken"
    );
    assert_eq!(caller.skip(), Ok(false), "there is none to skip");
    assert_eq!(caller.request(PING, ()), Ok(()));
    caller.space()[..5].copy_from_slice(b"pong\n");
    caller.received(5);
    assert_eq!(caller.has_reply(), Ok(true));
}

#[test]
fn no_size_of_the_buffers_makes_it_panic_or_loop() {
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
