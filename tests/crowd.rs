//! Ten thousand connections to the demo's server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

const CROWD: usize = 10_000;

#[test]
fn ten_thousand_connections_are_used_and_drained_without_a_lost_reply() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_bellwire"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim_end().strip_prefix("listening on ").unwrap();

    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            stream
        })
        .collect();
    for _ in 0..2 {
        for stream in &mut crowd {
            stream.write_all(b"STRING\nhi\n").unwrap();
        }
        for stream in &mut crowd {
            let mut reply = [0; 11];
            stream.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"Thank you.\n");
        }
    }

    // The server is told to stop while a request of each is on its way.
    for stream in &mut crowd {
        stream.write_all(b"STRING\nhi\n").unwrap();
    }
    let pid = server.id().to_string();
    let kill = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(kill.unwrap().success());
    for stream in &mut crowd {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "Thank you.\n");
    }
    assert!(server.wait().unwrap().success());
}
