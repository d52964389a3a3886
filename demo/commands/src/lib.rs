//! The conversation of the demo's two ends: commands, values and handlers.
//!
//! Host, firmware and tests serve exactly these commands.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

pub mod shown;

use bellwire::complex_data::Level;
use bellwire::schema::Description;
use bellwire::{Command, ComplexData, Gob, Line, NoReply, Postcard, Reply, ReplySent, Topic};

/// The port of the Go tutorial's program.
pub const PORT: u16 = 61000;

/// Sends a line of text; the server replies "Thank you.".
pub const STRING: Command<Line, Line> = Command::new("STRING");

/// Sends a structure in postcard's encoding; the server replies "Received.".
pub const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");

/// Sends the same structure in Go's gob encoding. As in the tutorial, it has no reply. Go defines two types
/// for it; the decoder has space for eight.
pub const GOB: Command<Gob<ComplexData, 8>, NoReply> = Command::new("GOB");

/// The seconds since the server started, published each second.
pub const TICK: Topic<Postcard<u64>> = Topic::new("TICK");

/// All commands and topics, for `HELP` and `SCHEMA`.
pub const COMMANDS: &[Description] = &[
    STRING.describe(),
    POSTCARD.describe(),
    GOB.describe(),
    TICK.describe(),
];

/// The text that the client sends with [`STRING`].
pub const TEXT: &str = "Additional data.";

/// Watches a conversation: always the server's side, and optionally the client's.
pub trait Observer {
    /// A text arrived at the server with [`STRING`].
    fn text(&mut self, text: &str);

    /// A structure arrived at the server.
    fn data(&mut self, data: &ComplexData);

    /// The client sends a text with [`STRING`].
    fn sends_text(&mut self, text: &str) {
        let _ = text;
    }

    /// The client sends a structure with `command`.
    fn sends_data(&mut self, command: &str, data: &ComplexData) {
        let _ = (command, data);
    }

    /// The client received `reply`.
    fn hears(&mut self, reply: &str) {
        let _ = reply;
    }
}

/// The handler of [`STRING`].
pub fn string(app: &mut impl Observer, text: &str, reply: Reply<'_, Line>) -> ReplySent {
    app.text(text);
    reply.send("Thank you.")
}

/// The handler of [`POSTCARD`].
#[allow(clippy::needless_pass_by_value)] // a handler receives the decoded value
pub fn postcard(app: &mut impl Observer, data: ComplexData, reply: Reply<'_, Line>) -> ReplySent {
    app.data(&data);
    reply.send("Received.")
}

/// The handler of [`GOB`].
#[allow(clippy::needless_pass_by_value)] // a handler receives the decoded value
pub fn gob(app: &mut impl Observer, data: ComplexData, reply: Reply<'_, NoReply>) -> ReplySent {
    app.data(&data);
    reply.none()
}

/// Returns the structure that the tutorial's client sends.
pub fn value() -> ComplexData {
    ComplexData {
        n: 23,
        s: text("string data"),
        m: map(&[("one", 1), ("two", 2), ("three", 3)]),
        p: heapless::Vec::from_iter(*b"abc"),
        c: Some(Level {
            n: 256,
            s: text("Recursive structs? Piece of cake!"),
            m: map(&[("01", 1), ("10", 2), ("11", 3)]),
            ..Level::default()
        }),
    }
}

fn text<const N: usize>(text: &str) -> heapless::String<N> {
    text.chars().collect()
}

fn map(entries: &[(&str, i64)]) -> heapless::LinearMap<heapless::String<16>, i64, 8> {
    entries.iter().map(|(key, n)| (text(key), *n)).collect()
}
