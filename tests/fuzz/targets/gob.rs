//! Any bytes are decoded to a structure, or the flaw that they have; what is decoded is written and
//! decoded again as the same, and its fixed and its allocating form agree. Reading takes a bounded number of
//! steps for each byte.
#![no_main]

use bellwire::format::Format;
use bellwire::gob::{Described, from_slice};
use bellwire::{ComplexData, Flaw, Gob, HeapComplexData, Malformed};
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
            assert!(matches!(malformed.flaw, Flaw::OverCapacity | Flaw::TooDeep));
            assert!(ComplexData::try_from(&heap).is_err());
        }
        (Err(_), fixed) => assert!(fixed.is_err(), "{fixed:?}"),
    }
    let _ = check::<Kinds>(whole);
});

fn check<T>(payload: &[u8]) -> Result<T, Malformed>
where
    T: Serialize + DeserializeOwned + Described + Debug + 'static,
{
    let value = bounded(payload, from_slice::<T>)?;
    let bytes = encoded_in::<Gob<T>>(|space| Gob::<T>::encode(&value, space));
    let bytes = bytes.expect("it was decoded");
    let again = Gob::<T>::decode(&bytes).expect("it was encoded");
    // A number of zero is not sent, so that it is none where there may be none.
    let settled = encoded_in::<Gob<T>>(|space| Gob::<T>::encode(&again, space));
    assert_eq!(settled, Ok(bytes));
    Ok(value)
}
