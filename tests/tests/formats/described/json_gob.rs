//! JSON by a description equals `serde_json`'s for types that Go can carry, through gob.

use super::json::{Encoded, Side, Tree, is_the_same};
use super::random::Random;
use bellwire::Gob;
use bellwire::schema::{Encoding, Schema};
use bellwire_std::json::{decode, encode};
use bellwire_std::schema::parse;
use bellwire_tests::gob_streams::{TUTORIAL, bytes};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize, Schema)]
#[serde(rename_all = "PascalCase")]
struct Kinds {
    yes: bool,
    small: i8,
    large: i64,
    byte: u8,
    word: u64,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    list: Vec<i32>,
    array: [u16; 3],
    pair: (f64, f64),
    map: BTreeMap<String, Vec<bool>>,
    numbers: BTreeMap<i32, Side>,
    side: Side,
    place: Place,
    tree: Tree,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Place {
    name: String,
}

impl Random for Kinds {
    fn random(rng: &mut Rng) -> Self {
        Self {
            yes: Random::random(rng),
            small: Random::random(rng),
            large: Random::random(rng),
            byte: Random::random(rng),
            word: Random::random(rng),
            // Gob sends no zero, so a zero loses its sign.
            single: f32::random(rng) + 0.0,
            double: f64::random(rng) + 0.0,
            letter: Random::random(rng),
            text: Random::random(rng),
            bytes: Random::random(rng),
            list: Random::random(rng),
            array: Random::random(rng),
            pair: (1.5, f64::random(rng)),
            map: Random::random(rng),
            numbers: Random::random(rng),
            side: Random::random(rng),
            place: Place {
                name: Random::random(rng),
            },
            tree: Tree::random(rng),
        }
    }
}

#[test]
fn the_json_of_gob_equals_serde_json_for_random_values() {
    let parsed = parse(&format!("A gob {}", Kinds::TYPE)).unwrap().request;
    let constant = Encoding {
        format: "gob",
        ty: Some(&Kinds::TYPE),
    };
    for seed in 0..300 {
        let value = Kinds::random(&mut Rng::with_seed(seed));
        let payload = Encoded::new::<Gob<Kinds>, _>(&value);
        is_the_same(&payload, &constant);
        is_the_same(&payload, &parsed);
    }
}

#[test]
fn the_bytes_of_go_become_json_and_back() {
    let ty = "complexData{N: i64, S: str, M: {str: i64}, P: bytes, C: ?^complexData}";
    let encoding = parse(&format!("A gob {ty}")).unwrap().request;
    let json = decode(&encoding, &bytes(TUTORIAL)).unwrap();
    let inner = r#"{"N":256,"S":"Recursive structs? Piece of cake!","M":{"01":1,"10":2,"11":3},"P":[],"C":null}"#;
    let start = r#"{"N":23,"S":"string data","M":{"one":1,"three":3,"two":2},"P":[97,98,99],"C":"#;
    assert_eq!(json, format!("{start}{inner}}}"));
    assert_eq!(encode(&encoding, &json), Ok(bytes(TUTORIAL)));
}

#[test]
fn fields_of_go_come_in_the_order_of_the_description() {
    let theirs = parse("A gob P{B: u8, X: str, A: u8}").unwrap().request;
    let ours = parse("A gob P{A: u8, B: u8, C: str}").unwrap().request;
    let payload = encode(&theirs, r#"{"A": 1, "B": 2, "X": "x"}"#).unwrap();
    assert_eq!(decode(&ours, &payload).unwrap(), r#"{"A":1,"B":2,"C":""}"#);
}

#[test]
fn a_type_that_go_does_not_have_is_refused() {
    for (ty, json) in [
        ("i128", "1"),
        ("E<A(u8)>", r#"{"A":1}"#),
        ("(u8, str)", r#"[1,""]"#),
    ] {
        let encoding = parse(&format!("A gob {ty}")).unwrap().request;
        let error = encode(&encoding, json).unwrap_err().to_string();
        let reason = "Go has no type for a tuple, a 128-bit integer, or an enum with content";
        assert_eq!(error, reason, "{ty}");
    }
    let list = parse("A gob [?u8]").unwrap().request;
    let error = encode(&list, "[null]").unwrap_err().to_string();
    assert_eq!(error, "the format gob cannot carry this value");
}
