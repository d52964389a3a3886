//! The rules of the wire that `core/src/wire.md` states. `bad_input.rs` tests its errors in depth, and `help.rs` and
//! `topics` its version 2.

use bellwire::schema::Description;
use bellwire::topics::{SUBSCRIBE, UNSUBSCRIBE};
use bellwire::{Command, Line, ServerConnection, Topic};
use bellwire_tests::expect::{answers, ends};
use bellwire_tests::server::{App, PING, POSTCARD, Setup, converse, endpoint, show};
use std::panic::catch_unwind;

/// Checks the reply of a server that describes some of its commands, and that the conversation goes on.
#[track_caller]
fn lists(request: &str, reply: &str) {
    let long = Description::from_text(RAW.concat().leak()).unwrap();
    let commands = [long, POSTCARD.describe(), PING.describe()];
    let (endpoint, mut app) = (endpoint(), App::default());
    let (mut rx, mut tx) = ([0; 2048], [0; 512]);
    let input = format!("{request}PING\n");
    let outcome = converse(
        &mut ServerConnection::new(&mut rx, &mut tx),
        &mut endpoint.with_help(&mut app, &commands),
        [input.as_bytes()],
        false,
    );
    assert_eq!(
        show(&outcome.sent),
        show(format!("{reply}pong\n").as_bytes())
    );
    assert!(outcome.idle && !outcome.closed, "{request}");
}

#[track_caller]
fn is_no_name(name: &'static str, because: &str) {
    let panic = catch_unwind(|| Command::<Line, Line>::new(name)).expect_err(name);
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains(because), "{name:?}: {message}");
}

#[track_caller]
fn is_a_name(name: &'static str) {
    assert_eq!(Command::<Line, Line>::new(name).name(), name);
}

#[test]
fn a_name_is_printable_ascii_without_space_or_colon() {
    for name in ["A", "a-b_c.d/e", "9", "#", "~", "a!", "a>", "TICK+3"] {
        is_a_name(name);
    }
    for name in [
        "TICK +3", "\0", "a\n", "\x7f", "Ü", "a:b", ":", " a", "a ", "a\r", "\t",
    ] {
        is_no_name(name, "printable ASCII");
    }
}

#[test]
fn a_name_is_not_empty_and_does_not_begin_with_a_mark() {
    for name in ["", "!", "!STRING", ">", ">TICK"] {
        is_no_name(name, "empty or begin");
    }
}

#[test]
fn four_names_are_reserved() {
    for name in ["HELP", "SCHEMA", "SUBSCRIBE", "UNSUBSCRIBE"] {
        is_no_name(name, "reserved");
    }
    for name in ["HELPER", "help", "SCHEMAS", "SUBSCRIB"] {
        is_a_name(name);
    }
}

#[test]
fn a_topics_name_follows_the_same_rules_and_takes_at_most_62_bytes() {
    assert_eq!(Topic::<Line>::new("TICK+3").name(), "TICK+3");
    let longest: &'static str = "N".repeat(62).leak();
    assert_eq!(Topic::<Line>::new(longest).name(), longest);
    for name in ["", ">TICK", "TICK +3", "HELP", "N".repeat(63).leak()] {
        catch_unwind(|| Topic::<Line>::new(name)).expect_err(name);
    }
}

#[test]
fn a_push_has_a_mark_the_topic_and_a_payload_or_a_loss() {
    const TICK: Topic<Line> = Topic::new("TICK");
    let mut space = [0; 32];
    assert_eq!(TICK.encode("1", &mut space), Ok(8));
    assert_eq!(&space[..8], b">TICK\n1\n");
    for (count, line) in [(1, ">TICK +1\n"), (u32::MAX, ">TICK +4294967295\n")] {
        let size = TICK.encode_lost(count, &mut space);
        assert_eq!(size, Ok(line.len()));
        assert_eq!(&space[..line.len()], line.as_bytes());
    }
}

#[test]
fn the_names_of_the_commands_of_topics_are_on_the_wire() {
    let names = [SUBSCRIBE.name(), UNSUBSCRIBE.name()];
    assert_eq!(names, ["SUBSCRIBE", "UNSUBSCRIBE"]);
}

#[test]
fn spaces_and_carriage_returns_around_a_name_are_ignored() {
    answers(" \r PING \r \n", "pong\n");
}

#[test]
fn a_line_reply_does_not_begin_with_a_mark() {
    let error = "!failed ECHO: format cannot carry the value\n";
    answers("ECHO\n!hi\nPING\n", format!("{error}pong\n"));
    answers("ECHO\n>hi\nPING\n", format!("{error}pong\n"));
    answers("ECHO\nhi!>\n", "hi!>\n");
}

#[test]
fn a_typed_reply_follows_ok() {
    answers("RESET\n", "OK\n");
    answers(b"TEXT\n\x02\x01!", b"OK\n\x02\x01!");
}

#[test]
fn a_command_without_reply_gets_nothing_when_it_succeeds() {
    answers("LOG\nhi\nPING\n", "pong\n");
}

#[test]
fn replies_keep_the_order_of_pipelined_requests() {
    answers("ECHO\na\nPING\nECHO\nb\n", "a\npong\nb\n");
}

#[test]
fn after_an_error_line_that_names_the_command_the_conversation_continues() {
    answers("REFUSE\nno\nPING\n", "!refused REFUSE: no\npong\n");
}

#[test]
fn an_error_line_is_the_last_line_after_an_unknown_name() {
    ends(
        "NOBODY\nPING\n",
        "!unknown-command no command is named \"NOBODY\"\n",
    );
}

#[test]
fn an_error_line_is_the_last_line_of_a_command_without_reply() {
    ends(b"LOG\n\xff\nPING\n", "!malformed LOG: invalid UTF-8\n");
}

#[test]
fn an_error_line_takes_at_most_160_bytes() {
    let outcome = Setup::default().hears([format!("{}\n", "N".repeat(63)).as_bytes()]);
    assert!(outcome.sent.len() <= 160, "{}", outcome.sent.len());
}

#[test]
fn a_bad_payload_whose_end_is_known_is_skipped_and_never_run() {
    let error = "!malformed TEXT: payload too short\n";
    let payload = b"TEXT\n\x06\x7fPING\nPING\n";
    answers(payload, format!("{error}pong\n"));
}

#[test]
fn a_server_without_help_and_schema_does_not_know_them() {
    for name in ["HELP", "SCHEMA"] {
        let error = format!("!unknown-command no command is named \"{name}\"\n");
        ends(format!("{name}\nPING\n"), error);
    }
}

/// The beginning of the description of `RAW`, 146 bytes, and the rest of its first and second line.
const RAW: [&str; 3] = [
    "RAW line -> gob (bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, byt",
    "es, bytes, by",
    "tes, bytes, bytes, bytes, bytes)",
];

#[test]
fn help_lists_every_command_in_a_line_with_a_fingerprint_if_it_is_described() {
    let help = format!(
        "OK\nSTRING\nECHO\nREFUSE\nLOG\nPING -> line #cb79ea6e\nRESET\n\
        POSTCARD postcard complexData{{N: i64, S: str, M: {{str: i64}}, P: bytes, C: ?^complexData}} -> line #848bdefb\n\
        LAST\nTEXT\nREPEAT\nGOB\n{}... #ce040d1e\n\n",
        RAW[0]
    );
    lists("HELP\n", &help);
    lists(" HELP \r\n", &help);
}

#[test]
fn schema_sends_a_description_in_lines_to_be_joined() {
    lists("SCHEMA\nPING\n", "OK\nPING -> line\n\n");
    let [begin, first, second] = RAW;
    let schema = format!("OK\n{begin}{first}\n{second}\n\n");
    lists("SCHEMA\n RAW \r\n", &schema);
}

#[test]
fn a_line_of_help_or_schema_takes_at_most_160_bytes_with_its_line_feed() {
    // The lines that the two tests above expect are as long as they may be.
    let [begin, first, _] = RAW;
    assert_eq!(format!("{begin}... #01234567\n").len(), 160);
    assert_eq!(format!("{begin}{first}\n").len(), 160);
}

#[test]
fn schema_refuses_an_unknown_or_undescribed_name() {
    let unknown = "!refused SCHEMA: no command is named \"WHAT?\"\n";
    lists("SCHEMA\nWHAT\x07\n", unknown);
    let bare = "!refused SCHEMA: the command has no description\n";
    lists("SCHEMA\nECHO\n", bare);
}
