//! The programs to measure, and the bytes that each receives and sends.

use bellwire::Limits;
use bellwire::complex_data::Inner;
use bellwire::schema::Description;
use bellwire::{
    ClientConnection, Command, ComplexData, Format, Gob, Line, NoReply, Postcard, ReplyFormat,
};

const STRING: Command<Line, Line> = Command::new("STRING");
pub(crate) const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");
const GOB: Command<Gob<ComplexData>, NoReply> = Command::new("GOB");
// The server's type has other capacities, but the same bytes.
const SMALL: Command<Gob<ComplexData>, NoReply> = Command::new("SMALL");
const FLAT: Command<Postcard<Inner>, Line> = Command::new("POSTCARD");

/// Returns the minimal programs, each with the bytes that it receives and those that it sends.
pub(crate) fn programs(level: &str) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let inner = commands::value().c.unwrap();
    let string = request(STRING, "Additional data.");
    let thanks = "Thank you.\n";
    let received = "Thank you.\nReceived.\n";
    // Rejected requests use stack too. The last one ends the conversation.
    let bad = b"POSTCARD\n\x02\x2e\x0bNOPE\n";
    let (short, unknown) = match level {
        "terse" => ("!malformed POSTCARD\n", "!unknown-command\n"),
        _ => (
            "!malformed POSTCARD: payload too short in field S\n",
            "!unknown-command no command is named \"NOPE\"\n",
        ),
    };
    let refused = format!("{received}{short}{unknown}").into_bytes();
    let value = request(POSTCARD, &commands::value());
    vec![
        (
            "server_string",
            [&string, &b"NOPE\n"[..]].concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        (
            "server_string_topics",
            [&string, &b"SUBSCRIBE\nTOCK\nNOPE\n"[..]].concat(),
            format!("{thanks}!refused SUBSCRIBE: no topic is named \"TOCK\"\n{unknown}")
                .into_bytes(),
        ),
        (
            "server_string_link",
            [&string, &b"NOPE\n"[..]].concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        (
            "server_async",
            [&string, &b"NOPE\n"[..]].concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        (
            "server_postcard_flat",
            [&string, &request(FLAT, &inner), &bad[..]].concat(),
            refused.clone(),
        ),
        (
            "server_postcard",
            [&string, &value, &bad[..]].concat(),
            refused.clone(),
        ),
        (
            "server_postcard_help",
            [
                b"HELP\nSCHEMA\nPOSTCARD\nSCHEMA\nNOPE\n",
                &string[..],
                &value,
                bad,
            ]
            .concat(),
            [help().as_bytes(), &refused].concat(),
        ),
        (
            "server_gob",
            [&string, &request(GOB, &commands::value()), &b"NOPE\n"[..]].concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        (
            "server_gob nested",
            [&string, &nested(), &b"NOPE\n"[..]].concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        (
            "server_gob_capacities",
            [
                &string,
                &request(GOB, &commands::value()),
                &request(SMALL, &commands::value()),
                &b"NOPE\n"[..],
            ]
            .concat(),
            format!("{thanks}{unknown}").into_bytes(),
        ),
        ("client_string", thanks.into(), string.clone()),
        (
            "client_postcard",
            received.into(),
            [&string[..], &value].concat(),
        ),
        (
            "client_gob",
            thanks.into(),
            [&string[..], &request(GOB, &commands::value())].concat(),
        ),
    ]
}

/// Returns the replies to `HELP`, and to `SCHEMA` for POSTCARD and for an unknown name.
fn help() -> String {
    let [string, postcard] = [STRING.describe(), POSTCARD.describe()];
    let line = |command: Description| format!("{command} #{:08x}\n", command.fingerprint());
    let unknown = "!refused SCHEMA: no command is named \"NOPE\"\n";
    format!(
        "OK\n{}{}\nOK\n{postcard}\n\n{unknown}",
        line(string),
        line(postcard)
    )
}

/// Returns the bytes of a request.
pub(crate) fn request<Req: Format, Rsp: ReplyFormat>(
    command: Command<Req, Rsp>,
    value: Req::Sent<'_>,
) -> Vec<u8> {
    let (mut rx, mut tx) = ([0; 1], [0; 1024]);
    let mut caller = ClientConnection::new(&mut rx, &mut tx);
    caller.request(command, value).unwrap();
    caller.pending().to_vec()
}

/// Returns the GOB request that uses the most stack of those we know. Its unwanted fields are nested as
/// deep as allowed, and the innermost one contains the definition of a type.
pub(crate) fn nested() -> Vec<u8> {
    const C: &[u8] = b"\x01\x01C\x01\xff\x80\0";
    const I: &[u8] = b"\x01\x01I\x01\x10\0";
    const Z: &[u8] = b"\x01\x01Z\x01\xff\x80\0";
    let definition = [b"\x7f\x03\x01\x02\xff\x80\0\x01\x03", C, I, Z, b"\0\0"].concat();
    // The other four are the struct, the option, the struct in it, and the one in the interface.
    let levels = usize::from(Limits::MAX_DEPTH) - 4;
    let interface = [
        &b"\x02\x01U"[..],
        b"\xff\x81\x03\x01\x02\xff\x82\0\x01\x01\x01\x01X\x01\x04\0\0\0",
        b"\x03\xff\x82\x01\0",
    ]
    .concat();
    let value = [
        b"\xff\x80\x01",
        &vec![3; levels][..],
        &interface,
        &vec![0; levels + 2],
    ]
    .concat();
    let message = |body: Vec<u8>| {
        let length = u8::try_from(body.len()).ok().filter(|length| *length < 128);
        [&[length.expect("the length fits one byte")], &body[..]].concat()
    };
    [&b"GOB\n"[..], &message(definition), &message(value)].concat()
}
