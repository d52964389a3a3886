//! A server of STRING that publishes a line of text.
#![no_std]
#![no_main]

use bellwire::{Command, Endpoint, Line, ServerConnection, Topic, blocking};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
const TICK: Topic<Line> = Topic::new("TICK");

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
    let mut connection = ServerConnection::new(rx, tx).with_topics([TICK.name()]);
    let state = size_of_val(&endpoint) + size_of_val(&connection);
    loop {
        let goes_on = blocking::poll(&mut uart, &mut endpoint.with(&mut app), &mut connection);
        if goes_on != Ok(true) {
            break;
        }
        connection.publish(TICK, "tick");
    }
    footprint::report(&mut uart, state, 0)
}
