//! A stream of values that lies in memory, and the same one decoded payload by payload as they are
//! delimited, hold the same.
#![no_main]

use bellwire::format::{Format, Frame};
use bellwire::gob::{Decoder, Encoder, Stream};
use bellwire::{Flaw, HeapComplexData, RawGob};
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
        let bytes = bytes.expect("it was decoded");
        let size = encoder.encode(value, &mut vec![0; bytes.len()]);
        assert_eq!(size, Ok(bytes.len()));
        stream.extend(bytes);
    }
    assert_eq!(check::<HeapComplexData>(&stream), values);
});

/// The values up to the first that is wrong.
fn check<T: DeserializeOwned + PartialEq + core::fmt::Debug>(data: &[u8]) -> Vec<T> {
    let mut values = Vec::new();
    let mut memory = [0; 1024];
    let mut decoder = Decoder::new(&mut memory);
    let mut stream = Stream::new(data);
    let mut rest = data;
    while let Frame::Ends(end) = RawGob::frame(rest, &mut 0) {
        let Some((payload, behind)) = rest.split_at_checked(end) else {
            break;
        };
        rest = behind;
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
            // Its memory is smaller than the stream may be.
            (Err(malformed), _) if malformed.flaw == Flaw::TooManyTypes => break,
            // Which count is too large depends on what follows.
            (Err(_), Err(_)) => break,
            different => panic!("{different:?}"),
        }
    }
    values
}
