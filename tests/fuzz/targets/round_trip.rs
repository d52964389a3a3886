//! Every value that a format supports survives encoding and decoding. The fixed and the allocating structure
//! have the same bytes.
#![no_main]

use bellwire::format::EncodeError;
use bellwire::gob::{Decoder, Encoder};
use bellwire::{
    ComplexData, DecodeErrorKind, Format, Gob, HeapComplexData, Limits, Line, Postcard,
};
use bellwire_fuzz::formats::{encoded, encoded_in};
use bellwire_fuzz::values::{Kinds, Tree, complex_data, levels};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});

fn check(source: &mut Unstructured<'_>) -> Result<()> {
    match source.int_in_range(0..=4)? {
        0 => structure::<Postcard<HeapComplexData>, Postcard<ComplexData>>(&complex_data(source)?),
        1 => structure::<Gob<HeapComplexData>, Gob<ComplexData>>(&complex_data(source)?),
        2 => kinds(&Kinds::arbitrary(source)?),
        3 => tree(&Tree::arbitrary(source)?),
        _ => text(<&str>::arbitrary(source)?),
    }
    Ok(())
}

/// The most levels that can be encoded. Each level but the first is a struct in an option.
const MAX_LEVELS: usize = Limits::MAX_DEPTH as usize / 2;

fn structure<Heap, Fixed>(value: &HeapComplexData)
where
    Heap: for<'a> Format<Value<'a> = HeapComplexData, Sent<'a> = &'a HeapComplexData>,
    Fixed: for<'a> Format<Value<'a> = ComplexData, Sent<'a> = &'a ComplexData>,
{
    let bytes = encoded_in::<Heap>(|space| Heap::encode(value, space));
    if levels(value) > MAX_LEVELS {
        assert_eq!(bytes, Err(EncodeError::Unencodable));
        return;
    }
    let bytes = bytes.expect("every value of so few levels can be encoded");
    assert_eq!(Heap::decode(&bytes).as_ref(), Ok(value));
    let Ok(fixed) = ComplexData::try_from(value) else {
        let decoded = Fixed::decode(&bytes);
        let flaw = decoded.expect_err("the value does not fit").kind;
        assert!(matches!(
            flaw,
            DecodeErrorKind::OverCapacity | DecodeErrorKind::TooDeep
        ));
        return;
    };
    assert_eq!(&HeapComplexData::from(&fixed), value);
    let same = encoded(|space| Fixed::encode(&fixed, space));
    assert_eq!(same.as_ref(), Ok(&bytes));
    assert_eq!(Fixed::decode(&bytes), Ok(fixed));
}

fn kinds(value: &Kinds) {
    let postcard = encoded_in::<Postcard<Kinds>>(|space| Postcard::<Kinds>::encode(value, space));
    if let Ok(bytes) = postcard {
        let same = Postcard::<Kinds>::decode(&bytes).expect("it was encoded");
        assert_eq!(shown(&same), shown(value));
    }
    let mut encoder = Encoder::<Kinds>::new();
    let (mut memory, mut space) = ([0; 1024], vec![0; 65536]);
    let mut decoder = Decoder::new(&mut memory);
    for _ in 0..2 {
        let Ok(size) = encoder.encode(value, &mut space) else {
            return;
        };
        let same: Kinds = decoder
            .decode(&space[..size])
            .expect("an encoded value can be decoded");
        let again = encoder.clone().encode(&same, &mut vec![0; 65536]);
        assert!(again.is_ok());
        assert_eq!(shown(&same), shown(&value.clone().without_absent_zeros()));
    }
}

fn tree(value: &Tree) {
    let bytes = encoded_in::<Postcard<Tree>>(|space| Postcard::<Tree>::encode(value, space));
    let Ok(bytes) = bytes else {
        return;
    };
    let same = Postcard::<Tree>::decode(&bytes).expect("it was encoded");
    assert_eq!(shown(&same), shown(value));
}

fn text(value: &str) {
    let line = encoded_in::<Line>(|space| Line::encode(value, space));
    match line {
        Ok(line) => assert_eq!(Line::decode(&line), Ok(value)),
        Err(_) => assert!(value.contains('\n') || value.ends_with('\r')),
    }
    let bytes = encoded_in::<Gob<str>>(|space| Gob::<str>::encode(&value, space));
    assert_eq!(Gob::<str>::decode(&bytes.expect("short enough")), Ok(value));
    let raw = value.as_bytes();
    let bytes = encoded_in::<Postcard<[u8]>>(|space| Postcard::<[u8]>::encode(&raw, space));
    assert_eq!(
        Postcard::<[u8]>::decode(&bytes.expect("short enough")),
        Ok(raw)
    );
}

/// Returns the debug text, for comparison: a NaN does not equal itself, but its text does.
fn shown(value: &impl core::fmt::Debug) -> String {
    format!("{value:?}")
}
