//! Tests of the board with command-line clients: `bellwire connect` and netcat.

use crate::process::{run, text};
use bellwire_tests::board::{Board, PATIENCE};
use bellwire_tests::not_tested;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

#[test]
fn bellwire_connect_talks_to_the_board() {
    let Some(mut board) = Board::server() else {
        return;
    };
    let address = board.address.to_string();
    for (format, replies) in [
        ("gob", "Thank you.\n"),
        ("postcard", "Thank you.\nReceived.\n"),
    ] {
        let output = run(&["connect", &address, "--format", format]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), replies);
        assert!(board.says("received STRING \"Additional data.\"", PATIENCE));
        assert!(board.says("received inner N=256 S=\"Recursive structs?", PATIENCE));
    }
}

#[test]
fn bellwire_list_shows_the_boards_commands_and_topic() {
    let Some(board) = Board::server() else {
        return;
    };
    let output = run(&["list", &board.address.to_string()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let data = "complexData{N: i64, S: str, M: {str: i64}, P: bytes, C: ?^complexData}";
    assert_eq!(
        text(&output.stdout),
        format!(
            "STRING   line -> line\nPOSTCARD postcard {data} -> line\nGOB      gob {data}\n>TICK    postcard u64\n"
        )
    );
}

#[test]
fn bellwire_watch_prints_the_boards_seconds() {
    let Some(board) = Board::server() else {
        return;
    };
    let output = run(&["watch", &board.address.to_string(), "TICK", "--count", "2"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let values = text(&output.stdout).lines().map(|line| {
        let (before, value) = line.split_once(r#","topic":"TICK","value":"#).expect(line);
        assert!(before.starts_with(r#"{"time":""#), "{line}");
        value.trim_end_matches('}').parse::<u64>().unwrap()
    });
    let values: Vec<_> = values.collect();
    assert_eq!(values, [values[0], values[0] + 1]);
}

#[test]
fn netcat_talks_to_the_board_over_tcp_and_over_the_uart() {
    let Some(board) = Board::server() else {
        return;
    };
    for address in [board.address, board.uart] {
        let answer = match netcat(address, "STRING\nhi\nNOPE\n", 2) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return not_tested("netcat and the board", "nc is not installed");
            }
            answer => answer.unwrap(),
        };
        let unknown = "!unknown-command no command is named \"NOPE\"";
        assert_eq!(answer, ["Thank you.", unknown]);
    }
}

/// Types `typed` into netcat and returns the first `count` lines that it shows.
fn netcat(address: SocketAddr, typed: &str, count: usize) -> io::Result<Vec<String>> {
    let mut nc = Command::new("nc")
        .args([address.ip().to_string(), address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = nc.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    let stdout = BufReader::new(nc.stdout.take().unwrap());
    let (show, shown) = channel();
    thread::spawn(move || {
        stdout
            .lines()
            .take(count)
            .try_for_each(|line| show.send(line))
    });
    let lines = (0..count).map(|_| shown.recv_timeout(PATIENCE));
    let lines: Vec<_> = lines.collect();
    nc.kill().unwrap();
    nc.wait().unwrap();
    Ok(lines
        .into_iter()
        .map(|line| line.unwrap().unwrap())
        .collect())
}
