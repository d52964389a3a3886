//! A client that subscribes to lines of text, calls STRING, and waits for a line.
#![no_std]
#![no_main]

use bellwire::blocking::Client;
use bellwire::topics::SUBSCRIBE;
use bellwire::{Command, Line, Topic};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
const TICK: Topic<Line> = Topic::new("TICK");

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut heard = 0usize;
    let mut client = Client::new(&mut uart, rx, tx).with_topics([TICK.untyped()], |push| {
        heard = heard.wrapping_add(usize::from(push.value(TICK).is_some()));
    });
    let state = size_of_val(&client);
    let _ = client.call(SUBSCRIBE, TICK.name());
    let _ = client.call(STRING, "Additional data.");
    let _ = client.receive_pushes();
    footprint::report(&mut uart, state, heard)
}
