//! Bellwire and the postcard crate decode arbitrary bytes to the same value, or both fail. The exceptions are
//! the documented values that only Bellwire rejects.
//! No more elements are decoded than there are bytes.
#![no_main]

use bellwire::{ComplexData, DecodeError, DecodeErrorKind, Format, HeapComplexData, Postcard};
use bellwire_fuzz::formats::{encoded_in, payload};
use bellwire_fuzz::server::framed;
use bellwire_fuzz::values::{Kinds, Tree, Wrapped};
use core::cell::Cell;
use core::fmt::Debug;
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(600)];
    if let Some(payload) = payload::<Postcard<HeapComplexData>>(data) {
        let _ = Postcard::<ComplexData>::decode(payload);
        let _ = Postcard::<str>::decode(payload);
        let _ = Postcard::<[u8]>::decode(payload);
    }
    let heap = check::<HeapComplexData>(data);
    let fixed = check::<ComplexData>(data);
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
    let _ = check::<Kinds>(data);
    let _ = check::<Tree>(data);
    let _ = check::<Vec<Wrapped>>(data);
    let _ = check::<Vec<()>>(data);
    let _ = check::<String>(data);
    is_linear::<Vec<Element<Vec<Element<Vec<Element<()>>>>>>>(data);
    is_linear::<Vec<Element<(Vec<Element<()>>, Vec<Element<Option<u8>>>)>>>(data);
    is_linear::<BTreeMap<u8, Element<BTreeMap<(), Element<Vec<Element<()>>>>>>>(data);
});

thread_local! {
    static ELEMENTS: Cell<usize> = const { Cell::new(0) };
}

/// An element that counts when it is decoded.
#[derive(Serialize)]
struct Element<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ELEMENTS.set(ELEMENTS.get() + 1);
        T::deserialize(deserializer).map(Element)
    }
}

fn is_linear<T: Serialize + DeserializeOwned + 'static>(body: &[u8]) {
    ELEMENTS.set(0);
    let _ = Postcard::<T>::decode(&framed(body));
    assert!(ELEMENTS.get() <= body.len(), "{} elements", ELEMENTS.get());
}

/// Decodes `body`, with its length before it, and compares the result with the postcard crate's.
fn check<T>(body: &[u8]) -> Result<T, DecodeError>
where
    T: Serialize + DeserializeOwned + Debug + 'static,
{
    let ours = Postcard::<T>::decode(&framed(body));
    let theirs = postcard::take_from_bytes::<T>(body);
    match (&ours, theirs) {
        (Ok(value), Ok((same, []))) => {
            let bytes = encoded_in::<Postcard<T>>(|space| Postcard::<T>::encode(value, space));
            let bytes = bytes.expect("a decoded value can be encoded");
            let crates = encoded_in::<Postcard<T>>(|space| Postcard::<T>::encode(&same, space));
            assert_eq!(crates.as_ref(), Ok(&bytes));
            let again = Postcard::<T>::decode(&bytes).expect("an encoded value can be decoded");
            let again = encoded_in::<Postcard<T>>(|space| Postcard::<T>::encode(&again, space));
            assert_eq!(again, Ok(bytes));
        }
        (Ok(value), theirs) => panic!("bellwire: {value:?}, postcard: {theirs:?}"),
        (Err(malformed), Ok((value, rest))) => match malformed.kind {
            DecodeErrorKind::LeftOver => assert!(!rest.is_empty()),
            // Among them are elements of no bytes, and a `char` encoded as several characters.
            DecodeErrorKind::BadLength
            | DecodeErrorKind::BadValue
            | DecodeErrorKind::TooDeep
            | DecodeErrorKind::DuplicateKey => {}
            _ => panic!("bellwire: {malformed:?}, postcard: {value:?}"),
        },
        (Err(_), Err(_)) => {}
    }
    ours
}
