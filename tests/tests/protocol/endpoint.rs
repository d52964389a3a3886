//! The endpoint: registration, replies of handlers, and reports of rejections.

use bellwire::format::{EncodeError, Frame};
use bellwire::{
    Command, DecodeError, DecodeErrorKind, Endpoint, ErrorKind, Format, Line, Next, NoReply,
    Postcard, RegisterError, Reply, ReplySent, RequestError, Route, ServerConnection, Service,
};
use bellwire_tests::server::{Setup, framed, join, show};

const ONE: Command<Line, Line> = Command::new("ONE");
const TWO: Command<Line, Line> = Command::new("TWO");
/// A command without reply.
const SILENT: Command<Line, NoReply> = Command::new("SILENT");
const THREE: Command<Line, Line> = Command::new("THREE");

/// Returns the bytes that `service` sends for `input`, made printable, and its next step.
fn exchange(service: &mut impl Service, input: impl AsRef<[u8]>) -> (String, Next) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let input = input.as_ref();
    connection.space()[..input.len()].copy_from_slice(input);
    connection.received(input.len());
    let next = connection.advance(service);
    (show(connection.pending()), next)
}

/// Checks the reply, or the error line, that a handler of ONE sends for `ONE\nhi\n`.
#[track_caller]
fn check_one(
    handler: &'static (impl for<'a> Fn(&mut (), &'a str, Reply<'a, Line>) -> ReplySent + Send + Sync),
    expected: &str,
) {
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint.handle(ONE, handler).expect("room for the command");
    let (sent, next) = exchange(&mut endpoint.with(&mut ()), "ONE\nhi\n");
    assert_eq!((sent.as_str(), next), (expected, Next::Receive));
}

#[test]
fn registering_beyond_the_capacity_reports_full() {
    let mut endpoint = Endpoint::<(), 2>::new();
    assert_eq!(
        endpoint.handle(ONE, &|(), _, reply| reply.send("1")),
        Ok(())
    );
    assert_eq!(
        endpoint.handle(TWO, &|(), _, reply| reply.send("2")),
        Ok(())
    );
    let full = endpoint.handle(THREE, &|(), _, reply| reply.send("3"));
    assert_eq!(full, Err(RegisterError::Full));
    let (sent, _) = exchange(&mut endpoint.with(&mut ()), "ONE\n\nTWO\n\nTHREE\n\n");
    assert_eq!(
        sent,
        "1\\n2\\n!unknown-command no command is named \"THREE\"\\n"
    );
}

#[test]
fn a_duplicate_name_is_refused_and_keeps_its_first_handler() {
    let mut endpoint = Endpoint::<(), 2>::new();
    assert_eq!(
        endpoint.handle(ONE, &|(), _, reply| reply.send("1")),
        Ok(())
    );
    let again = endpoint.handle(ONE, &|(), _, reply| reply.send("again"));
    assert_eq!(again, Err(RegisterError::Duplicate));
    assert_eq!(
        endpoint.handle(TWO, &|(), _, reply| reply.send("2")),
        Ok(())
    );
    let again = endpoint.handle(TWO, &|(), _, reply| reply.send("again"));
    assert_eq!(
        again,
        Err(RegisterError::Duplicate),
        "a full endpoint reports a duplicate, too"
    );
    let (sent, _) = exchange(&mut endpoint.with(&mut ()), "ONE\n\nTWO\n\n");
    assert_eq!(sent, "1\\n2\\n");
}

#[test]
fn an_endpoint_of_capacity_0_rejects_every_command() {
    let mut endpoint = Endpoint::<(), 0>::new();
    let full = endpoint.handle(ONE, &|(), _, reply| reply.send("1"));
    assert_eq!(full, Err(RegisterError::Full));
    let (_, next) = exchange(&mut endpoint.with(&mut ()), "ONE\n\n");
    assert_eq!(next, Next::Close);
}

#[test]
fn a_handler_sends_a_reply_or_a_refusal() {
    check_one(&|(), text, reply| reply.send(text), "hi\\n");
    check_one(&|(), _, reply| reply.send(""), "\\n");
    check_one(&|(), _, reply| reply.refuse("no"), "!refused ONE: no\\n");
    check_one(&|(), _, reply| reply.refuse("a\nb"), "!refused ONE: a b\\n");
}

#[test]
fn a_refusal_reason_is_cut_to_64_bytes_between_characters() {
    const REASON: &str = "123456789 123456789 123456789 123456789 123456789 123456789 123üx";
    let cut = format!("!refused ONE: {}\\n", &REASON[..63]);
    check_one(&|(), _, reply| reply.refuse(REASON), &cut);
}

#[test]
fn a_cut_error_line_is_a_prefix_of_the_whole_line() {
    const ONE: Command<Line, Line> = Command::new("ONE");
    let mut endpoint = Endpoint::<(), 1>::new();
    let added = endpoint.handle(ONE, &|(), _, reply| reply.refuse("ünn"));
    assert_eq!(added, Ok(()));
    for size in 2..24 {
        let (mut rx, mut tx) = ([0; 32], vec![0; size]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        connection.space()[..7].copy_from_slice(b"ONE\nhi\n");
        connection.received(7);
        connection.advance(&mut endpoint.with(&mut ()));
        let line = str::from_utf8(connection.pending()).expect("a cut between characters");
        assert!("!refused ONE: ünn".starts_with(line.trim_end()), "{line:?}");
    }
}

#[test]
fn a_reply_that_a_line_cannot_carry_becomes_an_error_line() {
    let error = "!failed ONE: format cannot carry the value\\n";
    check_one(&|(), _, reply| reply.send("!hi"), error);
    check_one(&|(), _, reply| reply.send("!"), error);
    check_one(&|(), _, reply| reply.send(">hi"), error);
    check_one(&|(), _, reply| reply.send("a\nb"), error);
    check_one(&|(), _, reply| reply.send("a\r"), error);
}

#[test]
fn an_oversized_reply_becomes_an_error_line() {
    let fits = "x".repeat(255) + "\\n";
    check_one(&|(), _, reply| reply.send(&"x".repeat(255)), &fits);
    let error = "!failed ONE: message exceeds 256 bytes\\n";
    check_one(&|(), _, reply| reply.send(&"x".repeat(256)), error);
    check_one(&|(), _, reply| reply.send(&"x".repeat(10_000)), error);
}

#[test]
fn a_typed_reply_may_fill_its_limit_exactly() {
    const BYTES: Command<Postcard<u8>, Postcard<Vec<u8>>> = Command::new("BYTES");
    let mut endpoint = Endpoint::<(), 1>::new();
    let handler = &|(): &mut (), size: u8, reply: Reply<'_, Postcard<Vec<u8>>>| {
        reply.send(&vec![b'x'; size.into()])
    };
    endpoint
        .handle(BYTES, handler)
        .expect("room for the command");
    // 256 bytes: `OK` and a line feed, 2 of length, 2 of count, 249 of content.
    let (sent, _) = exchange(&mut endpoint.with(&mut ()), b"BYTES\n\x01\xf9");
    assert_eq!(sent, show(&join(&[b"OK\n", &framed(framed([b'x'; 249]))])));
    let (sent, _) = exchange(&mut endpoint.with(&mut ()), b"BYTES\n\x01\xfa");
    assert_eq!(sent, "!failed BYTES: message exceeds 256 bytes\\n");
}

#[test]
fn a_handler_does_not_run_on_a_malformed_payload() {
    let bad = join(&[b"POSTCARD\n", &framed(b"\x2e\x03abc\x00\x00\x00left over")]);
    let outcome = Setup::default().hears([bad.as_slice(), b"LOG\n\xff\n"]);
    assert_eq!(outcome.ran, [""; 0]);
    assert_eq!(outcome.rejected.len(), 2);
}

#[test]
fn handlers_share_a_context_that_outlives_a_connection() {
    const ADD: Command<Postcard<i64>, NoReply> = Command::new("ADD");
    const SUM: Command<(), Postcard<i64>> = Command::new("SUM");
    let mut endpoint = Endpoint::<i64, 2>::new();
    let added = endpoint.handle(ADD, &|sum: &mut i64, n, reply| {
        *sum += n;
        reply.none()
    });
    let got = endpoint.handle(SUM, &|sum: &mut i64, (), reply| reply.send(sum));
    assert_eq!((added, got), (Ok(()), Ok(())));
    let mut sum = 1;
    exchange(&mut endpoint.with(&mut sum), b"ADD\n\x01\x04ADD\n\x01\x06");
    let (sent, _) = exchange(&mut endpoint.with(&mut sum), b"SUM\n");
    assert_eq!((sum, sent.as_str()), (6, "OK\\n\\x01\\x0c"));
}

#[test]
fn on_rejection_reports_each_rejection_once() {
    let mut endpoint = Endpoint::<Vec<RequestError>, 2>::new();
    let replying = endpoint.handle(ONE, &|_: &mut _, _, reply| reply.refuse("no"));
    let silent = endpoint.handle(SILENT, &|_: &mut _, _, reply| reply.refuse("never"));
    assert_eq!((replying, silent), (Ok(()), Ok(())));
    endpoint.on_rejection(|_, _| panic!("the replaced callback was called"));
    endpoint.on_rejection(|heard, rejection| heard.push(rejection.clone()));
    let bad_utf8 = ErrorKind::Decode(DecodeError {
        kind: DecodeErrorKind::BadUtf8,
        field: None,
    });
    let mut heard = Vec::new();
    exchange(
        &mut endpoint.with(&mut heard),
        b"ONE\nhi\nONE\n\xff\nSILENT\nhi\nONE\n\n",
    );
    let rejection = |command, fault, detail: &str, fatal| RequestError {
        command: Some(command),
        kind: fault,
        detail: detail.try_into().expect("short enough"),
        fatal,
    };
    assert_eq!(
        heard,
        [
            rejection("ONE", ErrorKind::Refused, "no", false),
            rejection("ONE", bad_utf8, "", false),
            rejection("SILENT", ErrorKind::Refused, "never", true),
        ]
    );
    let mut heard = Vec::new();
    exchange(&mut endpoint.with(&mut heard), b"NOBODY\nONE\nhi\n");
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].command, heard[0].fatal), (None, true));
    assert_eq!(heard[0].detail, "NOBODY");
    assert_eq!(heard[0].to_string(), "no command is named \"NOBODY\"");
}

/// A custom service with a closure that captures a variable.
struct Capturing<F> {
    greet: F,
}

const GREET: Command<Line, Line> = Command::new("GREET");

impl<F: FnMut(&str) -> String> Service for Capturing<F> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        (name == b"GREET").then(|| GREET.route(0))
    }

    fn call(&mut self, _index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        Command::<Line, Line>::answer(payload, reply, |name, reply| {
            reply.send(&(self.greet)(name))
        })
    }
}

#[test]
fn a_custom_service_may_capture_variables() {
    let mut greeted = 0;
    let mut own = Capturing {
        greet: |name: &str| {
            greeted += 1;
            format!("Hello {name}, number {greeted}")
        },
    };
    let (sent, _) = exchange(&mut own, b"GREET\nAnn\nGREET\n\xff\nGREET\nBo\n");
    assert_eq!(
        sent,
        "Hello Ann, number 1\\n!malformed GREET: invalid UTF-8\\nHello Bo, number 2\\n"
    );
}

/// A custom format: one ASCII digit.
#[derive(Debug)]
enum Digit {}

impl Format for Digit {
    type Value<'a> = u8;
    type Sent<'a> = u8;
    const PREFIX: &'static [u8] = b"";

    fn frame(_input: &[u8], _progress: &mut usize) -> Frame {
        Frame::Ends(1)
    }

    fn decode(payload: &[u8]) -> Result<u8, DecodeError> {
        match payload {
            [digit @ b'0'..=b'9'] => Ok(digit - b'0'),
            _ => Err(DecodeErrorKind::BadValue.into()),
        }
    }

    fn encode(digit: u8, space: &mut [u8]) -> Result<usize, EncodeError> {
        *space.first_mut().ok_or(EncodeError::NoRoom)? = b'0' + digit;
        Ok(1)
    }
}

#[test]
fn a_custom_format_works_without_other_changes() {
    const NEXT: Command<Digit, Digit> = Command::new("NEXT");
    let mut endpoint = Endpoint::<(), 1>::new();
    let added = endpoint.handle(NEXT, &|(), digit, reply| reply.send(digit + 1));
    assert_eq!(added, Ok(()));
    let (sent, _) = exchange(&mut endpoint.with(&mut ()), "NEXT\n1NEXT\nxNEXT\n3");
    assert_eq!(sent, "2!malformed NEXT: invalid value\\n4");
}
