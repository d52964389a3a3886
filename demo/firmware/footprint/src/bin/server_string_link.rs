//! A server of STRING over a reliable link.
#![no_std]
#![no_main]

use bellwire::link::{Link, blocking::Stream};
use bellwire::{Command, Endpoint, Line, ServerConnection, blocking};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");
/// The buffers' bytes for the conversation. The link is lent the others.
const CONVERSATION: usize = 256;

struct App;

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let (rx, link_rx) = rx.split_at_mut(CONVERSATION);
    let (tx, link_tx) = tx.split_at_mut(CONVERSATION);
    // A clock that stands still is the smallest: the timing is not measured.
    let link = Link::listen(link_rx, link_tx, 1);
    let mut stream = Stream::new(Uart::zero(), link, || 0);

    let mut app = App;
    let mut endpoint = Endpoint::<App, 1>::new();
    // The endpoint has room for the command.
    let _ = endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."));
    let mut connection = ServerConnection::new(rx, tx);
    let state = size_of_val(&endpoint) + size_of_val(&connection) + size_of_val(&stream)
        - size_of::<Uart>();
    let _ = blocking::serve(&mut stream, &mut endpoint.with(&mut app), &mut connection);
    let (mut uart, _) = stream.into_parts();
    footprint::report(&mut uart, state, 0)
}
