//! Values round-trip through each format.

use super::{each, encode, structure, text};
use bellwire::Schema;
use bellwire::{ComplexData, Format, Gob, HeapComplexData, Line, Postcard};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Checks that `value` round-trips through the format `F`; returns its bytes.
fn round_trips<F>(value: &HeapComplexData) -> Vec<u8>
where
    F: for<'a> Format<Value<'a> = HeapComplexData, Sent<'a> = &'a HeapComplexData>,
{
    let bytes = encode::<F>(value);
    assert_eq!(F::decode(&bytes).as_ref(), Ok(value));
    bytes
}

#[test]
fn any_structure_round_trips() {
    each(structure(16, 20), |value| {
        round_trips::<Postcard<HeapComplexData>>(&value);
        round_trips::<Gob<HeapComplexData>>(&value);
    });
}

#[test]
fn complex_data_and_heap_complex_data_encode_to_the_same_bytes() {
    // 16 characters of four bytes fill S; 4 fill a key.
    each(structure(2, 16), |twin| {
        let fixed = ComplexData::try_from(&twin).expect("it fits");
        assert_eq!(HeapComplexData::from(&fixed), twin);
        let bytes = round_trips::<Postcard<HeapComplexData>>(&twin);
        assert_eq!(encode::<Postcard<ComplexData>>(&fixed), bytes);
        assert_eq!(Postcard::<ComplexData>::decode(&bytes), Ok(fixed.clone()));
        let bytes = round_trips::<Gob<HeapComplexData>>(&twin);
        assert_eq!(encode::<Gob<ComplexData>>(&fixed), bytes);
        assert_eq!(Gob::<ComplexData>::decode(&bytes), Ok(fixed));
    });
}

#[test]
fn any_line_round_trips() {
    let line = text(80).prop_map(|text| text.replace('\n', " ").trim_end_matches('\r').to_owned());
    each(line, |line| {
        assert_eq!(Line::decode(&encode::<Line>(&line)), Ok(line.as_str()));
    });
}

#[test]
fn any_text_and_any_bytes_round_trip() {
    each((text(80), vec(any::<u8>(), 0..300)), |(text, bytes)| {
        let (text, bytes) = (text.as_str(), bytes.as_slice());
        let sent = encode::<Postcard<str>>(&text);
        assert_eq!(Postcard::<str>::decode(&sent), Ok(text));
        let sent = encode::<Gob<str>>(&text);
        assert_eq!(Gob::<str>::decode(&sent), Ok(text));
        let sent = encode::<Postcard<[u8]>>(&bytes);
        assert_eq!(Postcard::<[u8]>::decode(&sent), Ok(bytes));
        let sent = encode::<Gob<[u8]>>(&bytes);
        assert_eq!(Gob::<[u8]>::decode(&sent), Ok(bytes));
    });
}

#[test]
fn any_number_round_trips_in_postcard_and_gob() {
    fn both<T>(value: &T)
    where
        T: Serialize + DeserializeOwned + Schema + PartialEq + Debug + 'static,
    {
        let sent = encode::<Postcard<T>>(value);
        assert_eq!(Postcard::<T>::decode(&sent).as_ref(), Ok(value));
        let sent = encode::<Gob<T>>(value);
        assert_eq!(Gob::<T>::decode(&sent).as_ref(), Ok(value));
    }
    each(any::<(bool, i64, u64, f64)>(), |(yes, int, uint, float)| {
        both(&yes);
        both(&int);
        both(&uint);
        both(&float);
    });
}

#[test]
fn any_tuple_of_containers_round_trips_in_postcard() {
    type Containers = (
        i128,
        Option<Vec<char>>,
        Result<u16, [f32; 2]>,
        Vec<(bool, String)>,
    );
    let containers = (
        any::<i128>(),
        option::of(vec(any::<char>(), 0..9)),
        any::<Result<u16, [f32; 2]>>(),
        vec((any::<bool>(), text(9)), 0..9),
    );
    each(containers, |value| {
        let sent = encode::<Postcard<Containers>>(&value);
        assert_eq!(Postcard::<Containers>::decode(&sent), Ok(value));
    });
}
