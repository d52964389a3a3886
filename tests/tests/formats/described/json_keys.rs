//! Maps in JSON: each key is a string.

use super::json_errors::postcard;
use bellwire_std::json::{decode, encode};

#[test]
fn keys_of_each_type_without_parts_round_trip() {
    for (ty, key) in [
        ("bool", "true"),
        ("i8", "-128"),
        ("i16", "-32768"),
        ("i32", "-2147483648"),
        ("i64", "-9223372036854775808"),
        ("i128", "-170141183460469231731687303715884105728"),
        ("u8", "255"),
        ("u16", "65535"),
        ("u32", "4294967295"),
        ("u64", "18446744073709551615"),
        ("u128", "340282366920938463463374607431768211455"),
        ("f32", "0.1"),
        ("f64", "-2.5"),
        ("char", "é"),
        ("str", "a b"),
        ("?u8", "7"),
        ("Side<Left | Right>", "Right"),
    ] {
        let map = postcard(&format!("{{{ty}: u8}}"));
        let json = format!(r#"{{"{key}":1}}"#);
        let payload = encode(&map, &json).expect(ty);
        assert_eq!(decode(&map, &payload), Ok(json), "{ty}");
    }
}

#[test]
fn a_key_that_json_cannot_show_is_an_error() {
    let nan = &[10, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 5][..];
    for (ty, payload, problem) in [
        ("f64", nan, "a key that is NaN or infinite"),
        ("?u8", &[3, 1, 0, 5], "a key that is absent"),
        (
            "Mode<Off | Level(u8)>",
            &[4, 1, 1, 2, 5],
            "a key with content",
        ),
        ("[u8]", &[4, 1, 1, 2, 5], "the keys of this map"),
    ] {
        let error = decode(&postcard(&format!("{{{ty}: u8}}")), payload).unwrap_err();
        assert_eq!(error.to_string(), format!("JSON has no form for {problem}"));
    }
}
