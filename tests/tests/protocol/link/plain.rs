//! A server on a line in plain text resynchronises on silence.

use super::port::Port;
use bellwire::serial::Server;
use bellwire::{Command, Endpoint, Line, ServerConnection};

const STRING: Command<Line, Line> = Command::new("STRING");

/// Runs a script: at each time, bytes arrive, and the reply must be the text. The clock begins at `epoch`.
fn script(epoch: u32, steps: &[(u32, &str, &str)]) {
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(STRING, &|(), text, reply| reply.send(text))
        .unwrap();
    let (mut rx, mut tx) = ([0; 64], [0; 256]);
    let mut server = Server::new(ServerConnection::new(&mut rx, &mut tx));
    let mut port = Port::default();
    for (number, (time, bytes, reply)) in steps.iter().enumerate() {
        let now = epoch.wrapping_add(*time);
        port.noise = *bytes == "noise";
        if !port.noise {
            port.input.extend(bytes.as_bytes());
        }
        // A poll without input follows, in which time limits are checked.
        while port.noise || !port.input.is_empty() {
            let _ = server.poll(&mut port, &mut endpoint.with(&mut ()), now);
        }
        server
            .poll(&mut port, &mut endpoint.with(&mut ()), now)
            .unwrap();
        let output = std::mem::take(&mut port.output);
        let output = String::from_utf8(output).unwrap();
        if reply.starts_with('!') {
            assert!(output.starts_with(reply), "step {number}: {output}");
        } else {
            assert_eq!(output, *reply, "step {number}");
        }
    }
}

/// Runs a script on several clocks, one of which wraps.
fn on_any_clock(steps: &[(u32, &str, &str)]) {
    for epoch in [
        0,
        u32::MAX - 50,
        u32::MAX / 2 - 50,
        u32::MAX - Server::REQUEST_TIMEOUT,
    ] {
        script(epoch, steps);
    }
}

#[test]
fn requests_are_answered_at_any_pace() {
    on_any_clock(&[
        (0, "STRING\na\n", "a\n"),
        (1, "STR", ""),
        (500, "ING\nb", ""),
        (9_000, "c\nSTRING\nd\n", "bc\nd\n"),
        (90_000, "STRING\ne\n", "e\n"),
    ]);
}

#[test]
fn after_a_fatal_error_input_is_discarded_until_the_line_is_quiet() {
    on_any_clock(&[
        (0, "NOISE\n", "!unknown-command"),
        (1, "STRING\nlost\n", ""),
        (Server::QUIET, "STRING\nlost too\n", ""),
        (Server::QUIET + 99, "", ""),
        (Server::QUIET + 100, "", ""),
        (Server::QUIET + 101, "STRING\nheard\n", "heard\n"),
    ]);
}

#[test]
fn a_partial_request_has_ten_seconds() {
    on_any_clock(&[
        (0, "STRING\nnever", ""),
        (Server::REQUEST_TIMEOUT - 1, "", ""),
        (Server::REQUEST_TIMEOUT, "", "!timed-out STRING"),
        (Server::REQUEST_TIMEOUT + 50, "ends\nSTRING\n", ""),
        (Server::REQUEST_TIMEOUT + 150, "", ""),
        (Server::REQUEST_TIMEOUT + 150, "STRING\nheard\n", "heard\n"),
    ]);
}

#[test]
fn a_framing_error_ends_the_conversation() {
    on_any_clock(&[
        (0, "STRING\ncut", ""),
        (1, "noise", ""),
        (2, "off\nSTRING\nlost\n", ""),
        (102, "", ""),
        (103, "STRING\nheard\n", "heard\n"),
    ]);
}

#[test]
fn each_request_has_its_own_ten_seconds() {
    on_any_clock(&[
        (0, "STRING\na", ""),
        (Server::REQUEST_TIMEOUT - 1, "\nSTRING\nb", "a\n"),
        (Server::REQUEST_TIMEOUT + 1, "", ""),
        (2 * Server::REQUEST_TIMEOUT - 2, "\n", "b\n"),
    ]);
}
