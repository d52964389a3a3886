//! A client of STRING and of GOB.
#![no_std]
#![no_main]

use bellwire::blocking::Client;
use bellwire::complex_data::{Inner, Map};
use bellwire::{Command, ComplexData, Gob, Line, NoReply};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<ComplexData>, NoReply> = Command::new("GOB");

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut client = Client::new(&mut uart, rx, tx);
    let state = size_of_val(&client);
    let _ = client.call(STRING, "Additional data.");
    let _ = client.send(GOB, &value());
    footprint::report(&mut uart, state, 0)
}

/// The demo's structure, made without a panic where it would not fit.
fn value() -> ComplexData {
    let inner = Inner {
        n: 256,
        s: "Recursive structs? Piece of cake!"
            .try_into()
            .unwrap_or_default(),
        m: map(&[("01", 1), ("10", 2), ("11", 3)]),
        ..Inner::default()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().unwrap_or_default(),
        m: map(&[("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().unwrap_or_default(),
        c: Some(inner),
    }
}

fn map(entries: &[(&str, i64)]) -> Map {
    let mut map = Map::new();
    for (key, n) in entries {
        let _ = map.insert((*key).try_into().unwrap_or_default(), *n);
    }
    map
}
