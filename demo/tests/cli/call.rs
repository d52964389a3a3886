//! `list`, `call` and `shell`: commands that the binary does not know.

use crate::process::{bellwire, fed, text};
use crate::thermo::Thermo;
use bellwire_std::Endpoint;
use bellwire_tests::board::Board;
use bellwire_tests::running::Kind;
use std::fs;
use std::process::Stdio;
use thermostat::host::{Shared, endpoint, silent_endpoint};

const LISTED: &str = "\
READ    -> postcard Reading{celsius: f32, heating: bool}
SET     postcard Setting{target: f32, mode: Mode<Off | Heat | HeatFor(u16)>} -> ()
LOG     line
HISTORY postcard u8 -> postcard [Entry{number: u32, reading: Reading{celsius: f32, heating: bool}, note: ?str}]
";

/// Lists the commands and calls each of them.
#[track_caller]
fn answers_all_commands(server: &Thermo) {
    assert_eq!(text(&server.run_bellwire("list", &[]).stdout), LISTED);
    assert_eq!(
        server.call(&["READ"]),
        "{\"celsius\":19.75,\"heating\":false}\n"
    );
    assert_eq!(
        server.call(&["SET", r#"{"target":22.5,"mode":{"HeatFor":3}}"#]),
        "null\n"
    );
    assert_eq!(server.call(&["LOG", "window open"]), "");
    assert_eq!(
        server.call(&["HISTORY", "1"]),
        "[{\"number\":1,\"reading\":{\"celsius\":19.75,\"heating\":false},\"note\":\"window open\"}]\n"
    );
}

/// Checks both kinds of server.
fn both(server: impl Fn(Kind) -> Thermo) {
    for kind in [Kind::Threads, Kind::Tasks] {
        println!("the server of {kind:?}");
        answers_all_commands(&server(kind));
    }
}

#[test]
fn commands_are_listed_and_called_over_tcp() {
    both(|kind| Thermo::over_tcp(kind, endpoint().unwrap()));
}

#[test]
fn commands_are_listed_and_called_over_a_unix_socket() {
    both(|kind| Thermo::over_unix(kind, "call", endpoint().unwrap()));
}

#[test]
fn commands_are_listed_and_called_over_tls() {
    both(|kind| Thermo::over_tls(kind, "call", endpoint().unwrap()));
}

#[test]
fn commands_of_a_board_are_listed_and_called() {
    let Some(board) = Board::thermostat() else {
        return;
    };
    answers_all_commands(&Thermo {
        target: vec![board.address.to_string()],
        stop: None,
        folder: None,
    });
}

#[test]
fn a_value_is_read_from_a_file_or_standard_input() {
    let server = Thermo::start();
    let file = std::env::temp_dir().join(format!("bellwire-value-{}", std::process::id()));
    fs::write(&file, "{\"target\": 21,\n \"mode\": \"Off\"}\n").unwrap();
    assert_eq!(
        server.call(&["SET", &format!("@{}", file.display())]),
        "null\n"
    );
    fs::remove_file(&file).unwrap();
    let missing = format!("@{}", file.display());
    let line = format!(
        "cannot read {}: No such file or directory (os error 2)",
        file.display()
    );
    server.fails(&["SET", &missing], 2, &line);

    let mut call = bellwire(&["call"]);
    call.args(&server.target)
        .args(["SET", "-"])
        .stdout(Stdio::piped());
    let output = fed(&mut call, br#"{"target":21,"mode":"Off"}"#);
    assert_eq!(text(&output.stdout), "null\n");
}

#[test]
fn a_value_that_does_not_fit_is_a_usage_error_that_names_the_field() {
    let server = Thermo::start();
    for (value, line) in [
        (
            r#"{"target":"warm","mode":"Off"}"#,
            r#"field "target": expected f32, found string"#,
        ),
        (
            r#"{"target":1,"mode":"Off","x":1}"#,
            r#"unknown field "x"; Setting has target, mode"#,
        ),
        (
            r#"{"target":1}"#,
            r#"field "mode": missing, expected a variant of Mode"#,
        ),
        (
            r#"{"target":1,"target":1,"mode":"Off"}"#,
            r#"field "target": given twice"#,
        ),
    ] {
        server.fails(&["SET", value], 2, line);
    }
    let line = "SET takes a value: Setting{target: f32, mode: Mode<Off | Heat | HeatFor(u16)>}";
    server.fails(&["SET"], 2, line);
    server.fails(&["READ", "1"], 2, "expected null, found 1");
}

#[test]
fn an_exit_code_tells_who_must_act() {
    let server = Thermo::start();
    let refused = "server error (refused): SET: the target must be from 5 to 35 degrees";
    server.fails(&["SET", r#"{"target":50,"mode":"Off"}"#], 1, refused);
    let unknown = "server error (refused): SCHEMA: no command is named \"NOPE\"";
    server.fails(&["NOPE"], 1, unknown);
    let output = bellwire(&["call", "127.0.0.1:1", "READ"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn the_error_line_of_a_command_without_reply_is_reported() {
    let server = Thermo::start();
    let line = "server error (refused): LOG: a note takes at most 32 bytes";
    server.fails(&["LOG", &"x".repeat(33)], 1, line);
}

#[test]
fn a_schema_file_serves_for_a_server_that_gives_no_descriptions() {
    let file = std::env::temp_dir().join(format!("bellwire-schema-{}", std::process::id()));
    let listed = Thermo::start().run_bellwire("list", &["--json"]);
    fs::write(&file, &listed.stdout).unwrap();
    let silent = Thermo::serve(silent_endpoint().unwrap());
    silent.fails(&["READ"], 1, "the server does not describe its commands");
    let schema = file.to_str().unwrap();
    let reply = silent.call(&["READ", "--schema", schema]);
    assert_eq!(reply, "{\"celsius\":19.75,\"heating\":false}\n");
    let line = "the file describes no command \"NOPE\"";
    silent.fails(&["NOPE", "--schema", schema], 2, line);
    fs::remove_file(&file).unwrap();
}

#[test]
fn control_characters_of_a_reply_are_never_printed_raw() {
    let endpoint = Endpoint::<Shared>::default();
    let say = bellwire::Command::<(), bellwire::Line>::new("SAY");
    endpoint
        .handle(say, |_, (), reply| reply.send("\x1b[2J\u{202e}\u{2028}é"))
        .unwrap();
    endpoint.describe(&[say.describe()]);
    let server = Thermo::serve(endpoint);
    assert_eq!(server.call(&["SAY"]), "\"\\u001b[2J\\u202e\\u2028é\"\n");
    assert_eq!(
        server.call(&["SAY", "--raw"]),
        "\\u{1b}[2J\\u{202e}\\u{2028}é\n"
    );
}

#[test]
fn a_script_calls_a_command_for_each_line_and_goes_on_after_errors() {
    let server = Thermo::start();
    let output = server.script("READ\n\nNOPE\n  READ  \nLOG hi there\nhelp\n", &[]);
    let readings = "{\"celsius\":19.75,\"heating\":false}\n{\"celsius\":19.5,\"heating\":false}\n";
    assert_eq!(text(&output.stdout), format!("{readings}{LISTED}"));
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    assert!(output.status.success());
}

#[test]
fn a_script_can_stop_at_the_first_error() {
    let server = Thermo::start();
    let output = server.script("NOPE\nREAD\n", &["--stop-on-error"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
}

#[test]
fn a_shell_with_a_schema_file_lists_and_calls_without_asking_the_server() {
    let file = std::env::temp_dir().join(format!("bellwire-shell-{}", std::process::id()));
    let listed = Thermo::start().run_bellwire("list", &["--json"]);
    fs::write(&file, &listed.stdout).unwrap();
    let silent = Thermo::serve(silent_endpoint().unwrap());
    let output = silent.script("help\nREAD\n", &["--schema", file.to_str().unwrap()]);
    let reply = "{\"celsius\":19.75,\"heating\":false}\n";
    assert_eq!(
        text(&output.stdout),
        format!("{LISTED}{reply}"),
        "{output:?}"
    );
    fs::remove_file(&file).unwrap();
}

#[test]
fn call_in_a_shell_reaches_a_command_with_a_name_of_the_shells_own() {
    let endpoint = Endpoint::<Shared>::default();
    let names = ["help", "call"].map(bellwire::Command::<bellwire::Line, bellwire::Line>::new);
    for command in names {
        endpoint
            .handle(command, move |_, text, reply| {
                reply.send(&format!("{} {text}", command.name()))
            })
            .unwrap();
    }
    endpoint.describe(&names.map(|command| command.describe()));
    let server = Thermo::serve(endpoint);
    let output = server.script("call help  me\ncall call me\nhelp\ncall\n", &[]);
    let listed = "help line -> line\ncall line -> line\n";
    let replies = format!("\"help me\"\n\"call me\"\n{listed}");
    assert_eq!(text(&output.stdout), replies, "{output:?}");
    let error = "bellwire: `call` needs the name of a command\n";
    assert_eq!(text(&output.stderr), error);
}

#[test]
fn completions_are_printed_for_a_shell() {
    let output = bellwire(&["completions", "bash"]).output().unwrap();
    assert!(
        text(&output.stdout).contains("complete -F _bellwire"),
        "{output:?}"
    );
}
