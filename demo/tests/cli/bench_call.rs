//! `bellwire bench` with commands that the binary does not know, and over TLS.

use crate::bench::read_report;
use crate::process::{bellwire, run, text};
use crate::thermo::Thermo;
use bellwire::{Command, Line, Postcard};
use bellwire_demo::bench::Report;
use bellwire_std::Endpoint;
use bellwire_tests::certificates::HOST;
use bellwire_tests::running::Kind;
use heapless::{LinearMap, Vec};
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use thermostat::host::{Shared, endpoint, silent_endpoint};

const LIST: Command<(), Postcard<Vec<u32, 8>>> = Command::new("LIST");
const MAP: Command<(), Postcard<LinearMap<u8, u8, 2>>> = Command::new("MAP");
const MOODY: Command<(), Line> = Command::new("MOODY");
const ECHO: Command<Line, Line> = Command::new("ECHO");

/// Returns an endpoint whose replies differ between odd and even calls, except those of ECHO.
fn moody() -> Endpoint<Shared> {
    fn odd() -> impl Fn() -> bool {
        let calls = AtomicU32::new(0);
        move || calls.fetch_add(1, Ordering::Relaxed) % 2 == 1
    }
    let endpoint = Endpoint::<Shared>::default();
    let [list, map, moody] = [odd(), odd(), odd()];
    endpoint
        .handle(LIST, move |_, (), reply| {
            let values: &[u32] = if list() { &[1, 2, 3] } else { &[1_000_000] };
            reply.send(&Vec::from_slice(values).unwrap())
        })
        .unwrap();
    endpoint
        .handle(MAP, move |_, (), reply| {
            let pairs = if map() {
                [(1, 2), (3, 4)]
            } else {
                [(3, 4), (1, 2)]
            };
            reply.send(&LinearMap::from_iter(pairs))
        })
        .unwrap();
    endpoint
        .handle(MOODY, move |_, (), reply| {
            if moody() {
                reply.refuse("not now")
            } else {
                reply.send("yes")
            }
        })
        .unwrap();
    endpoint
        .handle(ECHO, |_, text, reply| reply.send(text))
        .unwrap();
    endpoint.describe(&[
        LIST.describe(),
        MAP.describe(),
        MOODY.describe(),
        ECHO.describe(),
    ]);
    endpoint
}

/// Runs a bench with `--json`, and returns its report and its exit code.
fn report(server: &Thermo, arguments: &[&str]) -> (Report, Option<i32>) {
    read_report(&server.run_bellwire("bench", &[&["--json"], arguments].concat()))
}

/// Runs a bench, which must succeed with this number of replies.
#[track_caller]
fn answers(server: &Thermo, arguments: &[&str], replies: u64) {
    let (report, code) = report(server, arguments);
    assert!(report.errors.is_empty(), "{report:?}");
    assert_eq!((report.replies, code), (replies, Some(0)));
}

/// Runs a bench, which must fail before the load, with this exit code and line.
#[track_caller]
fn fails(server: &Thermo, arguments: &[&str], code: i32, line: &str) {
    let output = server.run_bellwire("bench", arguments);
    assert_eq!(text(&output.stderr), format!("bellwire: {line}\n"));
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(code), "")
    );
}

/// Every connection fills its pipeline once.
const ONCE: [&str; 3] = ["-d0", "-c3", "-p5"];

#[test]
fn a_command_of_the_servers_own_is_loaded_over_tcp_unix_and_tls() {
    for server in [
        Thermo::start(),
        Thermo::over_unix(Kind::Threads, "bench", endpoint().unwrap()),
        Thermo::over_tls(Kind::Threads, "bench", endpoint().unwrap()),
    ] {
        let load = [&ONCE[..], &["--call", "HISTORY", "1"]].concat();
        answers(&server, &load, 15);
        answers(&server, &[&load[..], &["--expect", " [ ]"]].concat(), 15);
        let load = ["--call", "SET", r#"{"mode":"Off","target":20}"#];
        answers(&server, &[&ONCE[..], &load].concat(), 15);
    }
}

#[test]
fn a_line_is_given_and_expected_as_text_or_as_json() {
    let server = Thermo::serve(moody());
    let load = [&ONCE[..], &["--call", "ECHO", "-5"]].concat();
    for expected in ["-5", "\"-5\"", r#""\u002d5""#] {
        answers(&server, &[&load[..], &["--expect", expected]].concat(), 15);
    }
    let line = r#"wrong reply: expected "5", received "-5""#;
    fails(&server, &[&load[..], &["--expect", "5"]].concat(), 1, line);
}

#[test]
fn long_requests_and_replies_are_checked_in_plain_and_over_tls() {
    let file = std::env::temp_dir().join(format!("bellwire-bench-long-{}", std::process::id()));
    fs::write(&file, "long ".repeat(3000)).unwrap();
    let value = format!("@{}", file.display());
    for server in [
        Thermo::serve(moody()),
        Thermo::over_tls(Kind::Threads, "bench-long", moody()),
    ] {
        let load = ["-d0.2", "-c2", "-p50", "--call", "ECHO", &value];
        let (report, code) = report(&server, &load);
        assert_eq!((report.replies >= 100, code), (true, Some(0)), "{report:?}");
    }
    fs::remove_file(&file).unwrap();
}

/// The reply to the call before the load is the right one, so the odd calls of the load are wrong.
#[test]
fn a_wrong_reply_is_counted_and_the_load_goes_on() {
    for (command, error) in [("LIST", "wrong reply"), ("MOODY", "refused: refused")] {
        let server = Thermo::serve(moody());
        let load = ["-d0", "-c1", "-p100", "--call", command];
        let (report, code) = report(&server, &load);
        assert_eq!((report.replies, code), (50, Some(1)));
        let errors: std::vec::Vec<_> = report.errors.into_iter().collect();
        assert_eq!(errors, [(error.to_owned(), 50)]);
    }
}

#[test]
fn a_reply_of_other_bytes_and_the_same_value_is_right() {
    let server = Thermo::serve(moody());
    answers(&server, &[&ONCE[..], &["--call", "MAP"]].concat(), 15);
    let expected = r#"{"1":2,"3":4}"#;
    let load = ["--call", "MAP", "--expect", expected];
    answers(&server, &[&ONCE[..], &load].concat(), 15);
}

#[test]
fn a_command_that_cannot_be_loaded_fails_as_for_call() {
    let server = Thermo::start();
    for (load, code, line) in [
        (
            &["--call", "SET", r#"{"target":50,"mode":"Off"}"#][..],
            1,
            "server error (refused): SET: the target must be from 5 to 35 degrees",
        ),
        (
            &["--call", "NOPE"],
            1,
            "server error (refused): SCHEMA: no command is named \"NOPE\"",
        ),
        (
            &["--call", "SET", r#"{"target":"warm","mode":"Off"}"#],
            2,
            r#"field "target": expected f32, found string"#,
        ),
        (
            &["--call", "HISTORY", "1", "--expect", r#"[{"number":"1"}]"#],
            2,
            r#"field "[0].number": expected u32, found string"#,
        ),
        (
            &["--call", "LOG", "note"],
            2,
            "LOG has no reply that can be checked",
        ),
    ] {
        fails(&server, load, code, line);
    }
    for wrong in [
        &["--call"][..],
        &["--expect", "1"],
        &["--schema", "x"],
        &["--call", "READ", "--command", "string"],
        &["--call", "READ", "--request", "x", "--reply", "y"],
        &["--ca", "x"],
        &["--server-name", "x"],
    ] {
        let output = server.run_bellwire("bench", wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
    let output = run(&["bench", "127.0.0.1:1", "--call", "READ"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_schema_file_serves_for_a_server_that_gives_no_descriptions() {
    let file = std::env::temp_dir().join(format!("bellwire-bench-schema-{}", std::process::id()));
    let listed = Thermo::start().run_bellwire("list", &["--json"]);
    fs::write(&file, &listed.stdout).unwrap();
    let silent = Thermo::serve(silent_endpoint().unwrap());
    let load = [&ONCE[..], &["--call", "HISTORY", "1"]].concat();
    let line = "the server does not describe its commands";
    fails(&silent, &load, 1, line);
    let schema = ["--schema", file.to_str().unwrap()];
    answers(&silent, &[&load[..], &schema].concat(), 15);
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_certificate_for_another_name_than_the_address_needs_that_name() {
    let mut server = Thermo::over_tls(Kind::Threads, "bench-name", moody());
    let port = server.target[0].rsplit(':').next().unwrap().to_owned();
    server.target[0] = format!("127.0.0.1:{port}");
    let load = [r"--request=ECHO\n1\n", r"--reply=1\n", "-d0", "-c2"];
    let output = server.run_bellwire("bench", &load);
    let line = format!(
        "bellwire: cannot connect to 127.0.0.1:{port}: the TLS handshake failed: the peer's certificate is not for \
         \"127.0.0.1\"\n"
    );
    assert_eq!(text(&output.stderr), line);
    assert_eq!(output.status.code(), Some(3));
    let named = [&load[..], &["--server-name", HOST]].concat();
    answers(&server, &named, 2);
    let mut call = bellwire(&["call"]);
    call.args(&server.target);
    let output = call.args(["ECHO", "2", "--server-name", HOST]).output();
    assert_eq!(text(&output.unwrap().stdout), "\"2\"\n");
}
