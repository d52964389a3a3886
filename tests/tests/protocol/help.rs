//! `HELP` and `SCHEMA`, from the core's endpoint.

use bellwire::schema::{self, Description, Encoding, Lines, Type};
use bellwire::{
    Buffer, Command, Endpoint, ErrorKind, Format, Limits, Line, NoReply, Postcard,
    ServerConnection, Session, Step,
};
use bellwire_tests::server::{converse, show};
use std::fmt::Write;

const PING: Command<(), Line> = Command::new("PING");
const ADD: Command<Postcard<Wide>, NoReply> = Command::new("ADD");
const BARE: Command<Line, Line> = Command::new("BARE");

#[derive(serde::Serialize, serde::Deserialize)]
struct Wide(u32);

impl schema::Schema for Wide {
    const TYPE: Type = Type::Struct(
        "Wide",
        &[
            ("größe", Type::U32),
            ("a line\nfeed", Type::Option(&Type::Str)),
            ("long", Type::Tuple(&[Type::U128; 60])),
        ],
    );
}

const COMMANDS: &[Description] = &[ADD.describe(), PING.describe()];

fn endpoint() -> Endpoint<u32, 3> {
    let mut endpoint = Endpoint::new();
    endpoint
        .handle(PING, &|count: &mut u32, (), reply| {
            *count += 1;
            reply.send("pong")
        })
        .unwrap();
    endpoint.handle(ADD, &|_, _, reply| reply.none()).unwrap();
    endpoint
        .handle(BARE, &|_, text, reply| reply.send(text))
        .unwrap();
    endpoint
}

/// Returns the replies to `chunks`, with a transmit buffer of `tx` bytes.
fn replies<'c>(tx: usize, chunks: impl IntoIterator<Item = &'c [u8]>) -> String {
    let (mut rx, mut tx) = ([0; 256], vec![0; tx]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let endpoint = endpoint();
    let mut count = 0;
    let service = &mut endpoint.with_help(&mut count, COMMANDS);
    let outcome = converse(&mut connection, service, chunks, true);
    show(&outcome.sent)
}

/// Returns the replies of HELP and of SCHEMA for ADD.
fn expected() -> (String, String) {
    let text = ADD.describe().to_string();
    let mut cut = text[..146].to_owned();
    write!(cut, "... #{:08x}", ADD.describe().fingerprint()).unwrap();
    let help = format!("OK\nPING -> line #PING\n{cut}\nBARE\n\n");
    let help = help.replace("#PING", &format!("#{:08x}", PING.describe().fingerprint()));
    let mut schema = "OK\n".to_owned();
    for line in text.as_bytes().chunks(159) {
        schema += str::from_utf8(line).unwrap();
        schema.push('\n');
    }
    (help, schema + "\n")
}

#[test]
fn help_and_schema_keep_their_order_under_every_split_and_with_any_transmit_buffer() {
    let (help, schema) = expected();
    let input = b"PING\nHELP\nPING\nHELP\nHELP\nSCHEMA\nADD\nPING\n";
    let whole = show(format!("pong\n{help}pong\n{help}{help}{schema}pong\n").as_bytes());
    for tx in [1, 2, 7, 64, 159, 160, 161, 512, 4096] {
        // Without room for "pong", PING is refused.
        if tx >= 10 {
            for cut in 0..=input.len() {
                assert_eq!(replies(tx, [&input[..cut], &input[cut..]]), whole);
            }
        }
        assert_eq!(replies(tx, b"HELP\n".chunks(1)), show(help.as_bytes()));
        assert_eq!(
            replies(tx, b"SCHEMA\nADD\n".chunks(1)),
            show(schema.as_bytes())
        );
    }
}

#[test]
fn schema_of_an_unknown_or_undescribed_command_is_refused_and_the_conversation_goes_on() {
    let unknown = "!refused SCHEMA: no command is named \"WHAT?\"\n";
    assert_eq!(
        replies(512, [&b"SCHEMA\nWHAT\x07\nPING\n"[..]]),
        show(format!("{unknown}pong\n").as_bytes())
    );
    let bare = "!refused SCHEMA: the command has no description\n";
    assert_eq!(
        replies(512, [&b"SCHEMA\nBARE\nPING\n"[..]]),
        show(format!("{bare}pong\n").as_bytes())
    );
}

#[test]
fn an_endpoint_that_does_not_opt_in_knows_neither() {
    for name in ["HELP", "SCHEMA"] {
        let (mut rx, mut tx) = ([0; 64], [0; 256]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        let endpoint = endpoint();
        let input = format!("{name}\nPING\n");
        let outcome = converse(
            &mut connection,
            &mut endpoint.with(&mut 0),
            [input.as_bytes()],
            false,
        );
        let error = format!("!unknown-command no command is named \"{name}\"\n");
        assert_eq!(show(&outcome.sent), show(error.as_bytes()));
        assert!(outcome.closed);
    }
}

#[test]
fn an_abort_inside_a_reply_of_help_adds_no_error_line() {
    let endpoint = endpoint();
    let mut count = 0;
    let service = &mut endpoint.with_help(&mut count, COMMANDS);
    let mut memory = [0; 20];
    let mut out = Buffer::new(&mut memory);
    let mut session = Session::new(Limits::for_buffers(64, 20));
    let mut input = &b"HELP\nPING\n"[..];
    assert!(matches!(
        session.next(service, &mut input, &mut out),
        Step::Send
    ));
    let before = out.filled().to_vec();
    session.abort(ErrorKind::TimedOut, service, &mut out);
    assert_eq!(out.filled(), before);
    out.clear();
    assert!(matches!(
        session.next(service, &mut input, &mut out),
        Step::Close
    ));
    session.reset();
    let mut input = &b"PING\n"[..];
    let step = session.next(service, &mut input, &mut out);
    assert!(matches!(step, Step::Request { .. }), "{step:?}");
}

#[test]
fn a_help_line_has_at_most_160_bytes_and_ends_with_the_fingerprint_of_the_whole_text() {
    let (help, _) = expected();
    let longest = help.lines().map(|line| line.len() + 1).max();
    assert_eq!(longest, Some(160));
    let other = Description {
        reply: Some(Encoding {
            format: "line",
            ty: None,
        }),
        ..ADD.describe()
    };
    assert_ne!(other.fingerprint(), ADD.describe().fingerprint());
}

#[test]
fn lines_decode_to_what_was_encoded() {
    for text in ["", "one\n", "one\ntwo\n"] {
        let mut space = [0; 16];
        let size = Lines::encode(text, &mut space).unwrap();
        assert_eq!(Lines::decode(&space[..size]), Ok(text));
        let mut progress = 0;
        for arrived in 0..size {
            let frame = Lines::frame(&space[..arrived], &mut progress);
            assert!(matches!(frame, bellwire::format::Frame::Open(_)));
        }
        let frame = Lines::frame(&space, &mut progress);
        assert_eq!(frame, bellwire::format::Frame::Ends(size));
    }
    for text in ["\n", "one", "one\n\n"] {
        assert!(Lines::encode(text, &mut [0; 16]).is_err(), "{text:?}");
    }
}
