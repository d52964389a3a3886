//! Errors: the code on the wire, and the sentence that they display.

use bellwire::format::EncodeError;
use bellwire::{
    Code, DecodeError, DecodeErrorKind, Error, ErrorKind, RegisterError, RemoteError, RequestError,
};
use core::fmt::Display;
use std::io;

fn malformed(flaw: DecodeErrorKind) -> ErrorKind {
    ErrorKind::Decode(flaw.into())
}

fn refused(code: Code) -> Error<io::Error> {
    let sentence = "no".try_into().expect("short enough");
    Error::Remote(RemoteError {
        command: None,
        code,
        sentence,
    })
}

#[track_caller]
fn displays(error: impl Display, sentence: &str) {
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn each_error_kind_has_a_code_and_a_sentence() {
    for (kind, code) in [
        (ErrorKind::EmptyName, Code::Malformed),
        (ErrorKind::NameTooLong { limit: 64 }, Code::TooLarge),
        (ErrorKind::UnknownCommand, Code::UnknownCommand),
        (ErrorKind::PayloadTooLong { limit: 9 }, Code::TooLarge),
        (ErrorKind::Truncated, Code::Malformed),
        (ErrorKind::TimedOut, Code::TimedOut),
        (ErrorKind::Refused, Code::Refused),
        (ErrorKind::MessageTooLong { limit: 9 }, Code::Failed),
        (ErrorKind::Unencodable, Code::Failed),
        (ErrorKind::UnexpectedReply, Code::Malformed),
        (ErrorKind::Unanswered, Code::Failed),
        (ErrorKind::Crashed, Code::Failed),
        (ErrorKind::ReplyPending, Code::Failed),
        (ErrorKind::Busy, Code::Busy),
        (malformed(DecodeErrorKind::Truncated), Code::Malformed),
        (malformed(DecodeErrorKind::LeftOver), Code::Malformed),
        (malformed(DecodeErrorKind::BadUtf8), Code::Malformed),
        (malformed(DecodeErrorKind::BadLength), Code::Malformed),
        (malformed(DecodeErrorKind::BadValue), Code::Malformed),
        (malformed(DecodeErrorKind::OverCapacity), Code::TooLarge),
        (malformed(DecodeErrorKind::DuplicateKey), Code::Malformed),
        (malformed(DecodeErrorKind::TooDeep), Code::TooLarge),
        (malformed(DecodeErrorKind::Unsupported), Code::Failed),
        (malformed(DecodeErrorKind::WrongType), Code::Malformed),
        (malformed(DecodeErrorKind::OutOfRange), Code::Malformed),
        (malformed(DecodeErrorKind::UnknownType), Code::Malformed),
        (malformed(DecodeErrorKind::DuplicateType), Code::Malformed),
        (malformed(DecodeErrorKind::TooManyTypes), Code::TooLarge),
        (malformed(DecodeErrorKind::TooManyMessages), Code::TooLarge),
    ] {
        assert_eq!(kind.code(), code, "{kind:?}");
        let error = Error::<io::Error>::from(kind);
        displays(error, &kind.to_string());
    }
}

#[test]
fn a_remote_error_displays_its_code() {
    for (code, word) in [
        (Code::UnknownCommand, "unknown-command"),
        (Code::Malformed, "malformed"),
        (Code::TooLarge, "too-large"),
        (Code::Refused, "refused"),
        (Code::Failed, "failed"),
        (Code::TimedOut, "timed-out"),
        (Code::Busy, "busy"),
        (Code::Other, "other"),
    ] {
        displays(code, word);
        displays(refused(code), &format!("server error ({word}): no"));
        // A server without the feature `sentences` sends the code alone.
        let sentence = heapless::String::new();
        let mut bare = RemoteError {
            command: None,
            code,
            sentence,
        };
        displays(&bare, &format!("server error ({word})"));
        bare.command = Some("SET");
        displays(bare, &format!("server error ({word}): SET"));
    }
}

#[test]
fn stream_errors_belong_to_the_transport() {
    let broken = Error::Transport(io::Error::other("the cable is loose"));
    displays(broken, "stream failed: the cable is loose");
    let closed = Error::<io::Error>::Closed;
    displays(closed, "stream closed without a full reply");
}

#[test]
fn a_decode_error_displays_its_field() {
    displays(DecodeErrorKind::BadUtf8, "invalid UTF-8");
    displays(DecodeError::from(DecodeErrorKind::BadUtf8), "invalid UTF-8");
    let field = Some("S");
    let flaw = DecodeErrorKind::BadUtf8;
    displays(
        DecodeError { kind: flaw, field },
        "invalid UTF-8 in field S",
    );
}

#[test]
fn a_rejection_displays_its_command_if_known() {
    let rejection = |command, fault, detail: &str| RequestError {
        command,
        kind: fault,
        detail: detail.try_into().expect("short enough"),
        fatal: true,
    };
    let late = ErrorKind::TimedOut;
    displays(rejection(None, late, ""), "request took too long");
    displays(
        rejection(Some("ECHO"), late, ""),
        "ECHO: request took too long",
    );
    displays(
        rejection(Some("ECHO"), ErrorKind::Refused, "too loud"),
        "ECHO: too loud",
    );
    displays(
        rejection(None, ErrorKind::UnknownCommand, "ECKO"),
        "no command is named \"ECKO\"",
    );
}

/// Cause: a reason or a sentence with a line feed or an escape sequence reached logs and terminals as
/// it was.
#[test]
fn words_of_the_other_end_are_shown_on_one_line_without_control_characters() {
    let words = "no\nWARN forged \u{1b}[2J\u{202e}";
    let shown = r"no\nWARN forged \u{1b}[2J\u{202e}";
    let rejection = RequestError {
        command: Some("ECHO"),
        kind: ErrorKind::Refused,
        detail: words.try_into().expect("short enough"),
        fatal: false,
    };
    displays(rejection, &format!("ECHO: {shown}"));
    let sentence = words.try_into().expect("short enough");
    let code = Code::Refused;
    let refusal = RemoteError {
        command: None,
        code,
        sentence,
    };
    let sentence = format!("server error (refused): {shown}");
    displays(&refusal, &sentence);
    displays(Error::<io::Error>::Remote(refusal), &sentence);
}

#[test]
fn a_register_error_displays_its_cause() {
    displays(RegisterError::Full, "endpoint is full");
    displays(RegisterError::Duplicate, "duplicate command name");
}

#[test]
fn a_lost_connection_displays_its_possible_causes() {
    let sentence = "connection refused, reset or timed out";
    displays(bellwire::smoltcp::ConnectionLost, sentence);
}

#[test]
fn an_encode_error_displays_its_cause() {
    displays(EncodeError::NoRoom, "space too small for the value");
    displays(EncodeError::Unencodable, "format cannot carry the value");
}
