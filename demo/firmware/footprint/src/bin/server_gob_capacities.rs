//! A server of STRING, of GOB, and of another command whose structure has other capacities.
#![no_std]
#![no_main]

use bellwire::complex_data::WithCapacities;
use bellwire::{Command, ComplexData, Endpoint, Gob, Line, NoReply, ServerConnection, blocking};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<ComplexData, 8>, NoReply> = Command::new("GOB");
const SMALL: Command<Gob<Small, 8>, NoReply> = Command::new("SMALL");

type Small = WithCapacities<48, 32, 4, 12>;

struct App {
    last: Option<ComplexData>,
    small: Option<Small>,
}

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut app = App {
        last: None,
        small: None,
    };
    let mut endpoint = Endpoint::<App, 3>::new();
    // The endpoint has room for all commands.
    let _ = endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."));
    let _ = endpoint.handle(GOB, &|app, data, reply| {
        app.last = Some(data);
        reply.none()
    });
    let _ = endpoint.handle(SMALL, &|app, data, reply| {
        app.small = Some(data);
        reply.none()
    });
    let mut connection = ServerConnection::new(rx, tx);
    let state = size_of_val(&endpoint) + size_of_val(&connection);
    let _ = blocking::serve(&mut uart, &mut endpoint.with(&mut app), &mut connection);
    footprint::report(&mut uart, state, size_of_val(&app))
}
