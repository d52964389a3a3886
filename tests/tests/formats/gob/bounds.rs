//! Hand-made gob streams at both sides of each bound: of lengths, of tables and of types.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the bytes are made by hand

use bellwire::format::{EncodeError, Frame};
use bellwire::gob::{MAX_FIELDS, MAX_MESSAGE, MAX_TYPES, Stream};
use bellwire::schema::{Schema, Type};
use bellwire::{DecodeErrorKind, Format, Gob, Limits, RawGob};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

/// Encodes an unsigned number as Go does.
fn uint(number: u64) -> Vec<u8> {
    if number < 0x80 {
        return vec![number as u8];
    }
    let bytes = number.to_be_bytes();
    let digits = &bytes[number.leading_zeros() as usize / 8..];
    [&[0u8.wrapping_sub(digits.len() as u8)], digits].concat()
}

/// Encodes the id of a type, as it precedes a value or stands in a definition.
fn id(number: i64) -> Vec<u8> {
    uint(if number < 0 {
        !(number as u64) << 1 | 1
    } else {
        (number as u64) << 1
    })
}

fn message(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [uint(body.len() as u64), body].concat()
}

/// Defines a slice as the first type of a stream.
fn slice_of(element: i64) -> Vec<u8> {
    message(&[&id(-64), &[2, 2], &id(element), &[0, 0]])
}

/// Defines the struct type `number`, with fields of these names and of the type `field`.
fn struct_of(number: i64, names: &[&str], field: i64) -> Vec<u8> {
    let fields: Vec<_> = names
        .iter()
        .map(|name| {
            let length = uint(name.len() as u64);
            [&[1], &length[..], name.as_bytes(), &[1], &id(field), &[0]].concat()
        })
        .collect();
    let count = uint(names.len() as u64);
    message(&[&id(-number), &[3, 2], &count, &fields.concat(), &[0, 0]])
}

/// Encodes a value of the first type: the zero byte before a value that is not a struct, then `parts`.
fn value(parts: &[&[u8]]) -> Vec<u8> {
    message(&[&id(64), &[0], &parts.concat()])
}

fn flaw<'de, T: Deserialize<'de>>(stream: &'de [u8]) -> Option<DecodeErrorKind> {
    let result = Gob::from_slice::<T>(stream);
    result.err().map(|malformed| malformed.kind)
}

const INT: i64 = 2;
const BYTES: i64 = 5;
const COMPLEX: i64 = 7;
const INTERFACE: i64 = 8;

#[test]
fn a_number_of_more_than_eight_bytes_is_refused() {
    assert_eq!(flaw::<u64>(&[11, 6, 0, 0xf8, 1, 2, 3, 4, 5, 6, 7, 8]), None);
    assert_eq!(
        flaw::<u64>(&[12, 6, 0, 0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        Some(DecodeErrorKind::BadLength)
    );
    assert_eq!(
        flaw::<u64>(&[3, 6, 0, 0x80]),
        Some(DecodeErrorKind::BadLength)
    );
    assert_eq!(flaw::<u64>(&[3, 6, 0, 0x7f]), None);
}

#[test]
fn a_message_of_length_0_or_beyond_max_message_is_refused() {
    let frame = |length| RawGob::frame(&uint(length), &mut 0);
    let broken = Frame::Broken(DecodeErrorKind::BadLength);
    assert_eq!(frame(0), broken);
    assert_eq!(MAX_MESSAGE, 0x3fff_ffff);
    assert_eq!(frame(MAX_MESSAGE + 1), broken);
    assert!(matches!(frame(MAX_MESSAGE), Frame::Open));
    let next = |length| Stream::new(&uint(length)).next::<i64>().unwrap_err().kind;
    assert_eq!(next(MAX_MESSAGE + 1), DecodeErrorKind::BadLength);
    assert_eq!(next(MAX_MESSAGE), DecodeErrorKind::Truncated);
}

#[test]
fn a_stream_may_define_max_fields_fields_and_no_more() {
    let names: Vec<_> = (0..=MAX_FIELDS).map(|n| format!("f{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let most = MAX_FIELDS as usize;
    let number = message(&[&id(INT), &[0, 6]]);
    let with = |definitions: &[Vec<u8>]| [definitions.concat(), number.clone()].concat();
    let too_many = Some(DecodeErrorKind::TooManyTypes);
    assert_eq!(
        flaw::<i64>(&with(&[struct_of(64, &names[..most], INT)])),
        None
    );
    assert_eq!(flaw::<i64>(&with(&[struct_of(64, &names, INT)])), too_many);
    let (half, rest) = names[..most].split_at(most / 2);
    let two = [struct_of(64, half, INT), struct_of(65, rest, INT)];
    assert_eq!(flaw::<i64>(&with(&two)), None);
    let three = [&two[..], &[struct_of(66, &names[..1], INT)]].concat();
    assert_eq!(flaw::<i64>(&with(&three)), too_many);
}

#[test]
fn a_payload_may_define_as_many_types_as_its_table_holds() {
    let number = message(&[&id(INT), &[0, 6]]);
    let with = |count: usize| {
        let types = (64..).take(count).map(|ty| struct_of(ty, &["f"], INT));
        [types.collect::<Vec<_>>().concat(), number.clone()].concat()
    };
    let too_many = Some(DecodeErrorKind::TooManyTypes);
    assert_eq!(flaw::<i64>(&with(MAX_TYPES)), None);
    assert_eq!(flaw::<i64>(&with(MAX_TYPES + 1)), too_many);
    let two = |count| Gob::<i64, 2>::decode(&with(count)).map_err(|malformed| malformed.kind);
    assert_eq!(two(2), Ok(3));
    assert_eq!(two(3), Err(DecodeErrorKind::TooManyTypes));
}

#[test]
fn skipped_values_nest_up_to_max_depth() {
    #[derive(Deserialize)]
    struct Wanted {
        #[serde(rename = "N")]
        _n: i64,
    }
    // A struct with itself in the field A, a number in N, an opaque value in O, or numbers in L.
    let field = |name, ty| [&[1, 1, name, 1][..], &id(ty), &[0]].concat();
    let fields = [(b'A', 64), (b'N', INT), (b'O', 65), (b'L', 66)];
    let fields = fields.map(|(name, ty)| field(name, ty)).concat();
    let own = [
        message(&[&id(-64), &[3, 2, 4], &fields, &[0, 0]]),
        message(&[&id(-65), &[5, 0, 0]]),
        message(&[&id(-66), &[2, 2], &id(INT), &[0, 0]]),
    ]
    .concat();
    let nested_with = |levels: usize, innermost: &[u8]| {
        let value = message(&[&id(64), &vec![1; levels - 1], innermost, &vec![0; levels]]);
        [&own[..], &value].concat()
    };
    let nested = |levels| nested_with(levels, &[2, 6]);
    let most = usize::from(Limits::MAX_DEPTH);
    let too_deep = Some(DecodeErrorKind::TooDeep);
    assert_eq!(flaw::<IgnoredAny>(&nested(most)), None);
    assert_eq!(flaw::<IgnoredAny>(&nested(most + 1)), too_deep);
    // An opaque value is a level. A value beyond the limit is not examined, not even its impossible count.
    let (opaque, numbers) = ([3, 1, 0xff], [4, 100]);
    assert_eq!(flaw::<IgnoredAny>(&nested_with(most - 1, &opaque)), None);
    assert_eq!(flaw::<IgnoredAny>(&nested_with(most, &opaque)), too_deep);
    let bad = Some(DecodeErrorKind::BadLength);
    assert_eq!(flaw::<IgnoredAny>(&nested_with(most - 1, &numbers)), bad);
    assert_eq!(flaw::<IgnoredAny>(&nested_with(most, &numbers)), too_deep);
    // The limit also applies to a skipped field of a struct that is read.
    let inside = |levels: usize| {
        let value = message(&[
            &id(64),
            &vec![1; levels - 1],
            &vec![0; levels - 1],
            &[1, 6, 0],
        ]);
        [&own[..], &value].concat()
    };
    assert_eq!(flaw::<Wanted>(&inside(most)), None);
    assert_eq!(flaw::<Wanted>(&inside(most + 1)), too_deep);
}

#[test]
fn a_field_with_an_empty_name_is_refused() {
    let stream = |name| {
        let value = message(&[&id(64), &[1, 6, 0]]);
        [struct_of(64, &[name], INT), value].concat()
    };
    assert_eq!(flaw::<IgnoredAny>(&stream("f")), None);
    assert_eq!(
        flaw::<IgnoredAny>(&stream("")),
        Some(DecodeErrorKind::BadValue)
    );
}

#[test]
fn an_array_whose_count_differs_from_its_type_is_refused() {
    let array = message(&[&id(-64), &[1, 2], &id(INT), &[1], &id(2), &[0, 0]]);
    let with = |elements: &[u8]| [array.clone(), value(&[elements])].concat();
    let bad = Some(DecodeErrorKind::BadLength);
    assert_eq!(flaw::<[i64; 2]>(&with(&[2, 2, 4])), None);
    assert_eq!(flaw::<Vec<i64>>(&with(&[2, 2, 4])), None);
    assert_eq!(flaw::<[i64; 2]>(&with(&[1, 2])), bad);
    assert_eq!(flaw::<Vec<i64>>(&with(&[1, 2])), bad);
    assert_eq!(flaw::<IgnoredAny>(&with(&[3, 2, 4, 6])), bad);
    assert_eq!(
        flaw::<[i64; 3]>(&with(&[2, 2, 4])),
        Some(DecodeErrorKind::WrongType)
    );
}

#[test]
fn a_value_of_another_kind_than_the_receiver_is_refused() {
    let wrong = Some(DecodeErrorKind::WrongType);
    let number = message(&[&id(INT), &[0, 6]]);
    assert_eq!(flaw::<Vec<i64>>(&number), wrong);
    let octets = message(&[&id(BYTES), &[0, 2, 7, 8]]);
    assert_eq!(flaw::<Vec<u8>>(&octets), None);
    assert_eq!(flaw::<Vec<IgnoredAny>>(&octets), None);
    assert_eq!(flaw::<Vec<i64>>(&octets), wrong);
    let point = message(&[&id(COMPLEX), &[0, 0, 0]]);
    assert_eq!(flaw::<(f64, f64)>(&point), None);
    assert_eq!(flaw::<(f64, f64, f64)>(&point), wrong);
}

#[test]
fn a_nil_interface_is_skipped_or_read_as_none() {
    let stream = [slice_of(INTERFACE), value(&[&[2, 0, 0]])].concat();
    assert_eq!(flaw::<IgnoredAny>(&stream), None);
    assert_eq!(Gob::from_slice(&stream), Ok(vec![None::<i64>, None]));
}

#[test]
fn an_interface_of_unknown_type_breaks_a_complete_payload() {
    let inside = |ty| [&[1, 3][..], b"int", &id(ty), &[2, 0, 6]].concat();
    let stream = |ty| [slice_of(INTERFACE), value(&[&inside(ty)])].concat();
    let frame = |stream: &[u8]| Gob::<Numbers>::frame(stream, &mut 0);
    assert_eq!(frame(&stream(INT)), Frame::Ends(stream(INT).len()));
    let broken = Frame::Broken(DecodeErrorKind::UnknownType);
    assert_eq!(frame(&stream(70)), broken);
}

#[test]
fn raw_gob_refuses_an_interface_in_a_struct() {
    let value = message(&[&id(64), &[0]]);
    let frame = |field| {
        let stream = [struct_of(64, &["a", "b"], field), value.clone()].concat();
        RawGob::frame(&stream, &mut 0)
    };
    assert!(matches!(frame(INT), Frame::Ends(_)));
    assert_eq!(
        frame(INTERFACE),
        Frame::Broken(DecodeErrorKind::Unsupported)
    );
}

/// A value that is a slice instead of a struct.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Numbers(Vec<i64>);

impl Schema for Numbers {
    const TYPE: Type = Type::Seq(&Type::I64);
}

#[test]
fn a_payload_may_be_a_slice() {
    let mut space = [0; 100];
    let numbers = Numbers(vec![1, -1]);
    let size = Gob::<Numbers>::encode(&numbers, &mut space).expect("room for the value");
    assert!(space[..size].ends_with(&[2, 2, 1]));
    assert_eq!(Gob::<Numbers>::decode(&space[..size]), Ok(numbers));
}

/// A text that is formatted while it is encoded.
#[derive(Deserialize)]
struct Formatted(usize);

impl Serialize for Formatted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}", "x".repeat(self.0)))
    }
}

impl Schema for Formatted {
    const TYPE: Type = Type::Str;
}

#[test]
fn a_text_of_any_length_fits_exactly_its_encoded_size() {
    for length in (1..400).chain([65_520, 65_530, 65_540]) {
        let text = "x".repeat(length);
        let expected = {
            let counted = [uint(length as u64), text.clone().into_bytes()].concat();
            message(&[&id(6), &[0], &counted])
        };
        let mut space = vec![0; expected.len()];
        for room in expected.len().saturating_sub(3)..expected.len() {
            let result = Gob::<Formatted>::encode(&Formatted(length), &mut space[..room]);
            assert_eq!(result, Err(EncodeError::NoRoom), "{room} for {length}");
        }
        let result = Gob::<Formatted>::encode(&Formatted(length), &mut space);
        assert_eq!(result, Ok(expected.len()), "{length}");
        assert_eq!(space, expected);
        assert_eq!(Gob::from_slice(&space), Ok(text));
    }
}

/// A struct with a long array.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Long {
    array: Vec<i64>,
}

impl Schema for Long {
    const TYPE: Type = Type::Struct("long", &[("array", Type::Array(70_300, &Type::I64))]);
}

#[test]
fn an_array_type_of_length_70300_is_defined_as_go_defines_it() {
    let array = vec![0; 70_300];
    let long = Long { array };
    let mut space = vec![0; 80_000];
    let size = Gob::<Long>::encode(&long, &mut space).expect("room for the value");
    let type_id = id(65);
    let name = [&[1, 1, 10][..], b"[70300]int", &[1], &type_id, &[0]].concat();
    let array = [&[1], &id(INT)[..], &[1], &id(70_300), &[0, 0]].concat();
    let definition = message(&[&id(-65), &[1], &name, &array]);
    let written = space
        .windows(definition.len())
        .any(|part| part == definition);
    assert!(written, "{:?}", &space[..100]);
    assert_eq!(Gob::<Long>::decode(&space[..size]), Ok(long));
}
