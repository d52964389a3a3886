//! Arbitrary bytes decode as gob to a structure or to an error, in a bounded number of steps for each byte.
//!
//! A decoded value survives encoding and decoding, and the fixed and the allocating structure agree.
#![no_main]

use bellwire::{ComplexData, DecodeError, DecodeErrorKind, Format, Gob, HeapComplexData, Schema};
use bellwire_fuzz::formats::{bounded, encoded_in, payload};
use bellwire_fuzz::values::Kinds;
use core::fmt::Debug;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(1200)];
    let whole = payload::<Gob<HeapComplexData>>(data).unwrap_or(data);
    let heap = check::<HeapComplexData>(whole);
    let fixed = check::<ComplexData>(whole);
    match (heap, fixed) {
        (Ok(heap), Ok(fixed)) => assert_eq!(ComplexData::try_from(&heap), Ok(fixed)),
        (Ok(heap), Err(malformed)) => {
            assert!(matches!(
                malformed.kind,
                DecodeErrorKind::OverCapacity | DecodeErrorKind::TooDeep
            ));
            assert!(ComplexData::try_from(&heap).is_err());
        }
        (Err(_), fixed) => assert!(fixed.is_err(), "{fixed:?}"),
    }
    let _ = check::<Kinds>(whole);
});

fn check<T>(payload: &[u8]) -> Result<T, DecodeError>
where
    T: Serialize + DeserializeOwned + Schema + Debug + 'static,
{
    let value = bounded(payload, Gob::from_slice::<T>)?;
    let bytes = encoded_in::<Gob<T>>(|space| Gob::<T>::encode(&value, space));
    let bytes = bytes.expect("a decoded value can be encoded");
    let again = Gob::<T>::decode(&bytes).expect("an encoded value can be decoded");
    // Gob does not send zeros, so `Some(0)` becomes `None`. Compare the bytes instead of the values.
    let settled = encoded_in::<Gob<T>>(|space| Gob::<T>::encode(&again, space));
    assert_eq!(settled, Ok(bytes));
    Ok(value)
}
