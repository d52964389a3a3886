//! The board's UART: a person in plain text, and a program over a link.

use bellwire_std::{Client, Network};
use bellwire_tests::board::{Board, PATIENCE, soon};
use bellwire_tests::noise::{self, Noise};
use bellwire_tests::pty::Port;
use bellwire_tests::running;
use commands::{GOB, POSTCARD, STRING, TEXT};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// The line between a port and its device.
#[test]
#[ignore = "a port runs it in a process of its own"]
fn line() {
    noise::line();
}

#[test]
fn the_uart_finds_the_next_command_after_noise() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut uart = board.serial();
    ask(&mut uart);

    // Without a line feed, the noise and the next command's name form one unknown name.
    uart.write_all(b"\xff\0\x80noise").unwrap();
    uart.write_all(b"STRING\nhi\n").unwrap();
    let error = "!unknown-command no command is named \"???noiseSTRING\"\n";
    assert_eq!(soon(&mut uart), error);
    ask(&mut uart);

    // The lines right after a rejected name may be its payload, and must never run.
    uart.write_all(b"STRONG\nSTRING\nSTRING\n").unwrap();
    let error = "!unknown-command no command is named \"STRONG\"\n";
    assert_eq!(soon(&mut uart), error);
    ask(&mut uart);

    // Noise that looks like a huge payload.
    uart.write_all(b"POSTCARD\n\xff\xff\xff\xff\x7fwhatever")
        .unwrap();
    assert!(soon(&mut uart).starts_with("!too-large POSTCARD"));
    ask(&mut uart);
}

#[test]
fn the_uart_recovers_from_bursts_of_random_noise() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut uart = board.serial();
    let mut state = 2_463_534_242_u32;
    for burst in 0..20 {
        let mut noise = vec![0; 1 + burst * 50];
        for byte in &mut noise {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state.to_le_bytes()[1];
        }
        uart.write_all(&noise).unwrap();
        // The line feed ends a name, and the pause in `soon` starts a new conversation.
        uart.write_all(b"\n").unwrap();
        let _ = soon(&mut uart);
        ask(&mut uart);
    }
}

#[test]
fn an_incomplete_request_on_the_uart_times_out() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut uart = board.serial();
    uart.write_all(b"STRING\nhalf a li").unwrap();
    let error = "!timed-out STRING: request took too long\n";
    assert_eq!(running::line(&mut uart), error);
    thread::sleep(Duration::from_millis(300));
    ask(&mut uart);
}

#[test]
fn the_uart_and_the_network_are_served_at_once() {
    let Some(board) = Board::server() else {
        return;
    };
    let (mut uart, mut stream) = (board.serial(), board.connect());
    uart.write_all(b"STRING\nhal").unwrap();
    stream.write_all(b"STRING\nhal").unwrap();
    uart.write_all(b"f\n").unwrap();
    assert_eq!(running::line(&mut uart), "Thank you.\n");
    stream.write_all(b"f\n").unwrap();
    assert_eq!(running::line(&mut stream), "Thank you.\n");
}

#[test]
fn a_person_in_plain_text_and_a_program_by_link_share_the_boards_uart() {
    let Some(mut board) = Board::server() else {
        return;
    };
    let mut uart = board.serial();
    ask(&mut uart);

    let mut port = Port::new("board");
    uart.set_nonblocking(true).unwrap();
    port.plug(uart.try_clone().unwrap().into(), Noise::all(1000));
    let mut client = connect_to(&port);
    let value = commands::value();
    for number in 0..100 {
        assert_eq!(client.call(STRING, TEXT).unwrap(), "Thank you.");
        assert_eq!(client.call(POSTCARD, &value).unwrap(), "Received.");
        if number % 10 == 0 {
            client.send(GOB, &value).unwrap();
        }
    }
    client.finish().unwrap();
    let damaged = port.damaged();
    assert!(damaged > 5, "{damaged} damaged bytes");
    assert!(board.says("received STRING \"Additional data.\"", PATIENCE));

    // Without noise the board learns for sure that the link is closed.
    port.plug(uart.try_clone().unwrap().into(), Noise::NONE);
    connect_to(&port).finish().unwrap();
    thread::sleep(Duration::from_millis(300));
    port.pull();

    uart.set_nonblocking(false).unwrap();
    ask(&mut uart);
}

/// Connects over a link.
fn connect_to(port: &Port) -> Client {
    let builder = Client::builder().network(Network::Serial);
    builder.connect(port.path().to_str().unwrap()).unwrap()
}

/// Sends a request and checks that the next bytes are its reply.
#[track_caller]
fn ask(uart: &mut TcpStream) {
    uart.write_all(b"STRING\nhi\n").unwrap();
    let mut reply = [0; 11];
    uart.read_exact(&mut reply).unwrap();
    assert_eq!(reply.escape_ascii().to_string(), "Thank you.\\n");
}
