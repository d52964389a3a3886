//! The table of bad input. The core, both servers over TCP, smoltcp and the board answer every line of it alike.

use crate::arrived::Arrived;
use crate::gob_streams::{TUTORIAL, bytes};
use crate::server::framed;
use bellwire::{Endpoint, Limits};
use commands::{GOB, POSTCARD, STRING};

/// The size in bytes of each buffer of a server that answers the table. It is the board's.
pub const BUFFER: usize = 768;

/// The limits of a server that answers the table: 64 bytes of a name, 768 of a payload, 12288 to skip.
pub const LIMITS: Limits = Limits::for_buffers(BUFFER, BUFFER);

/// The request after the bad one.
const NEXT: &[u8] = b"STRING\nhi\n";

/// A line of the table, for a server with the commands of [`commands`].
#[derive(Debug)]
pub struct Case {
    /// The bad input in words.
    pub name: &'static str,
    /// The bad input, and a good request after it unless the stream ends inside the bad one.
    pub input: Vec<u8>,
    /// All replies up to the end of the stream.
    pub replies: String,
    /// The texts that arrive at the handlers. No structure does.
    pub texts: &'static [&'static str],
}

impl Case {
    /// Checks a server's replies.
    #[track_caller]
    pub fn check_replies(&self, replies: &str) {
        assert_eq!(replies, self.replies, "{}", self.name);
    }

    /// Checks and clears the values that arrived at the handlers.
    #[track_caller]
    pub fn check_arrived(&self, arrived: &Arrived) {
        let (texts, values) = arrived.take();
        assert_eq!(texts, self.texts, "{}", self.name);
        assert!(values.is_empty(), "{}: {values:?}", self.name);
    }
}

/// Returns an endpoint with the commands of [`commands`].
pub fn endpoint() -> Endpoint<Arrived, 3> {
    let mut endpoint = Endpoint::new();
    let string = endpoint.handle(STRING, &commands::string);
    let postcard = endpoint.handle(POSTCARD, &commands::postcard);
    let gob = endpoint.handle(GOB, &commands::gob);
    string.and(postcard).and(gob).expect("room for three");
    endpoint
}

/// Input that gets `error`, after which the next request is answered.
fn stays(name: &'static str, input: impl AsRef<[u8]>, error: &str) -> Case {
    Case {
        name,
        input: [input.as_ref(), NEXT].concat(),
        replies: format!("{error}\nThank you.\n"),
        texts: &["hi"],
    }
}

/// Input that gets `error`, after which the next request does not run.
fn ends(name: &'static str, input: impl AsRef<[u8]>, error: &str) -> Case {
    Case {
        name,
        input: [input.as_ref(), NEXT].concat(),
        replies: format!("{error}\n"),
        texts: &[],
    }
}

/// Input in which the stream ends, and which gets `error`.
fn cut(name: &'static str, input: impl AsRef<[u8]>, error: &str) -> Case {
    Case {
        name,
        input: input.as_ref().to_vec(),
        replies: format!("{error}\n"),
        texts: &[],
    }
}

fn string(payload: impl AsRef<[u8]>) -> Vec<u8> {
    [b"STRING\n", payload.as_ref()].concat()
}

fn postcard(payload: impl AsRef<[u8]>) -> Vec<u8> {
    [b"POSTCARD\n", payload.as_ref()].concat()
}

fn body(body: impl AsRef<[u8]>) -> Vec<u8> {
    postcard(framed(body))
}

fn gob(payload: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GOB\n", payload.as_ref()].concat()
}

/// Returns `length` bytes of requests, which must not run.
fn requests(length: usize) -> Vec<u8> {
    let requests = b"STRING\nnot a command\n".iter().cycle();
    requests.copied().take(length).collect()
}

/// Returns the tutorial's value in gob, with `from` replaced by `to`.
fn altered(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut stream = bytes(TUTORIAL);
    let at = stream.windows(from.len()).rposition(|part| part == from);
    let at = at.expect("a part of the value");
    stream[at..at + to.len()].copy_from_slice(to);
    stream
}

/// Returns the whole table.
pub fn cases() -> Vec<Case> {
    [names(), lines(), lengths(), structures(), gobs(), cuts()]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the table for a server that has the topic `TICK` too.
#[rustfmt::skip]
pub fn topic_cases() -> Vec<Case> {
    let unknown = |command, name| format!("!refused {command}: no topic is named \"{name}\"");
    let long = "SUBSCRIBE\n".to_owned() + &"N".repeat(100) + "\n";
    let too_long = "SUBSCRIBE\n".to_owned() + &"N".repeat(800) + "\n";
    vec![
        stays("a topic that does not exist", "SUBSCRIBE\nTOCK\n", &unknown("SUBSCRIBE", "TOCK")),
        stays("the end of such a subscription", "UNSUBSCRIBE\nTOCK\n", &unknown("UNSUBSCRIBE", "TOCK")),
        stays("no topic", "SUBSCRIBE\n\n", &unknown("SUBSCRIBE", "")),
        stays("a push in place of a topic", "SUBSCRIBE\n>TICK\n", &unknown("SUBSCRIBE", ">TICK")),
        stays("a topic that is not text", b"SUBSCRIBE\n\xff\x1b\n", &unknown("SUBSCRIBE", "??")),
        stays("a topic of 100 bytes", long, &unknown("SUBSCRIBE", &"N".repeat(42))),
        stays("a topic that is too long", too_long, "!too-large SUBSCRIBE: payload exceeds 768 bytes"),
        stays("a topic twice", "SUBSCRIBE\nTICK\nSUBSCRIBE\nTICK\n", "OK\nOK"),
        stays("no subscription to end", "UNSUBSCRIBE\nTICK\n", "OK"),
        stays("the end of a subscription twice", "SUBSCRIBE\nTICK\nUNSUBSCRIBE\nTICK\nUNSUBSCRIBE\nTICK\n", "OK\nOK\nOK"),
        ends("a topic in place of a command", "TICK\n", "!unknown-command no command is named \"TICK\""),
        ends("a push in place of a command", ">TICK\n", "!unknown-command no command is named \">TICK\""),
        ends("an unknown name from a subscriber", "SUBSCRIBE\nTICK\nNOBODY\n", "OK\n!unknown-command no command is named \"NOBODY\""),
        cut("an end before a topic", "SUBSCRIBE\n", "!malformed SUBSCRIBE: stream ended inside a request"),
        cut("an end inside a topic", "SUBSCRIBE\nTI", "!malformed SUBSCRIBE: stream ended inside a request"),
    ]
}

#[rustfmt::skip]
fn names() -> Vec<Case> {
    let long = "N".repeat(63);
    let unknown = format!("!unknown-command no command is named \"{long}\"");
    let too_long = "!too-large command line exceeds 64 bytes";
    vec![
        ends("no name", "\n", "!malformed empty command name"),
        ends("a name of blanks", " \r \r\n", "!malformed empty command name"),
        ends("an unknown name", "NOBODY\n", "!unknown-command no command is named \"NOBODY\""),
        ends("a name that is not text", b"\xff\x00\x1b[2J\n", "!unknown-command no command is named \"???[2J\""),
        ends("an unknown name of 63 bytes", long.clone() + "\n", &unknown),
        ends("a name of 64 bytes", long.clone() + "N\n", too_long),
        ends("a name of 64 bytes without its end", long + "N", too_long),
        ends("a name among too many blanks", "STRING".to_owned() + &" ".repeat(58) + "\n", too_long),
        ends("a name of ten megabytes", vec![b'N'; 10_000_000], too_long),
    ]
}

#[rustfmt::skip]
fn lines() -> Vec<Case> {
    let too_long = "!too-large STRING: payload exceeds 768 bytes";
    let not_text = "!malformed STRING: invalid UTF-8";
    let blanks = |length: usize| string("x ".repeat(length / 2) + "\n");
    vec![
        stays("a line that is too long by a byte", blanks(768), too_long),
        stays("a line that is too long", blanks(5000), too_long),
        ends("a line too long to skip", blanks(20_000), too_long),
        ends("a line of ten megabytes", blanks(10_000_000), too_long),
        stays("a byte that is not text", string(b"h\xff\n"), not_text),
        stays("a character in part", string(b"a\xc3\n"), not_text),
        stays("half of a surrogate pair", string(b"\xed\xa0\x80\n"), not_text),
        stays("a character in too many bytes", string(b"\xc0\x80\n"), not_text),
    ]
}

#[rustfmt::skip]
fn lengths() -> Vec<Case> {
    let too_long = "!too-large POSTCARD: payload exceeds 768 bytes";
    let no_length = "!malformed POSTCARD: invalid length";
    vec![
        stays("a payload too long by a byte", body(requests(767)), too_long),
        stays("a payload of commands", body(requests(1008)), too_long),
        stays("the longest payload that is skipped", body(requests(12_286)), too_long),
        ends("a payload too long to skip by a byte", body(requests(12_287)), too_long),
        ends("a length of 32 bits", postcard(b"\xff\xff\xff\xff\x0f"), too_long),
        ends("a length of 63 bits", postcard(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), too_long),
        ends("nearly the largest length", postcard(b"\xf5\xff\xff\xff\xff\xff\xff\xff\xff\x01"), too_long),
        ends("the largest length", postcard(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), too_long),
        ends("a length of 65 bits", postcard(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), no_length),
        ends("a length of ten bytes without an end", postcard([0x80; 10]), no_length),
        ends("zero in eleven bytes", postcard(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), no_length),
        ends("a length of eleven bytes", postcard([0xff; 11]), no_length),
    ]
}

#[rustfmt::skip]
fn structures() -> Vec<Case> {
    let nested = b"\0\0\0\0\x01\0\0\0\0\x01\0\0\0\0\0";
    let long = [b"\0", &framed([b's'; 65])[..], b"\0\0\0"].concat();
    vec![
        stays("an empty payload", body(b""), "!malformed POSTCARD: payload too short in field N"),
        stays("a text without its bytes", body(b"\x2e\x0b"), "!malformed POSTCARD: payload too short in field S"),
        stays("a number without end", body([0xff; 11]), "!malformed POSTCARD: invalid value in field N"),
        stays("a text's length without end", body(b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "!malformed POSTCARD: invalid length in field S"),
        stays("a text that is not text", body(b"\0\x01\xff\0\0\0"), "!malformed POSTCARD: invalid UTF-8 in field S"),
        stays("too many entries", body(b"\0\0\x09\0\0\0"), "!malformed POSTCARD: invalid length in field M"),
        stays("a key twice", body(b"\0\0\x02\x01a\x02\x01a\x02\0\0"), "!malformed POSTCARD: duplicate map key in field M"),
        stays("an option that is neither", body(b"\0\0\0\0\x02"), "!malformed POSTCARD: invalid value in field C"),
        stays("a command after the value", body(b"\0\0\0\0\0STRING\n"), "!malformed POSTCARD: trailing bytes"),
        stays("a value nested too deep", body(nested), "!too-large POSTCARD: nested too deep in field C"),
        stays("a text of 65 bytes", body(long), "!too-large POSTCARD: capacity exceeded in field S"),
    ]
}

/// GOB has no reply, so its error line is the last line.
#[rustfmt::skip]
fn gobs() -> Vec<Case> {
    let value = bytes(TUTORIAL);
    let twice = [&value[..57], &value].concat();
    let long = [&value[..88], b"\xfe\x03\xe8\xff\x82", &requests(998)].concat();
    vec![
        ends("a gob's length of 1 GiB", gob(b"\xfc\x40\0\0\0"), "!malformed GOB: invalid length"),
        ends("a gob's length of 9 bytes", gob(b"\xf7\x01\0\0\0\0\0\0\0\0"), "!malformed GOB: invalid length"),
        ends("a gob that is too long", gob(long), "!too-large GOB: payload exceeds 768 bytes"),
        ends("a gob of an undefined type", gob(b"\x04\xff\x80\0\0"), "!malformed GOB: undefined type"),
        ends("a gob that defines a type twice", gob(twice), "!malformed GOB: type defined twice"),
        ends("a gob's text that is not text", gob(altered(b"stri", b"\xff")), "!malformed GOB: invalid UTF-8 in field S"),
        ends("a gob's key twice", gob(altered(b"\x03two", b"\x03one")), "!malformed GOB: duplicate map key in field M"),
    ]
}

#[rustfmt::skip]
fn cuts() -> Vec<Case> {
    let value = bytes(TUTORIAL);
    let too_long = |name| format!("!too-large {name}: payload exceeds 768 bytes");
    vec![
        cut("an end inside a name", "STRI", "!malformed stream ended inside a request"),
        cut("an end after a name", "STRING", "!malformed stream ended inside a request"),
        cut("an end before a line", "STRING\n", "!malformed STRING: stream ended inside a request"),
        cut("an end inside a line", "STRING\nh", "!malformed STRING: stream ended inside a request"),
        cut("an end inside a length", postcard(b"\x80"), "!malformed POSTCARD: stream ended inside a request"),
        cut("an end inside a payload", postcard(b"\x05\0\0"), "!malformed POSTCARD: stream ended inside a request"),
        cut("an end before a gob", gob(b""), "!malformed GOB: stream ended inside a request"),
        cut("an end between a gob's messages", gob(&value[..57]), "!malformed GOB: stream ended inside a request"),
        cut("an end inside a gob", gob(&value[..150]), "!malformed GOB: stream ended inside a request"),
        cut("an end inside a skipped line", string("x".repeat(800)), &too_long("STRING")),
        cut("an end inside a skipped payload", postcard(b"\xfe\x5fabc"), &too_long("POSTCARD")),
    ]
}
