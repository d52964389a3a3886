//! A server of STRING and POSTCARD that answers HELP and SCHEMA.
#![no_std]
#![no_main]

use bellwire::schema::Description;
use bellwire::{Command, ComplexData, Endpoint, Line, Postcard, ServerConnection, blocking};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");
const COMMANDS: &[Description] = &[STRING.describe(), POSTCARD.describe()];

struct App {
    last: Option<ComplexData>,
}

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();

    let mut app = App { last: None };
    let mut endpoint = Endpoint::<App, 2>::new();
    // The endpoint has room for both commands.
    let _ = endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."));
    let _ = endpoint.handle(POSTCARD, &|app, data, reply| {
        app.last = Some(data);
        reply.send("Received.")
    });
    let mut connection = ServerConnection::new(rx, tx);
    let state = size_of_val(&endpoint) + size_of_val(&connection);
    let _ = blocking::serve(
        &mut uart,
        &mut endpoint.with_help(&mut app, COMMANDS),
        &mut connection,
    );
    footprint::report(&mut uart, state, size_of_val(&app))
}
