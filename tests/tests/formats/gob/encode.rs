//! Encoding gobs: each value becomes the bytes that Go writes, or an error.

use bellwire::format::EncodeError;
use bellwire::schema::{Schema, Type};
use bellwire::{ComplexData, Format, Gob, HeapComplexData};
use bellwire_tests::gob_streams::{Place, TUTORIAL, bytes, encode, tutorial, vectors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[test]
fn complex_data_is_written_as_go_writes_it() {
    assert_eq!(bytes(TUTORIAL).len(), 186);
    assert_eq!(encode::<Gob<ComplexData>>(&tutorial()), Ok(bytes(TUTORIAL)));
    let heap = <HeapComplexData as From<&ComplexData>>::from(&tutorial());
    assert_eq!(encode::<Gob<HeapComplexData>>(&heap), Ok(bytes(TUTORIAL)));
    assert_eq!(Gob::<ComplexData>::decode(&bytes(TUTORIAL)), Ok(tutorial()));
}

#[test]
fn values_decoded_from_go_are_encoded_to_the_same_bytes() {
    let mut count = 0;
    for (name, stream) in vectors() {
        // Bellwire does not distinguish an empty map from nil, or Go's other forms of a type from its own.
        let ours = stream.starts_with(&bytes(TUTORIAL)[..88]);
        if let Ok(data) = Gob::from_slice::<HeapComplexData>(&stream)
            && ours
            && data.m.len() < 2
            && !["empty map", "number in too many bytes", "long length"].contains(&name)
        {
            assert_eq!(
                encode::<Gob<HeapComplexData>>(&data).as_ref(),
                Ok(&stream),
                "{name}"
            );
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} vectors");
}

/// The first streams of Go processes that send a `Survey`: the zero value, and a full one.
const SURVEYS: [&str; 2] = [
    "ff947f0301010673757276657901ff8000010d0102496401060001044e616d65010c00010656616c75657301ff820001045461677301ff84000105496e6e657201ff86000105536974657301ff880001044772696401ff8c000105496e64657801ff90000103526177010a000104476f6f640102000105506f696e74010e0001044e65787401ff92000105416761696e01ff8200000017ff81020101095b5d666c6f6174363401ff8200010800001eff830401010e6d61705b737472696e675d696e7401ff8400010c0104000024ff85030101047369746501ff860001020104526f6f6d010c0001034b696e01ff880000001aff870201010b5b5d6d61696e2e7369746501ff880001ff86000019ff8b010101085b325d5b5d696e7401ff8c0001ff8a010400000cff89020102ff8a000104000026ff8f040101156d61705b737472696e675d6d61696e2e706c61636501ff9000010c01ff8e00001eff8d030102ff8e0001020104526f6f6d010c0001045365617401040000001cff910201010d5b5d6d61696e2e73757276657901ff920001ff80000007ff800702000000",
    "ff947f0301010673757276657901ff8000010d0102496401060001044e616d65010c00010656616c75657301ff820001045461677301ff84000105496e6e657201ff86000105536974657301ff880001044772696401ff8c000105496e64657801ff90000103526177010a000104476f6f640102000105506f696e74010e0001044e65787401ff92000105416761696e01ff8200000017ff81020101095b5d666c6f6174363401ff8200010800001eff830401010e6d61705b737472696e675d696e7401ff8400010c0104000024ff85030101047369746501ff860001020104526f6f6d010c0001034b696e01ff880000001aff870201010b5b5d6d61696e2e7369746501ff880001ff86000019ff8b010101085b325d5b5d696e7401ff8c0001ff8a010400000cff89020102ff8a000104000026ff8f040101156d61705b737472696e675d6d61696e2e706c61636501ff9000010c01ff8e00001eff8d030102ff8e0001020104526f6f6d010c0001045365617401040000001cff910201010d5b5d6d61696e2e73757276657901ff920001ff80000049ff80010701016e010200fef83f01010174010101017201020001016b000001010101730001020102000101016902040001010901010100fef03f0101010806020000000101fef0bf00",
];

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Survey {
    id: u32,
    name: String,
    values: Vec<f64>,
    tags: BTreeMap<String, i16>,
    inner: Option<Site>,
    sites: Vec<Site>,
    grid: [Vec<i64>; 2],
    index: BTreeMap<String, Place>,
    raw: Vec<u8>,
    good: bool,
    point: (f64, f64),
    next: Vec<Survey>,
    again: Vec<f32>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Site {
    room: String,
    kin: Vec<Site>,
}

impl Schema for Survey {
    const TYPE: Type = Type::Struct(
        "survey",
        &[
            ("Id", Type::U64),
            ("Name", Type::Str),
            ("Values", Type::Seq(&Type::F64)),
            ("Tags", Type::Map(&Type::Str, &Type::I64)),
            ("Inner", Site::TYPE),
            ("Sites", Type::Seq(&Site::TYPE)),
            ("Grid", Type::Array(2, &Type::Seq(&Type::I64))),
            ("Index", Type::Map(&Type::Str, &Place::TYPE)),
            ("Raw", Type::Bytes),
            ("Good", Type::Bool),
            ("Point", Type::Tuple(&[Type::F64, Type::F64])),
            ("Next", Type::Seq(&Type::Outer("survey"))),
            ("Again", Type::Seq(&Type::F64)),
        ],
    );
}

impl Schema for Site {
    const TYPE: Type = Type::Struct(
        "site",
        &[
            ("Room", Type::Str),
            ("Kin", Type::Seq(&Type::Outer("site"))),
        ],
    );
}

fn site(room: &str, kin: Vec<Site>) -> Site {
    let room = room.into();
    Site { room, kin }
}

#[test]
fn a_described_struct_is_written_as_go_writes_it() {
    let full = Survey {
        id: 7,
        name: "n".into(),
        values: vec![0.0, 1.5],
        tags: [("t".into(), -1)].into(),
        inner: Some(site("r", vec![site("", vec![]), site("k", vec![])])),
        sites: vec![site("s", vec![])],
        grid: [vec![1], vec![]],
        index: [(
            "i".into(),
            Place {
                seat: 2,
                ..Place::default()
            },
        )]
        .into(),
        raw: vec![9],
        good: true,
        point: (0.0, 1.0),
        next: vec![Survey {
            id: 8,
            ..Survey::default()
        }],
        again: vec![-1.0],
    };
    for (survey, stream) in [Survey::default(), full].iter().zip(SURVEYS) {
        assert_eq!(encode::<Gob<Survey>>(survey), Ok(bytes(stream)));
        assert_eq!(Gob::<Survey>::decode(&bytes(stream)).as_ref(), Ok(survey));
    }
}

/// The first stream of a Go process that sends a zero `Odd`.
const ODD: &str = "\
    797f030101036f646401ff8000010a0105456d70747901ff820001044e6f6e6501ff84000104496e747301ff860001\
    05546578747301ff88000105546872656501ff8a000106506c6163657301ff8c000105506c61636501ff8e00010250\
    6c01ff90000105416761696e01ff880001044d61707301ff92000000\
    11ff8103010105656d70747901ff8200000014ff83010101065b305d696e7401ff84000104000016ff85010101065b\
    325d696e7401ff860001040104000019ff87010101095b325d737472696e6701ff8800010c0104000016ff89010101\
    065b335d696e7401ff8a000104010600001aff8b03010106706c6163657301ff8c000101010142010400000019ff8d\
    03010105706c61636501ff8e000101010141010400000016ff8f03010102706c01ff90000101010143010400000022\
    ff91040101116d61705b737472696e675d5b325d696e7401ff9200010c01ff860000\
    1eff8001000100010200000102000001030000000100010001000102000000";

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Odd {
    empty: Empty,
    none: [i64; 0],
    ints: [i64; 2],
    texts: [String; 2],
    three: [i64; 3],
    places: Places,
    place: Single,
    pl: Pl,
    again: [String; 2],
    maps: BTreeMap<String, [i64; 2]>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Places {
    #[serde(rename = "B")]
    b: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Single {
    #[serde(rename = "A")]
    a: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pl {
    #[serde(rename = "C")]
    c: i64,
}

impl Schema for Odd {
    const TYPE: Type = Type::Struct(
        "odd",
        &[
            ("Empty", Type::Struct("empty", &[])),
            ("None", Type::Array(0, &Type::I64)),
            ("Ints", Type::Array(2, &Type::I64)),
            ("Texts", Type::Array(2, &Type::Str)),
            ("Three", Type::Array(3, &Type::I64)),
            ("Places", Type::Struct("places", &[("B", Type::I64)])),
            ("Place", Type::Struct("place", &[("A", Type::I64)])),
            ("Pl", Type::Struct("pl", &[("C", Type::I64)])),
            ("Again", Type::Array(2, &Type::Str)),
            ("Maps", Type::Map(&Type::Str, &Type::Array(2, &Type::I64))),
        ],
    );
}

/// Covers an empty struct, an empty array, arrays that share a length or an element type, and names that are
/// prefixes of others.
#[test]
fn similar_types_get_the_definitions_that_go_gives_them() {
    assert_eq!(encode::<Gob<Odd>>(&Odd::default()), Ok(bytes(ODD)));
    assert_eq!(Gob::<Odd>::decode(&bytes(ODD)), Ok(Odd::default()));
}

#[test]
fn values_that_are_no_structs_are_written_as_go_writes_them() {
    assert_eq!(encode::<Gob<i64>>(&3), Ok(bytes("03040006")));
    assert_eq!(encode::<Gob<u64>>(&7), Ok(bytes("03060007")));
    assert_eq!(encode::<Gob<f64>>(&1.5), Ok(bytes("050800fef83f")));
    assert_eq!(encode::<Gob<f64>>(&0.0), Ok(bytes("03080000")));
    assert_eq!(encode::<Gob<bool>>(&true), Ok(bytes("03020001")));
    assert_eq!(encode::<Gob<str>>(&"text"), Ok(bytes("070c000474657874")));
    assert_eq!(Gob::<str>::decode(&bytes("070c000474657874")), Ok("text"));
    let long = "x".repeat(300);
    let stream = encode::<Gob<str>>(&long.as_str()).unwrap();
    assert_eq!(stream[..7], bytes("fe01310c00fe01")[..]);
    assert_eq!(Gob::<str>::decode(&stream), Ok(long.as_str()));
}

#[test]
fn a_value_that_differs_from_its_description_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Wrong<T> {
        n: T,
    }
    impl<T> Schema for Wrong<T> {
        const TYPE: Type = Type::Struct("wrong", &[("n", Type::I64)]);
    }
    #[derive(Serialize, Deserialize)]
    struct Undescribed {
        m: i64,
    }
    impl Schema for Undescribed {
        const TYPE: Type = Type::Struct("wrong", &[("n", Type::I64)]);
    }
    assert!(encode::<Gob<Wrong<i8>>>(&Wrong { n: 1 }).is_ok());
    assert!(encode::<Gob<Wrong<Option<i8>>>>(&Wrong { n: None }).is_ok());
    let refused = Err(EncodeError::Unencodable);
    assert_eq!(encode::<Gob<Wrong<u8>>>(&Wrong { n: 1 }), refused);
    assert_eq!(
        encode::<Gob<Wrong<String>>>(&Wrong { n: String::new() }),
        refused
    );
    assert_eq!(encode::<Gob<Wrong<[i8; 1]>>>(&Wrong { n: [1] }), refused);
    assert_eq!(encode::<Gob<Wrong<()>>>(&Wrong { n: () }), refused);
    assert_eq!(encode::<Gob<Undescribed>>(&Undescribed { m: 1 }), refused);

    let mut deep = HeapComplexData::default();
    for _ in 0..100 {
        deep = HeapComplexData {
            c: Some(Box::new(deep)),
            ..HeapComplexData::default()
        };
    }
    assert_eq!(encode::<Gob<HeapComplexData>>(&deep), refused);
}

#[test]
fn every_smaller_space_reports_no_room() {
    for size in 0..186 {
        let mut space = vec![0; size];
        let result = Gob::<ComplexData>::encode(&tutorial(), &mut space);
        assert_eq!(result, Err(EncodeError::NoRoom), "{size}");
    }
    let long = "x".repeat(200);
    for size in 0..206 {
        let mut space = vec![0; size];
        let result = Gob::<str>::encode(&long.as_str(), &mut space);
        assert_eq!(result, Err(EncodeError::NoRoom), "{size}");
    }
}
