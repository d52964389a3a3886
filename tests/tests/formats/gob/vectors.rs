//! Streams of Go, written by `tests/go`, decode to the values that Go decodes from them.

use super::any::Any;
use super::kinds::Kinds;
use bellwire::format::Frame;
use bellwire::gob::Stream;
use bellwire::{ComplexData, DecodeError, DecodeErrorKind, Format, Gob, HeapComplexData};
use bellwire_tests::complex_data_json::complex_data_json;
use bellwire_tests::gob_streams::{VECTORS, bytes};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::time::{Duration, Instant};

const ZERO: &str = r#"[{"N":0,"S":"","M":null,"P":null,"C":null}]"#;

/// A `kinds` value whose only non-zero field is `Ints`.
const INTS_ONLY: &str = r#"[{"Array":[0,0,0],"Bool":false,"Deep":null,"F32":0,"F64":0,"I16":0,
    "I32":0,"I64":0,"I8":0,"Inside":{"Room":"","Seat":0},"Ints":[1,2],"Lists":null,"Number":null,
    "Octets":[0,0,0],"Pair":[0,0],"Pairs":null,"Place":null,"Places":null,"Raw":null,"Rune":0,
    "Table":null,"Text":"","Texts":null,"U16":0,"U32":0,"U64":0,"U8":0}]"#;

/// The vectors that Go and Bellwire decode differently, with Bellwire's values or its error. Before
/// the error, Bellwire decodes the same values as Go. The table in the module `gob` gives the reasons.
const DIFFERENCES: &[(&str, Result<&str, DecodeErrorKind>)] = &[
    ("not utf-8", Err(DecodeErrorKind::BadUtf8)),
    ("key not utf-8", Err(DecodeErrorKind::BadUtf8)),
    ("nested 17", Err(DecodeErrorKind::TooDeep)),
    ("nested 100", Err(DecodeErrorKind::TooDeep)),
    ("key twice", Err(DecodeErrorKind::DuplicateKey)),
    ("end missing", Err(DecodeErrorKind::Truncated)),
    ("inner end missing", Err(DecodeErrorKind::Truncated)),
    ("bytes behind the value", Err(DecodeErrorKind::LeftOver)),
    ("negative map count", Err(DecodeErrorKind::BadLength)),
    ("bool of 2", Err(DecodeErrorKind::BadValue)),
    // Go reports the end of file, as for a stream that ended here.
    ("empty message", Err(DecodeErrorKind::Truncated)),
    (
        "empty message behind types",
        Err(DecodeErrorKind::Truncated),
    ),
    (
        "map longer than the message",
        Err(DecodeErrorKind::BadLength),
    ),
    // Bellwire decodes the value completely or reports an error.
    ("C int, zero", Ok(ZERO)),
    (
        "C interface",
        Ok(r#"[{"N":0,"S":"","M":null,"P":null,"C":{"N":0,"S":"","M":null,"P":null,"C":null}}]"#),
    ),
    (
        "P opaque",
        Ok(r#"[{"N":0,"S":"","M":null,"P":"AQAAAA53kfcBAAAAAP//","C":null}]"#),
    ),
    ("S bytes", Err(DecodeErrorKind::WrongType)),
    (
        "P string",
        Ok(r#"[{"N":0,"S":"","M":null,"P":"YWJj","C":null}]"#),
    ),
    ("slice from array", Ok(INTS_ONLY)),
    // Types that no value needs are not checked.
    (
        "field of an unknown type",
        Ok(r#"[{"N":1,"S":"","M":null,"P":null,"C":null}]"#),
    ),
    ("M of uint, zero", Ok(ZERO)),
];

#[test]
fn each_go_vector_decodes_as_in_go_or_as_documented() {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let &[name, receiver, verdict, values, stream] = &parts[..] else {
            panic!("not a vector: {line}");
        };
        count += 1;
        if let Err(failure) = check(name, receiver, verdict, values, &bytes(stream)) {
            failures.push(format!("{name}: {failure}"));
        }
    }
    assert!(count > 100);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check(
    name: &str,
    receiver: &str,
    verdict: &str,
    values: &str,
    stream: &[u8],
) -> Result<(), String> {
    let began = Instant::now();
    let (decoded, end) = decode(receiver, stream);
    if began.elapsed() > Duration::from_millis(200) {
        return Err(format!("took {:?}", began.elapsed()));
    }
    let parsed = |values: &str| -> Vec<Value> {
        let values: Vec<Value> = serde_json::from_str(values).expect("a JSON array");
        values.into_iter().map(plain).collect()
    };
    let decoded: Vec<Value> = decoded.into_iter().map(plain).collect();
    let difference = DIFFERENCES.iter().find(|(differs, _)| *differs == name);
    if let Some((_, expected)) = difference {
        return match (end, expected) {
            (Ok(()), Ok(values)) if decoded == parsed(values) => Ok(()),
            // The values before the error are a prefix of Go's.
            (Err(error), Err(flaw)) if error.kind == *flaw => {
                let before = verdict != "ok" || parsed(values).starts_with(&decoded);
                before.then_some(()).ok_or(format!("{decoded:?}"))
            }
            (end, _) => Err(format!("{end:?} {decoded:?}, not {expected:?}")),
        };
    }
    let expected = parsed(values);
    if end.is_ok() != (verdict == "ok") {
        return Err(format!("{end:?}, but Go says {verdict}"));
    }
    if decoded != expected {
        return Err(format!("decoded {decoded:?}\nbut Go says {expected:?}"));
    }
    Ok(())
}

/// `progress` carries the state of a payload from one call of `frame` to the next.
#[test]
fn a_value_that_arrives_byte_by_byte_ends_at_the_same_byte() {
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let stream = bytes(line.rsplit('\t').next().unwrap());
        let Frame::Ends(size) = Gob::<ComplexData>::frame(&stream, &mut 0) else {
            continue;
        };
        let mut progress = 0;
        for arrived in 0..size {
            let frame = Gob::<ComplexData>::frame(&stream[..arrived], &mut progress);
            let known = matches!(frame, Frame::Open) || frame == Frame::Ends(size);
            assert!(known, "{arrived} of {size} bytes of {line}: {frame:?}");
        }
        let frame = Gob::<ComplexData>::frame(&stream, &mut progress);
        assert_eq!(frame, Frame::Ends(size), "{line}");
    }
}

/// Decodes all values up to the end or the first error.
fn decode(receiver: &str, stream: &[u8]) -> (Vec<Value>, Result<(), DecodeError>) {
    let mut stream = Stream::new(stream);
    let mut values = Vec::new();
    loop {
        let value = match receiver {
            "complexData" => stream
                .next::<HeapComplexData>()
                .map(|value| value.map(|data| complex_data_json(&data))),
            "kinds" => stream
                .next::<Kinds<'_>>()
                .map(|value| value.map(|kinds| kinds.json())),
            "any" => stream
                .next::<Any>()
                .map(|value| value.map(|Any(value)| value)),
            "skip" => stream
                .next::<IgnoredAny>()
                .map(|value| value.map(|_| Value::Null)),
            other => panic!("no receiver {other}"),
        };
        match value {
            Ok(Some(value)) => values.push(value),
            Ok(None) => return (values, Ok(())),
            Err(error) => return (values, Err(error)),
        }
    }
}

/// Removes the differences between Go's and Rust's JSON: whole floats become integers, and empty
/// collections and texts become null.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map_or(Value::Null, |float| {
            if float.fract() == 0.0 && float.abs() < 1e15 {
                #[allow(clippy::cast_possible_truncation)] // it is whole and small
                Value::from(float as i64)
            } else {
                Value::from(float)
            }
        }),
        Value::Array(elements) if elements.is_empty() => Value::Null,
        Value::Array(elements) => elements.into_iter().map(plain).collect(),
        Value::Object(entries) if entries.is_empty() => Value::Null,
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect(),
        Value::String(text) if text.is_empty() => Value::Null,
        value => value,
    }
}
