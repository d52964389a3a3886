//! A client that calls STRING.
#![no_std]
#![no_main]

use bellwire::blocking::Client;
use bellwire::{Command, Line};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut client = Client::new(&mut uart, rx, tx);
    let state = size_of_val(&client);
    let _ = client.call(STRING, "Additional data.");
    footprint::report(&mut uart, state, 0)
}
