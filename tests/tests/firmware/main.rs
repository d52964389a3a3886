//! Tests of the firmware on an emulated board, over TCP and over a noisy UART.

mod serial;

use bellwire::schema::Description;
use bellwire_std::{Client, Endpoint, Server};
use bellwire_tests::arrived::Arrived;
use bellwire_tests::bad_input::cases;
use bellwire_tests::board::{BOOT, Board, PATIENCE, soon};
use bellwire_tests::go::Go;
use bellwire_tests::image::path;
use bellwire_tests::running::{line, rest};
use commands::{COMMANDS, GOB, POSTCARD, STRING, TEXT};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn the_demos_client_talks_to_the_board() {
    let Some(mut board) = Board::server() else {
        return;
    };
    board.hears_the_demos_client();
    assert!(board.says("received STRING \"Additional data.\"", PATIENCE));
    assert!(board.says("received outer N=23 S=\"string data\"", PATIENCE));
    assert!(board.says("received inner N=256 S=\"Recursive structs?", PATIENCE));
}

#[test]
fn the_board_describes_its_commands_over_tcp_and_over_the_uart() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut client = Client::connect(board.address, PATIENCE).unwrap();
    client.check(COMMANDS).unwrap();
    drop(client);

    let requests = "HELP\nSCHEMA\nGOB\nSCHEMA\nNOPE\nSTRING\nhi\n";
    let line = |command: &Description| format!("{command} #{:08x}\n", command.fingerprint());
    let lines: String = COMMANDS.iter().map(line).collect();
    let gob = GOB.describe();
    let unknown = "!refused SCHEMA: no command is named \"NOPE\"";
    let replies = format!("OK\n{lines}\nOK\n{gob}\n\n{unknown}\nThank you.\n");
    assert_eq!(board.answer(requests), replies);
    let mut uart = board.serial();
    uart.write_all(requests.as_bytes()).unwrap();
    assert_eq!(soon(&mut uart), replies);
}

/// Subscribes to `TICK`, and calls a command between two values.
fn ticks_between_requests(mut stream: TcpStream) {
    let tick = |stream: &mut TcpStream| {
        assert_eq!(line(stream), ">TICK\n");
        let mut payload = [0; 2];
        stream.read_exact(&mut payload).unwrap();
        assert_eq!(payload[0], 1, "a number below 128");
        payload[1]
    };
    stream.write_all(b"SUBSCRIBE\nTICK\n").unwrap();
    assert_eq!(line(&mut stream), "OK\n");
    let first = tick(&mut stream);
    stream.write_all(b"STRING\nhi\n").unwrap();
    assert_eq!(line(&mut stream), "Thank you.\n");
    assert_eq!(tick(&mut stream), first + 1);
    stream.write_all(b"UNSUBSCRIBE\nTICK\n").unwrap();
    assert_eq!(line(&mut stream), "OK\n");
}

#[test]
fn the_board_publishes_its_seconds_between_answered_requests() {
    let Some(board) = Board::server() else {
        return;
    };
    ticks_between_requests(board.connect());
    ticks_between_requests(board.serial());
}

#[test]
fn a_client_in_go_talks_to_the_board() {
    let Some(go) = Go::find() else { return };
    let Some(mut board) = Board::server() else {
        return;
    };
    let address = board.address.to_string();
    go.run(&["client", "-rounds", "100", &address], b"").end();
    assert!(board.says("received inner N=256 S=\"Recursive structs?", PATIENCE));
}

#[test]
fn the_boards_client_talks_to_the_host() {
    let arrived = Arrived::default();
    let endpoint = Endpoint::<Arrived>::default();
    endpoint.handle(STRING, commands::string).unwrap();
    endpoint.handle(POSTCARD, commands::postcard).unwrap();
    let server = Server::bind("127.0.0.1:0", Arc::new(endpoint)).unwrap();
    let port = server.local_addr().tcp().unwrap().port();
    let shutdown = server.shutdown_handle();
    let app = arrived.clone();
    let serving = thread::spawn(move || server.run_with(move |_peer| app.clone()));
    // `Board::server` returns `None` if QEMU is not installed.
    if Board::server().is_some() {
        let mut board = Board::client(port);
        assert!(board.says("Thank you.", Duration::from_mins(5)));
        assert!(board.says("Received.", PATIENCE));
        assert!(board.exit(PATIENCE).success());
        let expected = (vec![TEXT.to_owned()], vec![commands::value()]);
        assert_eq!(arrived.take(), expected);
    }
    shutdown.stop();
    serving.join().unwrap().unwrap();
}

#[test]
fn a_panic_prints_the_addresses_of_its_calls_and_resets_the_board() {
    // `Board::server` returns `None` if QEMU is not installed.
    if Board::server().is_none() {
        return;
    }
    let mut board = Board::panic();
    let line = board.line_with("panicked at ", BOOT).unwrap();
    let calls = line.strip_prefix("panicked at ").unwrap().split(' ');
    let output = Command::new("addr2line")
        .args(["-f", "-e"])
        .arg(path("release", "panic"))
        .args(calls)
        .output()
        .unwrap();
    let code = String::from_utf8(output.stdout).unwrap();
    assert!(code.contains("beyond_the_end"), "{code}");
    assert!(code.contains("src/bin/panic.rs:24"), "{code}");
    // With -no-reboot, QEMU exits when the board resets.
    assert!(board.exit(PATIENCE).success());
}

#[test]
fn the_board_answers_every_bad_input_and_keeps_serving() {
    let Some(board) = Board::server() else {
        return;
    };
    for case in cases() {
        case.check_replies(&board.answer(&case.input));
        assert!(board.is_well(), "{}", case.name);
    }
}

#[test]
fn a_thousand_pipelined_requests_in_one_write_get_a_thousand_replies() {
    let Some(board) = Board::server() else {
        return;
    };
    let replies = board.answer("STRING\nhi\n".repeat(1000));
    assert_eq!(replies, "Thank you.\n".repeat(1000));
}

#[test]
fn three_clients_are_served_at_once_and_a_fourth_must_wait() {
    let Some(board) = Board::server() else {
        return;
    };
    thread::scope(|scope| {
        for mut stream in [board.connect(), board.connect(), board.connect()] {
            scope.spawn(move || {
                for _ in 0..100 {
                    stream.write_all(b"STRING\nhi\n").unwrap();
                    assert_eq!(line(&mut stream), "Thank you.\n");
                }
            });
        }
    });
    assert!(board.is_well());

    let mut streams = [board.connect(), board.connect(), board.connect()];
    for stream in &mut streams {
        stream.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(line(stream), "Thank you.\n");
    }
    assert_eq!(board.answer("STRING\nhi\n"), "", "all sockets are in use");
    let [first, others @ ..] = &mut streams;
    first.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(board.is_well());
    for stream in others {
        stream.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(line(stream), "Thank you.\n");
    }
}

#[test]
fn clients_that_vanish_do_not_disturb_others() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut other = board.connect();
    // Wait until this client has its socket.
    other.write_all(b"STRING\nhi\n").unwrap();
    assert_eq!(line(&mut other), "Thank you.\n");
    other.write_all(b"STRING\nhi").unwrap();
    for _ in 0..20 {
        let mut stream = board.connect();
        let _ = stream.write_all(b"STRING\nh");
        // A linger time of zero resets the connection.
        let socket = socket2::Socket::from(stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    other.write_all(b" there\n").unwrap();
    assert_eq!(line(&mut other), "Thank you.\n");
    assert!(board.is_well());
}

#[test]
fn a_request_may_arrive_byte_by_byte_but_must_be_complete_in_time() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut stream = board.connect();
    for byte in b"STRING\nhi\n" {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(line(&mut stream), "Thank you.\n");

    let mut trickle = stream.try_clone().unwrap();
    let trickling = thread::spawn(move || {
        for byte in b"STRING\n".iter().chain([b'x'].iter().cycle().take(100)) {
            if trickle.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(500));
        }
    });
    let begin = Instant::now();
    let error = "!timed-out STRING: request took too long\n";
    assert_eq!(rest(&mut stream), error);
    assert!(begin.elapsed() > Duration::from_secs(5));
    assert!(board.is_well());
    drop(stream);
    trickling.join().unwrap();
}

#[test]
fn a_client_that_never_reads_its_replies_is_disconnected_and_others_are_served() {
    let Some(board) = Board::server() else {
        return;
    };
    let mut stream = deaf(board.address);
    let begin = Instant::now();
    // The board stops reading requests while its replies are not read.
    while stream.write_all(&b"STRING\nhi\n".repeat(1000)).is_ok() {
        assert!(begin.elapsed() < PATIENCE, "the board keeps reading");
    }
    let mut others = [board.connect(), board.connect()];
    for stream in &mut others {
        stream.write_all(b"STRING\nhi\n").unwrap();
        assert_eq!(line(stream), "Thank you.\n");
    }
    // Two of the three sockets are in use, so the deaf client must have lost the third.
    assert!(board.is_well());
}

/// Connects with buffers so small that unread replies soon fill them.
fn deaf(address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.set_send_buffer_size(2048).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    let patience = Some(Duration::from_secs(2));
    stream.set_write_timeout(patience).unwrap();
    stream
}
