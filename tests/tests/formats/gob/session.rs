//! Gobs as payloads of a conversation: the end of each, and type definitions sent once for many values.

use bellwire::format::{EncodeError, Frame};
use bellwire::gob::{Decoder, Encoder};
use bellwire::{
    Command, ComplexData, DecodeErrorKind, Endpoint, Format, Gob, HeapComplexData, ServerConnection,
};
use bellwire::{Line, Next, NoReply, RawGob};
use bellwire_tests::gob_streams::{Place, TUTORIAL, VECTORS, bytes, tutorial, vectors};

/// The context of a server that counts its texts and keeps its values.
#[derive(Default)]
struct App {
    texts: usize,
    values: Vec<HeapComplexData>,
}

const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

fn endpoint() -> Endpoint<App, 2> {
    let mut endpoint = Endpoint::new();
    endpoint
        .handle(STRING, &|app: &mut App, _text, reply| {
            app.texts += 1;
            reply.send("Thank you.")
        })
        .unwrap();
    endpoint
        .handle(GOB, &|app: &mut App, data, reply| {
            app.values.push(data);
            reply.none()
        })
        .unwrap();
    endpoint
}

#[test]
fn no_split_of_the_bytes_hides_the_end_of_a_payload() {
    let mut payloads: Vec<_> = vectors().map(|(_, stream)| stream).collect();
    payloads.push(bytes(TUTORIAL));
    let mut count = 0;
    for payload in payloads {
        let Ok(value) = Gob::from_slice::<HeapComplexData>(&payload) else {
            continue;
        };
        let request = [b"GOB\n", &payload[..], b"STRING\nhi\n"].concat();
        let splits = (0..request.len()).map(|at| vec![at]);
        for split in splits.chain([(0..request.len()).collect()]) {
            let (endpoint, mut app) = (endpoint(), App::default());
            let (mut rx, mut tx) = (vec![0; 4096], [0; 512]);
            let mut connection = ServerConnection::new(&mut rx, &mut tx);
            let mut sent = 0;
            for end in split.into_iter().chain([request.len()]) {
                let part = &request[sent..end];
                connection.space()[..part.len()].copy_from_slice(part);
                connection.received(part.len());
                sent = end;
                let next = connection.advance(&mut endpoint.with(&mut app));
                assert_eq!(next, Next::Receive);
            }
            assert_eq!(connection.pending(), b"Thank you.\n");
            assert_eq!(app.values, std::slice::from_ref(&value));
            assert_eq!(app.texts, 1);
        }
        count += 1;
    }
    assert!(count > 20, "only {count} payloads");
}

#[test]
fn a_request_after_a_malformed_gob_is_answered() {
    const PUT: Command<Gob<ComplexData>, Line> = Command::new("PUT");
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(PUT, &|(), _data, reply| reply.send("Stored."))
        .unwrap();
    // A value whose S is not UTF-8, then a good value.
    let mut wrong = bytes(TUTORIAL);
    let at = wrong.windows(4).rposition(|four| four == b"stri").unwrap();
    wrong[at] = 0xff;
    let request = [b"PUT\n", &wrong[..], b"PUT\n", &bytes(TUTORIAL)].concat();
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    connection.space()[..request.len()].copy_from_slice(&request);
    connection.received(request.len());
    connection.advance(&mut endpoint.with(&mut ()));
    let replies = str::from_utf8(connection.pending()).unwrap();
    assert_eq!(
        replies,
        "!malformed PUT: invalid UTF-8 in field S\nStored.\n"
    );
}

#[test]
fn one_encoder_and_one_decoder_send_each_type_once() {
    let (mut memory, mut space) = ([0; 128], [0; 512]);
    let mut decoder = Decoder::new(&mut memory);
    let mut encoder = Encoder::<ComplexData>::new();
    let first = encoder.encode(&tutorial(), &mut space).unwrap();
    assert_eq!(space[..first], bytes(TUTORIAL));
    assert_eq!(decoder.decode(&space[..first]), Ok(tutorial()));
    for _ in 0..1000 {
        let size = encoder.encode(&tutorial(), &mut space).unwrap();
        assert_eq!(size, 98);
        assert_eq!(decoder.decode(&space[..size]), Ok(tutorial()));
    }
    // Like Go, the Decoder refuses the definitions of a second Encoder.
    assert_eq!(
        decoder.decode::<ComplexData>(&bytes(TUTORIAL)),
        Err(DecodeErrorKind::DuplicateType.into())
    );
    // The Decoder takes a second type if its ids differ.
    let mut places = Encoder::<Place, 70>::with_ids();
    let place = Place {
        room: "r".into(),
        seat: 1,
    };
    let size = places.encode(&place, &mut space).unwrap();
    assert_eq!(decoder.decode(&space[..size]), Ok(place));
}

#[test]
fn a_handler_of_raw_gob_may_feed_one_decoder() {
    const PUT: Command<RawGob, Line> = Command::new("PUT");
    struct Context<'m> {
        decoder: Decoder<'m>,
        values: u32,
    }
    let (mut memory, mut space) = ([0; 128], [0; 512]);
    let mut endpoint = Endpoint::<Context<'_>, 1>::new();
    endpoint
        .handle(
            PUT,
            &|context, payload, reply| match context.decoder.decode::<ComplexData>(payload) {
                Ok(data) if data == tutorial() => {
                    context.values += 1;
                    reply.send("Stored.")
                }
                _ => reply.refuse("not the tutorial's value"),
            },
        )
        .unwrap();
    let mut context = Context {
        decoder: Decoder::new(&mut memory),
        values: 0,
    };
    let mut encoder = Encoder::<ComplexData>::new();
    let mut request = Vec::new();
    for _ in 0..3 {
        let size = encoder.encode(&tutorial(), &mut space).unwrap();
        let mut payload = [0; 512];
        let written = RawGob::encode(&space[..size], &mut payload).unwrap();
        request.extend(b"PUT\n");
        request.extend(&payload[..written]);
    }
    let (mut rx, mut tx) = ([0; 512], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    for byte in request {
        connection.space()[0] = byte;
        connection.received(1);
        connection.advance(&mut endpoint.with(&mut context));
    }
    assert_eq!(connection.pending(), b"Stored.\nStored.\nStored.\n");
    assert_eq!(context.values, 3);
    assert_eq!(
        RawGob::encode(&bytes(TUTORIAL)[..180], &mut space),
        Err(EncodeError::Unencodable)
    );
}

#[test]
fn raw_gob_refuses_interfaces() {
    for line in VECTORS.lines() {
        let parts: Vec<_> = line.split('\t').collect();
        if matches!(parts[0], "any []interface {}" | "more fields") {
            let frame = RawGob::frame(&bytes(parts[4]), &mut 0);
            assert_eq!(frame, Frame::Broken(DecodeErrorKind::Unsupported));
        }
    }
}
