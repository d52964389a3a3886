//! `ComplexData` with capacities of a device's own: the same bytes, and other limits.

use bellwire::complex_data::WithCapacities;
use bellwire::{ComplexData, DecodeErrorKind, Format, Gob, HeapComplexData, Postcard};
use core::fmt::Debug;

type Small = WithCapacities<16, 8, 2, 4>;
type Large = WithCapacities<200, 100, 20, 40>;

/// Returns a value whose outer level, or inner level if `inside`, has `s` and `p` bytes, and `m` entries with
/// keys of `key` bytes.
fn sized(inside: bool, [s, p, m, key]: [usize; 4]) -> HeapComplexData {
    let level = HeapComplexData {
        n: -23,
        s: "s".repeat(s),
        m: (0..m).map(|n| (format!("{n:0key$}"), 1)).collect(),
        p: vec![0xff; p],
        c: None,
    };
    if inside {
        HeapComplexData {
            c: Some(Box::new(level)),
            ..HeapComplexData::default()
        }
    } else {
        level
    }
}

fn encode<F: for<'a> Format<Sent<'a> = &'a T>, T>(value: &T) -> Vec<u8> {
    let mut space = vec![0; 5000];
    let size = F::encode(value, &mut space).expect("room for the value");
    space[..size].to_vec()
}

/// Checks that `T` holds `value`: as a fixed value it has the same bytes, and both formats return it.
#[track_caller]
fn holds<T>(value: &HeapComplexData)
where
    T: for<'a> TryFrom<&'a HeapComplexData, Error = DecodeErrorKind> + PartialEq + Debug,
    Postcard<T>: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
    Gob<T>: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
{
    let fixed = T::try_from(value).expect("it fits");
    let postcard = encode::<Postcard<HeapComplexData>, _>(value);
    assert_eq!(encode::<Postcard<T>, _>(&fixed), postcard);
    assert_eq!(Postcard::<T>::decode(&postcard).as_ref(), Ok(&fixed));
    let gob = encode::<Gob<HeapComplexData>, _>(value);
    assert_eq!(encode::<Gob<T>, _>(&fixed), gob);
    assert_eq!(Gob::<T>::decode(&gob).as_ref(), Ok(&fixed));
}

/// Checks that `T` refuses `value` in both formats, because `field` exceeds its capacity.
#[track_caller]
fn refuses<T>(value: &HeapComplexData, field: &str)
where
    T: for<'a> TryFrom<&'a HeapComplexData, Error = DecodeErrorKind> + PartialEq + Debug,
    Postcard<T>: for<'a> Format<Value<'a> = T>,
    Gob<T>: for<'a> Format<Value<'a> = T>,
{
    let over = DecodeErrorKind::OverCapacity;
    assert_eq!(T::try_from(value), Err(over));
    let payload = encode::<Postcard<HeapComplexData>, _>(value);
    let error = Postcard::<T>::decode(&payload).expect_err(field);
    assert_eq!((error.kind, error.field), (over, Some(field)));
    let payload = encode::<Gob<HeapComplexData>, _>(value);
    let error = Gob::<T>::decode(&payload).expect_err(field);
    assert_eq!((error.kind, error.field), (over, Some(field)));
}

/// Checks that both levels of `T` have these capacities: bytes of `S`, bytes of `P`, entries of `M`, and bytes
/// of a key.
#[track_caller]
fn has_capacities<T>(capacities: [usize; 4])
where
    T: for<'a> TryFrom<&'a HeapComplexData, Error = DecodeErrorKind> + PartialEq + Debug,
    Postcard<T>: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
    Gob<T>: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
{
    for inside in [false, true] {
        holds::<T>(&sized(inside, capacities));
        for (index, field) in ["S", "P", "M", "M"].into_iter().enumerate() {
            let mut over = capacities;
            over[index] += 1;
            refuses::<T>(&sized(inside, over), field);
        }
    }
}

#[test]
fn the_default_capacities_are_64_64_8_and_16() {
    has_capacities::<ComplexData>([64, 64, 8, 16]);
}

#[test]
fn smaller_capacities_are_used_to_the_last_byte_and_no_further() {
    has_capacities::<Small>([16, 8, 2, 4]);
}

#[test]
fn larger_capacities_hold_what_complex_data_refuses() {
    has_capacities::<Large>([200, 100, 20, 40]);
}

#[test]
fn fields_without_capacity_are_empty() {
    type Empty = WithCapacities<0, 0, 0, 0>;

    holds::<Empty>(&sized(false, [0; 4]));
    refuses::<Empty>(&sized(false, [1, 0, 0, 0]), "S");
    refuses::<Empty>(&sized(false, [0, 1, 0, 0]), "P");
    refuses::<Empty>(&sized(false, [0, 0, 1, 1]), "M");
}

#[test]
fn smaller_capacities_take_less_memory() {
    assert!(size_of::<Small>() < size_of::<ComplexData>() / 2);
}

/// More entries than are sorted in memory: their keys are searched one by one, as on a small machine.
#[test]
fn a_map_of_seventy_entries_is_encoded_in_the_order_of_its_keys() {
    type Wide = WithCapacities<4, 0, 70, 4>;
    let mut value = Wide::default();
    for number in (0..70).rev() {
        let key = format!("{number:02}").as_str().try_into().unwrap();
        value.m.insert(key, number).unwrap();
    }
    let mut space = [0; 1024];
    let size = Postcard::<Wide>::encode(&value, &mut space).unwrap();
    let decoded = Postcard::<Wide>::decode(&space[..size]).unwrap();
    assert!(decoded.m.values().copied().eq(0..70));
    assert_eq!(decoded, value);
}
