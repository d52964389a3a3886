//! `ComplexData` and `HeapComplexData`: both have the same bytes, and report each flaw by its own error.

use bellwire::complex_data::{Inner, Level};
use bellwire::format::EncodeError;
use bellwire::{
    ComplexData, DecodeError, DecodeErrorKind, Format, Gob, HeapComplexData, Limits, Postcard,
};
use bellwire_tests::server::{framed, join, show};
use core::fmt::Debug;
use serde::Deserialize;
use serde::de::DeserializeOwned;

const S_CAPACITY: usize = 64;
const P_CAPACITY: usize = 64;
const M_CAPACITY: usize = 8;
const KEY_CAPACITY: usize = 16;

/// Encodes a value as a payload with its length prefix.
fn encode<T>(value: &T) -> Vec<u8>
where
    Postcard<T>: for<'a> Format<Sent<'a> = &'a T>,
{
    let mut space = vec![0; 5000];
    let size = Postcard::<T>::encode(value, &mut space).expect("room for the value");
    space[..size].to_vec()
}

/// Decodes a body, to which it adds the length prefix.
fn decode<T>(body: impl AsRef<[u8]>) -> Result<T, DecodeError>
where
    Postcard<T>: for<'a> Format<Value<'a> = T>,
{
    Postcard::<T>::decode(&framed(body))
}

/// Checks that the fixed and the heap type refuse `body` for this flaw in this field.
#[track_caller]
fn both_refuse(
    body: impl AsRef<[u8]>,
    flaw: DecodeErrorKind,
    field: impl Into<Option<&'static str>>,
) {
    let expected = DecodeError {
        kind: flaw,
        field: field.into(),
    };
    assert_eq!(decode::<ComplexData>(&body), Err(expected));
    assert_eq!(decode::<HeapComplexData>(&body), Err(expected));
}

/// Checks that the fixed type refuses `body` for this flaw in this field, and the heap type takes it.
#[track_caller]
fn only_fixed_refuses(body: impl AsRef<[u8]>, flaw: DecodeErrorKind, field: &'static str) {
    let expected = DecodeError {
        kind: flaw,
        field: Some(field),
    };
    assert_eq!(decode::<ComplexData>(&body), Err(expected));
    let heap = decode::<HeapComplexData>(&body).expect("the heap has room");
    assert_eq!(ComplexData::try_from(&heap), Err(flaw));
}

fn inner() -> Inner {
    let mut data = Inner {
        n: 256,
        s: "Recursive structs? Piece of cake!".try_into().unwrap(),
        ..Inner::default()
    };
    for (key, value) in [("11", 3), ("01", 1), ("10", 2)] {
        data.m.insert(key.try_into().unwrap(), value).unwrap();
    }
    data
}

/// Returns the value that the tutorial's two programs exchange.
fn tutorial() -> ComplexData {
    let mut data = ComplexData {
        n: 23,
        s: "string data".try_into().unwrap(),
        p: b"abc".as_slice().try_into().unwrap(),
        c: Some(inner()),
        ..ComplexData::default()
    };
    for (key, value) in [("one", 1), ("two", 2), ("three", 3)] {
        data.m.insert(key.try_into().unwrap(), value).unwrap();
    }
    data
}

/// Returns a value that fills every capacity.
fn full() -> ComplexData {
    let mut data = ComplexData {
        n: i64::MIN,
        s: str::repeat("ü", S_CAPACITY / 2)
            .as_str()
            .try_into()
            .unwrap(),
        p: [0xff; P_CAPACITY].as_slice().try_into().unwrap(),
        c: Some(inner()),
        ..ComplexData::default()
    };
    for number in 0..M_CAPACITY {
        let key = format!("{number:0KEY_CAPACITY$}");
        data.m
            .insert(key.as_str().try_into().unwrap(), i64::MAX)
            .unwrap();
    }
    data
}

#[test]
fn complex_data_has_these_postcard_bytes() {
    assert_eq!(
        show(&encode(&tutorial())),
        "W\
         .\\x0bstring data\
         \\x03\\x03one\\x02\\x05three\\x06\\x03two\\x04\
         \\x03abc\
         \\x01\\x80\\x04!Recursive structs? Piece of cake!\
         \\x03\\x0201\\x02\\x0210\\x04\\x0211\\x06\
         \\x00\\x00"
    );
    assert_eq!(
        show(&encode(&ComplexData::default())),
        "\\x05\\x00\\x00\\x00\\x00\\x00"
    );
}

#[test]
fn fixed_and_heap_types_share_their_bytes_and_convert() {
    let values = [ComplexData::default(), tutorial(), full()];
    for fixed in &values {
        let heap = HeapComplexData::from(fixed);
        let bytes = encode(fixed);
        assert_eq!(show(&encode(&heap)), show(&bytes));
        assert_eq!(ComplexData::try_from(&heap).as_ref(), Ok(fixed));
        assert_eq!(Postcard::<ComplexData>::decode(&bytes).as_ref(), Ok(fixed));
        assert_eq!(Postcard::<HeapComplexData>::decode(&bytes), Ok(heap));
    }
}

#[test]
fn the_insertion_order_of_entries_does_not_change_the_bytes() {
    let mut other = tutorial();
    for (key, value) in [("two", 2), ("one", 1), ("three", 3)] {
        other.m.remove(key);
        other.m.insert(key.try_into().unwrap(), value).unwrap();
    }
    assert_eq!(other, tutorial());
    assert_eq!(encode(&other), encode(&tutorial()));
}

#[test]
fn entries_may_arrive_in_any_order() {
    let sorted = decode::<ComplexData>(b"\0\0\x02\x01a\x02\x01b\x04\0\0");
    assert!(sorted.is_ok());
    assert_eq!(decode(b"\0\0\x02\x01b\x04\x01a\x02\0\0"), sorted);
}

#[test]
fn deserialize_in_place_overwrites_every_field() {
    let body = encode(&ComplexData::default());
    let mut reader = postcard::Deserializer::from_bytes(&body[1..]);
    let mut place = full();
    ComplexData::deserialize_in_place(&mut reader, &mut place).expect("an empty level");
    assert_eq!(place, ComplexData::default());
}

#[test]
fn a_cut_at_any_byte_is_an_error_with_its_field() {
    let body = &encode(&tutorial())[1..];
    for end in 0..body.len() {
        // A count without its entries exceeds the count that the remaining bytes can hold.
        let flaw = [DecodeErrorKind::Truncated, DecodeErrorKind::BadLength];
        let fixed = decode::<ComplexData>(&body[..end]).expect_err("cut short");
        let heap = decode::<HeapComplexData>(&body[..end]).expect_err("cut short");
        assert!(flaw.contains(&fixed.kind), "{fixed:?} at {end}");
        assert_eq!(fixed, heap, "at {end}");
        assert!(fixed.field.is_some(), "at {end}");
    }
    both_refuse(b"", DecodeErrorKind::Truncated, "N");
    both_refuse(b"\x80", DecodeErrorKind::Truncated, "N");
    both_refuse(b"\0\x05abc", DecodeErrorKind::Truncated, "S");
    both_refuse(b"\0\0\x01\x05ab", DecodeErrorKind::Truncated, "M");
    both_refuse(b"\0\0\0\x05abc", DecodeErrorKind::Truncated, "P");
    both_refuse(b"\0\0\0\0", DecodeErrorKind::Truncated, "C");
    both_refuse(b"\0\0\0\0\x01\0", DecodeErrorKind::Truncated, "S");
}

#[test]
fn each_flaw_is_reported_with_its_field() {
    both_refuse(b"\0\0\0\0\0\0", DecodeErrorKind::LeftOver, None);
    both_refuse(b"\0\x01\xff\0\0\0", DecodeErrorKind::BadUtf8, "S");
    both_refuse(b"\0\0\x01\x01\xff\0\0\0", DecodeErrorKind::BadUtf8, "M");
    both_refuse(b"\0\0\x05\0\0\0", DecodeErrorKind::BadLength, "M");
    both_refuse(
        b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0",
        DecodeErrorKind::BadLength,
        "M",
    );
    both_refuse(
        b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0",
        DecodeErrorKind::BadLength,
        "M",
    );
    both_refuse(
        b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0",
        DecodeErrorKind::BadLength,
        "S",
    );
    both_refuse([0xff; 20], DecodeErrorKind::BadValue, "N");
    both_refuse(b"\0\0\0\0\x02", DecodeErrorKind::BadValue, "C");
    both_refuse(
        b"\0\0\x02\x01a\x02\x01a\x02\0\0",
        DecodeErrorKind::DuplicateKey,
        "M",
    );
    both_refuse(
        b"\0\0\x02\x01a\x02\x01a",
        DecodeErrorKind::DuplicateKey,
        "M",
    );
    both_refuse(
        b"\0\0\x02\0\x02\0\x04\0\0",
        DecodeErrorKind::DuplicateKey,
        "M",
    );
}

#[test]
fn a_value_beyond_a_capacity_is_refused_with_its_field() {
    let entry = |number: u8| [1, b'a' + number, 0];
    let entries: Vec<u8> = (0..9).flat_map(entry).collect();
    let map = |count: u8| {
        join(&[
            b"\0\0",
            &[count],
            &entries[..usize::from(count) * 3],
            b"\0\0",
        ])
    };
    let text = |size| join(&[b"\0", &framed(vec![b's'; size]), b"\0\0\0"]);
    let key = |size| join(&[b"\0\0\x01", &framed(vec![b'k'; size]), b"\0\0\0"]);
    let bytes = |size| join(&[b"\0\0\0", &framed(vec![0xff; size]), b"\0"]);
    for fits in [
        map(8),
        text(S_CAPACITY),
        key(KEY_CAPACITY),
        bytes(P_CAPACITY),
    ] {
        assert!(decode::<ComplexData>(fits).is_ok());
    }
    only_fixed_refuses(map(9), DecodeErrorKind::OverCapacity, "M");
    only_fixed_refuses(text(S_CAPACITY + 1), DecodeErrorKind::OverCapacity, "S");
    only_fixed_refuses(key(KEY_CAPACITY + 1), DecodeErrorKind::OverCapacity, "M");
    only_fixed_refuses(bytes(P_CAPACITY + 1), DecodeErrorKind::OverCapacity, "P");
}

/// Returns the body of `count` nested levels, all empty.
fn levels(count: usize) -> Vec<u8> {
    let outer = b"\0\0\0\0\x01".repeat(count - 1);
    join(&[&outer, b"\0\0\0\0\0"])
}

#[test]
fn a_level_beyond_those_of_the_type_is_too_deep() {
    assert!(decode::<Inner>(levels(1)).is_ok());
    assert!(decode::<ComplexData>(levels(2)).is_ok());
    assert!(decode::<Level<ComplexData>>(levels(3)).is_ok());
    only_fixed_refuses(levels(3), DecodeErrorKind::TooDeep, "C");
    let deeper = decode::<HeapComplexData>(levels(3)).unwrap();
    assert!(Level::<ComplexData>::try_from(&deeper).is_ok());
}

#[test]
fn the_heap_type_nests_up_to_max_depth() {
    // Each level below the first counts twice: an option and a struct.
    let most = usize::from(Limits::MAX_DEPTH) / 2;
    let deepest = decode::<HeapComplexData>(levels(most)).expect("deep enough");
    assert_eq!(encode(&deepest), framed(levels(most)));
    for count in [most + 1, most + 2, 1000, 10_000] {
        let error = decode::<HeapComplexData>(levels(count)).expect_err("too deep");
        assert_eq!(
            (error.kind, error.field),
            (DecodeErrorKind::TooDeep, Some("C"))
        );
    }
}

#[test]
fn a_value_nested_beyond_max_depth_is_not_encoded() {
    let most = usize::from(Limits::MAX_DEPTH) / 2;
    let mut data = HeapComplexData::default();
    for levels in 1..100 {
        let mut space = [0; 1024];
        let carried = levels <= most;
        let postcard = Postcard::<HeapComplexData>::encode(&data, &mut space);
        assert_eq!(postcard.is_ok(), carried, "{levels} levels");
        let gob = Gob::<HeapComplexData>::encode(&data, &mut space);
        assert_eq!(gob.is_ok(), carried, "{levels} levels");
        let inner = Some(Box::new(data));
        data = HeapComplexData {
            c: inner,
            ..HeapComplexData::default()
        };
    }
}

#[test]
fn a_payload_is_encoded_whole_or_not_at_all() {
    for value in [ComplexData::default(), tutorial(), full()] {
        let bytes = encode(&value);
        for size in 0..bytes.len() {
            let result = Postcard::<ComplexData>::encode(&value, &mut vec![0; size]);
            assert_eq!(result, Err(EncodeError::NoRoom), "in {size} bytes");
        }
        let mut exact = vec![0; bytes.len()];
        assert_eq!(
            Postcard::<ComplexData>::encode(&value, &mut exact),
            Ok(bytes.len())
        );
        assert_eq!(exact, bytes);
    }
}

/// Returns the error of `serde_json` for `json` as a `T`, without its position.
fn json_error<T: DeserializeOwned + Debug>(json: &str) -> String {
    let error = serde_json::from_str::<T>(json).expect_err("wrong JSON");
    let text = error.to_string();
    let (sentence, _position) = text.rsplit_once(" at line ").expect("a position");
    sentence.to_owned()
}

#[test]
fn complex_data_survives_a_json_round_trip() {
    let json = serde_json::to_string(&tutorial()).expect("JSON can hold the value");
    let fixed: ComplexData = serde_json::from_str(&json).expect("its own JSON");
    assert_eq!(fixed, tutorial());
    let heap: HeapComplexData = serde_json::from_str(&json).expect("its own JSON");
    assert_eq!(heap, HeapComplexData::from(&tutorial()));
}

#[test]
fn json_errors_say_which_value_was_expected() {
    let with = |field: &str, value: &str| {
        let plain = r#"{"N":0,"S":"","M":{},"P":[],"C":null}"#;
        let empty = format!("\"{field}\":{}", if field == "M" { "{}" } else { "[]" });
        assert!(plain.contains(&empty));
        plain.replace(&empty, &format!("\"{field}\":{value}"))
    };
    let entries: Vec<_> = (0..9).map(|n| format!("\"{n}\":{n}")).collect();
    let nine = with("M", &format!("{{{}}}", entries.join(",")));
    assert_eq!(
        json_error::<ComplexData>(&nine),
        "invalid length 9, expected a map of text to integer within its capacity"
    );
    let many = with("P", &format!("{:?}", [7; 65]));
    assert_eq!(
        json_error::<ComplexData>(&many),
        "invalid length 65, expected bytes within their capacity"
    );
    let (map, bytes) = (with("M", "true"), with("P", "true"));
    let expected = "invalid type: boolean `true`, expected ";
    assert_eq!(
        json_error::<HeapComplexData>(&map),
        expected.to_owned() + "a map of text to integer"
    );
    assert_eq!(
        json_error::<HeapComplexData>(&bytes),
        expected.to_owned() + "bytes"
    );
}

#[test]
fn named_fields_may_arrive_in_any_order_and_only_c_is_optional() {
    let read = |text: &str| {
        let fixed = serde_json::from_str::<ComplexData>(text).map_err(|error| error.to_string());
        let heap = serde_json::from_str::<HeapComplexData>(text).map_err(|error| error.to_string());
        assert_eq!(
            fixed.as_ref().map(HeapComplexData::from),
            heap.as_ref().cloned()
        );
        fixed
    };
    let inner = r#"{"N":256,"S":"","M":{},"P":[]}"#;
    let data = read(&format!(
        r#"{{"C":{inner},"P":[1,2],"Q":[0],"M":{{"a":1}},"S":"s","N":23}}"#
    ))
    .unwrap();
    assert_eq!((data.n, &*data.s, &*data.p), (23, "s", &[1, 2][..]));
    assert_eq!(data.m.get("a"), Some(&1));
    assert_eq!(data.c.map(|inner| inner.n), Some(256));
    assert_eq!(read(inner).unwrap().c, None);
    for (text, fault) in [
        (
            r#"{"N":1,"N":2,"S":"","M":{},"P":[]}"#,
            "duplicate field `N`",
        ),
        (r#"{"N":1,"M":{},"P":[]}"#, "missing field `S`"),
        (r#"{"N":1,"S":"","P":[]}"#, "missing field `M`"),
    ] {
        assert!(read(text).unwrap_err().starts_with(fault), "{text}");
    }
}
