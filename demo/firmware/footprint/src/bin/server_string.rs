//! A server of STRING.
#![no_std]
#![no_main]

use bellwire::{Command, Endpoint, Line, ServerConnection, blocking};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");

struct App;

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut app = App;
    let mut endpoint = Endpoint::<App, 1>::new();
    // The endpoint has room for the command.
    let _ = endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."));
    let mut connection = ServerConnection::new(rx, tx);
    let state = size_of_val(&endpoint) + size_of_val(&connection);
    let _ = blocking::serve(&mut uart, &mut endpoint.with(&mut app), &mut connection);
    footprint::report(&mut uart, state, 0)
}
