//! The demo's binary, as a user runs it.

use crate::process::{PATIENCE, Server, bellwire, run, text};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

#[test]
fn the_tour_prints_both_ends_and_succeeds() {
    let output = run(&[]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for line in [
        r#"client sends     STRING   "Additional data.""#,
        r#"server received  STRING   "Additional data.""#,
        r#"client received           "Thank you.""#,
        r#"server received  outer    N=23 S="string data""#,
        r#"inner    N=256 S="Recursive structs? Piece of cake!""#,
        "Every value arrived as it was sent.",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
}

#[test]
fn the_tour_prints_as_many_lines_for_smoltcp_as_for_tcp_besides_the_topic() {
    let output = run(&[]);
    let shown = text(&output.stdout);
    let (tcp, smoltcp) = shown.split_once("Over smoltcp").unwrap();
    let lines = |part: &str| part.matches("\n  ").count();
    assert_eq!((lines(tcp), lines(smoltcp)), (14, 12));
    for line in [
        "\n  server publishes TICK     1\n",
        "\n  client received  TICK     1\n",
    ] {
        assert!(tcp.contains(line), "{tcp}");
    }
}

#[test]
fn loopback_prints_its_measurement_and_captures_packets() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loopback.pcap");
    let output = run(&["loopback", "--pcap", file.to_str().unwrap()]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        shown.contains("6 texts and 12 structures arrived as they were sent"),
        "{shown}"
    );
    assert!(shown.contains("round trips a second"), "{shown}");
    assert!(fs::metadata(file).unwrap().len() > 1000);
}

#[test]
fn connect_prints_the_replies() {
    let server = Server::start("127.0.0.1:0");
    let output = run(&["connect", &server.address]);
    assert_eq!(text(&output.stdout), "Thank you.\n");
    assert!(output.status.success());
    let output = run(&["connect", &server.address, "--format", "postcard"]);
    assert_eq!(text(&output.stdout), "Thank you.\nReceived.\n");
    assert!(output.status.success());
}

#[test]
fn the_server_logs_received_values_with_file_and_line() {
    let server = Server::start("127.0.0.1:0");
    run(&["connect", &server.address]);
    let (_, log) = server.stop("TERM");
    assert!(log.contains("demo/src/serve.rs:"), "{log}");
    assert!(
        log.contains(r#"received STRING "Additional data.""#),
        "{log}"
    );
    assert!(log.contains("received outer N=23"), "{log}");
    assert!(log.contains("received inner N=256"), "{log}");
}

#[test]
fn bad_input_logs_one_line() {
    let server = Server::start("127.0.0.1:0");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"NOPE\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "!unknown-command no command is named \"NOPE\"\n");
    let peer = stream.local_addr().unwrap();
    drop(stream);
    let (_, log) = server.stop("TERM");
    let line = format!("{peer}: no command is named \"NOPE\"; the conversation ends");
    assert_eq!(log.matches("NOPE").count(), 1, "{log}");
    assert!(log.contains(&line), "{log}");
}

#[test]
fn serve_listens_on_every_form_of_address() {
    for (listen, client) in [
        (":0", "127.0.0.1"),
        (":0", "[::1]"),
        ("[::1]:0", "[::1]"),
        ("localhost:0", "localhost"),
    ] {
        let server = Server::start(listen);
        let output = run(&["connect", &format!("{client}:{}", server.port())]);
        assert!(output.status.success(), "{listen}: {output:?}");
    }
}

#[test]
fn serve_works_with_a_thread_for_each_connection() {
    let server = Server::spawn(&mut bellwire(&["serve", "--threads", "--listen", ":0"]));
    let output = run(&["connect", &format!("localhost:{}", server.port())]);
    assert_eq!(text(&output.stdout), "Thank you.\n");
    let _idle = TcpStream::connect(("127.0.0.1", server.port().parse().unwrap())).unwrap();
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_limit_of_no_connections_is_a_clear_error() {
    for limit in ["--max-connections", "--max-connections-per-address"] {
        let output = run(&["serve", limit, "0"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("invalid value '0'"));
    }
}

#[test]
fn several_processes_share_a_port() {
    let first = Server::spawn(&mut bellwire(&["serve", "--reuse-port", "--listen", ":0"]));
    let address = format!(":{}", first.port());
    let second = Server::spawn(&mut bellwire(&[
        "serve",
        "--reuse-port",
        "--listen",
        &address,
    ]));
    let client = format!("localhost:{}", first.port());
    for _ in 0..30 {
        assert!(run(&["connect", &client]).status.success());
    }
    let served =
        [first, second].map(|server| server.stop("TERM").1.matches("received STRING").count());
    assert_eq!(served.iter().sum::<usize>(), 30);
    assert!(!served.contains(&0), "{served:?}");
}

#[test]
fn serve_stops_cleanly_on_sigint_and_sigterm_with_a_client_connected() {
    for signal in ["INT", "TERM"] {
        let server = Server::start("127.0.0.1:0");
        let _idle = TcpStream::connect(&server.address).unwrap();
        assert_eq!(server.stop(signal).0, Some(0));
    }
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", &address]);
    let error = format!("bellwire: cannot listen on {address}: Address already in use");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with(&error), "{output:?}");
}

#[test]
fn an_unreachable_server_is_a_clear_error() {
    let output = run(&["connect", "127.0.0.1:1"]);
    let error = "bellwire: cannot connect to 127.0.0.1:1: Connection refused";
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with(error), "{output:?}");
}

#[test]
fn an_error_line_is_a_clear_error_of_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let refusing = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"!busy come back later\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let output = run(&["connect", &address]);
    assert_eq!(output.status.code(), Some(1));
    // The line may arrive before or after the request is sent.
    let error = text(&output.stderr);
    assert!(error.starts_with("bellwire: "), "{error}");
    assert!(
        error.ends_with("server error (busy): come back later\n"),
        "{error}"
    );
    refusing.join().unwrap();
}

#[test]
fn an_error_line_for_a_request_without_reply_is_a_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let refusing = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        assert_eq!(request.nth(1).unwrap().unwrap(), "Additional data.");
        stream
            .write_all(b"Thank you.\n!too-large GOB: no\n")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let output = run(&["connect", &address]);
    refusing.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    // The line arrives before the request is sent.
    assert_eq!(
        text(&output.stderr),
        "bellwire: request not sent: server error (too-large): GOB: no\n"
    );
}

#[test]
fn fifty_concurrent_clients_succeed() {
    let server = Server::start("127.0.0.1:0");
    let clients: Vec<_> = (0..50)
        .map(|_| {
            bellwire(&["connect", &server.address])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn without_file_descriptors_serve_pauses_and_later_continues() {
    let script = r#"ulimit -n 24; exec "$0" serve --workers 1 --listen 127.0.0.1:0"#;
    let binary = env!("CARGO_BIN_EXE_bellwire");
    let server = Server::spawn(Command::new("sh").args(["-c", script, binary]));
    let connections: Vec<_> = (0..40)
        .map(|_| TcpStream::connect(&server.address).unwrap())
        .collect();
    server.wait_for_log("accept failed");
    drop(connections);
    let output = run(&["connect", &server.address]);
    assert!(output.status.success(), "{output:?}");
    let (code, log) = server.stop("TERM");
    assert_eq!(code, Some(0));
    let failures = log.matches("accept failed, next try in").count();
    assert!((1..20).contains(&failures), "{failures} failures:\n{log}");
}
