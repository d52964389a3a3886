//! Both ends, with every format as request and as reply. It links only if none of it can panic.
#![no_std]
#![no_main]

use bellwire::blocking::{self, Client};
use bellwire::gob::{Decoder, Encoder, Stream};
use bellwire::{Command, ComplexData, Endpoint, Line, NoReply, Postcard, ServerConnection};
use bellwire::{Gob, Printable, RawGob};
use cortex_m_rt::entry;
use firmware::uart::Uart;
use footprint::{RX, TX, value};

const NOTHING: Command<(), NoReply> = Command::new("NOTHING");
const EMPTY: Command<(), ()> = Command::new("EMPTY");
const LINE: Command<Line, Line> = Command::new("LINE");
const TEXT: Command<Postcard<str>, Postcard<str>> = Command::new("TEXT");
const POSTCARD: Command<Postcard<ComplexData>, Postcard<ComplexData>> = Command::new("POSTCARD");
const GOB: Command<Gob<ComplexData>, Gob<ComplexData>> = Command::new("GOB");
const RAW: Command<RawGob, RawGob> = Command::new("RAW");

struct App {
    decoder: Decoder<'static>,
    encoder: Encoder<ComplexData>,
}

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX], [u8; 128]) = ([0; RX], [0; TX], [0; 128]);

    let (rx, tx, memory) = BUFFERS;
    let mut uart = Uart::zero();

    let mut app = App {
        decoder: Decoder::new(memory),
        encoder: Encoder::new(),
    };
    let mut endpoint = Endpoint::<App, 7>::new();
    // The endpoint has room for all commands.
    let _ = endpoint.handle(NOTHING, &|_app, (), reply| reply.none());
    let _ = endpoint.handle(EMPTY, &|_app, (), reply| reply.send(()));
    let _ = endpoint.handle(LINE, &|_app, text, reply| reply.send(text));
    let _ = endpoint.handle(TEXT, &|_app, text, reply| reply.send(&text));
    let _ = endpoint.handle(POSTCARD, &|_app, data, reply| reply.send(&data));
    let _ = endpoint.handle(GOB, &|_app, data, reply| reply.send(&data));
    let _ = endpoint.handle(RAW, &|app, payload, reply| {
        let mut space = [0; 512];
        let decoded = app.decoder.decode::<ComplexData>(payload);
        let encoded = decoded.map(|data| app.encoder.encode(&data, &mut space));
        match encoded {
            Ok(Ok(size)) => reply.send(space.get(..size).unwrap_or(&[])),
            _ => reply.refuse("not a ComplexData"),
        }
    });

    let mut connection = ServerConnection::new(rx, tx);
    let mut service = endpoint.with(&mut app);
    let _ = blocking::serve(&mut uart, &mut service, &mut connection);
    drop(service);

    let mut client = Client::new(&mut uart, rx, tx);
    let _ = client.send(NOTHING, ());
    let _ = client.call(EMPTY, ());
    let mut shown = 0usize;
    if let Ok(text) = client.call(LINE, "text") {
        let text = Printable::new(text).quoted().at_most(8);
        text.write_to(&mut |part| shown = shown.wrapping_add(part.len()));
    }
    let _ = client.call(TEXT, &"text");
    let _ = client.call(POSTCARD, &value());
    let _ = client.call(GOB, &value());
    if let Ok(raw) = client.call(RAW, &[3, 4, 0, 6]) {
        let _ = Stream::new(raw).next::<ComplexData>();
    }
    let _ = client.finish();
    footprint::report(&mut uart, shown, 0)
}
