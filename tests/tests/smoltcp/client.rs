//! The client over a smoltcp socket, with the real server and with faulty ones.

use bellwire::smoltcp::{Client, ConnectionLost};
use bellwire::{Error, ErrorKind};
use bellwire_tests::lan::{BUFFER, DOUBLE, Lan, NOTE, Peer, STRING};
use smoltcp::time::Duration;
use std::task::Poll;

const PATIENCE: Duration = Duration::from_secs(5);

/// The port of a server that a test plays itself.
const OTHER: u16 = 7;

fn client() -> Client<'static> {
    Client::new(vec![0; BUFFER].leak(), vec![0; BUFFER].leak())
}

/// Calls STRING and waits for its result.
fn string(
    lan: &mut Lan,
    client: &mut Client<'_>,
    peer: Peer,
) -> Result<String, Error<ConnectionLost>> {
    let deadline = lan.now + PATIENCE;
    client.call(STRING, "hi", lan.socket(peer), deadline)?;
    let mut outcome = None;
    lan.until(|lan| {
        let now = lan.now;
        if let Poll::Ready(reply) = client.poll_reply(STRING, lan.socket(peer), now) {
            outcome = Some(reply.map(str::to_owned));
        }
        outcome.is_some()
    });
    outcome.expect("a result")
}

/// Calls STRING on a server that sends `bytes` and closes.
fn call_answered_with(bytes: &'static [u8]) -> Result<String, Error<ConnectionLost>> {
    let mut lan = Lan::with_sockets(0);
    let server = lan.listen(OTHER);
    let peer = lan.connect_to(OTHER);
    lan.send(server, bytes);
    lan.socket(server).close();
    string(&mut lan, &mut client(), peer)
}

#[test]
fn calls_are_answered_one_after_the_other() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.connect());
    for _ in 0..100 {
        assert_eq!(string(&mut lan, &mut client, peer).unwrap(), "Thank you.");
    }
    let deadline = lan.now + PATIENCE;
    client
        .call(DOUBLE, &21, lan.socket(peer), deadline)
        .unwrap();
    lan.until(|lan| {
        let now = lan.now;
        match client.poll_reply(DOUBLE, lan.socket(peer), now) {
            Poll::Ready(double) => double == Ok(42),
            Poll::Pending => false,
        }
    });
}

#[test]
fn a_call_may_begin_before_the_connection_is_established() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.begin_to_connect(61000);
    assert_eq!(string(&mut lan, &mut client(), peer).unwrap(), "Thank you.");
}

#[test]
fn poll_sent_is_ready_once_the_socket_holds_the_request() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.begin_to_connect(61000));
    let deadline = lan.now + PATIENCE;
    client
        .call(NOTE, "mind", lan.socket(peer), deadline)
        .unwrap();
    let now = lan.now;
    let at_once = client.poll_sent(NOTE, lan.socket(peer), now);
    assert_eq!(
        at_once,
        Poll::Pending,
        "sent before the connection was established"
    );
    lan.until(|lan| {
        let now = lan.now;
        client.poll_sent(NOTE, lan.socket(peer), now) == Poll::Ready(Ok(()))
    });
    assert_eq!(string(&mut lan, &mut client, peer).unwrap(), "Thank you.");
    assert_eq!(lan.log.lines, ["mind", "hi"]);
}

#[test]
fn a_call_returns_the_servers_error_line() {
    let Err(Error::Remote(refusal)) = call_answered_with(b"!busy come back later\n") else {
        panic!("the call was not refused");
    };
    assert_eq!(refusal.sentence, "come back later");
}

#[test]
fn a_stream_that_ends_before_the_reply_reports_closed() {
    assert_eq!(call_answered_with(b""), Err(Error::Closed));
    assert_eq!(call_answered_with(b"Thank"), Err(Error::Closed));
}

#[test]
fn a_call_to_a_closed_port_reports_lost() {
    let mut lan = Lan::with_sockets(0);
    let peer = lan.begin_to_connect(OTHER);
    let outcome = string(&mut lan, &mut client(), peer);
    assert_eq!(outcome, Err(Error::Transport(ConnectionLost)));
}

#[test]
fn a_client_works_again_after_a_server_reset_and_its_own_reset() {
    let mut lan = Lan::with_sockets(1);
    let server = lan.listen(OTHER);
    let (mut client, peer) = (client(), lan.connect_to(OTHER));
    lan.socket(server).abort();
    let outcome = string(&mut lan, &mut client, peer);
    assert_eq!(outcome, Err(Error::Transport(ConnectionLost)));

    client.reset();
    let peer = lan.connect();
    assert_eq!(string(&mut lan, &mut client, peer).unwrap(), "Thank you.");
}

#[test]
fn a_late_reply_is_not_taken_by_the_next_call() {
    let mut lan = Lan::with_sockets(0);
    let server = lan.listen(OTHER);
    let (mut client, peer) = (client(), lan.connect_to(OTHER));
    let begun = lan.now;
    let outcome = string(&mut lan, &mut client, peer);
    assert_eq!(outcome, Err(Error::Protocol(ErrorKind::TimedOut)));
    assert_eq!((lan.now - begun).secs(), 5);

    let again = string(&mut lan, &mut client, peer);
    assert_eq!(again, Err(Error::Protocol(ErrorKind::ReplyPending)));

    lan.send(server, b"Late.\nIn time.\n");
    lan.pass(Duration::from_secs(1));
    assert_eq!(string(&mut lan, &mut client, peer).unwrap(), "In time.");
}

#[test]
fn an_oversized_request_is_an_error_and_sends_nothing() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.connect());
    let (text, deadline) = ("x".repeat(BUFFER), lan.now + PATIENCE);
    let outcome = client.call(STRING, &text, lan.socket(peer), deadline);
    assert_eq!(
        outcome,
        Err(Error::Protocol(ErrorKind::MessageTooLong { limit: BUFFER }))
    );
    assert_eq!(string(&mut lan, &mut client, peer).unwrap(), "Thank you.");
    assert_eq!(lan.log.lines, ["hi"]);
}
