//! A client compares its commands with its server's, over a script of the server's bytes.

use ::tokio::runtime::Builder;
use bellwire::schema::{Description, Encoding, Type};
use bellwire_std::schema::{FetchError, fetch, list};
use bellwire_std::{Client, tokio};
use bellwire_tests::running::PATIENCE;
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{self, Close, Hear, Say};
use std::fmt::Write;

const OURS: [&str; 3] = [
    "READ -> postcard Reading{celsius: f32, at: u64}",
    "SET postcard Mode<Off | Level(u8) | Both(u8, [?str])> -> line",
    "PLOT postcard {str: ([i16; 2], u8)}",
];

fn leak(text: String) -> &'static str {
    text.leak()
}

/// Returns the conversation of a check with a server that has these commands.
///
/// `shown` are the commands whose descriptions the client asks for.
fn server(theirs: &[&str], shown: &[&str]) -> Scripted {
    let mut lines = String::from("OK\n");
    for text in theirs {
        let description = described(text);
        writeln!(lines, "{text} #{:08x}", description.fingerprint()).unwrap();
    }
    let mut steps = vec![Hear("HELP\n"), Say(leak(lines + "\n"))];
    for text in shown {
        let name = text.split(' ').next().unwrap();
        steps.push(Hear(leak(format!("SCHEMA\n{name}\n"))));
        // The text is cut anywhere.
        let (start, end) = text.split_at(text.len() / 2);
        steps.push(Say(leak(format!("OK\n{start}\n{end}\n\n"))));
    }
    steps.push(Close);
    Scripted::start(vec![&*steps.leak()].leak())
}

fn ours() -> Vec<Description> {
    OURS.map(described).into()
}

fn described(text: &str) -> Description {
    Description::from_text(leak(text.to_owned())).expect(text)
}

/// Checks [`OURS`] against a server with these commands. Returns the error, or an empty text.
fn checked(theirs: &[&str], shown: &[&str]) -> String {
    both(&ours(), || server(theirs, shown))
}

/// Checks commands against a server with each client. Returns the error of both, or an empty text.
fn both(commands: &[Description], server: impl Fn() -> Scripted) -> String {
    let text = |result: Result<(), bellwire_std::schema::CheckError>| match result {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    let script = server();
    let mut client = Client::connect(script.address, PATIENCE).unwrap();
    let blocking = text(client.check(commands));
    let script = server();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let asynchronous = runtime.block_on(async {
        let client = tokio::Client::connect(&script.address.to_string())
            .await
            .unwrap();
        text(client.check(commands).await)
    });
    assert_eq!(blocking, asynchronous);
    blocking
}

#[test]
fn equal_commands_pass_in_one_call() {
    assert_eq!(checked(&[OURS[1], "LOG line", OURS[2], OURS[0]], &[]), "");
}

#[test]
fn each_difference_names_the_command_and_the_field() {
    let read = "READ -> postcard Reading";
    let set = "SET postcard Mode";
    for (index, theirs, difference) in [
        (
            0,
            format!("{read}{{celsius: f64, at: u64}}"),
            r#"reply field "celsius": f32 here, f64 on the server"#,
        ),
        (
            0,
            format!("{read}{{celsius: f32}}"),
            r#"reply field "at": missing on the server"#,
        ),
        (
            0,
            format!("{read}{{celsius: f32, at: u64, by: str}}"),
            r#"reply field "by": only on the server"#,
        ),
        (
            0,
            format!("{read}{{at: u64, celsius: f32}}"),
            r#"reply field "at": field 2 here, 1 on the server"#,
        ),
        (
            0,
            format!("{read}2{{celsius: f32, at: u64}}"),
            "reply: Reading here, Reading2 on the server",
        ),
        (
            0,
            "READ -> gob Reading{celsius: f32, at: u64}".to_owned(),
            "reply: postcard here, gob on the server",
        ),
        (
            0,
            "READ".to_owned(),
            "reply: postcard here, none on the server",
        ),
        (
            0,
            "READ line -> postcard Reading{celsius: f32, at: u64}".to_owned(),
            "request: () here, line on the server",
        ),
        (
            1,
            format!("{set}<Off | Level(u16) | Both(u8, [?str])> -> line"),
            r#"request field "Level": u8 here, u16 on the server"#,
        ),
        (
            1,
            format!("{set}<Off | Level | Both(u8, [?str])> -> line"),
            r#"request field "Level": u8 here, no content on the server"#,
        ),
        (
            1,
            format!("{set}<Off | Level(u8) | Both(u8, [?u8])> -> line"),
            r#"request field "Both.1[]": str here, u8 on the server"#,
        ),
        (
            1,
            format!("{set}<Level(u8) | Off | Both(u8, [?str])> -> line"),
            r#"request field "Level": variant 2 here, 1 on the server"#,
        ),
        (
            1,
            format!("{set}<Off | Level(u8) | Both(u8, [?str])>"),
            "reply: line here, none on the server",
        ),
        (
            1,
            format!("{set}2<Off | Level(u8) | Both(u8, [?str])> -> line"),
            "request: Mode here, Mode2 on the server",
        ),
        (
            2,
            "PLOT postcard {char: ([i16; 2], u8)}".to_owned(),
            r#"request field "key": str here, char on the server"#,
        ),
        (
            2,
            "PLOT postcard {str: ([i16; 3], u8)}".to_owned(),
            r#"request field "value.0": [i16; 2] here, [i16; 3] on the server"#,
        ),
        (
            2,
            "PLOT postcard {str: ([u16; 2], u8)}".to_owned(),
            r#"request field "value.0[]": i16 here, u16 on the server"#,
        ),
        (
            2,
            "PLOT postcard {str: ([i16; 2], u8, u8)}".to_owned(),
            r#"request field "value": ([i16; 2], u8) here, ([i16; 2], u8, u8) on the server"#,
        ),
    ] {
        let mut all = OURS;
        all[index] = &theirs;
        let name = ["READ", "SET", "PLOT"][index];
        let error = checked(&all, &[&theirs]);
        assert_eq!(error, format!("command {name}: {difference}"), "{theirs}");
    }
}

#[test]
fn all_commands_that_differ_are_named() {
    let error = checked(&["SET line -> line"], &["SET line -> line"]);
    assert_eq!(
        error,
        "command READ: missing on the server; \
         command SET: request: postcard here, line on the server; \
         command PLOT: missing on the server"
    );
}

/// Checks the first of [`OURS`] against a server that lists another description and then takes these steps.
fn not_shown(then: &[Step]) -> String {
    let listed = [
        Hear("HELP\n"),
        Say("OK\nREAD -> line #00000001\n\n"),
        Hear("SCHEMA\nREAD\n"),
    ];
    let script = &*[&listed, then].concat().leak();
    both(&ours()[..1], || Scripted::start(vec![script].leak()))
}

#[test]
fn a_command_whose_description_is_refused_differs() {
    let refused = Say("!refused SCHEMA: no command is named \"READ\"\n");
    let error = not_shown(&[refused, Close]);
    let what = "server error (refused): SCHEMA: no command is named \"READ\"";
    assert_eq!(error, format!("command READ: {what}"));
}

#[test]
fn a_connection_that_ends_during_a_check_is_no_difference() {
    let error = not_shown(&[Close]);
    assert!(error.starts_with("request sent, reply lost"), "{error}");
}

#[test]
fn only_eight_digits_are_a_fingerprint() {
    let script: &[_] = &[
        Hear("HELP\n"),
        Say("OK\nA line #1234567\nB line #+1234567\nC line #12345678\n\n"),
        Close,
    ];
    let server = Scripted::start(vec![script].leak());
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let listed = list(&mut client).unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|command| (&command.text[..], command.fingerprint))
        .collect();
    let marked = ("C line", Some(0x1234_5678));
    assert_eq!(
        listed,
        [
            ("A line #1234567", None),
            ("B line #+1234567", None),
            marked
        ]
    );
}

#[test]
fn a_command_without_description_differs() {
    let script: &[_] = &[Hear("HELP\n"), Say("OK\nREAD\n\n"), Close];
    let server = Scripted::start(vec![script].leak());
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let error = client.check(&ours()[..1]).unwrap_err().to_string();
    assert_eq!(error, "command READ: not described by the server");
}

#[test]
fn a_server_without_help_is_its_own_error_and_the_next_call_connects_again() {
    const UNKNOWN: &str = "!unknown-command no command is named \"HELP\"\n";
    let server = Scripted::start(&[
        &[Hear("HELP\n"), Say(UNKNOWN), Close],
        &[Hear("HELP\n"), Say("OK\nPING -> line #00000001\n\n"), Close],
    ]);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let error = list(&mut client).unwrap_err();
    assert!(matches!(error, FetchError::NotDescribed), "{error}");
    server.wait();
    let listed = list(&mut client).unwrap();
    assert_eq!(listed[0].name, "PING");
    assert_eq!(listed[0].text, "PING -> line");
    assert_eq!(listed[0].fingerprint, Some(1));
}

#[test]
fn a_description_that_cannot_be_used_is_an_error_and_the_next_call_succeeds() {
    let server = Scripted::start(&[&[
        Hear("SCHEMA\nA\n"),
        Say("OK\nA postcard Sch\nroedinger\n\n"),
        Hear("SCHEMA\nA\n"),
        Say("OK\nB line\n\n"),
        Hear("SCHEMA\nA\n"),
        Say("!refused SCHEMA: no command is named \"A\"\n"),
        Hear("SCHEMA\nA\n"),
        Say("OK\nA line\n\n"),
        Close,
    ]]);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    for error in [
        "invalid description at byte 11: unknown type",
        "the server described another command: \"B\"",
        "refused): SCHEMA: no command is named \"A\"",
    ] {
        let found = fetch(&mut client, "A").unwrap_err().to_string();
        assert!(found.contains(error), "{found}");
    }
    let line = Encoding {
        format: "line",
        ty: None::<&Type>,
    };
    assert_eq!(fetch(&mut client, "A").unwrap().request, line);
}
