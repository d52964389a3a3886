//! Errors: the code on the wire, the party that can fix them, and the sentence they display.

use bellwire::format::EncodeError;
use bellwire::{
    Code, Error, Fault, Flaw, Malformed, Party, Refusal, RegisterError, Rejection, Text,
};
use core::fmt::Display;
use std::io;

fn malformed(flaw: Flaw) -> Fault {
    Fault::Malformed(flaw.into())
}

fn refused(code: Code) -> Error<io::Error> {
    let sentence = "no".try_into().expect("short enough");
    Error::Refused(Refusal { code, sentence })
}

#[track_caller]
fn displays(error: impl Display, sentence: &str) {
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn each_fault_has_a_code_and_a_party_that_can_fix_it() {
    for (fault, code, party) in [
        (Fault::EmptyName, Code::Malformed, Party::Peer),
        (
            Fault::NameTooLong { limit: 64 },
            Code::TooLarge,
            Party::Peer,
        ),
        (Fault::UnknownCommand, Code::UnknownCommand, Party::Peer),
        (
            Fault::PayloadTooLong { limit: 9 },
            Code::TooLarge,
            Party::Local,
        ),
        (Fault::Truncated, Code::Malformed, Party::Transport),
        (Fault::TimedOut, Code::TimedOut, Party::Transport),
        (Fault::Refused, Code::Refused, Party::Peer),
        (
            Fault::MessageTooLong { limit: 9 },
            Code::Failed,
            Party::Local,
        ),
        (Fault::Unencodable, Code::Failed, Party::Local),
        (Fault::UnexpectedReply, Code::Malformed, Party::Peer),
        (Fault::Unanswered, Code::Failed, Party::Local),
        (Fault::Crashed, Code::Failed, Party::Local),
        (Fault::ReplyPending, Code::Failed, Party::Local),
        (Fault::Busy, Code::Busy, Party::Local),
        (malformed(Flaw::Truncated), Code::Malformed, Party::Peer),
        (malformed(Flaw::LeftOver), Code::Malformed, Party::Peer),
        (malformed(Flaw::BadUtf8), Code::Malformed, Party::Peer),
        (malformed(Flaw::BadLength), Code::Malformed, Party::Peer),
        (malformed(Flaw::BadValue), Code::Malformed, Party::Peer),
        (malformed(Flaw::OverCapacity), Code::TooLarge, Party::Local),
        (malformed(Flaw::DuplicateKey), Code::Malformed, Party::Peer),
        (malformed(Flaw::TooDeep), Code::TooLarge, Party::Local),
        (malformed(Flaw::Unsupported), Code::Failed, Party::Local),
        (malformed(Flaw::WrongType), Code::Malformed, Party::Peer),
        (malformed(Flaw::OutOfRange), Code::Malformed, Party::Peer),
        (malformed(Flaw::UnknownType), Code::Malformed, Party::Peer),
        (malformed(Flaw::DuplicateType), Code::Malformed, Party::Peer),
        (malformed(Flaw::TooManyTypes), Code::TooLarge, Party::Local),
        (
            malformed(Flaw::TooManyMessages),
            Code::TooLarge,
            Party::Local,
        ),
    ] {
        assert_eq!(fault.code(), code, "{fault:?}");
        assert_eq!(fault.party(), party, "{fault:?}");
        let error = Error::<io::Error>::from(fault);
        assert_eq!(error.party(), party, "{fault:?}");
        displays(error, &fault.to_string());
    }
}

#[test]
fn a_refused_call_names_its_code_and_the_party_that_can_fix_it() {
    for (code, word, party) in [
        (Code::UnknownCommand, "unknown-command", Party::Local),
        (Code::Malformed, "malformed", Party::Local),
        (Code::TooLarge, "too-large", Party::Local),
        (Code::Refused, "refused", Party::Peer),
        (Code::Failed, "failed", Party::Peer),
        (Code::TimedOut, "timed-out", Party::Peer),
        (Code::Busy, "busy", Party::Peer),
        (Code::Other, "other", Party::Peer),
    ] {
        assert_eq!(refused(code).party(), party, "{code}");
        displays(code, word);
        displays(refused(code), &format!("the server refused ({word}): no"));
        // A server without the feature `sentences` sends the code alone.
        let sentence = heapless::String::new();
        let bare = Refusal { code, sentence };
        displays(bare, &format!("the server refused ({word})"));
    }
}

#[test]
fn stream_errors_belong_to_the_transport() {
    let broken = Error::Transport(io::Error::other("the cable is loose"));
    assert_eq!(broken.party(), Party::Transport);
    displays(broken, "the stream failed: the cable is loose");
    let closed = Error::<io::Error>::Closed;
    assert_eq!(closed.party(), Party::Transport);
    displays(
        closed,
        "the other end closed the stream before the reply was complete",
    );
}

#[test]
fn a_decode_error_displays_its_field() {
    displays(Flaw::BadUtf8, "the text is not UTF-8");
    displays(Malformed::from(Flaw::BadUtf8), "the text is not UTF-8");
    let field = Some("S");
    let flaw = Flaw::BadUtf8;
    displays(
        Malformed { flaw, field },
        "the text is not UTF-8, in field S",
    );
}

#[test]
fn a_rejection_displays_its_command_if_known() {
    let rejection = |command, fault, detail| Rejection {
        command,
        fault,
        detail: Text::try_from(detail).expect("short enough"),
        fatal: true,
    };
    let late = Fault::TimedOut;
    displays(
        rejection(None, late, ""),
        "the request was not complete in time",
    );
    displays(
        rejection(Some("ECHO"), late, ""),
        "ECHO: the request was not complete in time",
    );
    displays(
        rejection(Some("ECHO"), Fault::Refused, "too loud"),
        "ECHO: too loud",
    );
    displays(
        rejection(None, Fault::UnknownCommand, "ECKO"),
        "no command is named \"ECKO\"",
    );
}

/// Cause: a reason or a sentence with a line feed or an escape sequence reached logs and terminals as
/// it was.
#[test]
fn words_of_the_other_end_are_shown_on_one_line_without_control_characters() {
    let words = "no\nWARN forged \u{1b}[2J\u{202e}";
    let shown = r"no\nWARN forged \u{1b}[2J\u{202e}";
    let rejection = Rejection {
        command: Some("ECHO"),
        fault: Fault::Refused,
        detail: Text::try_from(words).expect("short enough"),
        fatal: false,
    };
    displays(rejection, &format!("ECHO: {shown}"));
    let sentence = words.try_into().expect("short enough");
    let code = Code::Refused;
    let refusal = Refusal { code, sentence };
    let sentence = format!("the server refused (refused): {shown}");
    displays(&refusal, &sentence);
    displays(Error::<io::Error>::Refused(refusal), &sentence);
}

#[test]
fn a_register_error_displays_its_cause() {
    displays(
        RegisterError::Full,
        "the endpoint holds as many commands as it can",
    );
    displays(
        RegisterError::Duplicate,
        "a command of this name is registered already",
    );
}

#[test]
fn a_lost_connection_displays_its_possible_causes() {
    let sentence = "the connection was refused, reset or not acknowledged in time";
    displays(bellwire::smoltcp::Lost, sentence);
}

#[test]
fn an_encode_error_displays_its_cause() {
    displays(EncodeError::NoRoom, "the space is too small for the value");
    displays(
        EncodeError::Unencodable,
        "the format cannot carry the value",
    );
}
