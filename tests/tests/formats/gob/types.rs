//! Each kind of Rust type in a gob: written by its description, read back, or refused.

use bellwire::format::{EncodeError, Frame};
use bellwire::schema::{Schema, Type};
use bellwire::{DecodeErrorKind, Format, Gob};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};

fn encode<T>(value: &T) -> Result<Vec<u8>, EncodeError>
where
    Gob<T>: for<'a> Format<Sent<'a> = &'a T>,
{
    let mut space = [0; 4096];
    Gob::<T>::encode(value, &mut space).map(|size| space[..size].to_vec())
}

/// A struct with one field, whose type is described by `D`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
struct One<T, D> {
    x: T,
    #[serde(skip)]
    described: std::marker::PhantomData<D>,
}

/// The description of a field's type for Go.
trait Go: 'static {
    const TYPE: Type;
}

impl<T, D: Go> Schema for One<T, D> {
    const TYPE: Type = Type::Struct("one", &[("x", D::TYPE)]);
}

#[derive(Debug, PartialEq)]
struct Int;
#[derive(Debug, PartialEq)]
struct Uint;
#[derive(Debug, PartialEq)]
struct Float;
#[derive(Debug, PartialEq)]
struct Complex;
#[derive(Debug, PartialEq)]
struct Text;
#[derive(Debug, PartialEq)]
struct Pair;
#[derive(Debug, PartialEq)]
struct Ints;
#[derive(Debug, PartialEq)]
struct Entries;
#[derive(Debug, PartialEq)]
struct Empty;

impl Go for Int {
    const TYPE: Type = Type::I64;
}
impl Go for Uint {
    const TYPE: Type = Type::U64;
}
impl Go for Float {
    const TYPE: Type = Type::F64;
}
impl Go for Complex {
    const TYPE: Type = Type::Tuple(&[Type::F64, Type::F64]);
}
impl Go for Text {
    const TYPE: Type = Type::Str;
}
impl Go for Pair {
    const TYPE: Type = Type::Array(2, &Type::I64);
}
impl Go for Ints {
    const TYPE: Type = Type::Seq(&Type::I64);
}
impl Go for Entries {
    const TYPE: Type = Type::Map(&Type::Str, &Type::I64);
}
impl Go for Empty {
    const TYPE: Type = Type::Struct("empty", &[]);
}

fn one<D, T>(x: T) -> One<T, D> {
    let described = std::marker::PhantomData;
    One { x, described }
}

/// Checks that `x` survives a round trip in a field described by `D`. Returns its stream.
#[track_caller]
fn check_round_trip<D, T>(x: T) -> Vec<u8>
where
    D: Go + Debug + PartialEq,
    T: Debug + PartialEq + Serialize + DeserializeOwned + 'static,
{
    let value = one::<D, T>(x);
    let stream = encode(&value).expect("a value as described");
    assert_eq!(Gob::<One<T, D>>::decode(&stream).as_ref(), Ok(&value));
    stream
}

/// Checks that `x` cannot be encoded in a field described by `D`.
#[track_caller]
fn check_refused<D: Go, T: Serialize + DeserializeOwned + 'static>(x: T) {
    let refused = encode(&one::<D, T>(x));
    assert_eq!(refused, Err(EncodeError::Unencodable));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
    Blue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point(i64, i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Impedance(f64, f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Metres(i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    point: Point,
    height: Metres,
    floor: i64,
}

impl Schema for Place {
    const TYPE: Type = Type::Struct(
        "place",
        &[
            ("point", Type::Array(2, &Type::I64)),
            ("height", Type::I64),
            ("floor", Type::I64),
        ],
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[test]
fn numbers_of_every_width_survive_a_round_trip() {
    check_round_trip::<Int, i8>(i8::MIN);
    check_round_trip::<Int, i16>(i16::MIN);
    check_round_trip::<Int, i32>(i32::MAX);
    check_round_trip::<Int, i64>(i64::MIN);
    check_round_trip::<Int, char>('ü');
    check_round_trip::<Uint, u8>(u8::MAX);
    check_round_trip::<Uint, u16>(u16::MAX);
    check_round_trip::<Uint, u32>(u32::MAX);
    check_round_trip::<Uint, u64>(u64::MAX);
    check_round_trip::<Float, f32>(-1.5);
    check_round_trip::<Float, f64>(f64::MIN_POSITIVE);
    for (small, large) in [(7, 129), (-7, -129)] {
        let stream = check_round_trip::<Int, i64>(small);
        assert_eq!(
            Gob::<One<i8, Int>>::decode(&stream),
            i8::try_from(small).map(one).map_err(|_| unreachable!())
        );
        let stream = check_round_trip::<Int, i64>(large);
        let error = Gob::<One<i8, Int>>::decode(&stream).unwrap_err();
        assert_eq!(
            (error.kind, error.field),
            (DecodeErrorKind::OutOfRange, Some("x"))
        );
    }
}

#[test]
fn a_unit_variant_is_written_as_its_name_or_number() {
    for (stream, end) in [
        (
            check_round_trip::<Text, Colour>(Colour::Blue),
            &b"\x04Blue\0"[..],
        ),
        (check_round_trip::<Int, Colour>(Colour::Blue), b"\x04\0"),
        (check_round_trip::<Uint, Colour>(Colour::Blue), b"\x02\0"),
    ] {
        assert!(stream.ends_with(end), "{stream:?}");
    }
    check_round_trip::<Int, Colour>(Colour::Red);
    check_round_trip::<Uint, Colour>(Colour::Green);
    check_refused::<Float, Colour>(Colour::Green);
    let stream = check_round_trip::<Int, i64>(3);
    assert!(
        Gob::<One<Colour, Int>>::decode(&stream).is_err(),
        "no such variant"
    );
    let stream = check_round_trip::<Text, String>("Pink".into());
    assert!(
        Gob::<One<Colour, Text>>::decode(&stream).is_err(),
        "no such variant"
    );
    let stream = check_round_trip::<Int, i64>(-1);
    assert!(
        Gob::<One<Colour, Int>>::decode(&stream).is_err(),
        "no such variant"
    );
}

#[test]
fn a_variant_with_content_cannot_be_encoded() {
    #[derive(Serialize, Deserialize)]
    enum Holds {
        One(i64),
        Two(i64, i64),
        Field { x: i64 },
    }
    check_refused::<Int, Holds>(Holds::One(1));
    check_refused::<Pair, Holds>(Holds::Two(1, 2));
    check_refused::<Empty, Holds>(Holds::Field { x: 1 });
}

#[test]
fn tuples_are_arrays_and_newtypes_are_their_content() {
    check_round_trip::<Pair, (i64, i64)>((1, 2));
    check_round_trip::<Pair, Point>(Point(1, 2));
    assert_eq!(
        check_round_trip::<Pair, Point>(Point(1, 2)),
        check_round_trip::<Pair, [i64; 2]>([1, 2])
    );
    assert_eq!(
        check_round_trip::<Int, Metres>(Metres(5)),
        check_round_trip::<Int, i64>(5)
    );
    let place = Place {
        point: Point(1, 2),
        height: Metres(3),
        floor: 4,
    };
    let stream = encode(&place).expect("a value as described");
    assert_eq!(Gob::<Place>::decode(&stream), Ok(place));
    check_refused::<Pair, (i64, i64, i64)>((1, 2, 3));
    check_refused::<Pair, (i64,)>((1,));
}

#[test]
fn a_complex_number_is_a_pair_of_floats() {
    check_round_trip::<Complex, (f64, f64)>((1.0, -1.0));
    for (re, im) in [(0.0, 0.0), (0.0, 1.0)] {
        assert_eq!(
            check_round_trip::<Complex, (f64, f64)>((re, im)),
            check_round_trip::<Complex, Impedance>(Impedance(re, im))
        );
    }
    check_refused::<Complex, (f64,)>((1.0,));
    check_refused::<Complex, (f64, f64, f64)>((1.0, 2.0, 3.0));
    check_refused::<Complex, (i64, i64)>((1, 2));
}

#[test]
fn unit_types_are_empty_structs() {
    check_round_trip::<Empty, Nothing>(Nothing);
    check_round_trip::<Empty, ()>(());
    let absent = check_round_trip::<Empty, Option<Nothing>>(None);
    assert_eq!(Gob::<One<(), Empty>>::decode(&absent), Ok(one(())));
    let stream = check_round_trip::<Pair, Point>(Point(1, 2));
    let error = Gob::<One<(), Pair>>::decode(&stream).unwrap_err();
    assert_eq!(
        (error.kind, error.field),
        (DecodeErrorKind::WrongType, Some("x"))
    );
    let sent = encode(&one::<Int, i64>(7)).unwrap();
    assert_eq!(
        Gob::from_slice::<Nothing>(&sent),
        Ok(Nothing),
        "the unknown field is skipped"
    );
}

/// A collection with `elements` elements whose length hint is `length`.
struct Announces {
    length: usize,
    elements: usize,
    map: bool,
}

impl Serialize for Announces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = Some(self.length);
        if self.map {
            let mut map = serializer.serialize_map(length)?;
            for n in 0..self.elements {
                map.serialize_entry(&n.to_string(), &i64::try_from(n).expect("few"))?;
            }
            SerializeMap::end(map)
        } else {
            let mut elements = serializer.serialize_seq(length)?;
            for n in 0..self.elements {
                elements.serialize_element(&i64::try_from(n).expect("few"))?;
            }
            SerializeSeq::end(elements)
        }
    }
}

impl<'de> Deserialize<'de> for Half {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unreachable!("only encoded")
    }
}

impl<'de> Deserialize<'de> for Announces {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unreachable!("only encoded")
    }
}

#[test]
fn a_collection_with_a_wrong_length_hint_is_refused() {
    for (length, elements, fits) in [(2, 2, true), (2, 1, false), (2, 3, false), (1, 0, false)] {
        for map in [false, true] {
            let value = Announces {
                length,
                elements,
                map,
            };
            let result = if map {
                encode(&one::<Entries, _>(value))
            } else {
                encode(&one::<Ints, _>(value))
            };
            assert_eq!(result.is_ok(), fits, "{elements} of {length}");
        }
    }
}

/// A complex number without its imaginary part.
struct Half;

impl Serialize for Half {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_seq(Some(2))?;
        parts.serialize_element(&1.0)?;
        SerializeSeq::end(parts)
    }
}

#[test]
fn half_a_complex_number_is_refused() {
    let refused = Err(EncodeError::Unencodable);
    assert_eq!(encode(&one::<Complex, _>(Half)), refused);
}

/// The size hints that a collection's access gives, before the first element and after each.
#[derive(Debug, PartialEq)]
struct Expected(Vec<Option<usize>>);

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hints;
        impl<'de> Visitor<'de> for Hints {
            type Value = Expected;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a collection")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Expected, A::Error> {
                let mut hints = vec![access.size_hint()];
                while access.next_element::<i64>()?.is_some() {
                    hints.push(access.size_hint());
                }
                Ok(Expected(hints))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut access: A,
            ) -> Result<Expected, A::Error> {
                let mut hints = vec![access.size_hint()];
                while access.next_entry::<String, i64>()?.is_some() {
                    hints.push(access.size_hint());
                }
                Ok(Expected(hints))
            }
        }
        deserializer.deserialize_any(Hints)
    }
}

/// Receivers reserve memory for a size hint, so gob gives none for elements that it has not checked.
#[test]
fn a_collection_gives_no_size_hint() {
    let told = Ok(Expected(vec![None; 4]));
    let stream = check_round_trip::<Ints, Vec<i64>>(vec![7, 8, 9]);
    let hints = Gob::from_slice::<One<Expected, Ints>>(&stream).map(|one| one.x);
    assert_eq!(hints, told);
    let map: BTreeMap<_, _> = (0..3).map(|n| (n.to_string(), n)).collect();
    let stream = check_round_trip::<Entries, BTreeMap<String, i64>>(map);
    let hints = Gob::from_slice::<One<Expected, Entries>>(&stream).map(|one| one.x);
    assert_eq!(hints, told);
}

/// A type that checks that the format is not human-readable.
#[derive(Debug, PartialEq)]
struct Machine;

impl Serialize for Machine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!serializer.is_human_readable());
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&1i64)?;
        tuple.serialize_element(&2i64)?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Machine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(!deserializer.is_human_readable());
        <(i64, i64)>::deserialize(deserializer).map(|_| Machine)
    }
}

#[test]
fn gob_is_not_human_readable() {
    check_round_trip::<Pair, Machine>(Machine);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List {
    list: Vec<Vec<Point3>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point3 {
    x: i64,
    y: Option<i64>,
    z: (i64, i64),
}

impl Schema for List {
    const TYPE: Type = Type::Struct("list", &[("list", Type::Seq(&Type::Seq(&POINT)))]);
}

const POINT: Type = Type::Struct(
    "point",
    &[
        ("x", Type::I64),
        ("y", Type::I64),
        ("z", Type::Array(2, &Type::I64)),
    ],
);

#[test]
fn sibling_structs_do_not_count_as_nested() {
    let point = |x| Point3 {
        x,
        y: Some(1),
        z: (x, x),
    };
    let value = List {
        list: (0..10).map(|_| (0..10).map(point).collect()).collect(),
    };
    let stream = encode(&value).expect("a value without deep nesting");
    assert_eq!(Gob::<List>::decode(&stream), Ok(value));
}

#[test]
fn frame_does_not_read_finished_messages_again() {
    let stream = encode(&one::<Text, String>("text".into())).unwrap();
    let definition = 1 + usize::from(stream[0]);
    let mut progress = 0;
    let frame = Gob::<One<String, Text>>::frame(&stream[..definition], &mut progress);
    assert!(matches!(frame, Frame::Open), "{frame:?}");
    let mut forgotten = stream.clone();
    forgotten[..definition].fill(0);
    let frame = Gob::<One<String, Text>>::frame(&forgotten, &mut progress);
    assert!(
        matches!(frame, Frame::Ends(end) if end == stream.len()),
        "{frame:?}"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Forest {
    trees: Vec<Tree>,
    bushes: BTreeMap<String, Bush>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tree {
    height: i64,
    offspring: Vec<Tree>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bush {
    width: i64,
    offspring: BTreeMap<String, Bush>,
}

const TREE: Type = Type::Struct(
    "tree",
    &[
        ("height", Type::I64),
        ("offspring", Type::Seq(&Type::Outer("tree"))),
    ],
);

const BUSH: Type = Type::Struct(
    "bush",
    &[
        ("width", Type::I64),
        ("offspring", Type::Map(&Type::Str, &Type::Outer("bush"))),
    ],
);

impl Schema for Forest {
    const TYPE: Type = Type::Struct(
        "forest",
        &[
            ("trees", Type::Seq(&TREE)),
            ("bushes", Type::Map(&Type::Str, &BUSH)),
        ],
    );
}

#[test]
fn a_recursive_type_may_be_described_inside_other_types() {
    let tree = |offspring| Tree {
        height: 9,
        offspring,
    };
    let bush = |offspring| Bush {
        width: 2,
        offspring,
    };
    let small = BTreeMap::from([("small".into(), bush(BTreeMap::new()))]);
    let value = Forest {
        trees: vec![tree(vec![tree(vec![])])],
        bushes: BTreeMap::from([("large".into(), bush(small))]),
    };
    let stream = encode(&value).expect("a value as described");
    assert_eq!(Gob::<Forest>::decode(&stream), Ok(value));
}

#[test]
fn a_field_may_be_none_but_an_element_may_not() {
    check_round_trip::<Int, Option<i64>>(None);
    check_round_trip::<Int, Option<i64>>(Some(1));
    check_round_trip::<Ints, Vec<Option<i64>>>(vec![Some(1), Some(0)]);
    check_refused::<Ints, Vec<Option<i64>>>(vec![Some(1), None]);
    check_round_trip::<Float, f64>(0.0);
    assert_eq!(
        check_round_trip::<Float, f64>(0.0).len() + 4,
        check_round_trip::<Float, f64>(1.0).len(),
        "a zero field is not sent"
    );
}

/// A text that is formatted while it is encoded.
struct Formatted(&'static str);

impl Serialize for Formatted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}", self.0))
    }
}

impl<'de> Deserialize<'de> for Formatted {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unreachable!("only encoded")
    }
}

#[test]
fn collect_str_writes_the_same_bytes_as_a_string() {
    for text in ["", "x", "a text"] {
        assert_eq!(
            encode(&one::<Text, _>(Formatted(text))),
            encode(&one::<Text, _>(text.to_owned()))
        );
    }
    check_refused::<Int, Formatted>(Formatted("x"));
}
