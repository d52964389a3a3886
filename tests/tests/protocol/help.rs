//! `HELP` and `SCHEMA`, from the core's endpoint.

use bellwire::schema::{self, Description, Lines, Type};
use bellwire::{
    Buffer, Command, Endpoint, ErrorKind, Format, Limits, Line, NoReply, Postcard,
    ServerConnection, Session, Step, Topic,
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
    show(&sent(COMMANDS, tx, chunks))
}

/// Returns the bytes of the replies of an endpoint with these descriptions.
fn sent<'c>(
    commands: &[Description],
    tx: usize,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Vec<u8> {
    let (mut rx, mut tx) = ([0; 256], vec![0; tx]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let endpoint = endpoint();
    let mut count = 0;
    let service = &mut endpoint.with_help(&mut count, commands);
    converse(&mut connection, service, chunks, true).sent
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
    let other: Command<Postcard<Wide>, Line> = Command::new("ADD");
    assert_ne!(other.describe().fingerprint(), ADD.describe().fingerprint());
}

#[test]
fn no_line_ends_inside_a_character() {
    let mut shorter = 0;
    for character in ["\u{fc}", "\u{20ac}", "\u{1f600}"] {
        // Every offset of the character to the end of a line, for the lines of both replies.
        for padding in 100..=170 {
            let name = "x".repeat(padding) + &character.repeat(60);
            let text = format!("ADD postcard Wide{{\"{name}\": u8}}");
            let described = Description::from_text(text.leak()).unwrap();
            for request in ["HELP\n", "SCHEMA\nADD\n"] {
                let sent = sent(&[described], 64, [request.as_bytes()]);
                let text = str::from_utf8(&sent).expect("whole characters");
                let lines: Vec<_> = text.lines().skip(1).collect();
                assert!(lines.iter().all(|line| line.len() <= 159), "{text}");
                if request == "HELP\n" {
                    let (begin, _) = lines[1].rsplit_once("...").unwrap();
                    assert!(described.to_string().starts_with(begin), "{text}");
                    shorter += usize::from(lines[1].len() < 159);
                } else {
                    assert_eq!(lines.concat(), described.to_string());
                    shorter += usize::from(lines[0].len() < 159);
                }
            }
        }
    }
    assert!(shorter > 100, "{shorter} lines end before a character");
}

#[test]
fn a_name_without_a_description_is_never_cut() {
    let name = "N".repeat(200);
    let command = Command::<Line, Line>::new(name.clone().leak());
    let mut endpoint = Endpoint::<u32, 1>::new();
    endpoint
        .handle(command, &|_, text, reply| reply.send(text))
        .unwrap();
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let outcome = converse(
        &mut ServerConnection::new(&mut rx, &mut tx),
        &mut endpoint.with_help(&mut 0, COMMANDS),
        [&b"HELP\n"[..]],
        false,
    );
    assert_eq!(show(&outcome.sent), format!("OK\\n{name}\\n\\n"));
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
            assert!(matches!(frame, bellwire::format::Frame::Open));
        }
        let frame = Lines::frame(&space, &mut progress);
        assert_eq!(frame, bellwire::format::Frame::Ends(size));
    }
    for text in ["\n", "one", "one\n\n"] {
        assert!(Lines::encode(text, &mut [0; 16]).is_err(), "{text:?}");
    }
}

/// A type whose name has `N` letters.
#[derive(serde::Serialize, serde::Deserialize)]
struct Long<const N: usize>;

impl<const N: usize> schema::Schema for Long<N> {
    const TYPE: Type = match str::from_utf8(&[b'x'; N]) {
        Ok(name) => Type::Outer(name),
        Err(_) => panic!("a letter is a character"),
    };
}

#[test]
fn a_description_of_any_length_up_to_64_kib_is_a_constant() {
    fn check<const N: usize>() {
        let described = const { Command::<Postcard<Long<N>>, NoReply>::new("LONG").describe() };
        let text = format!("LONG postcard ^{}", "x".repeat(N));
        assert_eq!(described.to_string(), text);
        assert_eq!(Description::from_text(text.leak()), Ok(described));
    }
    // The text after the name is 11 bytes longer.
    check::<4>();
    check::<5>();
    check::<6>();
    check::<149>();
    check::<150>();
    check::<2000>();
    check::<{ (64 << 10) - 11 }>();
}

#[test]
fn a_description_from_text_has_a_valid_name_and_no_control_characters() {
    for (text, rule) in [
        ("", "must not be empty"),
        (" line", "must not be empty"),
        ("HELP -> line", "reserved"),
        ("a:b line", "printable ASCII"),
        ("A line\n", "control characters"),
        ("A\u{7f} line", "control characters"),
    ] {
        let error = Description::from_text(text).unwrap_err();
        assert!(error.contains(rule), "{text:?}: {error}");
    }
    let bare = Description::from_text("A").unwrap();
    assert_eq!((bare.name(), bare.to_string()), ("A", "A".to_owned()));
}

#[test]
fn topics_are_listed_after_the_commands_and_described_by_their_marked_name() {
    const TICK: Topic<Postcard<u64>> = Topic::new("PING");
    let list = &[TICK.describe(), PING.describe()];
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(PING, &|(), (), reply| reply.send("pong"))
        .unwrap();
    let (mut rx, mut tx) = ([0; 64], [0; 512]);
    let outcome = converse(
        &mut ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]),
        &mut endpoint.with_help(&mut (), list),
        [&b"HELP\nSCHEMA\n>PING\nSCHEMA\nPING\n"[..]],
        false,
    );
    let digits = |index: usize| format!("{:08x}", list[index].fingerprint());
    let expected = format!(
        "OK\nPING -> line #{}\n>PING postcard u64 #{}\n\nOK\n>PING postcard u64\n\nOK\nPING -> line\n\n",
        digits(1),
        digits(0)
    );
    assert_eq!(show(&outcome.sent), show(expected.as_bytes()));
    assert_eq!(
        Description::from_text(">PING postcard u64"),
        Ok(TICK.describe())
    );
}
