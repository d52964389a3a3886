//! A client that calls STRING and POSTCARD.
#![no_std]
#![no_main]

use bellwire::blocking::Client;
use bellwire::{Command, ComplexData, Line, Postcard};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX, value};

const STRING: Command<Line, Line> = Command::new("STRING");
const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut client = Client::new(&mut uart, rx, tx);
    let state = size_of_val(&client);
    let _ = client.call(STRING, "Additional data.");
    let _ = client.call(POSTCARD, &value());
    footprint::report(&mut uart, state, 0)
}
