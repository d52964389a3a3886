//! `HELP` and `SCHEMA` of both servers, over real sockets.

use bellwire::schema::Description;
use bellwire::{Command, Line, Reply};
use bellwire_tests::running::{Kind, Running, STRING, each, rest, serve};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

const LATER: Command<Line, Line> = Command::new("LATER");

/// The commands of [`serve`] that are not described.
const OTHERS: &str = "NOTE\nPOSTCARD\nLONG\nPANIC\nSLOW\n";

/// The bytes of the servers' transmit buffers.
const TRANSMIT: usize = 512;

/// Starts a server that describes its commands `STRING` and `LATER`, and `more` commands after them.
fn describing(kind: Kind, more: usize) -> (Running, String) {
    let server = serve(kind, |limits| limits.transmit_buffer = TRANSMIT);
    let handler = |(): &mut (), text: &str| {
        let text = text.to_owned();
        async move { move |reply: Reply<'_, Line>| reply.send(&text) }
    };
    server.endpoint.handle_async(LATER, handler).unwrap();
    let mut described = vec![STRING.describe(), LATER.describe()];
    for number in 0..more {
        let name = format!("COMMAND-{number}-{}", "x".repeat(100));
        let command = Command::<Line, Line>::new(name.leak());
        let added = server
            .endpoint
            .handle(command, |(), text, reply| reply.send(text));
        added.unwrap();
        described.push(command.describe());
    }
    server.endpoint.describe(&described);
    let entry = |one: &Description| format!("{one} #{:08x}\n", one.fingerprint());
    let first = entry(&described[0]);
    let last: String = described[1..].iter().map(entry).collect();
    (server, format!("OK\n{first}{OTHERS}{last}\n"))
}

#[test]
fn help_and_schema_are_unknown_until_the_endpoint_describes_its_commands() {
    each(|kind| {
        let server = serve(kind, |_| {});
        for name in ["HELP", "SCHEMA"] {
            let error = format!("!unknown-command no command is named \"{name}\"\n");
            assert_eq!(server.answer(format!("{name}\n")), error);
        }
        server.endpoint.describe(&[]);
        assert!(server.answer("HELP\n").starts_with("OK\nSTRING\n"));
    });
}

#[test]
fn help_lists_plain_and_async_handlers_in_order_between_other_requests() {
    each(|kind| {
        let (server, help) = describing(kind, 0);
        let schema = "OK\nLATER line -> line\n\n";
        let requests = "LATER\na\nHELP\nSTRING\nb\nSCHEMA\nLATER\nHELP\nLATER\nc\n";
        let replies = format!("a\n{help}Thank you.\n{schema}{help}c\n");
        assert_eq!(server.answer(requests.repeat(50)), replies.repeat(50));
        let refused = "!refused SCHEMA: the command has no description\nThank you.\n";
        assert_eq!(server.answer("SCHEMA\nNOTE\nSTRING\nd\n"), refused);
    });
}

#[test]
fn a_list_longer_than_the_transmit_buffer_arrives_whole() {
    each(|kind| {
        let (server, help) = describing(kind, 200);
        assert!(help.len() > 40 * TRANSMIT);
        let requests = "HELP\nSTRING\nhi\n".repeat(20);
        let replies = format!("{help}Thank you.\n").repeat(20);
        assert!(server.answer(requests) == replies, "{kind:?}");
    });
}

#[test]
fn a_client_that_reads_slowly_gets_the_whole_list_and_disturbs_no_other() {
    each(|kind| {
        let (server, help) = describing(kind, 200);
        // More bytes than the buffers of both sockets hold, so the server must wait in a list.
        let count = 400;
        let mut slow = server.connect();
        slow.write_all("HELP\n".repeat(count).as_bytes()).unwrap();
        slow.write_all(b"STRING\nslow\n").unwrap();
        slow.shutdown(Shutdown::Write).unwrap();
        let mut begin = [0; 1000];
        slow.read_exact(&mut begin).unwrap();
        thread::sleep(Duration::from_millis(300));
        assert!(server.texts.lock().unwrap().is_empty(), "{kind:?}");
        assert!(server.is_well());
        let replies = str::from_utf8(&begin).unwrap().to_owned() + &rest(&mut slow);
        assert!(replies == help.repeat(count) + "Thank you.\n", "{kind:?}");
    });
}

#[test]
fn a_client_that_closes_inside_a_list_ends_only_its_connection() {
    each(|kind| {
        let (mut server, _) = describing(kind, 200);
        for _ in 0..20 {
            let mut gone = server.connect();
            gone.write_all("HELP\n".repeat(200).as_bytes()).unwrap();
            gone.read_exact(&mut [0; 1000]).unwrap();
            drop(gone);
        }
        assert!(server.is_well());
        server.stop();
    });
}
