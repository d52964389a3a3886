//! A Go program and Bellwire talk to each other, over TCP on this machine.
//!
//! It needs Go: the program `go`, or the one that the environment variable `GO` names. Where there
//! is none, the tests say so and pass.

#[path = "gob_values/base64.rs"]
mod base64;
#[path = "gob_values/complex_data.rs"]
mod complex_data;

use bellwire::format::Format;
use bellwire::gob::Encoder;
use bellwire::{Caller, Command, Connection, Endpoint, Error, Fault, Gob, HeapComplexData, Line};
use bellwire::{Next, NoReply};
use complex_data::complex_data_json;
use serde_json::Value;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, Child, Stdio};

const ROUNDS: i64 = 100;
const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

/// The Go program, built once; `None` where there is no Go.
fn go_program() -> Option<&'static PathBuf> {
    bellwire_tests::go::program(env!("CARGO_TARGET_TMPDIR"))
}

fn mission() -> HeapComplexData {
    let map = |entries: [(&str, i64); 3]| entries.map(|(key, n)| (key.into(), n)).into();
    HeapComplexData {
        n: 23,
        s: "string data".into(),
        m: map([("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".into(),
        c: Some(Box::new(HeapComplexData {
            n: 256,
            s: "Recursive structs? Piece of cake!".into(),
            m: map([("01", 1), ("10", 2), ("11", 3)]),
            ..HeapComplexData::default()
        })),
    }
}

/// Values of many sizes, nestings and numbers.
fn values() -> Vec<HeapComplexData> {
    let mut values = vec![HeapComplexData::default(), mission()];
    for (shift, entries) in (0..64).zip(0..) {
        let n = i64::MIN >> shift;
        let text = "ß".repeat(shift * 5);
        values.push(HeapComplexData {
            n: if shift % 2 == 0 { n } else { !n },
            m: (0..entries).map(|n| (format!("{n}"), -n)).collect(),
            p: text.clone().into_bytes(),
            s: text,
            c: None,
        });
    }
    let mut nested = mission();
    for n in 0..13 {
        let c = Some(Box::new(nested));
        nested = HeapComplexData {
            n,
            c,
            ..HeapComplexData::default()
        };
    }
    values.push(nested);
    values
}

/// As Go prints it, which tells empty from absent.
fn go_json(data: &HeapComplexData) -> Value {
    let mut json = complex_data_json(data);
    let mut level = Some(&mut json);
    while let Some(Value::Object(fields)) = level {
        for field in ["M", "P"] {
            let empty = [Value::Object(serde_json::Map::new()), Value::from("")];
            if empty.contains(&fields[field]) {
                fields[field] = Value::Null;
            }
        }
        level = fields.get_mut("C");
    }
    json
}

#[test]
fn go_decodes_what_one_encoder_wrote() {
    let Some(program) = go_program() else { return };
    let mut encoder = Encoder::<HeapComplexData>::new();
    let mut space = vec![0; 8192];
    let mut stream = Vec::new();
    for value in values() {
        let size = encoder.encode(&value, &mut space).unwrap();
        stream.extend(&space[..size]);
    }
    let printed = check(program, &stream);
    let expected: Vec<Value> = values().iter().map(go_json).collect();
    assert_eq!(printed, expected);
}

#[test]
fn go_decodes_what_fresh_encoders_wrote() {
    let Some(program) = go_program() else { return };
    let mut space = vec![0; 8192];
    for value in values().into_iter().step_by(9) {
        let size = Gob::<HeapComplexData>::encode(&value, &mut space).unwrap();
        assert_eq!(check(program, &space[..size]), [go_json(&value)]);
    }
}

/// What Go's Decoder makes of a stream.
fn check(program: &PathBuf, stream: &[u8]) -> Vec<Value> {
    let mut child = process::Command::new(program)
        .arg("check")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let stream = stream.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&stream));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let lines = str::from_utf8(&output.stdout).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[derive(Default)]
struct App {
    texts: Vec<String>,
    values: Vec<HeapComplexData>,
}

#[test]
fn a_go_client_talks_to_bellwire() {
    let Some(program) = go_program() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = process::Command::new(program)
        .args(["client", "-rounds", &ROUNDS.to_string(), &address])
        .spawn()
        .unwrap();
    let mut client = Guard(client);
    let (mut stream, _) = listener.accept().unwrap();
    let mut app = App::default();
    serve(&mut stream, &mut app);
    assert!(client.0.wait().unwrap().success());
    let expected = (0..ROUNDS).map(|n| HeapComplexData {
        n: 23 + n,
        ..mission()
    });
    assert_eq!(app.values, expected.collect::<Vec<_>>());
    assert_eq!(app.texts.len(), 101);
    assert_eq!(app.texts[0], "Additional data.");
}

/// Serves one connection to its end.
fn serve(stream: &mut TcpStream, app: &mut App) {
    let mut endpoint = Endpoint::<App, 2>::new();
    endpoint
        .handle(STRING, &|app: &mut App, text: &str, reply| {
            app.texts.push(text.into());
            reply.send("Thank you.")
        })
        .unwrap();
    endpoint
        .handle(GOB, &|app: &mut App, data, reply| {
            app.values.push(data);
            reply.none()
        })
        .unwrap();
    let (mut rx, mut tx) = (vec![0; 1024], vec![0; 1024]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    loop {
        let next = connection.advance(&mut endpoint.with(app));
        let size = connection.pending().len();
        stream.write_all(connection.pending()).unwrap();
        connection.sent(size);
        match next {
            Next::Close => return,
            Next::Send => {}
            Next::Receive => match stream.read(connection.space()).unwrap() {
                0 => connection.end(),
                size => connection.received(size),
            },
        }
    }
}

#[test]
fn bellwire_talks_to_a_go_server() {
    let Some(program) = go_program() else { return };
    let server = process::Command::new(program)
        .args(["server", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Guard(server);
    let mut printed = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let mut next_line = || printed.next().unwrap().unwrap();
    let line = next_line();
    let address = line.strip_prefix("listening on ").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let (mut rx, mut tx) = (vec![0; 256], vec![0; 1024]);
    let mut caller = Caller::new(&mut rx, &mut tx);
    for round in 0..ROUNDS {
        let value = HeapComplexData {
            n: round,
            ..mission()
        };
        caller.request(STRING, "Additional data.").unwrap();
        exchange(&mut caller, &mut stream).unwrap();
        assert_eq!(caller.reply(STRING), Ok("Thank you."));
        caller.request(GOB, &value).unwrap();
        exchange(&mut caller, &mut stream).unwrap();
        assert_eq!(next_line(), "\"Additional data.\"");
        let line: Value = serde_json::from_str(&next_line()).unwrap();
        assert_eq!(line, go_json(&value));
    }
}

/// Sends a request, and receives the reply if there is to be one.
fn exchange(caller: &mut Caller<'_>, stream: &mut TcpStream) -> Result<(), Error<Infallible>> {
    let size = caller.pending().len();
    stream.write_all(caller.pending()).unwrap();
    caller.sent(size);
    while caller.is_waiting() && !caller.has_reply()? {
        match stream.read(caller.space()).unwrap() {
            0 => return Err(Fault::Truncated.into()),
            size => caller.received(size),
        }
    }
    Ok(())
}

/// A process that does not outlive its test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
