//! The gob format at its edges: the bytes it writes, the end it finds, what it refuses.

#[path = "gob_values/any.rs"]
mod any;
#[path = "gob_values/base64.rs"]
mod base64;

use any::Any;
use bellwire::complex_data::Inner;
use bellwire::format::{EncodeError, Format, Frame};
use bellwire::gob::{self, Decoder, Described, Encoder, Stream, Type};
use bellwire::{Buffer, Command, ComplexData, Connection, Endpoint, Flaw, Gob, HeapComplexData};
use bellwire::{Limits, Line, Malformed, Next, NoReply, RawGob, Ref, Service, Session, Step};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The mission's value as a fresh Encoder of Go sends it, with the maps in the order of their keys.
const MISSION: &str = "387f0301010b636f6d706c65784461746101ff8000010501014e010400010153010c0001\
    014d01ff8200010150010a0001014301ff800000001eff810401010e6d61705b737472696e675d696e7401ff82\
    00010c0104000061ff80012e010b737472696e672064617461010303\
    6f6e65020574687265650603\
    74776f04010361626301\
    01fe02000121526563757273697665207374727563747\
    33f205069656365206f662063616b652101030230310202313004023131060000";

/// The first streams of a Go process that sends a `Survey`: a zero one, and a full one.
const SURVEYS: [&str; 2] = [
    "ff947f0301010673757276657901ff8000010d0102496401060001044e616d65010c00010656616c75657301ff820001045461677301ff84000105496e6e657201ff86000105536974657301ff880001044772696401ff8c000105496e64657801ff90000103526177010a000104476f6f640102000105506f696e74010e0001044e65787401ff92000105416761696e01ff8200000017ff81020101095b5d666c6f6174363401ff8200010800001eff830401010e6d61705b737472696e675d696e7401ff8400010c0104000024ff85030101047369746501ff860001020104526f6f6d010c0001034b696e01ff880000001aff870201010b5b5d6d61696e2e7369746501ff880001ff86000019ff8b010101085b325d5b5d696e7401ff8c0001ff8a010400000cff89020102ff8a000104000026ff8f040101156d61705b737472696e675d6d61696e2e706c61636501ff9000010c01ff8e00001eff8d030102ff8e0001020104526f6f6d010c0001045365617401040000001cff910201010d5b5d6d61696e2e73757276657901ff920001ff80000007ff800702000000",
    "ff947f0301010673757276657901ff8000010d0102496401060001044e616d65010c00010656616c75657301ff820001045461677301ff84000105496e6e657201ff86000105536974657301ff880001044772696401ff8c000105496e64657801ff90000103526177010a000104476f6f640102000105506f696e74010e0001044e65787401ff92000105416761696e01ff8200000017ff81020101095b5d666c6f6174363401ff8200010800001eff830401010e6d61705b737472696e675d696e7401ff8400010c0104000024ff85030101047369746501ff860001020104526f6f6d010c0001034b696e01ff880000001aff870201010b5b5d6d61696e2e7369746501ff880001ff86000019ff8b010101085b325d5b5d696e7401ff8c0001ff8a010400000cff89020102ff8a000104000026ff8f040101156d61705b737472696e675d6d61696e2e706c61636501ff9000010c01ff8e00001eff8d030102ff8e0001020104526f6f6d010c0001045365617401040000001cff910201010d5b5d6d61696e2e73757276657901ff920001ff80000049ff80010701016e010200fef83f01010174010101017201020001016b000001010101730001020102000101016902040001010901010100fef03f0101010806020000000101fef0bf00",
];

fn mission() -> ComplexData {
    let map = |entries: [(&str, i64); 3]| {
        let entries = entries.into_iter();
        entries
            .map(|(key, n)| (key.try_into().unwrap(), n))
            .collect()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().unwrap(),
        m: map([("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().unwrap(),
        c: Some(Inner {
            n: 256,
            s: "Recursive structs? Piece of cake!".try_into().unwrap(),
            m: map([("01", 1), ("10", 2), ("11", 3)]),
            ..Inner::default()
        }),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn encode<F: Format>(value: F::Sent<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut space = [0; 4096];
    F::encode(value, &mut space).map(|size| space[..size].to_vec())
}

/// The streams of the vectors that hold one complexData which Go takes.
fn vectors() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = include_str!("gob_vectors.tsv").lines();
    lines.filter_map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, "complexData", "ok", values, stream] if !values.contains("},{") => {
            Some((name, bytes(stream)))
        }
        _ => None,
    })
}

#[test]
fn complex_data_is_written_as_go_writes_it() {
    assert_eq!(bytes(MISSION).len(), 186);
    assert_eq!(encode::<Gob<ComplexData>>(&mission()), Ok(bytes(MISSION)));
    let heap = <HeapComplexData as From<&ComplexData>>::from(&mission());
    assert_eq!(encode::<Gob<HeapComplexData>>(&heap), Ok(bytes(MISSION)));
    assert_eq!(Gob::<ComplexData>::decode(&bytes(MISSION)), Ok(mission()));
}

#[test]
fn what_go_wrote_is_written_again() {
    let mut count = 0;
    for (name, stream) in vectors() {
        // An empty map is not told from nil, nor a type's other form from ours.
        let ours = stream.starts_with(&bytes(MISSION)[..88]);
        if let Ok(data) = gob::from_slice::<HeapComplexData>(&stream)
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
    assert!(count >= 8, "{count}");
}

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

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    room: String,
    seat: i64,
}

impl Described for Survey {
    const TYPE: Type = Type::Struct(
        "survey",
        &[
            ("Id", Type::Uint),
            ("Name", Type::String),
            ("Values", Type::Slice(&Type::Float)),
            ("Tags", Type::Map(&Type::String, &Type::Int)),
            ("Inner", Site::TYPE),
            ("Sites", Type::Slice(&Site::TYPE)),
            ("Grid", Type::Array(2, &Type::Slice(&Type::Int))),
            ("Index", Type::Map(&Type::String, &Place::TYPE)),
            ("Raw", Type::Bytes),
            ("Good", Type::Bool),
            ("Point", Type::Complex),
            ("Next", Type::Slice(&Type::Outer("survey"))),
            ("Again", Type::Slice(&Type::Float)),
        ],
    );
}

impl Described for Site {
    const TYPE: Type = Type::Struct(
        "site",
        &[
            ("Room", Type::String),
            ("Kin", Type::Slice(&Type::Outer("site"))),
        ],
    );
}

impl Described for Place {
    const TYPE: Type = Type::Struct("place", &[("Room", Type::String), ("Seat", Type::Int)]);
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

impl Described for Odd {
    const TYPE: Type = Type::Struct(
        "odd",
        &[
            ("Empty", Type::Struct("empty", &[])),
            ("None", Type::Array(0, &Type::Int)),
            ("Ints", Type::Array(2, &Type::Int)),
            ("Texts", Type::Array(2, &Type::String)),
            ("Three", Type::Array(3, &Type::Int)),
            ("Places", Type::Struct("places", &[("B", Type::Int)])),
            ("Place", Type::Struct("place", &[("A", Type::Int)])),
            ("Pl", Type::Struct("pl", &[("C", Type::Int)])),
            ("Again", Type::Array(2, &Type::String)),
            (
                "Maps",
                Type::Map(&Type::String, &Type::Array(2, &Type::Int)),
            ),
        ],
    );
}

/// Nothing, no elements, arrays of one length or of one type, names that begin as others do.
#[test]
fn what_is_nearly_the_same_is_told_apart_as_go_does() {
    assert_eq!(encode::<Gob<Odd>>(&Odd::default()), Ok(bytes(ODD)));
    assert_eq!(Gob::<Odd>::decode(&bytes(ODD)), Ok(Odd::default()));
}

#[test]
fn values_that_are_no_structs() {
    assert_eq!(encode::<Gob<i64>>(&3), Ok(bytes("03040006")));
    assert_eq!(encode::<Gob<u64>>(&7), Ok(bytes("03060007")));
    assert_eq!(encode::<Gob<f64>>(&1.5), Ok(bytes("050800fef83f")));
    assert_eq!(encode::<Gob<f64>>(&0.0), Ok(bytes("03080000")));
    assert_eq!(encode::<Gob<bool>>(&true), Ok(bytes("03020001")));
    assert_eq!(
        encode::<Gob<Ref<str>>>(&"text"),
        Ok(bytes("070c000474657874"))
    );
    assert_eq!(
        Gob::<Ref<str>>::decode(&bytes("070c000474657874")),
        Ok("text")
    );
    let long = "x".repeat(300);
    let stream = encode::<Gob<Ref<str>>>(&long.as_str()).unwrap();
    assert_eq!(stream[..7], bytes("fe01310c00fe01")[..]);
    assert_eq!(Gob::<Ref<str>>::decode(&stream), Ok(long.as_str()));
}

#[test]
fn a_value_of_another_shape_than_described_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Wrong<T> {
        n: T,
    }
    impl<T> Described for Wrong<T> {
        const TYPE: Type = Type::Struct("wrong", &[("n", Type::Int)]);
    }
    #[derive(Serialize, Deserialize)]
    struct Undescribed {
        m: i64,
    }
    impl Described for Undescribed {
        const TYPE: Type = Type::Struct("wrong", &[("n", Type::Int)]);
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
fn too_little_space_is_said() {
    for size in 0..186 {
        let mut space = vec![0; size];
        let result = Gob::<ComplexData>::encode(&mission(), &mut space);
        assert_eq!(result, Err(EncodeError::NoRoom), "{size}");
    }
    let long = "x".repeat(200);
    for size in 0..206 {
        let mut space = vec![0; size];
        let result = Gob::<Ref<str>>::encode(&long.as_str(), &mut space);
        assert_eq!(result, Err(EncodeError::NoRoom), "{size}");
    }
}

/// A server of STRING and GOB that counts what it gets.
#[derive(Default)]
struct App {
    texts: usize,
    values: Vec<HeapComplexData>,
}

const STRING: Command<Line, Line> = Command::new("STRING");
const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

fn endpoint() -> Endpoint<App, 2> {
    let mut endpoint = Endpoint::new();
    endpoint
        .handle(STRING, &|app: &mut App, _text, reply| {
            app.texts += 1;
            reply.send("Thank you.")
        })
        .unwrap();
    endpoint
        .handle(GOB, &|app: &mut App, data, reply| {
            app.values.push(data);
            reply.none()
        })
        .unwrap();
    endpoint
}

#[test]
fn the_end_is_found_however_the_bytes_are_split() {
    let mut payloads: Vec<_> = vectors().map(|(_, stream)| stream).collect();
    payloads.push(bytes(MISSION));
    let mut count = 0;
    for payload in payloads {
        let Ok(value) = gob::from_slice::<HeapComplexData>(&payload) else {
            continue;
        };
        let request = [b"GOB\n", &payload[..], b"STRING\nhi\n"].concat();
        let splits = (0..request.len()).map(|at| vec![at]);
        for split in splits.chain([(0..request.len()).collect()]) {
            let (endpoint, mut app) = (endpoint(), App::default());
            let (mut rx, mut tx) = (vec![0; 4096], [0; 512]);
            let mut connection = Connection::new(&mut rx, &mut tx);
            let mut sent = 0;
            for end in split.into_iter().chain([request.len()]) {
                let part = &request[sent..end];
                connection.space()[..part.len()].copy_from_slice(part);
                connection.received(part.len());
                sent = end;
                let next = connection.advance(&mut endpoint.with(&mut app));
                assert_eq!(next, Next::Receive);
            }
            assert_eq!(connection.pending(), b"Thank you.\n");
            assert_eq!(app.values, std::slice::from_ref(&value));
            assert_eq!(app.texts, 1);
        }
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_refused_value_is_skipped_exactly_where_there_is_a_reply() {
    const PUT: Command<Gob<ComplexData>, Line> = Command::new("PUT");
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(PUT, &|(), _data, reply| reply.send("Stored."))
        .unwrap();
    // Five bytes of text that are not UTF-8 in S; then a good value.
    let mut wrong = bytes(MISSION);
    let at = wrong.windows(4).rposition(|four| four == b"stri").unwrap();
    wrong[at] = 0xff;
    let request = [b"PUT\n", &wrong[..], b"PUT\n", &bytes(MISSION)].concat();
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    connection.space()[..request.len()].copy_from_slice(&request);
    connection.received(request.len());
    connection.advance(&mut endpoint.with(&mut ()));
    let replies = str::from_utf8(connection.pending()).unwrap();
    assert_eq!(
        replies,
        "!malformed PUT: the text is not UTF-8, in field S\nStored.\n"
    );
}

#[test]
fn every_change_of_a_byte_ends_in_a_value_or_an_error() {
    let good = bytes(MISSION);
    let began = Instant::now();
    let mut values = 0u32;
    let mut attempt = |stream: &[u8]| {
        values += u32::from(gob::from_slice::<HeapComplexData>(stream).is_ok());
        let _ = Gob::<ComplexData>::decode(stream);
        let _ = gob::from_slice::<Any>(stream);
        let _ = gob::from_slice::<IgnoredAny>(stream);
        let mut progress = 0;
        for end in 0..=stream.len() {
            match Gob::<ComplexData>::frame(&stream[..end], &mut progress) {
                Frame::Ends(size) => {
                    assert!(size > 0);
                    break;
                }
                Frame::Open(_) => {}
                Frame::Broken(_) => break,
            }
        }
    };
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut changed = good.clone();
            changed[at] = byte;
            attempt(&changed);
        }
        for byte in [0, 1, 2, 4, 0x7f, 0x80, 0xf8, 0xfe, 0xff] {
            let mut longer = good.clone();
            longer.insert(at, byte);
            attempt(&longer);
        }
        let mut shorter = good.clone();
        shorter.remove(at);
        attempt(&shorter);
        attempt(&good[..at]);
        assert!(gob::from_slice::<HeapComplexData>(&good[..at]).is_err());
    }
    assert!(values > 100, "many a change is another value");
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[test]
fn every_change_of_a_value_in_several_messages_ends_too() {
    let began = Instant::now();
    let mut count = 0;
    for line in include_str!("gob_vectors.tsv").lines() {
        let parts: Vec<_> = line.split('\t').collect();
        let spanning = [
            "more fields, nested types",
            "any []interface {}",
            "any map[string][]interface {}",
        ];
        if !spanning.contains(&parts[0]) {
            continue;
        }
        let good = bytes(parts[4]);
        for at in 0..good.len() {
            for byte in [0, 1, 2, 4, 8, 0x10, 0x7f, 0x80, 0xf8, 0xfe, 0xff] {
                let mut changed = good.clone();
                changed[at] = byte;
                let _ = gob::from_slice::<HeapComplexData>(&changed);
                let _ = gob::from_slice::<Any>(&changed);
                let end = Gob::<ComplexData>::frame(&changed, &mut 0);
                if gob::from_slice::<IgnoredAny>(&changed).is_ok() {
                    assert_eq!(end, Frame::Ends(changed.len()));
                }
            }
            assert!(gob::from_slice::<Any>(&good[..at]).is_err());
            let frame = Gob::<ComplexData>::frame(&good[..at], &mut 0);
            assert!(!matches!(frame, Frame::Ends(end) if end <= at));
        }
        count += 1;
    }
    assert!(count >= 4, "{count}");
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[test]
fn what_hurts_go_is_refused_fast() {
    let lines = include_str!("gob_vectors.tsv").lines();
    let hostile = lines.filter_map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, _, "hangs" | "crashes", _, stream] => Some((name, bytes(stream))),
        _ => None,
    });
    let mut count = 0;
    for (name, stream) in hostile {
        let began = Instant::now();
        assert!(
            gob::from_slice::<HeapComplexData>(&stream).is_err(),
            "{name}"
        );
        assert!(Gob::<ComplexData>::decode(&stream).is_err(), "{name}");
        assert!(gob::from_slice::<Any>(&stream).is_err(), "{name}");
        assert!(gob::from_slice::<IgnoredAny>(&stream).is_err(), "{name}");
        assert!(began.elapsed() < Duration::from_millis(100), "{name}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn the_levels_that_overflow_gos_stack_are_refused() {
    let mut stream = bytes(MISSION)[..88].to_vec();
    let levels = 2_200_000u32;
    stream.push(0xfd);
    stream.extend(&(levels + 2).to_be_bytes()[1..]);
    stream.extend([0xff, 0x80]);
    stream.extend(std::iter::repeat_n(5, levels as usize));
    let deep = Err(Malformed {
        flaw: Flaw::TooDeep,
        field: Some("C"),
    });
    assert_eq!(gob::from_slice::<HeapComplexData>(&stream), deep);
    assert_eq!(
        gob::from_slice::<IgnoredAny>(&stream).map(drop),
        Err(Flaw::TooDeep.into())
    );
}

#[test]
fn elements_of_type_0_would_take_no_bytes_and_are_refused() {
    // Each level of lists would have counted all the bytes behind it again.
    type Lists = Vec<Vec<Vec<i64>>>;
    let unknown = Err(Malformed::from(Flaw::UnknownType));
    let behind = [40; 100];
    let value = [&[102, 0, 0][..], &behind].concat();
    assert_eq!(gob::from_slice::<Lists>(&value), unknown);
    // A slice (2), an array (1) of 40 and a map (4), of which a part has no type or type 0.
    for definition in [
        &[5, 0x7f, 2, 0, 0][..],
        &[7, 0x7f, 2, 2, 0, 0, 0],
        &[7, 0x7f, 1, 3, 80, 0, 0],
        &[7, 0x7f, 4, 2, 4, 0, 0],
        &[7, 0x7f, 4, 3, 4, 0, 0],
    ] {
        let stream = [definition, &[104, 0xff, 0x80, 0][..], &behind].concat();
        assert_eq!(gob::from_slice::<Lists>(&stream), unknown, "{definition:?}");
        let skipped = gob::from_slice::<IgnoredAny>(&stream).map(drop);
        assert_eq!(skipped, unknown.clone().map(drop), "{definition:?}");
    }
    // A struct with the field A, of type 0.
    let definition = [11, 0x7f, 3, 2, 1, 1, 1, b'A', 1, 0, 0, 0, 0];
    let stream = [&definition[..], &[104, 0xff, 0x80, 1], &behind].concat();
    let skipped = gob::from_slice::<IgnoredAny>(&stream).map(drop);
    assert_eq!(skipped, unknown.map(drop));
}

#[test]
fn a_table_that_is_full_is_said() {
    let mut stream = Vec::new();
    for id in 64..64 + 33u8 {
        // A slice of int with no name and no id of its own: -id, SliceT, elem 2.
        let negative = id * 2 - 1;
        let definition = [&[negative][..], &[2, 2, 4, 0, 0]].concat();
        let definition = match negative {
            ..0x80 => definition,
            _ => [&[0xff][..], &definition].concat(),
        };
        stream.push(u8::try_from(definition.len()).unwrap());
        stream.extend(definition);
    }
    stream.extend([3, 4, 0, 6]);
    assert_eq!(
        gob::from_slice::<i64>(&stream),
        Err(Flaw::TooManyTypes.into())
    );

    let mut memory = [0; 40];
    let mut decoder = Decoder::new(&mut memory);
    assert_eq!(
        decoder.decode::<ComplexData>(&bytes(MISSION)),
        Err(Flaw::TooManyTypes.into())
    );
}

#[test]
fn errors_name_the_field() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Narrow {
        n: i8,
        c: Option<Box<Narrow>>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wrong {
        s: u64,
    }
    fn error<T>(flaw: Flaw, field: &'static str) -> Result<T, Malformed> {
        let field = Some(field);
        Err(Malformed { flaw, field })
    }
    // The inner N is 256.
    assert_eq!(
        gob::from_slice::<Narrow>(&bytes(MISSION)),
        error(Flaw::OutOfRange, "N")
    );
    assert_eq!(
        gob::from_slice::<Wrong>(&bytes(MISSION)),
        error(Flaw::WrongType, "S")
    );
    let zero = [&bytes(MISSION)[..88], &[3, 0xff, 0x80, 0]].concat();
    assert_eq!(gob::from_slice::<Wrong>(&zero), error(Flaw::WrongType, "S"));
}

#[test]
fn what_is_absent_is_zero() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct More<'a> {
        n: i64,
        text: &'a str,
        raw: &'a [u8],
        array: [u8; 3],
        tuple: (i8, bool, f32),
        map: BTreeMap<u8, u8>,
        list: Vec<Place>,
        place: Place,
        option: Option<Place>,
        unit: (),
        rune: char,
    }
    let stream = bytes(MISSION);
    let more: More<'_> = gob::from_slice(&stream).unwrap();
    let zero = More {
        n: 23,
        text: "",
        raw: &[],
        array: [0; 3],
        tuple: (0, false, 0.0),
        map: BTreeMap::new(),
        list: Vec::new(),
        place: Place::default(),
        option: None,
        unit: (),
        rune: '\0',
    };
    assert_eq!(more, zero);
}

#[test]
fn one_encoder_and_one_decoder_for_a_conversation() {
    let (mut memory, mut space) = ([0; 128], [0; 512]);
    let mut decoder = Decoder::new(&mut memory);
    let mut encoder = Encoder::<ComplexData>::new();
    let first = encoder.encode(&mission(), &mut space).unwrap();
    assert_eq!(space[..first], bytes(MISSION));
    assert_eq!(decoder.decode(&space[..first]), Ok(mission()));
    for _ in 0..1000 {
        let size = encoder.encode(&mission(), &mut space).unwrap();
        assert_eq!(size, 98);
        assert_eq!(decoder.decode(&space[..size]), Ok(mission()));
    }
    // As Go, it refuses a second fresh Encoder.
    assert_eq!(
        decoder.decode::<ComplexData>(&bytes(MISSION)),
        Err(Flaw::DuplicateType.into())
    );
    // Two types for one Decoder.
    let mut places = Encoder::<Place, 70>::with_ids();
    let place = Place {
        room: "r".into(),
        seat: 1,
    };
    let size = places.encode(&place, &mut space).unwrap();
    assert_eq!(decoder.decode(&space[..size]), Ok(place));
}

#[test]
fn a_decoder_keeps_what_it_was_told_before_an_error() {
    let (mut memory, mut space) = ([0; 256], [0; 128]);
    let mut decoder = Decoder::new(&mut memory);
    let mut stream = bytes(MISSION)[..88].to_vec();
    // The first definition with a byte behind it; then another type; then a value of the first.
    stream[0] += 1;
    stream.insert(57, 0);
    let first = decoder.decode::<ComplexData>(&stream[..58]);
    assert_eq!(first, Err(Flaw::LeftOver.into()));
    let place = Place::default();
    let size = Encoder::<Place, 70>::with_ids().encode(&place, &mut space);
    assert_eq!(decoder.decode(&space[..size.unwrap()]), Ok(place));
    let value = [&stream[58..], &bytes(MISSION)[88..]].concat();
    assert_eq!(decoder.decode(&value), Ok(mission()));
}

#[test]
fn raw_payloads_pass_a_session_to_a_decoder() {
    const PUT: Command<RawGob, Line> = Command::new("PUT");
    struct Context<'m> {
        decoder: Decoder<'m>,
        values: u32,
    }
    let (mut memory, mut space) = ([0; 128], [0; 512]);
    let mut endpoint = Endpoint::<Context<'_>, 1>::new();
    endpoint
        .handle(
            PUT,
            &|context, payload, reply| match context.decoder.decode::<ComplexData>(payload) {
                Ok(data) if data == mission() => {
                    context.values += 1;
                    reply.send("Stored.")
                }
                _ => reply.refuse("that is not the mission's"),
            },
        )
        .unwrap();
    let mut context = Context {
        decoder: Decoder::new(&mut memory),
        values: 0,
    };
    let mut encoder = Encoder::<ComplexData>::new();
    let mut request = Vec::new();
    for _ in 0..3 {
        let size = encoder.encode(&mission(), &mut space).unwrap();
        let mut payload = [0; 512];
        let written = RawGob::encode(&space[..size], &mut payload).unwrap();
        request.extend(b"PUT\n");
        request.extend(&payload[..written]);
    }
    let (mut rx, mut tx) = ([0; 512], [0; 512]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    for byte in request {
        connection.space()[0] = byte;
        connection.received(1);
        connection.advance(&mut endpoint.with(&mut context));
    }
    assert_eq!(connection.pending(), b"Stored.\nStored.\nStored.\n");
    assert_eq!(context.values, 3);
    assert_eq!(
        RawGob::encode(&bytes(MISSION)[..180], &mut space),
        Err(EncodeError::Unencodable)
    );
}

#[test]
fn raw_payloads_hold_no_interfaces() {
    for line in include_str!("gob_vectors.tsv").lines() {
        let parts: Vec<_> = line.split('\t').collect();
        if matches!(parts[0], "any []interface {}" | "more fields") {
            let frame = RawGob::frame(&bytes(parts[4]), &mut 0);
            assert_eq!(frame, Frame::Broken(Flaw::Unsupported.into()));
        }
    }
}

#[test]
fn a_payload_beyond_the_limit_is_skipped_to_its_end() {
    let endpoint = endpoint();
    let mut app = App::default();
    let mut service = endpoint.with(&mut app);
    let mut session = Session::new(Limits {
        payload: 100,
        ..Limits::for_buffers(100, 512)
    });
    let request = [b"GOB\n", &bytes(MISSION)[..]].concat();
    let mut memory = [0; 512];
    let mut out = Buffer::new(&mut memory);
    let mut input = &request[..];
    let step = session.next(&service, &mut input, &mut out);
    let Step::Rejected(rejection) = step else {
        panic!("{step:?}");
    };
    service.rejected(&rejection);
    // The command has no reply, so the error line must be the last.
    assert!(rejection.fatal);
    assert!(out.filled().starts_with(b"!too-large GOB: "));
}

#[test]
fn a_stream_is_over_after_an_error() {
    let wrong = [&bytes("03040006")[..], &bytes("0304"), &bytes("03040006")].concat();
    let mut stream = Stream::new(&wrong);
    assert_eq!(stream.next(), Ok(Some(3)));
    assert!(stream.next::<i64>().is_err());
    assert_eq!(stream.next::<i64>(), Ok(None));
}
