//! The clients' subcommands over serial ports: a thermostat on a pseudo-terminal, and on the emulated board.

use crate::process::{bellwire, fed, run, text};
use bellwire_tests::board::Board;
use bellwire_tests::device::Device;
use bellwire_tests::noise::{self, Noise};
use bellwire_tests::pty::Port;
use std::process::Stdio;
use std::time::{Duration, Instant};
use thermostat::Thermostat;

/// The line between a port and its device.
#[test]
#[ignore = "a port runs it in a process of its own"]
fn line() {
    noise::line();
}

/// A thermostat that is plugged into a port. Returns the port's address too.
fn thermostat(name: &str, noise: Noise) -> (Device, Port, String) {
    let (device, mut port) = (Device::start(1), Port::new(name));
    port.plug(device.cable(), noise);
    let address = format!("serial:{}", port.path().display());
    (device, port, address)
}

/// Runs `bellwire`, which must succeed, and returns its output.
#[track_caller]
fn output(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).to_owned()
}

/// Runs `bellwire`, which must fail with this exit code. Returns its error.
#[track_caller]
fn error(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    error.to_owned()
}

/// Returns the next output of `call … READ` for this thermostat.
fn reading(twin: &mut Thermostat) -> String {
    let reading = twin.read();
    format!(
        "{{\"celsius\":{:?},\"heating\":{}}}\n",
        reading.celsius, reading.heating
    )
}

#[test]
fn commands_are_listed_and_called_over_a_noisy_line() {
    let (_device, _port, address) = thermostat("cli", Noise::all(1000));
    let mut twin = Thermostat::new();
    let list = output(&["list", &address]);
    assert!(list.starts_with("READ    -> postcard Reading{"), "{list}");
    for mode in ["", "?baud=9600"] {
        let address = format!("{address}{mode}");
        assert_eq!(output(&["call", &address, "READ"]), reading(&mut twin));
    }
    let mut shell = bellwire(&["shell", &address]);
    let script = fed(shell.stdout(Stdio::piped()), b"READ\nREAD\n");
    let expected = reading(&mut twin) + &reading(&mut twin);
    assert_eq!(text(&script.stdout), expected);
}

#[test]
fn commands_are_called_in_plain_text() {
    let (_device, _port, address) = thermostat("cli-plain", Noise::NONE);
    let address = format!("{address}?plain");
    let mut twin = Thermostat::new();
    for _ in 0..2 {
        assert_eq!(output(&["call", &address, "READ"]), reading(&mut twin));
    }
}

#[test]
fn the_bench_loads_a_serial_port_with_one_connection() {
    let (_device, _port, address) = thermostat("cli-bench", Noise::flips(1000));
    let request = ["--request", r"LOG\nx\nHISTORY\n\x01\x00"];
    let reply = ["--reply", r"OK\n\x01\x00"];
    let options = [&request[..], &reply, &["--duration=1", "--pipeline=2"]].concat();
    let many = error(&[&["bench", &address], &options[..]].concat(), 2);
    assert_eq!(
        many,
        "bellwire: a serial port has room for one connection: --connections 1\n"
    );
    let one = [&["bench", &address, "--connections=1"], &options[..]].concat();
    assert!(output(&one).contains("requests"));
}

#[test]
fn the_text_that_a_board_prints_is_logged() {
    for mode in ["", "?plain"] {
        let (mut device, _port, address) = thermostat("cli-banner", Noise::NONE);
        device.say(b"boot 1.2\r\n\x1b[31mready\n");
        let output = run(&["--verbose", "call", &format!("{address}{mode}"), "READ"]);
        assert_eq!(text(&output.stdout), reading(&mut Thermostat::new()));
        let log = text(&output.stderr);
        assert!(log.contains("discarded boot 1.2\n"), "{log}");
        assert!(log.contains(r"discarded \u{1b}[31mready"), "{log}");
    }
}

#[test]
fn a_wrong_address_is_a_wrong_argument_and_a_missing_port_is_a_failed_connection() {
    let wrong = error(&["call", "serial:/no/port?baud=0", "READ"], 2);
    let what = "for '<SERVER>': invalid baud rate \"0\"; expected a number from 1\n";
    assert!(wrong.contains(what), "{wrong}");
    let missing = error(&["call", "serial:/no/port", "READ"], 3);
    assert_eq!(
        missing,
        "bellwire: cannot connect to serial:/no/port?baud=115200: No such file or directory (os error 2)\n"
    );
    let listen = error(&["serve", "--listen", "serial:/no/port"], 1);
    assert!(listen.contains("a serial port has no listener"), "{listen}");
}

/// The environment variable `BELLWIRE_SERIAL` has the time in seconds. Without it the run is short.
#[test]
fn the_thermostat_on_the_board_is_called_through_a_line_that_flips_bits() {
    let Some(board) = Board::thermostat() else {
        return;
    };
    let seconds = std::env::var("BELLWIRE_SERIAL").map_or(3, |text| text.parse().unwrap());
    let uart = board.serial();
    uart.set_nonblocking(true).unwrap();
    let mut port = Port::new("cli-board");
    port.plug(uart.into(), Noise::flips(1000));
    let address = format!("serial:{}", port.path().display());

    let (mut twin, mut calls, begin) = (Thermostat::new(), 0, Instant::now());
    while begin.elapsed() < Duration::from_secs(seconds) {
        assert_eq!(output(&["call", &address, "READ"]), reading(&mut twin));
        calls += 1;
    }
    let flips = port.damaged();
    println!("{calls} calls in {seconds} s, {flips} flips");
    assert!(calls > 0 && flips > 0);
}
