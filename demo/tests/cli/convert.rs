//! `bellwire decode` and `bellwire encode`, as a user runs them.

use crate::process::fed;
use bellwire_tests::go::Go;
use bellwire_tests::gob_streams::VECTORS;
use serde_json::Value;
use std::process::{Command, Output, Stdio};

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    fed(
        Command::new(program).args(arguments).stdout(Stdio::piped()),
        input,
    )
}

fn bellwire(arguments: &[&str], input: &[u8]) -> Output {
    run(env!("CARGO_BIN_EXE_bellwire"), arguments, input)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Checks that `arguments` turn `input` into `expected`.
#[track_caller]
fn makes(arguments: &[&str], input: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
    let output = bellwire(arguments, input.as_ref());
    assert_eq!(output.stdout, expected.as_ref(), "{}", text(&output.stderr));
    assert!(output.status.success());
}

/// Checks that `arguments` turn the valid start of `input` into `expected`, and then report `error`.
#[track_caller]
fn fails(arguments: &[&str], input: impl AsRef<[u8]>, expected: &str, error: &str) {
    let output = bellwire(arguments, input.as_ref());
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), format!("bellwire: {error}\n"));
    assert_eq!(output.status.code(), Some(1));
}

const DECODE_GOB: &[&str] = &["decode", "--format", "gob"];
const DECODE_ANY: &[&str] = &["decode", "--format", "gob", "--type", "any"];
const DECODE_POSTCARD: &[&str] = &["decode", "--format", "postcard"];
const ENCODE_GOB: &[&str] = &["encode", "--format", "gob"];
const ENCODE_POSTCARD: &[&str] = &["encode", "--format", "postcard"];

const TUTORIAL: &str = concat!(
    r#"{"N":23,"S":"string data","M":{"one":1,"three":3,"two":2},"P":"YWJj","#,
    r#""C":{"N":256,"S":"Recursive structs? Piece of cake!","M":{"01":1,"10":2,"11":3},"P":null,"C":null}}"#,
    "\n"
);
const ZERO: &str = "{\"N\":0,\"S\":\"\",\"M\":null,\"P\":null,\"C\":null}\n";

#[test]
fn encoded_values_decode_to_the_same_json_in_both_formats() {
    for (encode, decode) in [(ENCODE_GOB, DECODE_GOB), (ENCODE_POSTCARD, DECODE_POSTCARD)] {
        let lines = [TUTORIAL, ZERO, TUTORIAL].concat();
        let encoded = bellwire(encode, lines.as_bytes()).stdout;
        makes(decode, encoded, &lines);
        makes(decode, "", "");
    }
}

#[test]
fn fields_absent_from_json_are_zero() {
    let encoded = bellwire(ENCODE_GOB, b"{} {\"N\": 1}").stdout;
    makes(
        DECODE_GOB,
        encoded,
        ZERO.to_owned() + &ZERO.replace("\"N\":0", "\"N\":1"),
    );
}

#[test]
fn type_any_prints_the_sent_fields() {
    let encoded = bellwire(ENCODE_GOB, b"{\"N\":1,\"P\":\"YWJj\",\"C\":{}}").stdout;
    makes(DECODE_ANY, encoded, "{\"N\":1,\"P\":\"YWJj\",\"C\":{}}\n");
    // Two strings and an integer, as Go sends them.
    let several = b"\x05\x0c\x00\x02hi\x05\x0c\x00\x02<>\x03\x04\x00\x06";
    makes(DECODE_ANY, several, "\"hi\"\n\"\\u003c\\u003e\"\n3\n");
}

#[test]
fn values_before_a_malformed_one_are_printed() {
    let mut gob = bellwire(ENCODE_GOB, ZERO.as_bytes()).stdout;
    gob.extend([3, 4, 0, 6]);
    let output = bellwire(DECODE_GOB, &gob);
    assert_eq!(text(&output.stdout), ZERO);
    assert_eq!(text(&output.stderr).lines().count(), 1);
    assert_eq!(output.status.code(), Some(1));

    let mut postcard = bellwire(ENCODE_POSTCARD, ZERO.as_bytes()).stdout;
    postcard.extend([9, 0]);
    let error = "payload too short";
    fails(DECODE_POSTCARD, postcard, ZERO, error);
}

#[test]
fn decoding_postcard_as_any_is_a_clear_error() {
    let arguments = ["decode", "--format", "postcard", "--type", "any"];
    fails(
        &arguments,
        "",
        "",
        "postcard does not describe its types; --type any needs gob",
    );
}

#[test]
fn values_before_invalid_json_are_encoded() {
    let output = bellwire(ENCODE_GOB, b"{\"N\":1}{\"N\":\"one\"}");
    assert!(text(&output.stderr).starts_with("bellwire: N: invalid type: string \"one\""));
    assert_eq!(output.status.code(), Some(1));
    makes(
        DECODE_GOB,
        output.stdout,
        ZERO.replace("\"N\":0", "\"N\":1"),
    );
}

#[test]
fn errors_in_json_name_the_field() {
    const KNOWN: &str = "expected one of `N`, `S`, `M`, `P`, `C`";
    let unknown = |path, name| format!("{path}: unknown field `{name}`, {KNOWN}");
    let kind = |path, found, expected| format!("{path}invalid type: {found}, expected {expected}");
    for (json, error) in [
        // Names.
        (r#"{"X":1}"#, unknown("X", "X")),
        (r#"{"n":1}"#, unknown("n", "n")),
        (r#"{"C":{"C":{"n":1}}}"#, unknown("C.C.n", "n")),
        (r#"{"N":1,"N":1}"#, "duplicate field `N`".into()),
        (r#"{"M":null,"M":{}}"#, "duplicate field `M`".into()),
        (r#"{"C":{"S":"","S":""}}"#, "C: duplicate field `S`".into()),
        (
            r#"{"M":{"a":1,"a":1}}"#,
            r#"M: duplicate map key "a""#.into(),
        ),
        (
            r#"{"C":{"M":{"":1,"":2}}}"#,
            r#"C.M: duplicate map key """#.into(),
        ),
        // Arrays.
        ("[]", kind("", "sequence", "an object")),
        (
            r#"[1,"a",null,null,null]"#,
            kind("", "sequence", "an object"),
        ),
        (
            r#"{"C":[1,"a",null,null,null]}"#,
            kind("C: ", "sequence", "an object"),
        ),
        (
            r#"{"M":[]}"#,
            kind("M: ", "sequence", "an object of integers"),
        ),
        (
            r#"{"P":[1]}"#,
            kind("P: ", "sequence", "bytes, or base64 of them"),
        ),
        // Kinds.
        ("null", kind("", "null", "an object")),
        (r#"{"N":1.5}"#, kind("N: ", "floating point `1.5`", "i64")),
        (r#"{"N":null}"#, kind("N: ", "null", "i64")),
        (r#"{"S":5}"#, kind("S: ", "integer `5`", "a string")),
        (r#"{"M":{"a":"b"}}"#, kind("M.a: ", r#"string "b""#, "i64")),
        (r#"{"C":{"M":{"x":null}}}"#, kind("C.M.x: ", "null", "i64")),
        (r#"{"P":"!"}"#, "P: invalid base64".into()),
        // Separators between values.
        ("{},{}", "expected value".into()),
        ("{}]", "expected value".into()),
    ] {
        for encode in [ENCODE_GOB, ENCODE_POSTCARD] {
            let output = bellwire(encode, json.as_bytes());
            let start = format!("bellwire: {error} at line 1 column ");
            let said = text(&output.stderr);
            assert!(said.starts_with(&start), "{json}: {said}, not {start}");
            assert_eq!(said.lines().count(), 1);
            assert_eq!(output.status.code(), Some(1));
        }
    }
}

#[test]
fn type_any_prints_maps_with_complex_keys_as_pairs() {
    for (stream, shown) in [
        // As Go sends map[P]string; P is a struct of A and B.
        (
            "0fff81040102ff820001ff80010c0000177f030102ff80000102010141010400010142010c\
             0000000eff820001010201017800036f6e65",
            r#"[[{"A":1,"B":"x"},"one"]]"#,
        ),
        // map[[2]int]bool, map[complex128]int, map[float64]int with an infinite key
        (
            "0fff85040102ff860001ff84010200000eff83010102ff840001040104000008ff86000102020401",
            "[[[1,2],true]]",
        ),
        (
            "0eff91040102ff9200010e0104000009ff920001fef03f400a",
            "[[[1,2],5]]",
        ),
        (
            "0eff8d040102ff8e0001080104000008ff8e0001fef07f0a",
            r#"[["Infinity",5]]"#,
        ),
        // map[any]int with the keys 1 and "1", which would be the same name in an object
        (
            "0eff87040102ff88000110010400001aff88000203696e74040200020a06737472696e670c030001310c",
            r#"[[1,5],["1",6]]"#,
        ),
        // map[any]int of 1, map[bool]int, map[float64]int, map[time.Time]int
        (
            "0eff87040102ff88000110010400000dff88000103696e74040200020a",
            r#"{"1":5}"#,
        ),
        (
            "0eff8f040102ff900001020104000006ff900001010a",
            r#"{"true":5}"#,
        ),
        (
            "0eff8d040102ff8e0001080104000008ff8e0001fee03f0a",
            r#"{"0.5":5}"#,
        ),
        (
            "0fff8b040102ff8c0001ff8a010400000aff89050102ff8a00000015ff8c00010f0100\
             00000e7791f70000000000ffff0a",
            r#"{"AQAAAA53kfcAAAAAAP//":5}"#,
        ),
    ] {
        makes(DECODE_ANY, bytes(stream), format!("{shown}\n"));
    }
}

#[test]
fn type_any_prints_non_finite_floats_as_text() {
    // A struct of the floats X, Y and Z, and the complex number C.
    let stream = "27ff93030101014601ff9400010401015801080001015901080001015a01080001014301\
                  0e00000022ff9401f8010000000000f87f01fef07f01fef0ff01f8010000000000f87ffef03f00";
    let shown = r#"{"X":"NaN","Y":"Infinity","Z":"-Infinity","C":["NaN",1]}"#;
    makes(DECODE_ANY, bytes(stream), format!("{shown}\n"));
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Streams that Go accepts and Bellwire rejects. The table of the module `gob` has the reasons.
const REFUSED: [&str; 12] = [
    "not utf-8",
    "key not utf-8",
    "nested 17",
    "nested 100",
    "key twice",
    "end missing",
    "inner end missing",
    "bytes behind the value",
    "negative map count",
    "empty message",
    "empty message behind types",
    "map longer than the message",
];

/// The streams of Go's encodings of our structure: name, Go's values as JSON, bytes.
fn vectors() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    VECTORS.lines().filter_map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let &[name, "complexData", "ok", values, stream] = &parts[..] else {
            return None;
        };
        (!REFUSED.contains(&name)).then(|| (name, values, bytes(stream)))
    })
}

#[test]
fn values_encoded_by_go_are_decoded() {
    let mut compared = 0;
    // Bellwire prints an empty map as null; Go's JSON does not.
    for (name, values, bytes) in vectors().filter(|(name, ..)| *name != "empty map") {
        let output = bellwire(DECODE_GOB, &bytes);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        let shown: Value = serde_json::from_str(&format!("[{}]", lines.join(","))).unwrap();
        let expected: Value = serde_json::from_str(values).unwrap();
        assert_eq!(shown, expected, "{name}");
        compared += 1;
    }
    assert!(compared > 20, "only {compared}");
}

#[test]
fn decode_prints_gos_values_exactly_as_go_does() {
    let Some(go) = Go::find() else { return };
    for (name, _, bytes) in vectors() {
        let shown = bellwire(DECODE_GOB, &bytes).stdout;
        let lines: Vec<&str> = text(&shown).lines().collect();
        assert_eq!(lines, go.run(&["check"], &bytes).end(), "{name}");
    }
}

#[test]
fn go_decodes_encoded_values_unchanged() {
    let Some(go) = Go::find() else { return };
    let escaped = TUTORIAL.replace("string data", "\\u003cé\\u2028\\u003e");
    for line in [TUTORIAL, &escaped] {
        let encoded = bellwire(ENCODE_GOB, line.as_bytes()).stdout;
        let shown = go.run(&["check"], &encoded).end();
        assert_eq!(shown.join("\n") + "\n", line);
    }
}
