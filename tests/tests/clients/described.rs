//! Calls of commands that are known by their descriptions only.

use bellwire::schema::{Description, Schema};
use bellwire::{Code, Command, Gob, Line, NoReply, Postcard};
use bellwire_std::json::{JsonCallError, RemoteCommand};
use bellwire_std::schema::{CheckError, FetchError, list, parse};
use bellwire_std::{CallError, Client};
use bellwire_tests::running::{Kind, PATIENCE, Running, each, serve};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
struct Setting {
    target: f32,
    mode: Mode,
}

#[derive(Serialize, Deserialize, Schema)]
enum Mode {
    Off,
    Heat,
}

const SET: Command<Postcard<Setting>, Postcard<Setting>> = Command::new("SET");
const COUNT: Command<Postcard<Vec<u32>>, Postcard<u32>> = Command::new("COUNT");
const SUM: Command<Gob<Vec<i64>>, Gob<i64>> = Command::new("SUM");
const RESET: Command<(), ()> = Command::new("RESET");
const UPPER: Command<Line, Line> = Command::new("UPPER");
const REFUSE: Command<Line, Line> = Command::new("REFUSE");
const FORGET: Command<Line, NoReply> = Command::new("FORGET");

fn running(kind: Kind) -> Running {
    let running = serve(kind, |_| {});
    let endpoint = &running.endpoint;
    let echo = endpoint.handle(SET, |(), mut setting, reply| {
        setting.target += 0.5;
        reply.send(&setting)
    });
    let count = endpoint.handle(COUNT, |(), list, reply| reply.send(&list.iter().sum()));
    let sum = endpoint.handle(SUM, |(), list, reply| reply.send(&list.iter().sum()));
    let reset = endpoint.handle(RESET, |(), (), reply| reply.send(()));
    let upper = endpoint.handle(UPPER, |(), text, reply| reply.send(&text.to_uppercase()));
    let refuse = endpoint.handle(REFUSE, |(), text, reply| reply.refuse(text));
    let forget = endpoint.handle(FORGET, |(), _, reply| reply.none());
    let all = echo
        .and(count)
        .and(sum)
        .and(reset)
        .and(upper)
        .and(refuse)
        .and(forget);
    all.expect("seven different commands");
    running
}

fn command(text: &str) -> RemoteCommand {
    RemoteCommand::new(parse(text).expect(text))
}

/// Replies the same list.
const SAME: Command<Postcard<Vec<u32>>, Postcard<Vec<u32>>> = Command::new("SAME");

const SETTING: &str = "postcard Setting{target: f32, mode: Mode<Off | Heat>}";

#[test]
fn commands_of_each_format_are_called_with_json() {
    each(|kind| {
        let server = running(kind);
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        for (text, json, reply) in [
            (
                &format!("SET {SETTING} -> {SETTING}")[..],
                r#"{"mode":"Heat","target":20}"#,
                Some(r#"{"target":20.5,"mode":"Heat"}"#),
            ),
            (
                "COUNT postcard [u32] -> postcard u32",
                "[1, 2, 4]",
                Some("7"),
            ),
            ("SUM gob [i64] -> gob i64", "[-300, 1]", Some("-299")),
            ("RESET -> ()", "null", Some("null")),
            ("UPPER line -> line", r#""a b""#, Some(r#""A B""#)),
            ("FORGET line", r#""x""#, None),
            ("COUNT postcard [u32] -> postcard u32", "[]", Some("0")),
        ] {
            let called = command(text).call(&mut client, json);
            assert_eq!(called.expect(text).as_deref(), reply, "{text}");
        }
        client.finish().unwrap();
    });
}

#[test]
fn a_request_of_200_kb_and_its_reply_are_converted() {
    let server = serve(Kind::Threads, |limits| {
        limits.receive_buffer = 1 << 19;
        limits.transmit_buffer = 1 << 19;
    });
    let endpoint = &server.endpoint;
    endpoint
        .handle(SAME, |(), list, reply| reply.send(&list))
        .unwrap();
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let list: Vec<u32> = (0..50_000).map(|index| index * 1000).collect();
    let json = serde_json::to_string(&list).unwrap();
    let same = command("SAME postcard [u32] -> postcard [u32]");
    assert_eq!(same.call(&mut client, &json).unwrap(), Some(json));
}

#[test]
fn an_invalid_request_is_not_sent() {
    let server = running(Kind::Threads);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let set = command(&format!("SET {SETTING} -> {SETTING}"));
    let error = set.call(&mut client, r#"{"target": 1}"#).unwrap_err();
    assert!(matches!(error, JsonCallError::Request(_)), "{error:?}");
    let message = r#"invalid request: field "mode": missing, expected a variant of Mode"#;
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_reply_that_its_description_does_not_fit_is_an_error_and_the_next_call_succeeds() {
    let server = running(Kind::Threads);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let count = command("COUNT postcard [u32] -> postcard Count{total: str}");
    let error = count.call(&mut client, "[300]").unwrap_err();
    let message = r#"unusable reply: field "total": payload too short"#;
    assert_eq!(error.to_string(), message);
    let reply = command("UPPER line -> line").call(&mut client, r#""a""#);
    assert_eq!(reply.unwrap().as_deref(), Some(r#""A""#));
}

#[test]
fn a_refusal_is_the_server_s_sentence() {
    let server = running(Kind::Threads);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let refuse = command("REFUSE line -> line");
    match refuse.call(&mut client, r#""too hot""#) {
        Err(JsonCallError::Call(CallError::Remote(error))) => {
            assert_eq!(error.code, Code::Refused);
            assert_eq!(error.sentence.as_str(), "too hot");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reply_in_an_unknown_format_is_not_called() {
    let server = running(Kind::Threads);
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let error = command("UPPER line -> cbor u8").call(&mut client, r#""a""#);
    let error = error.unwrap_err();
    assert!(
        matches!(error, JsonCallError::Call(CallError::Request(_))),
        "{error:?}"
    );
}

/// A server that describes its commands, except `NOTE`.
fn described(kind: Kind) -> Running {
    let running = running(kind);
    running.endpoint.describe(COMMANDS);
    running
}

const COMMANDS: &[Description] = &[
    SET.describe(),
    COUNT.describe(),
    RESET.describe(),
    UPPER.describe(),
    REFUSE.describe(),
    FORGET.describe(),
];

#[test]
fn a_command_is_listed_fetched_and_called_without_its_types() {
    each(|kind| {
        let server = described(kind);
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        let listed = list(&mut client).unwrap();
        let set = listed.iter().find(|command| command.name == "SET").unwrap();
        assert_eq!(set.text, SET.describe().to_string());
        assert_eq!(set.fingerprint, Some(SET.describe().fingerprint()));
        let note = listed
            .iter()
            .find(|command| command.name == "NOTE")
            .unwrap();
        assert_eq!((&note.text[..], note.fingerprint), ("NOTE", None));
        let set = RemoteCommand::fetch(&mut client, "SET").unwrap();
        assert_eq!(set.signature().to_string(), SET.describe().to_string());
        let reply = set.call(&mut client, r#"{"target": 1, "mode": "Off"}"#);
        assert_eq!(reply.unwrap().unwrap(), r#"{"target":1.5,"mode":"Off"}"#);
    });
}

#[test]
fn a_server_that_describes_its_commands_passes_the_check() {
    each(|kind| {
        let server = described(kind);
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        client.check(COMMANDS).unwrap();
        let other: Command<Postcard<Vec<i32>>, Postcard<u32>> = Command::new("COUNT");
        let error = client.check(&[other.describe()]).unwrap_err();
        let message = r#"command COUNT: request field "[]": i32 here, u32 on the server"#;
        assert_eq!(error.to_string(), message);
        let other: Command<Line, NoReply> = Command::new("NOTE");
        let error = client.check(&[other.describe()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "command NOTE: not described by the server"
        );
    });
}

#[test]
fn a_server_without_descriptions_is_its_own_error_and_the_next_call_succeeds() {
    each(|kind| {
        let server = running(kind);
        let mut client = Client::connect(server.address, PATIENCE).unwrap();
        let error = client.check(COMMANDS).unwrap_err();
        assert!(
            matches!(error, CheckError::Fetch(FetchError::NotDescribed)),
            "{error}"
        );
        assert_eq!(client.call(UPPER, "a").unwrap(), "A");
    });
}
