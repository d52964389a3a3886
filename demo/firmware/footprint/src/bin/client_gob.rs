//! A client that calls STRING and GOB.
#![no_std]
#![no_main]

use bellwire::blocking::Client;
use bellwire::{Command, ComplexData, Gob, Line, NoReply};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX, value};

const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<ComplexData, 8>, NoReply> = Command::new("GOB");

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
