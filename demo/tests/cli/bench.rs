//! `bellwire bench` as a user runs it, against correct and faulty servers.

use bellwire_demo::bench::Report;
use bellwire_demo::serve::{Log, endpoint};
use bellwire_std::Server;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Starts a server that runs until the test's process ends.
fn server() -> String {
    let server = Server::bind("127.0.0.1:0", Arc::new(endpoint().unwrap())).unwrap();
    let address = server.local_addr().to_string();
    thread::spawn(move || server.run_with(|_peer| Log));
    address
}

/// Starts a server that handles each connection with `converse`.
fn fake(converse: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().flatten().for_each(converse));
    address
}

fn bench(address: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwire"));
    command.args(["bench", address]).args(arguments);
    command.output().unwrap()
}

/// Runs a bench with `--json`, and returns its report and its exit code.
fn report(address: &str, arguments: &[&str]) -> (Report, Option<i32>) {
    read_report(&bench(address, &[&["--json"], arguments].concat()))
}

/// Returns the report and the exit code of a bench with `--json`.
pub(crate) fn read_report(output: &Output) -> (Report, Option<i32>) {
    let report = serde_json::from_slice(&output.stdout);
    (
        report.unwrap_or_else(|error| panic!("{error}: {output:?}")),
        output.status.code(),
    )
}

/// Returns the errors of a bench that fails.
fn errors(address: &str, arguments: &[&str]) -> Vec<(String, u64)> {
    let (report, code) = report(address, arguments);
    assert_eq!(code, Some(1));
    report.errors.into_iter().collect()
}

#[test]
fn bench_counts_a_servers_replies() {
    for command in ["string", "postcard"] {
        let load = ["--connections=4", "--pipeline=8", "--duration=1"];
        let (report, code) = report(&server(), &[&load[..], &["--command", command]].concat());
        assert_eq!(code, Some(0), "{report:?}");
        assert_eq!((report.connections, report.pipeline), (4, 8));
        assert!(report.replies >= 32 && report.errors.is_empty());
        assert!((1.0..2.0).contains(&report.seconds), "{report:?}");
        let latency = report.latency_us;
        assert!(0.0 < latency.p50 && latency.p50 <= latency.p99);
        assert!(latency.p99 <= latency.p99_9 && latency.p99_9 <= latency.max);
    }
}

#[test]
fn bench_prints_a_readable_report() {
    let output = bench(&server(), &["-c", "2", "-d", "0.1"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("2 connections, 1 in flight"), "{shown}");
    assert!(shown.contains("requests a second"), "{shown}");
    assert!(shown.contains("(p99.9)"), "{shown}");
    assert!(output.status.success());
}

#[test]
fn with_zero_duration_each_connection_fills_its_pipeline_once() {
    let load = ["-c", "10", "-p", "3", "-d", "0", "--threads", "3"];
    let (report, code) = report(&server(), &load);
    assert_eq!(
        (report.connections, report.replies, code),
        (10, 30, Some(0))
    );
}

#[test]
fn a_custom_request_is_checked_against_its_reply() {
    let load = ["-d", "0.1", "--request", r"STRING\nhi\n"];
    let (_, code) = report(
        &server(),
        &[&load[..], &["--reply", r"Thank you.\n"]].concat(),
    );
    assert_eq!(code, Some(0));
    let reply = ["--reply", r"No thanks.\n"];
    let load = [&load[..], &["-c", "1"], &reply].concat();
    assert_eq!(errors(&server(), &load), [("wrong reply".to_owned(), 1)]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_server_processs_cpu_time_and_memory_are_reported() {
    let pid = std::process::id().to_string();
    let load = [
        "-d",
        "0.5",
        "-p",
        "16",
        "--hold",
        "0.1",
        "--server-pid",
        &pid,
    ];
    let (report, _) = report(&server(), &load);
    let used = report.server_process.unwrap();
    assert!(used.cpu_us_per_request > 0.0, "{used:?}");
}

#[test]
fn a_wrong_reply_is_an_error() {
    let address = fake(|mut stream| {
        let mut request = [0; 24];
        while stream.read_exact(&mut request).is_ok() {
            stream.write_all(b"Thank you!\n").unwrap();
        }
    });
    let wrong = errors(&address, &["-c", "1", "-d", "1"]);
    assert_eq!(wrong, [("wrong reply".to_owned(), 1)]);
}

#[test]
fn a_reply_without_a_request_is_an_error() {
    let address = fake(|mut stream| {
        let _ = stream.read(&mut [0; 24]);
        let _ = stream.write_all(&b"Thank you.\n".repeat(2));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let wrong = errors(&address, &["-c", "1", "-d", "1"]);
    assert_eq!(wrong, [("reply without a request".to_owned(), 1)]);
}

#[test]
fn an_error_line_is_counted_by_its_code() {
    let address = fake(|mut stream| {
        let _ = stream.read(&mut [0; 24]);
        let _ = stream.write_all(b"!busy come back later\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let wrong = errors(&address, &["-c", "1", "-p", "5", "-d", "1"]);
    assert_eq!(wrong, [("refused: busy".to_owned(), 5)]);
}

#[test]
fn a_closed_connection_is_an_error_for_each_request_in_flight() {
    let address = fake(|mut stream| {
        let _ = stream.read_exact(&mut [0; 4 * 24]);
        let _ = stream.write_all(b"Thank you.\nThank");
    });
    let wrong = errors(&address, &["-c", "1", "-p", "4", "-d", "0"]);
    assert_eq!(wrong, [("closed by the server".to_owned(), 3)]);
}

#[test]
fn a_missing_reply_is_an_error_after_the_timeout() {
    let address = fake(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let wrong = errors(
        &address,
        &["-c", "1", "-p", "2", "-d", "9", "--timeout", "0.2"],
    );
    assert_eq!(wrong, [("no reply within 200ms".to_owned(), 2)]);
}

#[test]
fn an_unreachable_server_is_a_clear_error() {
    let output = bench("127.0.0.1:1", &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("bellwire: cannot connect to 127.0.0.1:1: Connection refused"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(3));
}

/// Cause: Ctrl-C discarded the measurement.
#[test]
fn an_interrupted_bench_reports_the_time_until_then() {
    for signal in ["INT", "TERM"] {
        // The second request shows that the first reply has arrived.
        let report = interrupted(signal, true, 2, &["-d", "120"]);
        assert!(report.replies > 0 && report.seconds < 60.0, "{report:?}");
    }
}

#[test]
fn an_interrupted_bench_does_not_wait_for_replies() {
    let report = interrupted("INT", false, 1, &["--timeout", "120"]);
    assert_eq!(report.replies, 0);
}

#[test]
fn an_interrupt_ends_the_hold_time() {
    interrupted("INT", true, 1, &["-d", "0", "--hold", "120"]);
}

/// Returns the report of a bench that is interrupted after `requests` requests. The server answers all
/// of them or none.
fn interrupted(signal: &str, answers: bool, requests: usize, load: &[&str]) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, come) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.read_exact(&mut [0; 24]).is_ok() {
            let _ = tell.send(());
            if answers {
                let _ = stream.write_all(b"Thank you.\n");
            }
        }
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwire"));
    command.args(["bench", &address, "--json", "-c", "1"]);
    let child = command.args(load).stdout(Stdio::piped()).spawn().unwrap();
    for _ in 0..requests {
        come.recv().unwrap();
    }
    let begin = Instant::now();
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-s", signal, &pid]).status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(
        begin.elapsed() < Duration::from_mins(1),
        "bench did not stop"
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.errors.is_empty(), "{report:?}");
    report
}
