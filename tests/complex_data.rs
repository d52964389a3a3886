//! ComplexData and its twin on the heap: the same bytes, and each flaw its own error.

use bellwire::complex_data::{Inner, KEY_CAPACITY, Level, M_CAPACITY, P_CAPACITY, S_CAPACITY};
use bellwire::format::{EncodeError, Format, MAX_DEPTH};
use bellwire::{ComplexData, Flaw, Gob, HeapComplexData, Malformed, Postcard};
use bellwire_tests::server::{framed, join, show};
use core::fmt::Debug;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Encodes a value as a payload, its length included.
fn encode<T>(value: &T) -> Vec<u8>
where
    Postcard<T>: for<'a> Format<Sent<'a> = &'a T>,
{
    let mut space = vec![0; 5000];
    let size = Postcard::<T>::encode(value, &mut space).expect("there is room");
    space[..size].to_vec()
}

/// Decodes a body, its length not included.
fn decode<T>(body: impl AsRef<[u8]>) -> Result<T, Malformed>
where
    Postcard<T>: for<'a> Format<Value<'a> = T>,
{
    Postcard::<T>::decode(&framed(body))
}

/// What is wrong with `body`, and in which field, for the fixed and for the heap type.
#[track_caller]
fn both_refuse(body: impl AsRef<[u8]>, flaw: Flaw, field: impl Into<Option<&'static str>>) {
    let expected = Malformed {
        flaw,
        field: field.into(),
    };
    assert_eq!(decode::<ComplexData>(&body), Err(expected));
    assert_eq!(decode::<HeapComplexData>(&body), Err(expected));
}

/// The same where only the fixed type has no room for it.
#[track_caller]
fn only_fixed_refuses(body: impl AsRef<[u8]>, flaw: Flaw, field: &'static str) {
    let expected = Malformed {
        flaw,
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

/// The value that the mission's two programs exchange.
fn mission() -> ComplexData {
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

/// A value that fills every capacity.
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
fn the_bytes_are_these() {
    assert_eq!(
        show(&encode(&mission())),
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
fn fixed_and_heap_have_the_same_bytes_and_convert() {
    let values = [ComplexData::default(), mission(), full()];
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
fn equal_values_have_equal_bytes_whatever_the_order_of_their_entries() {
    let mut other = mission();
    for (key, value) in [("two", 2), ("one", 1), ("three", 3)] {
        other.m.remove(key);
        other.m.insert(key.try_into().unwrap(), value).unwrap();
    }
    assert_eq!(other, mission());
    assert_eq!(encode(&other), encode(&mission()));
}

#[test]
fn entries_may_arrive_in_any_order() {
    let sorted = decode::<ComplexData>(b"\0\0\x02\x01a\x02\x01b\x04\0\0");
    assert!(sorted.is_ok());
    assert_eq!(decode(b"\0\0\x02\x01b\x04\x01a\x02\0\0"), sorted);
}

#[test]
fn a_value_that_is_read_over_another_leaves_nothing_of_it() {
    let body = encode(&ComplexData::default());
    let mut reader = postcard::Deserializer::from_bytes(&body[1..]);
    let mut place = full();
    ComplexData::deserialize_in_place(&mut reader, &mut place).expect("an empty level");
    assert_eq!(place, ComplexData::default());
}

#[test]
fn a_body_that_is_cut_short_is_truncated_wherever_it_is_cut() {
    let body = &encode(&mission())[1..];
    for end in 0..body.len() {
        // A count of which the entries are missing counts more than the bytes can hold.
        let flaw = [Flaw::Truncated, Flaw::BadLength];
        let fixed = decode::<ComplexData>(&body[..end]).expect_err("cut short");
        let heap = decode::<HeapComplexData>(&body[..end]).expect_err("cut short");
        assert!(flaw.contains(&fixed.flaw), "{fixed:?} at {end}");
        assert_eq!(fixed, heap, "at {end}");
        assert!(fixed.field.is_some(), "at {end}");
    }
    both_refuse(b"", Flaw::Truncated, "N");
    both_refuse(b"\x80", Flaw::Truncated, "N");
    both_refuse(b"\0\x05abc", Flaw::Truncated, "S");
    both_refuse(b"\0\0\x01\x05ab", Flaw::Truncated, "M");
    both_refuse(b"\0\0\0\x05abc", Flaw::Truncated, "P");
    both_refuse(b"\0\0\0\0", Flaw::Truncated, "C");
    both_refuse(b"\0\0\0\0\x01\0", Flaw::Truncated, "S");
}

#[test]
fn each_other_flaw_is_told_apart_and_placed() {
    both_refuse(b"\0\0\0\0\0\0", Flaw::LeftOver, None);
    both_refuse(b"\0\x01\xff\0\0\0", Flaw::BadUtf8, "S");
    both_refuse(b"\0\0\x01\x01\xff\0\0\0", Flaw::BadUtf8, "M");
    both_refuse(b"\0\0\x05\0\0\0", Flaw::BadLength, "M");
    both_refuse(
        b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0",
        Flaw::BadLength,
        "M",
    );
    both_refuse(
        b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0",
        Flaw::BadLength,
        "M",
    );
    both_refuse(
        b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0",
        Flaw::BadLength,
        "S",
    );
    both_refuse([0xff; 20], Flaw::BadValue, "N");
    both_refuse(b"\0\0\0\0\x02", Flaw::BadValue, "C");
    both_refuse(b"\0\0\x02\x01a\x02\x01a\x02\0\0", Flaw::DuplicateKey, "M");
    both_refuse(b"\0\0\x02\x01a\x02\x01a", Flaw::DuplicateKey, "M");
    both_refuse(b"\0\0\x02\0\x02\0\x04\0\0", Flaw::DuplicateKey, "M");
}

#[test]
fn what_a_capacity_has_no_room_for_is_refused_by_its_field() {
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
    only_fixed_refuses(map(9), Flaw::OverCapacity, "M");
    only_fixed_refuses(text(S_CAPACITY + 1), Flaw::OverCapacity, "S");
    only_fixed_refuses(key(KEY_CAPACITY + 1), Flaw::OverCapacity, "M");
    only_fixed_refuses(bytes(P_CAPACITY + 1), Flaw::OverCapacity, "P");
}

/// The body of so many levels, one in the other, all empty.
fn levels(count: usize) -> Vec<u8> {
    let outer = b"\0\0\0\0\x01".repeat(count - 1);
    join(&[&outer, b"\0\0\0\0\0"])
}

#[test]
fn a_level_more_than_the_type_has_is_too_deep() {
    assert!(decode::<Inner>(levels(1)).is_ok());
    assert!(decode::<ComplexData>(levels(2)).is_ok());
    assert!(decode::<Level<ComplexData>>(levels(3)).is_ok());
    only_fixed_refuses(levels(3), Flaw::TooDeep, "C");
    let deeper = decode::<HeapComplexData>(levels(3)).unwrap();
    assert!(Level::<ComplexData>::try_from(&deeper).is_ok());
}

#[test]
fn the_heap_nests_as_deep_as_any_payload_may() {
    // Each level below the first is an option and a struct.
    let most = usize::from(MAX_DEPTH) / 2;
    let deepest = decode::<HeapComplexData>(levels(most)).expect("deep enough");
    assert_eq!(encode(&deepest), framed(levels(most)));
    for count in [most + 1, most + 2, 1000, 10_000] {
        let error = decode::<HeapComplexData>(levels(count)).expect_err("too deep");
        assert_eq!((error.flaw, error.field), (Flaw::TooDeep, Some("C")));
    }
}

#[test]
fn what_nests_deeper_than_is_taken_is_not_encoded() {
    let most = usize::from(MAX_DEPTH) / 2;
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
    for value in [ComplexData::default(), mission(), full()] {
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

/// What serde's JSON says to `json` as a value of this type.
fn json_error<T: DeserializeOwned + Debug>(json: &str) -> String {
    let error = serde_json::from_str::<T>(json).expect_err("it is wrong");
    let text = error.to_string();
    let (sentence, _place) = text.rsplit_once(" at line ").expect("a place");
    sentence.to_owned()
}

#[test]
fn other_formats_of_serde_carry_it_too() {
    let json = serde_json::to_string(&mission()).expect("JSON has it all");
    let fixed: ComplexData = serde_json::from_str(&json).expect("it was one");
    assert_eq!(fixed, mission());
    let heap: HeapComplexData = serde_json::from_str(&json).expect("it was one");
    assert_eq!(heap, HeapComplexData::from(&mission()));
}

#[test]
fn they_are_told_what_was_expected() {
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
fn named_fields_come_in_any_order_once_and_all_but_c() {
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
