//! A session's memory and work are bounded by its input. Work is counted, not timed.

use super::conversations::{pieces, sizes};
use super::each;
use bellwire::Gob;
use bellwire::format::{EncodeError, Frame};
use bellwire::{
    Buffer, ClientConnection, Command, DecodeError, Format, Limits, Line, NoReply, Reply,
    ReplySent, Route, ServerConnection, Service, Session, Step, Topic,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::Cell;

thread_local! {
    /// The calls of `frame`, and the number of bytes that they examined.
    static ASKED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    /// The number of elements decoded.
    static ELEMENTS: Cell<usize> = const { Cell::new(0) };
}

/// The format of lines, with examined bytes counted.
enum CountedLine {}

impl Format for CountedLine {
    type Value<'a> = &'a str;
    type Sent<'a> = &'a str;
    const PREFIX: &'static [u8] = b"";

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        let before = *progress;
        let frame = Line::frame(input, progress);
        let (asked, looked) = ASKED.get();
        ASKED.set((asked + 1, looked + *progress - before));
        frame
    }

    fn decode(payload: &[u8]) -> Result<&str, DecodeError> {
        Line::decode(payload)
    }

    fn encode(text: &str, space: &mut [u8]) -> Result<usize, EncodeError> {
        Line::encode(text, space)
    }
}

const SAY: Command<CountedLine, Line> = Command::new("SAY");
const NOTE: Command<CountedLine, NoReply> = Command::new("NOTE");

/// A service that counts its lookups and calls.
#[derive(Default)]
struct Counted {
    found: Cell<usize>,
    called: usize,
}

impl Service for Counted {
    fn find(&self, name: &[u8]) -> Option<Route> {
        self.found.set(self.found.get() + 1);
        match name {
            b"SAY" => Some(SAY.route(0)),
            b"NOTE" => Some(NOTE.route(1)),
            _ => None,
        }
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        self.called += 1;
        if index == 0 {
            let say = |text, reply: Reply<'_, Line>| reply.send(text);
            Command::<CountedLine, Line>::answer(payload, reply, say)
        } else {
            let note = |_, reply: Reply<'_, NoReply>| reply.none();
            Command::<CountedLine, NoReply>::answer(payload, reply, note)
        }
    }
}

/// Lines of all lengths, as payloads of commands and alone.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => Just(b"SAY\n".to_vec()),
        2 => Just(b"NOTE\n".to_vec()),
        4 => (0usize..150).prop_map(|size| [vec![b'x'; size], vec![b'\n']].concat()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(word, 0..20).prop_map(|words| words.concat())
}

#[test]
fn a_sessions_memory_is_bounded_by_its_limits_and_its_work_by_its_input() {
    let limits = Limits {
        name: 16,
        payload: 100,
        reply: 100,
        skip: 200,
    };
    each((lines(), sizes()), |(input, sizes)| {
        ASKED.set((0, 0));
        let mut service = Counted::default();
        let mut memory = [0; 200];
        let mut out = Buffer::new(&mut memory);
        let mut session = Session::new(limits);
        let (mut start, mut arrived) = (0, 0);
        let (mut parts, mut steps, mut waits) = (pieces(&input, &sizes), 0, 0);
        loop {
            steps += 1;
            let mut window = &input[start..arrived];
            let step = session.next(&mut service, &mut window, &mut out);
            start = arrived - window.len();
            match step {
                Step::Receive => {
                    waits += 1;
                    assert!(window.len() < limits.payload, "{} kept", window.len());
                    match parts.next() {
                        Some(part) => arrived += part.len(),
                        None => break,
                    }
                }
                Step::Send => out.clear(),
                Step::Request { index, payload } => {
                    let answered = service.call(index, payload, session.reply(&mut out));
                    session.answered(answered, &mut service, &mut out);
                }
                Step::Close => break,
            }
        }
        let lines = input[..arrived].split(|byte| *byte == b'\n').count() - 1;
        assert!(service.found.get() <= lines);
        assert!(service.called <= lines);
        // Each line has one answer or error line. Each of these, and each wait, may need a send first.
        assert!(
            steps <= 2 * (lines + 1 + waits),
            "{steps} steps for {lines} lines"
        );
        let (asked, looked) = ASKED.get();
        assert!(asked <= lines + steps);
        assert!(looked <= arrived, "looked at {looked} bytes of {arrived}");
    });
}

#[test]
fn a_client_asks_for_the_end_of_a_push_once_for_each_receipt() {
    const NEWS: Topic<CountedLine> = Topic::new("NEWS");
    let push = (0usize..150).prop_map(|size| format!(">NEWS\n{}\n", "x".repeat(size)));
    let message = prop_oneof![push, Just(">NEWS +7\n".to_owned())];
    each((vec(message, 0..20), sizes()), |(messages, sizes)| {
        ASKED.set((0, 0));
        let (mut rx, mut tx) = ([0; 200], [0; 8]);
        let mut heard = 0;
        let client = ClientConnection::new(&mut rx, &mut tx);
        let mut client = client.with_topics([NEWS.untyped()], |_| heard += 1);
        let (input, mut receipts) = (messages.concat(), 0);
        for piece in pieces(input.as_bytes(), &sizes) {
            let mut rest = piece;
            while !rest.is_empty() {
                let space = client.space();
                let (now, later) = rest.split_at(rest.len().min(space.len()));
                space[..now.len()].copy_from_slice(now);
                client.received(now.len());
                rest = later;
                receipts += 1;
                assert!(client.receive_pushes().is_ok());
            }
        }
        assert_eq!(heard, messages.len());
        let (asked, looked) = ASKED.get();
        assert!(asked <= receipts + heard, "asked {asked} times");
        assert!(looked <= input.len(), "looked at {looked} bytes");
    });
}

#[test]
fn a_repeated_command_is_looked_up_once() {
    let mut service = Counted::default();
    let (mut rx, mut tx) = ([0; 64], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    for _ in 0..3 {
        connection.space()[..12].copy_from_slice(b"SAY\na\nSAY\nb\n");
        connection.received(12);
        connection.advance(&mut service);
    }
    assert_eq!((service.found.get(), service.called), (1, 6));
}

/// An element that counts its decodings.
struct Element<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ELEMENTS.set(ELEMENTS.get() + 1);
        T::deserialize(deserializer).map(Element)
    }
}

impl<T: Serialize> Serialize for Element<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[test]
fn gob_decodes_at_most_one_element_for_each_byte() {
    let id = || select(&[0u8, 2, 8, 64, 65][..]).prop_map(gob_int);
    let slice = |name: u8| id().prop_map(move |of| [&[name, 2, 2], &*of, &[0, 0]].concat());
    let array = |name: u8| {
        let length = (0u8..50).prop_map(gob_int);
        let parts = (id(), length);
        parts.prop_map(move |(of, length)| [&[name, 1, 2], &*of, &[1], &*length, &[0, 0]].concat())
    };
    // Defines the types 64 and 65, then sends a value of any type.
    let first = prop_oneof![slice(0x7f), array(0x7f)];
    let second = slice(0x81).prop_map(|definition| [&[0xff], &*definition].concat());
    let numbers = vec(0u8..60, 0..200);
    let value = (id(), numbers).prop_map(|(of, numbers)| [&*of, &[0], &numbers].concat());
    each((first, second, value), |(first, second, value)| {
        ELEMENTS.set(0);
        let mut stream = Vec::new();
        for message in [first, second, value] {
            // The length of a longer message would take two bytes.
            let size = u8::try_from(message.len().min(127)).expect("at most 127");
            stream.push(size);
            stream.extend(&message[..size.into()]);
        }
        let _ = Gob::from_slice::<Vec<Vec<Element<i64>>>>(&stream);
        assert!(ELEMENTS.get() <= stream.len(), "{stream:02x?}");
    });
}

/// Encodes a signed number, such as a type ID, as gob does.
fn gob_int(number: u8) -> Vec<u8> {
    match number {
        ..64 => vec![number * 2],
        _ => vec![0xff, number * 2],
    }
}
