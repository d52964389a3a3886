//! The client over a smoltcp socket, against the server and against ends that are none.

use bellwire::smoltcp::{Client, Lost};
use bellwire::{Error, Fault};
use bellwire_tests::lan::{BUFFER, DOUBLE, Lan, NOTE, Peer, STRING};
use smoltcp::time::Duration;
use std::task::Poll;

const PATIENCE: Duration = Duration::from_secs(5);

/// A port on which a test plays the server.
const OTHER: u16 = 7;

fn client() -> Client<'static> {
    Client::new(vec![0; BUFFER].leak(), vec![0; BUFFER].leak())
}

/// Sends a text, and waits for what the call comes to.
fn thanks(lan: &mut Lan, client: &mut Client<'_>, peer: Peer) -> Result<String, Error<Lost>> {
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
    outcome.expect("it was awaited")
}

/// Has the test, as the server, answer with `bytes`.
fn answer(bytes: &'static [u8]) -> Result<String, Error<Lost>> {
    let mut lan = Lan::with_sockets(0);
    let server = lan.listen(OTHER);
    let peer = lan.connect_to(OTHER);
    lan.send(server, bytes);
    lan.socket(server).close();
    thanks(&mut lan, &mut client(), peer)
}

#[test]
fn calls_are_answered_one_after_the_other() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.connect());
    for _ in 0..100 {
        assert_eq!(thanks(&mut lan, &mut client, peer).unwrap(), "Thank you.");
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
fn a_call_may_begin_before_the_connection_stands() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.begin_to_connect(61000);
    assert_eq!(thanks(&mut lan, &mut client(), peer).unwrap(), "Thank you.");
}

#[test]
fn a_command_without_a_reply_is_done_when_the_socket_has_it() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.begin_to_connect(61000));
    let deadline = lan.now + PATIENCE;
    client
        .call(NOTE, "mind", lan.socket(peer), deadline)
        .unwrap();
    let now = lan.now;
    let at_once = client.poll_sent(NOTE, lan.socket(peer), now);
    assert_eq!(at_once, Poll::Pending, "it is not connected");
    lan.until(|lan| {
        let now = lan.now;
        client.poll_sent(NOTE, lan.socket(peer), now) == Poll::Ready(Ok(()))
    });
    assert_eq!(thanks(&mut lan, &mut client, peer).unwrap(), "Thank you.");
    assert_eq!(lan.log.lines, ["mind", "hi"]);
}

#[test]
fn an_error_line_is_the_calls_error() {
    let Err(Error::Refused(refusal)) = answer(b"!busy come back later\n") else {
        panic!("it is refused");
    };
    assert_eq!(refusal.sentence, "come back later");
}

#[test]
fn an_end_before_the_reply_is_an_error() {
    assert_eq!(answer(b""), Err(Error::Closed));
    assert_eq!(answer(b"Thank"), Err(Error::Closed));
}

#[test]
fn a_server_that_is_not_there_is_lost() {
    let mut lan = Lan::with_sockets(0);
    let peer = lan.begin_to_connect(OTHER);
    let outcome = thanks(&mut lan, &mut client(), peer);
    assert_eq!(outcome, Err(Error::Transport(Lost)));
}

#[test]
fn a_server_that_resets_is_lost_and_the_client_starts_anew() {
    let mut lan = Lan::with_sockets(1);
    let server = lan.listen(OTHER);
    let (mut client, peer) = (client(), lan.connect_to(OTHER));
    lan.socket(server).abort();
    let outcome = thanks(&mut lan, &mut client, peer);
    assert_eq!(outcome, Err(Error::Transport(Lost)));

    client.reset();
    let peer = lan.connect();
    assert_eq!(thanks(&mut lan, &mut client, peer).unwrap(), "Thank you.");
}

#[test]
fn a_call_ends_at_its_deadline_and_its_late_reply_is_not_the_next_ones() {
    let mut lan = Lan::with_sockets(0);
    let server = lan.listen(OTHER);
    let (mut client, peer) = (client(), lan.connect_to(OTHER));
    let begun = lan.now;
    let outcome = thanks(&mut lan, &mut client, peer);
    assert_eq!(outcome, Err(Error::Fault(Fault::TimedOut)));
    assert_eq!((lan.now - begun).secs(), 5);

    let again = thanks(&mut lan, &mut client, peer);
    assert_eq!(again, Err(Error::Fault(Fault::ReplyPending)));

    lan.send(server, b"Late.\nIn time.\n");
    lan.pass(Duration::from_secs(1));
    assert_eq!(thanks(&mut lan, &mut client, peer).unwrap(), "In time.");
}

#[test]
fn a_request_longer_than_the_buffer_is_an_error_and_nothing_is_sent() {
    let mut lan = Lan::with_sockets(1);
    let (mut client, peer) = (client(), lan.connect());
    let (text, deadline) = ("x".repeat(BUFFER), lan.now + PATIENCE);
    let outcome = client.call(STRING, &text, lan.socket(peer), deadline);
    assert_eq!(
        outcome,
        Err(Error::Fault(Fault::MessageTooLong { limit: BUFFER }))
    );
    assert_eq!(thanks(&mut lan, &mut client, peer).unwrap(), "Thank you.");
    assert_eq!(lan.log.lines, ["hi"]);
}
