//! What an error is called on the wire, who can mend it, and how it reads.

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
fn reads(error: impl Display, sentence: &str) {
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn each_fault_has_a_code_and_somebody_who_can_mend_it() {
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
    ] {
        assert_eq!(fault.code(), code, "{fault:?}");
        assert_eq!(fault.party(), party, "{fault:?}");
        let error = Error::<io::Error>::from(fault);
        assert_eq!(error.party(), party, "{fault:?}");
        reads(error, &fault.to_string());
    }
}

#[test]
fn a_refused_call_says_who_can_mend_it_at_the_end_that_called() {
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
        reads(code, word);
        reads(refused(code), &format!("the server refused ({word}): no"));
        // A server without the feature `sentences` tells the code alone.
        let sentence = heapless::String::new();
        let bare = Refusal { code, sentence };
        reads(bare, &format!("the server refused ({word})"));
    }
}

#[test]
fn a_stream_that_failed_is_the_transports() {
    let broken = Error::Transport(io::Error::other("the cable is loose"));
    assert_eq!(broken.party(), Party::Transport);
    reads(broken, "the stream failed: the cable is loose");
    let closed = Error::<io::Error>::Closed;
    assert_eq!(closed.party(), Party::Transport);
    reads(
        closed,
        "the other end closed the stream before the reply was complete",
    );
}

#[test]
fn a_flaw_reads_with_the_field_in_which_it_was_found() {
    reads(Flaw::BadUtf8, "the text is not UTF-8");
    reads(Malformed::from(Flaw::BadUtf8), "the text is not UTF-8");
    let field = Some("S");
    let flaw = Flaw::BadUtf8;
    reads(
        Malformed { flaw, field },
        "the text is not UTF-8, in field S",
    );
}

#[test]
fn a_rejection_reads_with_the_command_where_it_is_known() {
    let rejection = |command, fault, detail| Rejection {
        command,
        fault,
        detail: Text::try_from(detail).expect("short enough"),
        fatal: true,
    };
    let late = Fault::TimedOut;
    reads(
        rejection(None, late, ""),
        "the request was not complete in time",
    );
    reads(
        rejection(Some("ECHO"), late, ""),
        "ECHO: the request was not complete in time",
    );
    reads(
        rejection(Some("ECHO"), Fault::Refused, "too loud"),
        "ECHO: too loud",
    );
    reads(
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
    reads(rejection, &format!("ECHO: {shown}"));
    let sentence = words.try_into().expect("short enough");
    let code = Code::Refused;
    let refusal = Refusal { code, sentence };
    let sentence = format!("the server refused (refused): {shown}");
    reads(&refusal, &sentence);
    reads(Error::<io::Error>::Refused(refusal), &sentence);
}

#[test]
fn a_command_that_cannot_be_registered_says_why() {
    reads(
        RegisterError::Full,
        "the endpoint holds as many commands as it can",
    );
    reads(
        RegisterError::Duplicate,
        "a command of this name is registered already",
    );
}

#[test]
fn a_lost_connection_says_how_it_may_have_been_lost() {
    let sentence = "the connection was refused, reset or not acknowledged in time";
    reads(bellwire::smoltcp::Lost, sentence);
}

#[test]
fn a_value_that_cannot_be_encoded_says_why() {
    reads(EncodeError::NoRoom, "the space is too small for the value");
    reads(
        EncodeError::Unencodable,
        "the format cannot carry the value",
    );
}
