//! Errors of JSON by a description, and values with a special form.

use bellwire::schema::Encoding;
use bellwire_std::json::{MAX_PAYLOAD, decode, encode};
use bellwire_std::schema::parse;

pub(crate) fn postcard(ty: &str) -> Encoding {
    parse(&format!("A postcard {ty}")).expect(ty).request
}

const READING: &str = "Reading{celsius: f32, at: u64}";
const MODE: &str = "Mode<Off | Level(u8) | Point{x: i32}>";

/// A type, a JSON text that does not fit it, and the error.
const MISFITS: &[(&str, &str, &str)] = &[
    (
        READING,
        r#"{"celsius": "x", "at": 0}"#,
        r#"field "celsius": expected f32, found string"#,
    ),
    (
        READING,
        r#"{"celsius": null, "at": 0}"#,
        r#"field "celsius": expected f32, found null"#,
    ),
    (
        READING,
        r#"{"celsius": 1e39, "at": 0}"#,
        r#"field "celsius": expected f32, found 1e39"#,
    ),
    (
        READING,
        r#"{"celsius": 1, "at": -1}"#,
        r#"field "at": expected u64, found -1"#,
    ),
    (
        READING,
        r#"{"celsius": 1, "at": 1.0}"#,
        r#"field "at": expected u64, found 1.0"#,
    ),
    (
        READING,
        r#"{"celsius": 1}"#,
        r#"field "at": missing, expected u64"#,
    ),
    (
        READING,
        r#"{"celsius": 1, "at": 2, "at": 2}"#,
        r#"field "at": given twice"#,
    ),
    (
        READING,
        r#"{"kelvin": 1}"#,
        r#"unknown field "kelvin"; Reading has celsius, at"#,
    ),
    (
        READING,
        "[1, 2]",
        "expected an object (Reading), found array",
    ),
    (READING, "3", "expected an object (Reading), found number"),
    (
        READING,
        "{",
        "invalid JSON: EOF while parsing an object at line 1 column 1",
    ),
    (
        READING,
        r#"{"celsius": 1, "at": 2} x"#,
        "invalid JSON: trailing characters at line 1 column 25",
    ),
    (
        MODE,
        r#""Warm""#,
        r#"unknown variant "Warm"; Mode has Off, Level, Point"#,
    ),
    (
        MODE,
        r#""Level""#,
        r#"the variant Level has content: {"Level": ...}"#,
    ),
    (
        MODE,
        r#"{"Level": 256}"#,
        r#"field "Level": expected u8, found 256"#,
    ),
    (
        MODE,
        r#"{"Point": {"x": true}}"#,
        r#"field "Point.x": expected i32, found boolean"#,
    ),
    (
        MODE,
        r#"{"Off": 1}"#,
        r#"field "Off": expected null, found 1"#,
    ),
    (
        MODE,
        "{}",
        "expected a variant of Mode, found an empty object",
    ),
    (
        MODE,
        r#"{"Level": 1, "Off": null}"#,
        "expected a variant of Mode, found more than one variant",
    ),
    (
        "L{entries: [S{name: str}]}",
        r#"{"entries": [{"name": ""}, {"name": 1}]}"#,
        r#"field "entries[1].name": expected str, found 1"#,
    ),
    ("(u8, str)", "[1]", "expected an array of 2 values, found 1"),
    (
        "[u8; 2]",
        "[1, 2, 3]",
        "expected an array of 2 values, found more",
    ),
    (
        "[u8; 2]",
        r#"[1, "2"]"#,
        r#"field "[1]": expected u8, found string"#,
    ),
    (
        "bytes",
        "[1, 256]",
        r#"field "[1]": expected u8, found 256"#,
    ),
    ("char", r#""ab""#, "expected char, found string"),
    (
        "str",
        r#""\ud800""#,
        "expected str, found a string that is not Unicode",
    ),
    (
        "{str: u8}",
        r#"{"a": 1, "a": 1}"#,
        r#"field "a": given twice"#,
    ),
    (
        "{str: [u8]}",
        r#"{"\u001b": [true]}"#,
        r#"field "\u{1b}[0]": expected u8, found boolean"#,
    ),
    (
        "{i8: u8}",
        r#"{"128": 1}"#,
        r#"expected a key of type i8, found "128""#,
    ),
    (
        "{i8: u8}",
        r#"{"+1": 1}"#,
        r#"expected a key of type i8, found "+1""#,
    ),
    (
        "{f64: u8}",
        r#"{"1": 1, "1.0": 2}"#,
        r#"field "1.0": given twice"#,
    ),
    (
        "{f64: u8}",
        r#"{"inf": 1}"#,
        r#"expected a key of type f64, found "inf""#,
    ),
    (
        "{Mode<Off | Level(u8)>: u8}",
        r#"{"Level": 1}"#,
        r#"expected a key of type a variant of Mode, found "Level""#,
    ),
    (
        "{i8: u8}",
        r#"{" 1": 1}"#,
        r#"expected a key of type i8, found " 1""#,
    ),
    (
        "{[u8]: u8}",
        r#"{"1": 1}"#,
        "JSON has no form for the keys of this map",
    ),
    (
        "T{a: u8, t: ^T}",
        r#"{"a": 1}"#,
        r#"field "t": missing, expected an object (T)"#,
    ),
    ("?u8", r#""1""#, "expected u8, found string"),
    ("u8", "[1]", "expected u8, found array"),
    ("u8", "{}", "expected u8, found object"),
    (
        "u8",
        "1000000000000000000000000000000000000000000000",
        "expected u8, found a long number",
    ),
    ("()", "0", "expected null, found 0"),
];

#[test]
fn an_error_names_the_field_and_the_expected_type() {
    for (ty, json, error) in MISFITS {
        let found = encode(&postcard(ty), json).expect_err(json).to_string();
        assert_eq!(found, *error, "{json}");
    }
}

#[test]
fn an_unknown_field_is_answered_with_the_first_16_names() {
    let error = |count: usize| {
        let fields: Vec<_> = (1..=count).map(|index| format!("f{index}: u8")).collect();
        let ty = postcard(&format!("S{{{}}}", fields.join(", ")));
        encode(&ty, r#"{"x": 1}"#).unwrap_err().to_string()
    };
    let names = (1..=16).map(|index| format!("f{index}"));
    let names = names.collect::<Vec<_>>().join(", ");
    let all = format!("unknown field \"x\"; S has {names}");
    assert_eq!(error(16), all);
    assert_eq!(error(17), all + ", ...");
}

#[test]
fn an_error_has_the_path_to_its_field() {
    let list = postcard("L{entries: [S{name: str}]}");
    let error = encode(&list, r#"{"entries": [{"name": 1}]}"#).unwrap_err();
    assert_eq!(error.path(), "entries[0].name");
    assert_eq!(encode(&list, "1").unwrap_err().path(), "");
}

#[test]
fn a_missing_optional_field_is_absent() {
    let pair = postcard("Pair{a: ?u8, b: ?str}");
    let payload = encode(&pair, r#"{"b": "x"}"#).unwrap();
    assert_eq!(payload, [4, 0, 1, 1, b'x']);
    assert_eq!(decode(&pair, &payload).unwrap(), r#"{"a":null,"b":"x"}"#);
}

#[test]
fn a_variant_without_content_may_be_an_object_with_null() {
    let mode = postcard("Mode<Off | On>");
    assert_eq!(encode(&mode, r#"{"On": null}"#), encode(&mode, r#""On""#));
}

#[test]
fn floats_that_are_no_numbers_become_null() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut payload = vec![8];
        payload.extend(number.to_le_bytes());
        assert_eq!(decode(&postcard("f64"), &payload).unwrap(), "null");
    }
}

#[test]
fn an_error_of_a_payload_names_the_field() {
    let list = postcard("L{entries: [S{name: str, mode: Mode<Off>}]}");
    for (body, error) in [
        (
            &[1, 1, 0xff, 0][..],
            r#"field "entries[0].name": invalid UTF-8"#,
        ),
        (&[1, 0, 1], r#"field "entries[0].mode": invalid value"#),
        (&[1, 0], r#"field "entries[0].mode": payload too short"#),
        (&[0, 0], "trailing bytes"),
    ] {
        let payload: Vec<u8> = [&[u8::try_from(body.len()).unwrap()], body].concat();
        assert_eq!(decode(&list, &payload).unwrap_err().to_string(), error);
    }
    let map = postcard("{str: u8}");
    let twice = [5, 2, 0, 1, 0, 2];
    assert_eq!(
        decode(&map, &twice).unwrap_err().to_string(),
        r#"field "(empty)": given twice"#
    );
}

#[test]
fn values_nest_32_deep_and_no_deeper() {
    let tree = postcard("T{below: ?^T}");
    let json = |depth: usize| {
        format!(
            r#"{}{{"below":null}}{}"#,
            r#"{"below":"#.repeat(depth),
            "}".repeat(depth)
        )
    };
    let payload = encode(&tree, &json(15)).unwrap();
    assert_eq!(decode(&tree, &payload).unwrap(), json(15));
    let (open, close) = ("[".repeat(32), "]".repeat(32));
    let lists = postcard(&format!("{open}u8{close}"));
    let deepest = format!("{open}1{close}");
    let payload = encode(&lists, &deepest).unwrap();
    assert_eq!(decode(&lists, &payload).unwrap(), deepest);
    let error = encode(&tree, &json(16)).unwrap_err().to_string();
    assert!(error.ends_with("nested too deep"), "{error}");
    let mut payload = vec![1; 100];
    payload[0] = 99;
    let error = decode(&tree, &payload).unwrap_err().to_string();
    assert!(error.ends_with("nested too deep"), "{error}");
}

#[test]
fn a_type_may_contain_any_type_around_it() {
    let ty = postcard("A{b: B{a: ?^A, c: [^B]}}");
    let json = r#"{"b":{"a":{"b":{"a":null,"c":[]}},"c":[{"a":null,"c":[]}]}}"#;
    let payload = encode(&ty, json).unwrap();
    assert_eq!(decode(&ty, &payload).unwrap(), json);
}

#[test]
fn a_payload_takes_at_most_64_mib() {
    let text = postcard("str");
    // The payload begins with two lengths of four bytes.
    let json = |size| format!("\"{}\"", "x".repeat(size - 8));
    let payload = encode(&text, &json(MAX_PAYLOAD)).unwrap();
    assert_eq!(payload.len(), MAX_PAYLOAD);
    let error = encode(&text, &json(MAX_PAYLOAD + 1)).unwrap_err();
    assert_eq!(error.to_string(), "payload exceeds 64 MiB");
}

#[test]
fn a_type_whose_json_explodes_is_refused() {
    let zeros = postcard("[[[(); 4294967295]; 4294967295]; 4294967295]");
    let error = decode(&zeros, &[0]).unwrap_err().to_string();
    assert!(error.ends_with("the JSON text is too long"), "{error}");
    let fields: Vec<_> = (0..2000).map(|index| format!("f{index}: ?u8")).collect();
    let wide = postcard(&format!("[Wide{{{}}}]", fields.join(", ")));
    let json = format!("[{}{{}}]", "{},".repeat(10_000));
    let error = encode(&wide, &json).unwrap_err().to_string();
    assert!(error.ends_with("too many values"), "{error}");
}

#[test]
fn lines_and_empty_payloads_have_json() {
    let line = parse("A line -> ()").unwrap();
    assert_eq!(encode(&line.request, r#""a\tb""#).unwrap(), b"a\tb\n");
    assert_eq!(decode(&line.request, b"a\tb\r\n").unwrap(), r#""a\tb""#);
    let error = encode(&line.request, r#""a\nb""#).unwrap_err().to_string();
    assert_eq!(error, "the format line cannot carry this value");
    let empty = line.reply.unwrap();
    assert_eq!(encode(&empty, " null "), Ok(Vec::new()));
    assert_eq!(encode(&empty, ""), Ok(Vec::new()));
    assert_eq!(
        encode(&empty, "1").unwrap_err().to_string(),
        "expected null, found 1"
    );
    assert_eq!(decode(&empty, b"").unwrap(), "null");
}

#[test]
fn a_format_of_the_server_s_own_has_no_json() {
    let own = parse("A cbor u8").unwrap().request;
    let error = "the format cbor has no JSON form";
    assert_eq!(encode(&own, "1").unwrap_err().to_string(), error);
    assert_eq!(decode(&own, b"1").unwrap_err().to_string(), error);
}
