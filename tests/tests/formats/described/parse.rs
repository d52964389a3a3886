//! The parser of descriptions.

use super::random::signature;
use bellwire_std::schema::{MAX_TEXT, parse};
use fastrand::Rng;

#[test]
fn a_description_round_trips_through_its_text() {
    for seed in 0..200 {
        let signature = signature(&mut Rng::with_seed(seed));
        let text = signature.to_string();
        assert_eq!(parse(&text), Ok(signature), "{text}");
    }
}

#[test]
fn a_text_is_leaked_once() {
    let text = "READ -> postcard Leaked{once: u8}";
    let (one, other) = (parse(text).unwrap(), parse(text).unwrap());
    let address = |signature: bellwire_std::schema::Signature| {
        std::ptr::from_ref(signature.reply.unwrap().ty.unwrap()).addr()
    };
    assert_eq!(address(one), address(other));
}

#[test]
fn faults_are_found_with_their_positions() {
    for (text, error) in [
        (
            "",
            "at byte 0: a command's name must not be empty or begin with ! or >",
        ),
        ("HELP", "at byte 0: this command's name is reserved"),
        (
            "A:",
            "at byte 0: a command's name must be printable ASCII without space or colon",
        ),
        ("A  ", "at byte 2: expected a format"),
        ("A 4", "at byte 2: expected a format"),
        ("A -> ", "at byte 5: expected a format"),
        (
            "A -> line -> line",
            "at byte 9: expected the end of the description",
        ),
        ("A postcard ", "at byte 11: expected a type"),
        (
            "A postcard u8,",
            "at byte 13: expected the end of the description",
        ),
        ("A postcard Reading", "at byte 11: unknown type"),
        ("A postcard u256", "at byte 11: unknown type"),
        ("A postcard [u8", "at byte 14: expected ] or a length"),
        (
            "A postcard [u8; ]",
            "at byte 16: expected a length below 4294967296",
        ),
        (
            "A postcard [u8; 4294967296]",
            "at byte 16: expected a length below 4294967296",
        ),
        ("A postcard (u8)", "at byte 15: expected a comma before )"),
        (
            "A postcard (u8;",
            "at byte 14: expected a comma and a space, or )",
        ),
        (
            "A postcard {u8, u8}",
            "at byte 14: expected a colon and a space",
        ),
        ("A postcard {u8: u8", "at byte 18: expected }"),
        (
            "A postcard S{a}",
            "at byte 14: expected a colon and a space",
        ),
        (
            "A postcard S{a: u8 }",
            "at byte 18: expected a separator or the end of the type",
        ),
        (
            "A postcard S{a: u8, a: u8}",
            "at byte 26: a name appears twice in the type before this",
        ),
        (
            "A postcard E<A | A>",
            "at byte 19: a name appears twice in the type before this",
        ),
        (
            "A postcard E<A || B>",
            "at byte 14: expected a separator or the end of the type",
        ),
        (
            "A postcard ^S",
            "at byte 13: no enclosing type has this name",
        ),
        (
            "A postcard (S{a: u8}, ^S)",
            "at byte 24: no enclosing type has this name",
        ),
        (
            "A postcard \"",
            "at byte 12: expected the name's quotation mark",
        ),
        (r#"A postcard "S\q"{}"#, "at byte 13: unknown escape"),
        (
            r#"A postcard S{"\u{d800}": u8}"#,
            "at byte 17: unknown escape",
        ),
        (r#"A postcard S{"\u{41": u8}"#, "at byte 19: expected }"),
    ] {
        let found = parse(text).expect_err(text);
        let what = found.to_string();
        assert_eq!(what, format!("invalid description {error}"), "{text}");
        assert!(error.starts_with(&format!("at byte {}:", found.position())));
    }
}

#[test]
fn types_nest_32_deep_and_no_deeper() {
    for (open, close) in [
        ("[", "]"),
        ("?", ""),
        ("S{a: ", "}"),
        ("E<A(", ")>"),
        ("(", ",)"),
    ] {
        let text = |depth| format!("A postcard {}u8{}", open.repeat(depth), close.repeat(depth));
        assert!(parse(&text(32)).is_ok(), "{open}");
        let error = parse(&text(33)).unwrap_err();
        assert!(error.to_string().ends_with("nested too deep"), "{error}");
        assert!(parse(&text(10_000)).is_err(), "{open}");
    }
}

#[test]
fn a_text_over_the_limit_is_refused() {
    let text = |size| format!("A postcard {}", "[".repeat(size - 11));
    let error = |size| parse(&text(size)).unwrap_err().to_string();
    let what = "invalid description at byte 0: longer than 64 KiB";
    assert_eq!(error(MAX_TEXT + 1), what);
    assert_ne!(error(MAX_TEXT), what);
}

#[test]
fn other_spellings_of_a_description_are_accepted() {
    for (text, canonical) in [
        ("A () -> ()", "A -> ()"),
        ("A postcard E<P(P{x: u8})>", "A postcard E<P{x: u8}>"),
        ("A postcard E<P((u8, u8))>", "A postcard E<P(u8, u8)>"),
        (r#"A postcard "S"{"a": u8}"#, "A postcard S{a: u8}"),
        (
            r#"A postcard S{"\u{41}\n\t\r\"\\": u8}"#,
            r#"A postcard S{"A\n\t\r\"\\": u8}"#,
        ),
        ("A postcard str{str: str}", "A postcard str{str: str}"),
    ] {
        assert_eq!(parse(text).expect(text).to_string(), canonical);
    }
}
