//! Any text parses to a description or to an error. By a description, any bytes decode to JSON or to an error, and any
//! text encodes to bytes that decode, or to an error.
#![no_main]

use bellwire::schema::Encoding;
use bellwire_std::json::{decode, encode};
use bellwire_std::schema::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(1200)];
    let (text, payload) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &data[..0]),
    };
    let Ok(text) = core::str::from_utf8(text) else {
        return;
    };
    let Ok(description) = parse(text) else {
        return;
    };
    assert_eq!(parse(&description.to_string()), Ok(description));
    check(&description.request, payload);
    if let Some(reply) = &description.reply {
        check(reply, payload);
    }
});

fn check(encoding: &Encoding, data: &[u8]) {
    if let Ok(json) = decode(encoding, data) {
        assert!(!json.contains('\n'), "{json}");
        // A float that is not a number, and an optional unit, become null.
        if let Ok(payload) = encode(encoding, &json) {
            same(encoding, &payload, Some(&json));
        }
    }
    if let Ok(json) = core::str::from_utf8(data)
        && let Ok(payload) = encode(encoding, json)
    {
        same(encoding, &payload, None);
    }
}

/// Checks that the JSON of `payload` is `wanted`, and that it encodes to the same payload.
fn same(encoding: &Encoding, payload: &[u8], wanted: Option<&String>) {
    match decode(encoding, payload) {
        Ok(json) => {
            assert!(wanted.is_none_or(|wanted| *wanted == json), "{json}");
            assert_eq!(encode(encoding, &json).as_deref(), Ok(payload), "{json}");
        }
        Err(error) => assert!(
            error.to_string().ends_with("the JSON text is too long"),
            "{error}"
        ),
    }
}
