//! A gob stream read from memory yields the same values as the stream decoded payload by payload.
#![no_main]

use bellwire::format::Frame;
use bellwire::gob::{Decoder, Encoder, Stream};
use bellwire::{DecodeErrorKind, Format, HeapComplexData, RawGob};
use bellwire_fuzz::formats::{encoded, encoded_in, payload};
use bellwire_fuzz::values::Kinds;
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(1200)];
    let _ = payload::<RawGob>(data);
    let values = check::<HeapComplexData>(data);
    let _ = check::<Kinds>(data);
    let _ = check::<Vec<i64>>(data);
    let _ = check::<String>(data);

    let mut encoder = Encoder::<HeapComplexData>::new();
    let mut stream = Vec::new();
    for value in &values {
        let bytes = encoded(|space| encoder.clone().encode(value, space));
        let bytes = bytes.expect("a decoded value can be encoded");
        let size = encoder.encode(value, &mut vec![0; bytes.len()]);
        assert_eq!(size, Ok(bytes.len()));
        stream.extend(bytes);
    }
    assert_eq!(check::<HeapComplexData>(&stream), values);
});

/// Decodes the stream both ways. Returns the values before the end or the first error.
fn check<T: DeserializeOwned + PartialEq + core::fmt::Debug>(data: &[u8]) -> Vec<T> {
    let mut values = Vec::new();
    let mut memory = [0; 1024];
    let mut decoder = Decoder::new(&mut memory);
    let mut stream = Stream::new(data);
    let mut rest = data;
    while let Frame::Ends(end) = RawGob::frame(rest, &mut 0) {
        let Some((payload, after)) = rest.split_at_checked(end) else {
            break;
        };
        rest = after;
        assert_eq!(
            encoded_in::<RawGob>(|space| RawGob::encode(payload, space)).as_deref(),
            Ok(payload)
        );
        let value = decoder.decode::<T>(payload);
        let same = stream.next::<T>();
        match (value, same) {
            (Ok(value), Ok(Some(same))) => {
                // A NaN is not equal to itself.
                assert_eq!(format!("{value:?}"), format!("{same:?}"));
                values.push(value);
            }
            // The decoder's memory may be too small for the stream's types.
            (Err(malformed), _) if malformed.kind == DecodeErrorKind::TooManyTypes => break,
            // The errors may differ: whether a count is too large depends on the bytes after it.
            (Err(_), Err(_)) => break,
            different => panic!("{different:?}"),
        }
    }
    values
}
