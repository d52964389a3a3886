//! Hostile streams, each read in every way. Before the limit, each took hundreds or thousands of
//! steps for each byte.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes are made by hand
#![allow(clippy::cast_possible_wrap)] // numbers are small

extern crate std;

use super::take_steps;
use crate::error::DecodeErrorKind;
use crate::format::gob::wire::take_uint;
use crate::format::gob::{Decoder, Gob, MAX_FIELDS, MAX_TYPES, Stream};
use crate::format::{Format, Frame};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::prelude::v1::*;
use std::{format, vec};

/// The most steps for each byte.
const MOST: usize = 80;

/// The number of one-byte elements in the longest lists.
const ELEMENTS: usize = 6000;

const INT: i64 = 2;
const INTERFACE: i64 = 8;

fn uint(number: u64) -> Vec<u8> {
    if number < 0x80 {
        return vec![number.to_be_bytes()[7]];
    }
    let bytes = number.to_be_bytes();
    let digits = &bytes[number.leading_zeros() as usize / 8..];
    [&[0u8.wrapping_sub(digits.len() as u8)], digits].concat()
}

fn id(number: i64) -> Vec<u8> {
    uint(((number << 1) ^ (number >> 63)) as u64)
}

fn message(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [uint(body.len() as u64), body].concat()
}

fn slice(number: i64, element: i64) -> Vec<u8> {
    message(&[&id(-number), &[2, 2], &id(element), &[0, 0]])
}

fn structure(number: i64, fields: &[(String, i64)]) -> Vec<u8> {
    let list = fields.iter().map(|(name, ty)| {
        let length = uint(name.len() as u64);
        [&[1], &*length, name.as_bytes(), &[1], &id(*ty), &[0]].concat()
    });
    let list = list.collect::<Vec<_>>().concat();
    let count = uint(fields.len() as u64);
    message(&[&id(-number), &[3, 2], &count, &list, &[0, 0]])
}

fn numbers(count: u32) -> Vec<(String, i64)> {
    (0..count).map(|n| (format!("f{n}"), INT)).collect()
}

/// Returns a list of structs with these fields. Each struct is sent as `element`.
fn list_of(fields: &[(String, i64)], element: &[u8]) -> Vec<u8> {
    let count = ELEMENTS / element.len();
    let value = message(&[&id(64), &[0], &uint(count as u64), &element.repeat(count)]);
    [slice(64, 65), structure(65, fields), value].concat()
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let wide = numbers(240);
    let long = [("x".repeat(MAX_FIELDS as usize / 2), INT)];
    let itself = [("Left".into(), 64), ("Right".into(), 64)];
    let tree = [&itself[..], &wide].concat();
    let others = (64..).take(MAX_TYPES - 2);
    let others = others.map(|ty| slice(ty + 1, INT)).collect::<Vec<_>>();
    let last = 63 + MAX_TYPES as i64;
    vec![
        (
            "the last of many fields",
            list_of(&wide, &[0xff, 240, 2, 0]),
        ),
        (
            "every eighth field",
            list_of(&wide, &[&[8, 2].repeat(30)[..], &[0]].concat()),
        ),
        ("elements without fields", list_of(&wide, &[0])),
        (
            "all fields",
            list_of(&wide, &[&[1, 2].repeat(240)[..], &[0]].concat()),
        ),
        ("a long name", list_of(&long, &[1, 2, 0])),
        ("a type at the end of the table", {
            let value = [id(last), vec![0], uint(ELEMENTS as u64), vec![0; ELEMENTS]].concat();
            [others.concat(), slice(last, last - 1), message(&[&value])].concat()
        }),
        ("a struct in each of two fields of itself", {
            let leaves = (0..9).fold(vec![0], |inner: Vec<u8>, _| {
                [&[1], &*inner, &[1], &*inner, &[0]].concat()
            });
            [structure(64, &tree), message(&[&id(64), &leaves])].concat()
        }),
        (
            "many types",
            [others.concat(), message(&[&id(INT), &[0, 6]])].concat(),
        ),
    ]
}

/// Values in many messages. Each message makes the decoder read the whole value again.
fn hostile_messages() -> Vec<(&'static str, Vec<u8>)> {
    let wide = numbers(240);
    let last = 63 + MAX_TYPES as i64;
    vec![
        ("an interface in every message", {
            let elements = 3000u64;
            let first = message(&[&id(64), &[0], &uint(elements), &[1, b'x']]);
            let next = message(&[&id(INT), &[2, 0, 6], &[1, b'x']]);
            let next = next.repeat(elements as usize - 2);
            let last = message(&[&id(INT), &[2, 0, 6, 0]]);
            [slice(64, INTERFACE), first, next, last].concat()
        }),
        ("an interface in an interface, one for each message", {
            let next = message(&[&id(INTERFACE), &[1], &[0], &[1, b'x']]).repeat(1000);
            let end = message(&[&id(INT), &[2, 0, 6]]);
            [message(&[&id(INTERFACE), &[0], &[1, b'x']]), next, end].concat()
        }),
        ("an interface of the table's last type in every message", {
            let others = (65..).take(MAX_TYPES - 1);
            let others: Vec<u8> = others
                .flat_map(|ty| message(&[&id(-ty), &[5, 0, 0]]))
                .collect();
            let first = message(&[&id(64), &[0], &uint(200), &[1, b'x']]);
            let next = message(&[&id(last), &[2, 1, 0], &[1, b'x']]).repeat(198);
            let end = message(&[&id(last), &[2, 1, 0]]);
            [slice(64, INTERFACE), others, first, next, end].concat()
        }),
        (
            "small definitions in front of an interface in every message",
            {
                let others = (65..).take(MAX_TYPES - 1);
                let others: Vec<u8> = others
                    .flat_map(|ty| message(&[&id(-ty), &[5, 0, 0]]))
                    .collect();
                let first = message(&[&id(64), &[0], &uint(150), &[1, b'x']]);
                let next = message(&[&id(INT), &[2, 0, 6], &[1, b'x']]).repeat(148);
                let end = message(&[&id(INT), &[2, 0, 6]]);
                [others, slice(64, INTERFACE), first, next, end].concat()
            },
        ),
        ("structs of complex numbers in interfaces", {
            let fields: Vec<_> = (0..240).map(|n| (format!("f{n}"), INTERFACE)).collect();
            let field = [&[1, 1, b'x'][..], &id(7), &[3, 0, 0, 0]].concat();
            let value = [field.repeat(240), vec![0]].concat();
            let last = [&field[..], &[0]].concat();
            let open = [1, 1, b'x'];
            let first = message(&[&id(65), &[0], &uint(60), &value, &open]);
            let next = message(&[&id(7), &[3, 0, 0, 0], &[0], &open]).repeat(58);
            let end = message(&[&id(7), &[3, 0, 0, 0], &last]);
            [structure(64, &fields), slice(65, 64), first, next, end].concat()
        }),
        ("a list of the table's last type in front of interfaces", {
            let fields = [("L".into(), last - 1), ("I".into(), last - 2)];
            let others: Vec<u8> = (64..last - 3).flat_map(|ty| slice(ty, INT)).collect();
            let types = [
                others,
                structure(last - 3, &fields),
                slice(last - 2, INTERFACE),
                slice(last - 1, last),
                slice(last, INT),
            ];
            let value = [&[1], &uint(ELEMENTS as u64)[..], &vec![0; ELEMENTS]].concat();
            let first = message(&[&id(last - 3), &value, &[1], &uint(60), &[1, b'x']]);
            let next = message(&[&id(INT), &[2, 0, 6], &[1, b'x']]).repeat(58);
            let end = message(&[&id(INT), &[2, 0, 6, 0, 0]]);
            [types.concat(), first, next, end].concat()
        }),
        ("a long list in front of interfaces", {
            let fields = [("L".into(), 65), ("I".into(), 66)];
            let elements = [0xff, 240, 2, 0].repeat(5000);
            let value = [&[1], &*uint(5000), &*elements].concat();
            let first = message(&[&id(67), &value, &[1], &uint(30), &[1, b'x']]);
            let next = message(&[&id(INT), &[2, 0, 6], &[1, b'x']]).repeat(28);
            let last = message(&[&id(INT), &[2, 0, 6, 0, 0]]);
            let types = [
                structure(64, &wide),
                slice(65, 64),
                slice(66, INTERFACE),
                structure(67, &fields),
            ];
            [types.concat(), first, next, last].concat()
        }),
    ]
}

/// A receiver with the most fields allowed. The sender's names are compared with all of them.
struct Wide;

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // One name is the sender's, because types without a common field do not match.
        const FIELDS: [&str; 64] = {
            let mut fields = ["other"; 64];
            fields[63] = "f0";
            fields
        };
        deserializer.deserialize_struct("Wide", &FIELDS, Whatever)?;
        Ok(Self)
    }
}

/// A receiver of any type.
struct Any;

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Any;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Any, E> {
        Ok(Any)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Any, E> {
        Ok(Any)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Any, A::Error> {
        while elements.next_element::<Any>()?.is_some() {}
        Ok(Any)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        while entries.next_entry::<Any, Any>()?.is_some() {}
        Ok(Any)
    }
}

fn check(name: &str, path: &str, bytes: usize) {
    let steps = take_steps();
    assert!(
        steps <= MOST * bytes,
        "{name}, {path}: {steps} steps for {bytes} bytes"
    );
}

#[test]
fn every_path_takes_a_bounded_number_of_steps_a_byte() {
    for (name, stream) in hostile().into_iter().chain(hostile_messages()) {
        let bytes = stream.len();
        let _ = take_steps();
        let _ = Gob::from_slice::<IgnoredAny>(&stream);
        check(name, "skip", bytes);
        let _ = Gob::from_slice::<Any>(&stream);
        check(name, "any", bytes);
        let _ = Gob::from_slice::<Wide>(&stream);
        check(name, "struct", bytes);
        let _ = Gob::from_slice::<Vec<Wide>>(&stream);
        check(name, "list of structs", bytes);
        for step in [1, 1460, bytes] {
            let (mut progress, mut end) = (0, 0);
            let mut frame = Frame::Ends(0);
            while end < bytes {
                end = (end + step).min(bytes);
                frame = Gob::<i64>::frame(&stream[..end], &mut progress);
                if !matches!(frame, Frame::Open) {
                    break;
                }
            }
            check(name, &format!("frame by {step}: {frame:?}"), end);
        }
    }
}

#[test]
fn a_stream_of_small_values_of_a_wide_type_takes_a_bounded_number_of_steps_a_byte() {
    let definition = structure(64, &numbers(240));
    let value = message(&[&id(64), &[0]]);
    let count = 2000;
    let bytes = value.len() * count;

    let stream = [&definition[..], &value.repeat(count)].concat();
    let mut values = Stream::new(&stream);
    let _ = take_steps();
    while values.next::<Wide>().expect("decode").is_some() {}
    check("small values", "Stream", bytes);

    let mut memory = [0; 4096];
    let mut decoder = Decoder::new(&mut memory);
    let first = [&definition[..], &value].concat();
    decoder.decode::<Wide>(&first).map(drop).expect("decode");
    for _ in 0..count {
        decoder.decode::<Wide>(&value).map(drop).expect("decode");
    }
    check("small values", "Decoder", bytes);
}

/// Returns a list of interfaces. Each of `types` is defined by its first value. 50 values have each
/// type.
fn defined_late(types: i64) -> Vec<u8> {
    let count = uint(types as u64 * 50);
    let mut stream = slice(64, INTERFACE);
    let mut next = [id(64), vec![0], count].concat();
    for ty in (65..).take(types as usize) {
        let name = [&[8], format!("main.T{ty}").as_bytes()].concat();
        let definition = structure(ty, &numbers(8));
        let mut definition = &definition[..];
        take_uint(&mut definition).expect("take the message length");
        stream.extend(message(&[&next, &name, definition]));
        let value = [&id(ty)[..], &[17], &[1, 46].repeat(8), &[0]].concat();
        next = value.clone();
        next.extend([&name[..], &value].concat().repeat(49));
    }
    stream.extend(message(&[&next]));
    stream
}

#[test]
fn a_value_may_define_each_of_its_types_late() {
    for types in [1, 8, 31] {
        let stream = defined_late(types);
        let frame = Gob::<i64>::frame(&stream, &mut 0);
        assert_eq!(frame, Frame::Ends(stream.len()), "{types} types");
        Gob::from_slice::<IgnoredAny>(&stream).expect("decode");
    }
}

#[test]
fn a_value_that_is_read_again_too_often_is_too_large() {
    let elements = 3000u64;
    let first = message(&[&id(64), &[0], &uint(elements), &[1, b'x']]);
    let next = message(&[&id(INT), &[2, 0, 6], &[1, b'x']]).repeat(2999);
    let stream = [slice(64, INTERFACE), first, next].concat();
    let frame = Gob::<i64>::frame(&stream, &mut 0);
    assert_eq!(frame, Frame::Broken(DecodeErrorKind::TooManyMessages));
}

#[test]
fn a_long_field_name_is_refused_only_by_a_receiver_of_anything() {
    for (length, refused) in [(128, None), (129, Some(DecodeErrorKind::OverCapacity))] {
        let fields = [("x".repeat(length), INT)];
        let value = message(&[&id(64), &[1, 6, 0]]);
        let stream = [structure(64, &fields), value].concat();
        let any = Gob::from_slice::<Any>(&stream).map(drop);
        assert_eq!(any.err().map(|malformed| malformed.kind), refused);
        Gob::from_slice::<IgnoredAny>(&stream).expect("decode");
    }
}

#[test]
fn a_decoder_refuses_a_value_without_common_fields_each_time() {
    let definition = structure(64, &[("X".into(), INT)]);
    let value = message(&[&id(64), &[1, 2, 0]]);
    let mut memory = [0; 64];
    let mut decoder = Decoder::new(&mut memory);
    let first = [&definition[..], &value].concat();
    for payload in [&first, &value, &value] {
        let refused = decoder.decode::<Wide>(payload).map(drop);
        assert_eq!(refused, Err(DecodeErrorKind::WrongType.into()));
    }
}

#[test]
fn a_refused_definition_takes_no_room_from_later_ones() {
    let mut memory = [0; 8192];
    let mut decoder = Decoder::new(&mut memory);
    let number = message(&[&id(INT), &[0, 6]]);
    for (ty, fields, refused) in [(64, 200, false), (65, 100, true), (66, 20, false)] {
        let payload = [structure(ty, &numbers(fields)), number.clone()].concat();
        let result = decoder.decode::<i64>(&payload);
        assert_eq!(result.is_err(), refused, "{fields} fields");
    }
}
