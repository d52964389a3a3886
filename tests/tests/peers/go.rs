//! Exchanges between a Go program and Bellwire over TCP on this machine.

use crate::go_json::{go_json, parsed};
use bellwire::gob::Encoder;
use bellwire::topics::{Published, Subscriptions};
use bellwire::{ClientConnection, Error, ErrorKind, Format, Gob, HeapComplexData, Line, Next};
use bellwire::{ServerConnection, Topic};
use bellwire_tests::go::{Go, PATIENCE};
use bellwire_tests::gob_exchange::{
    GOB, ROUNDS, Received, STRING, go_client, go_server, tutorial, value_of,
};
use serde_json::Value;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Returns values of many sizes, depths and numbers.
fn values() -> Vec<HeapComplexData> {
    let mut values = vec![HeapComplexData::default(), tutorial()];
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
    let mut nested = tutorial();
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

#[test]
fn go_decodes_the_stream_of_one_encoder() {
    let Some(go) = Go::find() else { return };
    let mut encoder = Encoder::<HeapComplexData>::new();
    let mut space = vec![0; 8192];
    let mut stream = Vec::new();
    for value in values() {
        let size = encoder.encode(&value, &mut space).unwrap();
        stream.extend(&space[..size]);
    }
    let printed = decode_in_go(go, &stream);
    let expected: Vec<Value> = values().iter().map(go_json).collect();
    assert_eq!(printed, expected);
}

#[test]
fn go_decodes_each_payload_of_a_fresh_encoder() {
    let Some(go) = Go::find() else { return };
    let mut space = vec![0; 8192];
    for value in values().into_iter().step_by(9) {
        let size = Gob::<HeapComplexData>::encode(&value, &mut space).unwrap();
        assert_eq!(decode_in_go(go, &space[..size]), [go_json(&value)]);
    }
}

/// Returns the values that Go's Decoder reads from `stream`.
fn decode_in_go(go: &Go, stream: &[u8]) -> Vec<Value> {
    let lines = go.run(&["check"], stream).end();
    lines.iter().map(|line| parsed(line)).collect()
}

/// A line of text.
const LOG: Topic<Line> = Topic::new("LOG");

#[test]
fn bellwire_serves_a_go_client_and_sends_it_no_push() {
    let Some(go) = Go::find() else { return };
    let (listener, address) = listen();
    let client = go_client(go, address);
    let mut stream = accept(&listener);
    let mut received = Received::default();
    let mut publishes = 0;
    let sent = serve(&mut stream, &mut received, |connection| {
        publishes += 1;
        assert_eq!(connection.publish(LOG, "a line"), Published::NotSubscribed);
    });
    client.end();
    received.is_all_that_go_sent();
    let texts = usize::try_from(ROUNDS).unwrap() + 1;
    assert!(publishes >= texts);
    assert_eq!(sent, b"Thank you.\n".repeat(texts));
}

#[test]
fn a_go_program_subscribes_and_gets_each_line_or_its_loss_between_the_replies() {
    let Some(go) = Go::find() else { return };
    let (listener, address) = listen();
    let client = go.run(&["subscribe", &address.to_string(), "LOG"], b"");
    let mut stream = accept(&listener);
    let mut received = Received::default();
    let (mut published, mut lost) = (0, 0);
    serve(&mut stream, &mut received, |connection| {
        // Not all of these fit the transmit buffer.
        for _ in 0..100 {
            match connection.publish(LOG, &format!("line {}", published + 1)) {
                Published::NotSubscribed => break,
                Published::Queued => published += 1,
                Published::Lost => (published, lost) = (published + 1, lost + 1),
            }
        }
    });
    let (mut newest, mut told, mut replies) = (0, 0, Vec::new());
    for line in client.end() {
        if let Some(number) = line.strip_prefix("push LOG line ") {
            newest += 1;
            assert_eq!(number.parse(), Ok(newest));
        } else if let Some(count) = line.strip_prefix("lost LOG ") {
            let count: u32 = count.parse().expect("a number");
            (newest, told) = (newest + count, told + count);
        } else {
            replies.push(line);
        }
    }
    assert_eq!((newest, told), (published, lost));
    assert!(lost > 0 && published > lost, "{lost} of {published}");
    let thanks = ["reply Thank you."; 10];
    let expected = [&["reply OK"][..], &thanks, &["reply OK", thanks[0]]].concat();
    assert_eq!(replies, expected);
}

fn listen() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return patient(stream),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
        assert!(Instant::now() < deadline, "no client connected");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sets timeouts for the reads and writes of `stream`.
fn patient(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(false).unwrap();
    // TCP acknowledges a request without a reply late. The next request must not wait for that.
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Serves one connection until it closes, and publishes whenever it has answered. Returns the bytes sent.
fn serve(
    stream: &mut TcpStream,
    received: &mut Received,
    mut publish: impl FnMut(&mut ServerConnection<'_, Subscriptions<1>>),
) -> Vec<u8> {
    let endpoint = Received::endpoint();
    let (mut rx, mut tx) = (vec![0; 1024], vec![0; 1024]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([LOG.name()]);
    let mut sent = Vec::new();
    loop {
        let next = connection.advance(&mut endpoint.with(received));
        publish(&mut connection);
        while !connection.pending().is_empty() {
            let size = stream.write(connection.pending()).unwrap();
            sent.extend(&connection.pending()[..size]);
            connection.sent(size);
        }
        match next {
            Next::Close => return sent,
            Next::Send => {}
            Next::Receive => match stream.read(connection.space()).unwrap() {
                0 => connection.end(),
                size => connection.received(size),
            },
        }
    }
}

#[test]
fn a_bellwire_client_calls_a_go_server() {
    let Some(go) = Go::find() else { return };
    let (server, address) = go_server(go, "127.0.0.1");
    let mut stream = patient(TcpStream::connect(address).unwrap());
    let (mut rx, mut tx) = (vec![0; 256], vec![0; 1024]);
    let mut caller = ClientConnection::new(&mut rx, &mut tx);
    for value in (0..ROUNDS).map(value_of) {
        caller.request(STRING, "Additional data.").unwrap();
        exchange(&mut caller, &mut stream).unwrap();
        assert_eq!(caller.reply(STRING), Ok("Thank you."));
        caller.request(GOB, &value).unwrap();
        exchange(&mut caller, &mut stream).unwrap();
        assert_eq!(server.line(), "\"Additional data.\"");
        assert_eq!(parsed(&server.line()), go_json(&value));
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn bellwire_over_smoltcp_exchanges_gobs_with_go() {
    bellwire_tests::not_tested("against Go over smoltcp", "this is not Linux");
}

/// Sends a request, and receives its reply if the command has one.
fn exchange(
    caller: &mut ClientConnection<'_>,
    stream: &mut TcpStream,
) -> Result<(), Error<Infallible>> {
    let size = caller.pending().len();
    stream.write_all(caller.pending()).unwrap();
    caller.sent(size);
    while caller.is_waiting() && !caller.has_reply()? {
        match stream.read(caller.space()).unwrap() {
            0 => return Err(ErrorKind::Truncated.into()),
            size => caller.received(size),
        }
    }
    Ok(())
}
