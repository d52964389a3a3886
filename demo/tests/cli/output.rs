//! The output of the demo's binary: to closed pipes, to full disks, and with control characters from
//! peers.

use crate::process::{PATIENCE, Server, bellwire, fed, run, text};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::thread;

/// Runs each command that prints, with the standard output from `output`.
fn each(output: impl Fn() -> Stdio, check: impl Fn(&str, &Output)) {
    let server = Server::start("127.0.0.1:0");
    let json = &b"{}\n"[..];
    let mut encode = bellwire(&["encode", "--format", "gob"]);
    let gob = fed(encode.stdout(Stdio::piped()), json).stdout;
    for (arguments, input) in [
        (&[][..], &b""[..]),
        (&["loopback"], b""),
        (&["connect", &server.address], b""),
        (&["connect", &server.address, "--format", "postcard"], b""),
        (&["list", &server.address], b""),
        (&["list", &server.address, "--json"], b""),
        (&["call", &server.address, "STRING", "x"], b""),
        (&["shell", &server.address], b"STRING x"),
        (&["bench", &server.address, "-c1", "-d0"], b""),
        (&["bench", &server.address, "-c1", "-d0", "--json"], b""),
        (&["decode", "--format", "gob"], &gob),
        (&["decode", "--format", "gob", "--type", "any"], &gob),
        (&["encode", "--format", "gob"], json),
        (&["encode", "--format", "postcard"], json),
        (&["serve", "--listen", "127.0.0.1:0"], b""),
        (&["serve", "--listen", "127.0.0.1:0", "--threads"], b""),
    ] {
        let mut command = bellwire(&["--quiet"]);
        command.args(arguments).stdout(output());
        check(&format!("{arguments:?}"), &fed(&mut command, input));
    }
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn to_a_closed_pipe_every_command_succeeds_silently() {
    each(closed, |command, output| {
        assert_eq!(text(&output.stderr), "", "{command}");
        assert_eq!(output.status.code(), Some(0), "{command}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn to_a_full_disk_every_command_fails_with_a_clear_error() {
    let full = || File::create("/dev/full").unwrap().into();
    each(full, |command, output| {
        assert_eq!(
            text(&output.stderr),
            "bellwire: cannot write to standard output: No space left on device (os error 28)\n",
            "{command}"
        );
        assert_eq!(output.status.code(), Some(1), "{command}");
    });
}

#[test]
fn a_bench_with_errors_fails_even_if_its_output_is_closed() {
    let address = fake(b"!busy\n");
    let mut command = bellwire(&["bench", &address, "-c1", "-d0"]);
    let output = fed(command.stdout(closed()), b"");
    assert_eq!(text(&output.stderr), "bellwire: 1 error\n");
    assert_eq!(output.status.code(), Some(1));
}

/// Cause: the log's own report of a failed write panicked.
#[test]
fn a_closed_log_neither_stops_a_server_nor_changes_an_exit_code() {
    let mut serve = bellwire(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = serve
        .stdout(Stdio::piped())
        .stderr(closed())
        .spawn()
        .unwrap();
    let mut line = [0; 64];
    let n = child.stdout.as_mut().unwrap().read(&mut line).unwrap();
    let address = text(&line[..n]).trim_end().strip_prefix("listening on ");
    let address = address.unwrap();
    for _ in 0..3 {
        let output = run(&["connect", address]);
        assert_eq!(text(&output.stdout), "Thank you.\n");
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let status = bellwire(&["connect", "127.0.0.1:1"])
        .stderr(closed())
        .status();
    assert_eq!(status.unwrap().code(), Some(3));
}

/// Starts a server that answers each connection's first bytes with `reply`.
fn fake(reply: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(reply);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn a_reply_cannot_control_the_terminal() {
    let address = fake("done\u{1b}]0;title\u{7}\u{202e}\u{2028}\n".as_bytes());
    let output = run(&["connect", &address]);
    let shown = "done\\u{1b}]0;title\\u{7}\\u{202e}\\u{2028}\n";
    assert_eq!(text(&output.stdout), shown);
}

#[test]
fn an_error_line_cannot_control_the_terminal() {
    let address = fake("!refused \u{1b}[2Jno\r\u{9b}31m\n".as_bytes());
    let shown = "\\u{1b}[2Jno\\r\\u{9b}31m";
    let output = run(&["connect", &address]);
    let sentence = format!("bellwire: server error (refused): {shown}\n");
    assert_eq!(text(&output.stderr), sentence);

    let address = fake(b"!a\x1b[2J\xff and more\n");
    let output = run(&["bench", &address, "-c1", "-d0"]);
    let shown = text(&output.stdout);
    assert!(
        shown.ends_with("1 errors: refused: a\\u{1b}[2J\\xff\n"),
        "{shown}"
    );
}

/// Cause: a line feed in a peer's path started a new line of the log.
#[test]
fn a_peers_path_cannot_forge_a_line_of_the_log() {
    let folder = std::env::temp_dir().join(format!("bellwire-forge-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let address = format!("unix:{}", folder.join("bell").display());
    let server = Server::start(&address);
    assert_eq!(server.address, address);
    let peer = folder.join("a\nforged \u{1b}[2J");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&peer).unwrap())
        .unwrap();
    let to = socket2::SockAddr::unix(folder.join("bell")).unwrap();
    socket.connect(&to).unwrap();
    (&socket).write_all(b"NOPE\n").unwrap();
    (&socket).read_to_end(&mut Vec::new()).unwrap();
    let (_, log) = server.stop("TERM");
    fs::remove_dir_all(&folder).unwrap();
    let line = "a\\nforged \\u{1b}[2J: no command is named \"NOPE\"";
    assert!(log.contains(line), "{log}");
    assert!(!log.contains("\nforged"), "{log}");
}

/// Cause: each rejected request of a few bytes logged a line.
#[test]
fn a_flood_of_rejected_requests_logs_less_than_it_sends() {
    for threads in [&[][..], &["--threads"]] {
        let mut command = bellwire(&["serve", "--listen", "127.0.0.1:0"]);
        let server = Server::spawn(command.args(threads));
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut replies = stream.try_clone().unwrap();
        let reading = thread::spawn(move || io::copy(&mut replies, &mut io::sink()));
        let flood = b"POSTCARD\n\0".repeat(20_000);
        stream.write_all(&flood).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        reading.join().unwrap().unwrap();
        let (_, log) = server.stop("TERM");
        let lines = log.matches("POSTCARD: payload too short").count();
        assert!((20..100).contains(&lines), "{lines}");
        assert!(log.len() < flood.len() / 4, "{} bytes", log.len());
    }
}

#[test]
fn received_texts_are_logged_up_to_a_bound() {
    let server = Server::start("127.0.0.1:0");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let text = format!("STRING\n{}\nSTRING\na\u{1b}\u{202e}\n", "x".repeat(50_000));
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let (_, log) = server.stop("TERM");
    assert!(log.contains("x\"... (50000 bytes)\n"), "{log}");
    assert!(
        log.contains("received STRING \"a\\u{1b}\\u{202e}\"\n"),
        "{log}"
    );
    assert!(log.len() < 3000, "{log}");
}
