//! Arbitrary bytes decode to a line or to an error. A text that is not a line cannot be encoded.
#![no_main]

use bellwire::format::EncodeError;
use bellwire::{Format, Line};
use bellwire_fuzz::formats::{encoded_in, payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(600)];
    if let Some(line) = payload::<Line>(data) {
        let end = data.iter().position(|byte| *byte == b'\n');
        assert_eq!(end, Some(line.len() - 1));
        if let Ok(text) = Line::decode(line) {
            let ends = ["\n", "\r\n"].map(|end| [text, end].concat());
            assert!(ends.iter().any(|whole| whole.as_bytes() == line));
            assert!(!line.ends_with(b"\r\n") || ends[1].as_bytes() == line);
            check(text);
        }
    }
    if let Ok(text) = core::str::from_utf8(data) {
        check(text);
    }
});

fn check(text: &str) {
    match encoded_in::<Line>(|space| Line::encode(text, space)) {
        Ok(line) => assert_eq!(Line::decode(&line), Ok(text)),
        Err(error) => {
            assert_eq!(error, EncodeError::Unencodable);
            assert!(text.contains('\n') || text.ends_with('\r'));
        }
    }
}
