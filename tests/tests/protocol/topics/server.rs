//! The server's side: subscriptions, room for pushes, and losses.

use super::{LOG, TICK};
use bellwire::format::{EncodeError, Frame};
use bellwire::topics::{Published, Subscriptions};
use bellwire::{DecodeError, ErrorKind, Format, Limits, Next, ServerConnection, Topic};
use bellwire_tests::server::{App, PING, Setup, converse, endpoint, show};
use std::cell::Cell;

/// A connection with two topics.
struct Server {
    connection: ServerConnection<'static, Subscriptions<2>>,
    app: App,
}

impl Server {
    fn new() -> Self {
        Self::with_room(512)
    }

    /// Creates a server with a transmit buffer of `tx` bytes.
    fn with_room(tx: usize) -> Self {
        let connection = ServerConnection::new(vec![0; 256].leak(), vec![0; tx].leak());
        Self {
            connection: connection.with_topics([TICK.name(), LOG.name()]),
            app: App::default(),
        }
    }

    fn subscribed() -> Self {
        let mut server = Self::new();
        server.hears("SUBSCRIBE\nLOG\n", "OK\n");
        server
    }

    /// Checks that the server sends `expected` when `input` arrives.
    #[track_caller]
    fn hears(&mut self, input: impl AsRef<[u8]>, expected: &str) {
        let endpoint = endpoint();
        let service = &mut endpoint.with(&mut self.app);
        let outcome = converse(&mut self.connection, service, [input.as_ref()], false);
        assert_eq!(show(&outcome.sent), show(expected.as_bytes()));
    }

    /// Publishes lines until one is lost, without sending. Returns the number of queued lines.
    fn fill(&mut self, line: &str) -> usize {
        let mut queued = 0;
        while self.connection.publish(LOG, line) == Published::Queued {
            queued += 1;
        }
        queued
    }

    fn advance(&mut self) -> Next {
        self.connection.advance(&mut endpoint().with(&mut self.app))
    }

    #[track_caller]
    fn is_pending(&self, expected: &str) {
        assert_eq!(show(self.connection.pending()), show(expected.as_bytes()));
    }
}

/// Creates a connection with 512 bytes for replies of up to `reply` bytes.
fn limited(reply: usize) -> ServerConnection<'static, Subscriptions<2>> {
    let limits = Limits {
        reply,
        ..Limits::for_buffers(256, 512)
    };
    ServerConnection::new(vec![0; 256].leak(), vec![0; 512].leak())
        .with_limits(limits)
        .with_topics([TICK.name(), LOG.name()])
}

#[test]
fn a_subscriber_gets_each_value_and_others_get_none() {
    let mut server = Server::new();
    assert_eq!(
        server.connection.publish(LOG, "0"),
        Published::NotSubscribed
    );
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    assert_eq!(server.connection.publish(LOG, "1"), Published::Queued);
    assert_eq!(
        server.connection.publish(TICK, &2),
        Published::NotSubscribed
    );
    server.hears("PING\n", ">LOG\n1\npong\n");
    server.hears("SUBSCRIBE\nTICK\n", "OK\n");
    assert_eq!(server.connection.publish(TICK, &3), Published::Queued);
    server.hears("", ">TICK\n\x01\x03");
}

#[test]
fn to_subscribe_or_unsubscribe_twice_is_no_error() {
    let mut server = Server::new();
    server.hears("UNSUBSCRIBE\nLOG\n", "OK\n");
    server.hears("SUBSCRIBE\nLOG\nSUBSCRIBE\nLOG\n", "OK\nOK\n");
    assert_eq!(server.connection.publish(LOG, "1"), Published::Queued);
    server.hears("", ">LOG\n1\n");
    server.hears("UNSUBSCRIBE\nLOG\nUNSUBSCRIBE\nLOG\n", "OK\nOK\n");
    assert_eq!(
        server.connection.publish(LOG, "2"),
        Published::NotSubscribed
    );
}

#[test]
fn spaces_and_a_carriage_return_around_a_topic_are_ignored() {
    Server::new().hears(" SUBSCRIBE \r\n LOG \r\n", "OK\n");
}

#[test]
fn an_unknown_topic_is_refused_and_the_conversation_continues() {
    let mut server = Server::new();
    for (name, shown) in [
        ("TOCK", "TOCK"),
        ("", ""),
        ("LO", "LO"),
        ("LOGS", "LOGS"),
        (">LOG", ">LOG"),
        ("a\tb", "a?b"),
        ("Ü", "??"),
        (&"N".repeat(100), &"N".repeat(42)),
    ] {
        for command in ["SUBSCRIBE", "UNSUBSCRIBE"] {
            let error = format!("!refused {command}: no topic is named \"{shown}\"\npong\n");
            server.hears(format!("{command}\n{name}\nPING\n"), &error);
        }
    }
    server.hears(
        b"SUBSCRIBE\n\xff\n",
        "!refused SUBSCRIBE: no topic is named \"?\"\n",
    );
    assert!(!server.connection.is_subscribed());
    assert_eq!(server.app.rejected.len(), 17, "each is reported");
}

#[test]
fn a_server_without_topics_does_not_know_the_commands() {
    for command in ["SUBSCRIBE", "UNSUBSCRIBE"] {
        let outcome = Setup::default().hears([format!("{command}\nLOG\n").as_bytes()]);
        let error = format!("!unknown-command no command is named \"{command}\"\n");
        assert_eq!(show(&outcome.sent), show(error.as_bytes()));
        assert!(outcome.closed);
    }
}

#[test]
fn a_push_does_not_disturb_a_request_that_has_arrived_in_part() {
    let mut server = Server::subscribed();
    for (before, after) in [("EC", "HO\nhi\n"), ("ECHO\nh", "i\n"), ("ECHO\n", "hi\n")] {
        server.hears(before, "");
        assert_eq!(server.connection.publish(LOG, "1"), Published::Queued);
        server.hears(after, ">LOG\n1\nhi\n");
    }
}

#[test]
fn a_rejected_payload_that_is_skipped_does_not_hold_pushes_back() {
    let mut server = Server::subscribed();
    let error = "!too-large ECHO: payload exceeds 256 bytes\n";
    server.hears([b"ECHO\n", &[b'x'; 300][..]].concat(), error);
    assert_eq!(server.connection.publish(LOG, "1"), Published::Queued);
    server.hears("x\nPING\n", ">LOG\n1\npong\n");
}

#[test]
fn no_push_stands_inside_the_reply_to_help() {
    let commands = [PING.describe()];
    // The reply of 90 bytes leaves in pieces.
    let mut server = Server::new();
    server.connection = limited(490);
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    let endpoint = endpoint();
    let service = &mut endpoint.with_help(&mut server.app, &commands);
    server.connection.space()[..5].copy_from_slice(b"HELP\n");
    server.connection.received(5);
    let (mut sent, mut lost) = (Vec::new(), 0);
    let mut next = server.connection.advance(service);
    while next == Next::Send {
        assert_eq!(server.connection.publish(LOG, "1"), Published::Lost);
        lost += 1;
        sent.extend(server.connection.pending());
        server.connection.sent(server.connection.pending().len());
        next = server.connection.advance(service);
    }
    while !server.connection.pending().is_empty() {
        sent.extend(server.connection.pending());
        server.connection.sent(server.connection.pending().len());
    }
    assert!(lost > 0, "the reply fits at once");
    let sent = show(&sent).replace("\\n", "\n");
    let (help, told) = sent.split_once("\n\n").expect("the end of the reply");
    assert_eq!(help.lines().count(), 13, "{help}");
    assert!(!help.contains(">LOG"), "{help}");
    assert_eq!(told, format!(">LOG +{lost}\n"));
}

#[test]
fn a_push_leaves_room_for_the_longest_reply_and_for_an_error_line() {
    for tx in [320, 512, 700] {
        let mut server = Server::with_room(tx);
        server.hears("SUBSCRIBE\nLOG\n", "OK\n");
        assert!(server.fill("123") > 1);
        let needed = (tx / 2).max(160);
        let pending = server.connection.pending().len();
        assert!(
            tx - pending >= needed,
            "{pending} of {tx} bytes are pending"
        );
        assert!(
            tx - pending < needed + ">LOG\n123\n".len(),
            "room is unused"
        );
    }
}

#[test]
fn after_pushes_fill_the_buffer_an_error_line_still_fits() {
    let mut server = Server::subscribed();
    let queued = server.fill("1");
    let service = &mut endpoint();
    server
        .connection
        .abort(ErrorKind::TimedOut, &mut service.with(&mut server.app));
    let error = "!timed-out request took too long\n";
    server.is_pending(&format!("{}{error}", ">LOG\n1\n".repeat(queued)));
}

#[test]
fn a_loss_is_reported_as_soon_as_there_is_room_without_another_publish() {
    let mut server = Server::subscribed();
    let queued = server.fill("1");
    assert_eq!(server.connection.publish(LOG, "2"), Published::Lost);
    assert_eq!(server.advance(), Next::Receive);
    server.is_pending(&">LOG\n1\n".repeat(queued));
    server.connection.sent(queued * 7);
    server.is_pending(">LOG +2\n");
}

#[test]
fn a_publisher_faster_than_the_line_holds_no_request_back() {
    let mut server = Server::subscribed();
    let (mut requests, mut sent) = (b"PING\n".iter().cycle(), Vec::new());
    // The buffer never empties.
    for _ in 0..10_000 {
        server.fill("1");
        sent.push(server.connection.pending()[0]);
        server.connection.sent(1);
        server.fill("2");
        if server.advance() == Next::Receive {
            server.connection.space()[0] = *requests.next().expect("a cycle");
            server.connection.received(1);
        }
    }
    let replies = show(&sent).matches("pong").count();
    assert!(replies >= 10, "{replies} replies");
}

#[test]
fn a_loss_is_reported_before_the_next_value_of_its_topic() {
    let mut server = Server::subscribed();
    let queued = server.fill("1");
    server.connection.sent(queued * 7);
    assert_eq!(server.connection.publish(LOG, "3"), Published::Queued);
    server.is_pending(">LOG +1\n>LOG\n3\n");
}

#[test]
fn losses_of_two_topics_are_told_apart() {
    let mut server = Server::subscribed();
    server.hears("SUBSCRIBE\nTICK\n", "OK\n");
    let queued = server.fill("1");
    assert_eq!(server.connection.publish(LOG, "2"), Published::Lost);
    while server.connection.publish(TICK, &1) == Published::Queued {}
    let pending = server.connection.pending().len();
    assert!(queued * 7 <= pending);
    server.connection.sent(pending);
    server.hears("", ">TICK +1\n>LOG +2\n");
}

#[test]
fn unsubscribe_reports_the_loss_before_its_reply() {
    let mut server = Server::subscribed();
    server.fill("1");
    let pending = server.connection.pending().len();
    server.connection.sent(pending);
    server.hears("UNSUBSCRIBE\nLOG\nSUBSCRIBE\nLOG\n", ">LOG +1\nOK\nOK\n");

    // There is no room that pushes may use.
    server.connection = limited(500);
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    assert_eq!(server.connection.publish(LOG, "a value"), Published::Lost);
    server.hears("UNSUBSCRIBE\nLOG\nPING\n", ">LOG +1\nOK\npong\n");
}

#[test]
fn without_room_for_the_loss_unsubscribe_fails_and_the_subscription_stays() {
    let mut server = Server::with_room(16);
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    assert_eq!(server.connection.publish(LOG, "1"), Published::Lost);
    server.hears("UNSUBSCRIBE\nLOG\n", "!failed UNSUBSC\n");
    assert_eq!(server.connection.publish(LOG, "2"), Published::Lost);
    assert!(server.connection.is_subscribed());
}

#[test]
fn without_room_for_ok_there_is_no_subscription() {
    let mut server = Server::new();
    server.connection = limited(2);
    let error = "!failed SUBSCRIBE: message exceeds 2 bytes\n";
    server.hears("SUBSCRIBE\nLOG\n", error);
    assert!(!server.connection.is_subscribed());
    server.connection = limited(3);
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
}

#[test]
fn a_value_that_cannot_be_encoded_or_is_too_large_is_lost_and_reported() {
    let mut server = Server::subscribed();
    assert_eq!(server.connection.publish(LOG, "1\n2"), Published::Lost);
    server.hears("", ">LOG +1\n");
    let long = "x".repeat(300);
    assert_eq!(server.connection.publish(LOG, &long), Published::Lost);
    assert_eq!(server.connection.publish(LOG, "3"), Published::Queued);
    server.hears("", ">LOG +1\n>LOG\n3\n");
}

#[test]
fn a_fatal_error_line_is_the_last_line() {
    let mut server = Server::subscribed();
    server.hears(
        "NOBODY\n",
        "!unknown-command no command is named \"NOBODY\"\n",
    );
    assert_eq!(server.connection.publish(LOG, "1"), Published::Lost);
    server.is_pending("");
    server.hears("PING\n", "");
}

#[test]
fn no_push_is_queued_after_the_end_of_the_stream() {
    let mut server = Server::subscribed();
    server.connection.end();
    assert_eq!(server.advance(), Next::Close);
    assert_eq!(server.connection.publish(LOG, "1"), Published::Lost);
    server.is_pending("");
}

#[test]
fn a_new_conversation_has_no_subscriptions_and_no_losses() {
    let mut server = Server::subscribed();
    server.fill("1");
    server.connection.reset();
    assert_eq!(
        server.connection.publish(LOG, "1"),
        Published::NotSubscribed
    );
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    assert_eq!(server.connection.publish(LOG, "2"), Published::Queued);
    server.hears("", ">LOG\n2\n");
}

#[test]
fn publishing_costs_no_encoding_without_a_subscriber_or_room() {
    thread_local!(static ENCODED: Cell<usize> = const { Cell::new(0) });
    struct Counted;
    impl Format for Counted {
        type Value<'a> = ();
        type Sent<'a> = ();
        fn frame(_: &[u8], _: &mut usize) -> Frame {
            Frame::Ends(0)
        }
        fn decode(_: &[u8]) -> Result<(), DecodeError> {
            Ok(())
        }
        fn encode((): (), _: &mut [u8]) -> Result<usize, EncodeError> {
            ENCODED.set(ENCODED.get() + 1);
            Ok(0)
        }
    }
    const COUNTED: Topic<Counted> = Topic::new("LOG");
    let mut server = Server::new();
    assert_eq!(
        server.connection.publish(COUNTED, ()),
        Published::NotSubscribed
    );
    assert_eq!(ENCODED.get(), 0);
    server.hears("SUBSCRIBE\nLOG\n", "OK\n");
    while server.connection.publish(COUNTED, ()) == Published::Queued {}
    let encoded = ENCODED.get();
    assert_eq!(server.connection.publish(COUNTED, ()), Published::Lost);
    assert_eq!(ENCODED.get(), encoded);
}
