//! A custom format, which a person can type: `cargo run -p bellwire --example own_format`

use bellwire::format::{EncodeError, Frame};
use bellwire::{
    ClientConnection, Command, DecodeError, DecodeErrorKind, Endpoint, Format, Line,
    ServerConnection,
};
use std::error::Error;

/// Two numbers on a line: `3 -4`.
enum Point {}

impl Format for Point {
    type Value<'a> = (i32, i32);
    type Sent<'a> = (i32, i32);
    // A reply needs no prefix: no number begins with ! or >.
    const PREFIX: &'static [u8] = b"";

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        Line::frame(input, progress)
    }

    fn decode(payload: &[u8]) -> Result<(i32, i32), DecodeError> {
        let text = Line::decode(payload)?;
        let (x, y) = text.split_once(' ').ok_or(DecodeErrorKind::Truncated)?;
        let number = |text: &str| text.parse().map_err(|_| DecodeErrorKind::BadValue);
        Ok((number(x)?, number(y)?))
    }

    fn encode((x, y): (i32, i32), space: &mut [u8]) -> Result<usize, EncodeError> {
        Line::encode(&format!("{x} {y}"), space)
    }
}

const MIRROR: Command<Point, Point> = Command::new("MIRROR");

fn main() -> Result<(), Box<dyn Error>> {
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint.handle(MIRROR, &|(), (x, y), reply| reply.send((y, x)))?;
    let (mut rx, mut tx) = ([0; 64], [0; 320]);
    let mut server = ServerConnection::new(&mut rx, &mut tx);
    let mut answer = |request: &[u8]| {
        server.reset();
        server.space()[..request.len()].copy_from_slice(request);
        server.received(request.len());
        server.advance(&mut endpoint.with(&mut ()));
        server.pending().to_vec()
    };
    let (mut rx, mut tx) = ([0; 160], [0; 64]);
    let mut client = ClientConnection::new(&mut rx, &mut tx);
    client.request(MIRROR, (3, -4))?;
    let reply = answer(client.pending());
    client.space()[..reply.len()].copy_from_slice(&reply);
    client.received(reply.len());
    assert!(client.has_reply()?);
    assert_eq!(client.reply(MIRROR)?, (-4, 3));

    let error = answer(b"MIRROR\n3 four\n");
    assert!(error.starts_with(b"!malformed MIRROR"));
    Ok(())
}
