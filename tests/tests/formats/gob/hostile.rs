//! Damaged and malicious gobs: decoding each one ends soon, in a value or an error.

use super::any::Any;
use bellwire::format::Frame;
use bellwire::{ComplexData, DecodeError, DecodeErrorKind, Format, Gob, HeapComplexData};
use bellwire_tests::gob_streams::{TUTORIAL, VECTORS, bytes};
use serde::de::IgnoredAny;

#[test]
fn every_changed_byte_yields_a_value_or_an_error() {
    let good = bytes(TUTORIAL);
    let mut values = 0u32;
    let mut attempt = |stream: &[u8]| {
        values += u32::from(Gob::from_slice::<HeapComplexData>(stream).is_ok());
        let _ = Gob::<ComplexData>::decode(stream);
        let _ = Gob::from_slice::<Any>(stream);
        let _ = Gob::from_slice::<IgnoredAny>(stream);
        let mut progress = 0;
        for end in 0..=stream.len() {
            match Gob::<ComplexData>::frame(&stream[..end], &mut progress) {
                Frame::Ends(size) => {
                    assert!(size > 0);
                    break;
                }
                Frame::Open | Frame::OpenLine => {}
                Frame::Broken(_) => break,
            }
        }
    };
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut changed = good.clone();
            changed[at] = byte;
            attempt(&changed);
        }
        for byte in [0, 1, 2, 4, 0x7f, 0x80, 0xf8, 0xfe, 0xff] {
            let mut longer = good.clone();
            longer.insert(at, byte);
            attempt(&longer);
        }
        let mut shorter = good.clone();
        shorter.remove(at);
        attempt(&shorter);
        attempt(&good[..at]);
        assert!(Gob::from_slice::<HeapComplexData>(&good[..at]).is_err());
    }
    assert!(values > 100, "only {values} changed streams held a value");
}

#[test]
fn every_changed_byte_of_a_multi_message_value_yields_a_value_or_an_error() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let parts: Vec<_> = line.split('\t').collect();
        let spanning = [
            "more fields, nested types",
            "any []interface {}",
            "any map[string][]interface {}",
        ];
        if !spanning.contains(&parts[0]) {
            continue;
        }
        let good = bytes(parts[4]);
        for at in 0..good.len() {
            for byte in [0, 1, 2, 4, 8, 0x10, 0x7f, 0x80, 0xf8, 0xfe, 0xff] {
                let mut changed = good.clone();
                changed[at] = byte;
                let _ = Gob::from_slice::<HeapComplexData>(&changed);
                let _ = Gob::from_slice::<Any>(&changed);
                let end = Gob::<ComplexData>::frame(&changed, &mut 0);
                if Gob::from_slice::<IgnoredAny>(&changed).is_ok() {
                    assert_eq!(end, Frame::Ends(changed.len()));
                }
            }
            assert!(Gob::from_slice::<Any>(&good[..at]).is_err());
            let frame = Gob::<ComplexData>::frame(&good[..at], &mut 0);
            assert!(!matches!(frame, Frame::Ends(end) if end <= at));
        }
        count += 1;
    }
    assert!(count >= 4, "only {count} vectors");
}

#[test]
fn streams_that_crash_or_hang_go_are_refused() {
    let lines = VECTORS.lines();
    let hostile = lines.filter_map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, _, "hangs" | "crashes", _, stream] => Some((name, bytes(stream))),
        _ => None,
    });
    let mut count = 0;
    for (name, stream) in hostile {
        assert!(
            Gob::from_slice::<HeapComplexData>(&stream).is_err(),
            "{name}"
        );
        assert!(Gob::<ComplexData>::decode(&stream).is_err(), "{name}");
        assert!(Gob::from_slice::<Any>(&stream).is_err(), "{name}");
        assert!(Gob::from_slice::<IgnoredAny>(&stream).is_err(), "{name}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn the_nesting_that_overflows_gos_stack_is_too_deep() {
    let mut stream = bytes(TUTORIAL)[..88].to_vec();
    let levels = 2_200_000u32;
    stream.push(0xfd);
    stream.extend(&(levels + 2).to_be_bytes()[1..]);
    stream.extend([0xff, 0x80]);
    stream.extend(std::iter::repeat_n(5, levels as usize));
    let deep = Err(DecodeError {
        kind: DecodeErrorKind::TooDeep,
        field: Some("C"),
    });
    assert_eq!(Gob::from_slice::<HeapComplexData>(&stream), deep);
    assert_eq!(
        Gob::from_slice::<IgnoredAny>(&stream).map(drop),
        Err(DecodeErrorKind::TooDeep.into())
    );
}

#[test]
fn elements_of_type_0_are_refused() {
    // Regression: elements of type 0 took no bytes, so each level of lists counted all later bytes again.
    type Lists = Vec<Vec<Vec<i64>>>;
    let unknown = Err(DecodeError::from(DecodeErrorKind::UnknownType));
    let rest = [40; 100];
    let value = [&[102, 0, 0][..], &rest].concat();
    assert_eq!(Gob::from_slice::<Lists>(&value), unknown);
    // A slice (2), an array (1) of 40 elements and a map (4) with an absent type or type 0.
    for definition in [
        &[5, 0x7f, 2, 0, 0][..],
        &[7, 0x7f, 2, 2, 0, 0, 0],
        &[7, 0x7f, 1, 3, 80, 0, 0],
        &[7, 0x7f, 4, 2, 4, 0, 0],
        &[7, 0x7f, 4, 3, 4, 0, 0],
    ] {
        let stream = [definition, &[104, 0xff, 0x80, 0][..], &rest].concat();
        assert_eq!(Gob::from_slice::<Lists>(&stream), unknown, "{definition:?}");
        let skipped = Gob::from_slice::<IgnoredAny>(&stream).map(drop);
        assert_eq!(skipped, unknown.clone().map(drop), "{definition:?}");
    }
    // A struct with the field A, of type 0.
    let definition = [11, 0x7f, 3, 2, 1, 1, 1, b'A', 1, 0, 0, 0, 0];
    let stream = [&definition[..], &[104, 0xff, 0x80, 1], &rest].concat();
    let skipped = Gob::from_slice::<IgnoredAny>(&stream).map(drop);
    assert_eq!(skipped, unknown.map(drop));
}
