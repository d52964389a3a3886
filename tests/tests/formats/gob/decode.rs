//! Decoding gobs: the values, and the errors for streams that do not fit the receiver.

use bellwire::gob::{Decoder, Encoder, Stream};
use bellwire::{ComplexData, DecodeError, DecodeErrorKind, Gob};
use bellwire_tests::gob_streams::{Place, TUTORIAL, bytes, tutorial};
use serde::Deserialize;
use std::collections::BTreeMap;

#[test]
fn an_absent_field_is_zero() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct More<'a> {
        n: i64,
        text: &'a str,
        raw: &'a [u8],
        array: [u8; 3],
        tuple: (i8, bool, f32),
        map: BTreeMap<u8, u8>,
        list: Vec<Place>,
        place: Place,
        option: Option<Place>,
        unit: (),
        rune: char,
    }
    let stream = bytes(TUTORIAL);
    let more: More<'_> = Gob::from_slice(&stream).unwrap();
    let zero = More {
        n: 23,
        text: "",
        raw: &[],
        array: [0; 3],
        tuple: (0, false, 0.0),
        map: BTreeMap::new(),
        list: Vec::new(),
        place: Place::default(),
        option: None,
        unit: (),
        rune: '\0',
    };
    assert_eq!(more, zero);
}

#[test]
fn decode_errors_name_the_field() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Narrow {
        n: i8,
        c: Option<Box<Narrow>>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wrong {
        s: u64,
    }
    fn error<T>(flaw: DecodeErrorKind, field: &'static str) -> Result<T, DecodeError> {
        let field = Some(field);
        Err(DecodeError { kind: flaw, field })
    }
    // The inner N is 256.
    assert_eq!(
        Gob::from_slice::<Narrow>(&bytes(TUTORIAL)),
        error(DecodeErrorKind::OutOfRange, "N")
    );
    assert_eq!(
        Gob::from_slice::<Wrong>(&bytes(TUTORIAL)),
        error(DecodeErrorKind::WrongType, "S")
    );
    let zero = [&bytes(TUTORIAL)[..88], &[3, 0xff, 0x80, 0]].concat();
    assert_eq!(
        Gob::from_slice::<Wrong>(&zero),
        error(DecodeErrorKind::WrongType, "S")
    );
}

#[test]
fn a_full_type_table_reports_too_many_types() {
    let mut stream = Vec::new();
    for id in 64..64 + 33u8 {
        // A slice of int without a name or an id of its own: -id, SliceT, elem 2.
        let negative = id * 2 - 1;
        let definition = [&[negative][..], &[2, 2, 4, 0, 0]].concat();
        let definition = match negative {
            ..0x80 => definition,
            _ => [&[0xff][..], &definition].concat(),
        };
        stream.push(u8::try_from(definition.len()).unwrap());
        stream.extend(definition);
    }
    stream.extend([3, 4, 0, 6]);
    assert_eq!(
        Gob::from_slice::<i64>(&stream),
        Err(DecodeErrorKind::TooManyTypes.into())
    );

    let mut memory = [0; 40];
    let mut decoder = Decoder::new(&mut memory);
    assert_eq!(
        decoder.decode::<ComplexData>(&bytes(TUTORIAL)),
        Err(DecodeErrorKind::TooManyTypes.into())
    );
}

#[test]
fn a_decoder_keeps_the_types_received_before_an_error() {
    let (mut memory, mut space) = ([0; 256], [0; 128]);
    let mut decoder = Decoder::new(&mut memory);
    let mut stream = bytes(TUTORIAL)[..88].to_vec();
    // The first definition with one byte too many, then another type, then a value of the first type.
    stream[0] += 1;
    stream.insert(57, 0);
    let first = decoder.decode::<ComplexData>(&stream[..58]);
    assert_eq!(first, Err(DecodeErrorKind::LeftOver.into()));
    let place = Place::default();
    let size = Encoder::<Place, 70>::with_ids().encode(&place, &mut space);
    assert_eq!(decoder.decode(&space[..size.unwrap()]), Ok(place));
    let value = [&stream[58..], &bytes(TUTORIAL)[88..]].concat();
    assert_eq!(decoder.decode(&value), Ok(tutorial()));
}

#[test]
fn a_stream_yields_nothing_after_an_error() {
    let wrong = [&bytes("03040006")[..], &bytes("0304"), &bytes("03040006")].concat();
    let mut stream = Stream::new(&wrong);
    assert_eq!(stream.next(), Ok(Some(3)));
    assert!(stream.next::<i64>().is_err());
    assert_eq!(stream.next::<i64>(), Ok(None));
}
