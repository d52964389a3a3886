//! What Go sends is decoded to what Go says it is: the vectors that `tests/go` wrote.

#[path = "gob_values/any.rs"]
mod any;
#[path = "gob_values/base64.rs"]
mod base64;
#[path = "gob_values/complex_data.rs"]
mod complex_data;
#[path = "gob_values/kinds.rs"]
mod kinds;

use any::Any;
use bellwire::gob::Stream;
use bellwire::{Flaw, HeapComplexData, Malformed};
use complex_data::complex_data_json;
use kinds::Kinds;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::time::{Duration, Instant};

const VECTORS: &str = include_str!("gob_vectors.tsv");

/// Where Go and Bellwire differ: what Bellwire says, and after how many of Go's values. The table of
/// the module `gob` says why.
const DIFFERENCES: &[(&str, Result<(), Flaw>)] = &[
    ("not utf-8", Err(Flaw::BadUtf8)),
    ("key not utf-8", Err(Flaw::BadUtf8)),
    ("nested 17", Err(Flaw::TooDeep)),
    ("nested 100", Err(Flaw::TooDeep)),
    ("key twice", Err(Flaw::DuplicateKey)),
    ("end missing", Err(Flaw::Truncated)),
    ("inner end missing", Err(Flaw::Truncated)),
    ("bytes behind the value", Err(Flaw::LeftOver)),
    ("negative map count", Err(Flaw::BadLength)),
    ("bool of 2", Err(Flaw::BadValue)),
    // Go says end of file, as if there had been nothing more to read.
    ("empty message", Err(Flaw::Truncated)),
    ("empty message behind types", Err(Flaw::Truncated)),
    ("map longer than the message", Err(Flaw::BadLength)),
    // The value is kept whole, or there is none.
    ("C int, zero", Ok(())),
    ("C interface", Ok(())),
    ("P opaque", Ok(())),
    ("S bytes", Err(Flaw::WrongType)),
    ("P string", Ok(())),
    ("slice from array", Ok(())),
    // What no value needs is not looked at.
    ("field of an unknown type", Ok(())),
    ("M of uint, zero", Ok(())),
];

#[test]
fn vectors() {
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
    let difference = DIFFERENCES.iter().find(|(differs, _)| *differs == name);
    if let Some((_, expected)) = difference {
        return match (end, expected) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Err(flaw)) if error.flaw == *flaw => Ok(()),
            _ => Err(format!("{end:?}, not {expected:?}")),
        };
    }
    let expected: Vec<Value> = serde_json::from_str(values).expect("a JSON array");
    let expected: Vec<Value> = expected.into_iter().map(plain).collect();
    let decoded: Vec<Value> = decoded.into_iter().map(plain).collect();
    if end.is_ok() != (verdict == "ok") {
        return Err(format!("{end:?}, but Go says {verdict}"));
    }
    if decoded != expected {
        return Err(format!("decoded {decoded:?}\nbut Go says {expected:?}"));
    }
    Ok(())
}

/// The values up to the end or the first error.
fn decode(receiver: &str, stream: &[u8]) -> (Vec<Value>, Result<(), Malformed>) {
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

/// The same with every number as a float and every empty collection as null, which is what Go's and
/// Rust's JSON differ in.
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

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
