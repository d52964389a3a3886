//! Payloads of any serde type, compared with the postcard crate.

use bellwire::{DecodeError, DecodeErrorKind, Format, Limits, Payload, Postcard};
use bellwire_tests::server::{framed, show};
use core::fmt::Debug;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Checks that `value` is encoded as a length and postcard's own bytes, and decodes from them.
/// Checks that every truncation and an extra byte are refused.
#[track_caller]
fn check_agrees<T>(value: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + 'static,
{
    let body = postcard_bytes(&value);
    let mut space = vec![0; 3000];
    let size = Postcard::<T>::encode(&value, &mut space).expect("room for the value");
    assert_eq!(show(&space[..size]), show(&framed(&body)), "{value:?}");
    assert_eq!(decode::<T>(&body), Ok(value));
    for end in 0..body.len() {
        let flaw = decode::<T>(&body[..end]).expect_err("cut short").kind;
        assert!(
            matches!(
                flaw,
                DecodeErrorKind::Truncated | DecodeErrorKind::BadLength
            ),
            "{flaw:?}"
        );
    }
    let left_over = decode::<T>([&body[..], b"\0"].concat());
    assert_eq!(
        left_over.map_err(|error| error.kind),
        Err(DecodeErrorKind::LeftOver)
    );
}

fn postcard_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut space = vec![0; 3000];
    let bytes = postcard::to_slice(value, &mut space);
    bytes.expect("room for the value").to_vec()
}

/// Decodes a body, to which it adds the length prefix.
fn decode<T>(body: impl AsRef<[u8]>) -> Result<T, DecodeError>
where
    T: Serialize + DeserializeOwned + 'static,
{
    Postcard::<T>::decode(&framed(body))
}

/// Checks that Bellwire refuses `body` as a `T` for this flaw, and that postcard refuses it, too.
#[track_caller]
fn check_refuses<T>(body: impl AsRef<[u8]>, flaw: DecodeErrorKind, field: Option<&'static str>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + 'static,
{
    let body = body.as_ref();
    assert_eq!(decode::<T>(body), Err(DecodeError { kind: flaw, field }));
    assert!(
        postcard::from_bytes::<T>(body).is_err(),
        "postcard accepts it"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(u32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i16, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f32),
    Line(i8, i8),
    Named { name: String, sides: Option<u16> },
    Group(Vec<Shape>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested {
    unit: Unit,
    number: Newtype,
    pair: Pair,
    shapes: Vec<Shape>,
    table: BTreeMap<u8, Vec<Option<char>>>,
    grid: [[u8; 2]; 2],
    inner: Option<Box<Nested>>,
}

fn nested(inner: Option<Nested>) -> Nested {
    Nested {
        unit: Unit,
        number: Newtype(300),
        pair: Pair(-300, "pair".into()),
        shapes: shapes(),
        table: BTreeMap::from([(1, vec![None, Some('é')]), (255, vec![])]),
        grid: [[1, 2], [3, 255]],
        inner: inner.map(Box::new),
    }
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape::Point,
        Shape::Circle(1.5),
        Shape::Line(-1, 1),
        Shape::Named {
            name: "square".into(),
            sides: Some(4),
        },
        Shape::Group(vec![Shape::Group(vec![Shape::Point])]),
    ]
}

#[test]
fn numbers_of_every_width_have_postcards_bytes() {
    [0, 1, 127, 128, u8::MAX]
        .into_iter()
        .for_each(check_agrees::<u8>);
    [0, 127, 128, 16_384, u16::MAX]
        .into_iter()
        .for_each(check_agrees::<u16>);
    [0, 128, 1 << 21, u32::MAX]
        .into_iter()
        .for_each(check_agrees::<u32>);
    [0, 128, 1 << 35, u64::MAX]
        .into_iter()
        .for_each(check_agrees::<u64>);
    [0, 1 << 70, u128::MAX]
        .into_iter()
        .for_each(check_agrees::<u128>);
    [0, -1, i8::MIN, i8::MAX]
        .into_iter()
        .for_each(check_agrees::<i8>);
    [0, -64, -65, i16::MIN, i16::MAX]
        .into_iter()
        .for_each(check_agrees::<i16>);
    [0, -64, i32::MIN, i32::MAX]
        .into_iter()
        .for_each(check_agrees::<i32>);
    [0, -64, i64::MIN, i64::MAX]
        .into_iter()
        .for_each(check_agrees::<i64>);
    [0, -64, i128::MIN, i128::MAX]
        .into_iter()
        .for_each(check_agrees::<i128>);
    [0.0, -1.5, f32::MIN_POSITIVE, f32::INFINITY]
        .into_iter()
        .for_each(check_agrees::<f32>);
    [0.0, -1.5, f64::MAX, f64::NEG_INFINITY]
        .into_iter()
        .for_each(check_agrees::<f64>);
    [true, false].into_iter().for_each(check_agrees::<bool>);
}

#[test]
fn text_bytes_and_containers_have_postcards_bytes() {
    ['a', 'é', '🌍', '\0']
        .into_iter()
        .for_each(check_agrees::<char>);
    check_agrees(String::new());
    check_agrees("Grüße 🌍".to_string());
    check_agrees("x".repeat(200));
    check_agrees(vec![1u8, 2, 255]);
    check_agrees(vec![0u8; 2000]);
    check_agrees(vec![Some("a".to_string()), None]);
    check_agrees(vec![vec![1u16, 300], vec![]]);
    check_agrees((1u8, "two".to_string(), [3i32; 3]));
    check_agrees(BTreeMap::from([("a".to_string(), 1i64), ("b".into(), -1)]));
    check_agrees(Some(Some(Some(5u8))));
    check_agrees(Ok::<u8, String>(1));
    check_agrees(Err::<u8, String>("no".into()));
    check_agrees(core::time::Duration::new(5, 6));
}

#[test]
fn user_defined_types_have_postcards_bytes() {
    check_agrees(());
    check_agrees(Unit);
    check_agrees(Newtype(70_000));
    check_agrees(Pair(-1, "a".into()));
    for shape in shapes() {
        check_agrees(shape);
    }
    check_agrees(nested(Some(nested(None))));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reading<'a> {
    sensor: &'a str,
    raw: &'a [u8],
    note: Option<&'a str>,
}

enum Readings {}

impl Payload for Readings {
    type Value<'a> = Reading<'a>;
}

#[test]
fn borrowed_values_point_into_the_payload() {
    let reading = Reading {
        sensor: "door",
        raw: &[1, 255],
        note: Some("open"),
    };
    let payload = framed(postcard_bytes(&reading));
    let decoded = Postcard::<Readings>::decode(&payload);
    let decoded = decoded.expect("a complete payload");
    assert_eq!(decoded, reading);
    assert!(payload.as_ptr_range().contains(&decoded.sensor.as_ptr()));
    assert!(payload.as_ptr_range().contains(&decoded.raw.as_ptr()));
    let text = framed(framed("hi"));
    assert_eq!(Postcard::<str>::decode(&text), Ok("hi"));
    assert_eq!(Postcard::<[u8]>::decode(&text), Ok(&b"hi"[..]));
}

#[test]
fn a_value_not_allowed_by_its_type_is_refused() {
    check_refuses::<bool>([2], DecodeErrorKind::BadValue, None);
    check_refuses::<Option<u8>>([2, 0], DecodeErrorKind::BadValue, None);
    check_refuses::<u16>([0xff, 0xff, 4], DecodeErrorKind::BadValue, None);
    check_refuses::<u64>([0xff; 10], DecodeErrorKind::BadValue, None);
    check_refuses::<char>([0], DecodeErrorKind::BadValue, None);
    check_refuses::<char>([1, 0xff], DecodeErrorKind::BadUtf8, None);
    check_refuses::<String>([1, 0xff], DecodeErrorKind::BadUtf8, None);
    check_refuses::<Shape>([5], DecodeErrorKind::BadValue, None);
    check_refuses::<Shape>([3, 0, 2], DecodeErrorKind::BadValue, Some("sides"));
    check_refuses::<Shape>(
        [4, 1, 3, 1, 0xff, 0],
        DecodeErrorKind::BadUtf8,
        Some("name"),
    );
}

#[test]
fn a_char_of_two_characters_is_refused() {
    // postcard takes the first character and silently discards the second.
    assert_eq!(
        decode::<char>(b"\x02ab"),
        Err(DecodeErrorKind::BadValue.into())
    );
}

#[test]
fn a_count_beyond_the_remaining_bytes_is_refused() {
    check_refuses::<Vec<u8>>([4, 1, 2, 3], DecodeErrorKind::BadLength, None);
    check_refuses::<Vec<u64>>(
        [0xff, 0xff, 0xff, 0xff, 0x0f, 1],
        DecodeErrorKind::BadLength,
        None,
    );
    check_refuses::<BTreeMap<u8, u8>>([2, 1], DecodeErrorKind::BadLength, None);
    let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let units = decode::<Vec<()>>(endless); // postcard counts these one by one
    assert_eq!(units, Err(DecodeErrorKind::BadLength.into()));
}

/// A type of unlimited depth.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

#[test]
fn any_type_may_nest_up_to_max_depth() {
    let most = usize::from(Limits::MAX_DEPTH);
    let chain = |links: usize| [vec![1; links], vec![0]].concat();
    assert!(decode::<Chain>(chain(most - 1)).is_ok());
    for links in [most, most + 1, 50_000] {
        assert_eq!(
            decode::<Chain>(chain(links)),
            Err(DecodeErrorKind::TooDeep.into())
        );
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
}

#[test]
fn a_type_that_needs_a_self_describing_format_is_unsupported() {
    let error = decode::<Untagged>([1]).expect_err("not self-describing");
    assert_eq!(error.kind, DecodeErrorKind::Unsupported);
}

/// Decodes random bytes as several types. Bellwire must not panic, and must agree with postcard.
#[test]
fn random_bytes_get_the_same_verdict_from_postcard() {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut taken = 0;
    for _ in 0..20_000 {
        let body: Vec<u8> = (0..seed % 12)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                // Small numbers are valid lengths, variants and options.
                let byte = seed.to_le_bytes()[3];
                if byte < 0x90 { byte & 3 } else { byte }
            })
            .collect();
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        taken += u32::from(same_verdict::<Shape>(&body));
        taken += u32::from(same_verdict::<Vec<Option<String>>>(&body));
        taken += u32::from(same_verdict::<BTreeMap<u8, (bool, i16)>>(&body));
        taken += u32::from(same_verdict::<(i8, Option<Vec<u8>>, u32)>(&body));
    }
    assert!(taken > 1000, "only {taken} bodies were accepted");
}

#[test]
fn varints_of_each_length_get_the_same_verdict_from_postcard() {
    let mut taken = 0;
    for size in 1..=12 {
        for filler in [0x80, 0x81, 0xff] {
            for last in [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff] {
                let mut body = vec![filler; size];
                body[size - 1] = last;
                taken +=
                    u32::from(same_verdict::<u16>(&body)) + u32::from(same_verdict::<i16>(&body));
                taken +=
                    u32::from(same_verdict::<u32>(&body)) + u32::from(same_verdict::<i32>(&body));
                taken +=
                    u32::from(same_verdict::<u64>(&body)) + u32::from(same_verdict::<i64>(&body));
            }
        }
    }
    assert!(taken > 100, "only {taken} bodies were accepted");
}

/// A type that is converted from `Some` and panics on `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Option<u32>", into = "Option<u32>")]
struct Given(u32);

impl From<Option<u32>> for Given {
    fn from(number: Option<u32>) -> Self {
        Self(number.expect("the peer gave a number"))
    }
}

impl From<Given> for Option<u32> {
    fn from(given: Given) -> Self {
        Some(given.0)
    }
}

#[test]
fn a_from_conversion_runs_only_on_the_received_value() {
    assert_eq!(decode(postcard_bytes(&Some(5u32))), Ok(Given(5)));
}

/// Checks that both refuse `body` or decode the same value. Returns whether they accept it.
#[track_caller]
fn same_verdict<T>(body: &[u8]) -> bool
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + 'static,
{
    let theirs = match postcard::take_from_bytes::<T>(body) {
        Ok((value, [])) => Some(value),
        _ => None,
    };
    let ours = decode::<T>(body).ok();
    assert_eq!(ours, theirs, "{}", show(body));
    ours.is_some()
}

/// A type that records the size hints of a map and checks that the format is not human-readable.
#[derive(Debug, PartialEq, Serialize)]
struct Told(Vec<Option<usize>>);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hints;
        impl<'de> Visitor<'de> for Hints {
            type Value = Told;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Told, A::Error> {
                let mut hints = vec![access.size_hint()];
                while access.next_entry::<u8, u8>()?.is_some() {
                    hints.push(access.size_hint());
                }
                Ok(Told(hints))
            }
        }
        assert!(!deserializer.is_human_readable());
        deserializer.deserialize_map(Hints)
    }
}

#[test]
fn a_postcard_collection_gives_its_length_as_a_size_hint() {
    let told = Told(vec![Some(2), Some(1), Some(0)]);
    assert_eq!(decode::<Told>([2, 1, 1, 2, 2]), Ok(told));
    let elements = decode::<Vec<u16>>([3, 1, 2, 3]).expect("three");
    assert_eq!(elements.capacity(), 3, "memory is allocated once");
}
