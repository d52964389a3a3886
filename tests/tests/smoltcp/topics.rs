//! Topics over smoltcp sockets.

use bellwire::smoltcp::Client;
use bellwire::topics::{Push, SUBSCRIBE, UNSUBSCRIBE};
use bellwire::{Error, ErrorKind};
use bellwire_tests::lan::{BUFFER, Lan, Peer, STRING, TICK};
use smoltcp::socket::tcp::State;
use smoltcp::time::Duration;
use std::cell::RefCell;
use std::task::Poll;

const SUBSCRIBES: &[u8] = b"SUBSCRIBE\nTICK\n";

#[test]
fn a_subscriber_gets_pushes_between_replies_and_others_get_none() {
    let mut lan = Lan::with_sockets(2);
    let (peer, other) = (lan.connect(), lan.connect());
    lan.send(peer, SUBSCRIBES);
    assert_eq!(lan.read(peer, 3), "OK\n");
    assert_eq!(lan.publish(7), (1, 0));
    assert_eq!(lan.read(peer, 8), ">TICK\n\x01\x07");
    for each in [peer, other] {
        lan.send(each, b"STRING\nhi\n");
        assert_eq!(lan.read(each, 11), "Thank you.\n");
    }
    lan.send(peer, b"UNSUBSCRIBE\nTICK\n");
    assert_eq!(lan.read(peer, 3), "OK\n");
    assert_eq!(lan.publish(8), (0, 0));
}

#[test]
fn a_subscription_ends_with_its_conversation() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, SUBSCRIBES);
    assert_eq!(lan.read(peer, 3), "OK\n");
    lan.socket(peer).close();
    lan.until(|lan| lan.listening() == 1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhi\n");
    assert_eq!(lan.read(peer, 11), "Thank you.\n");
    assert_eq!(lan.publish(7), (0, 0));
}

#[test]
fn a_silent_subscriber_is_not_idle() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, SUBSCRIBES);
    assert_eq!(lan.read(peer, 3), "OK\n");
    lan.pass(Duration::from_secs(200));
    assert_eq!(lan.publish(7), (1, 0));
    assert_eq!(lan.read(peer, 8), ">TICK\n\x01\x07");
    lan.send(peer, b"UNSUBSCRIBE\nTICK\n");
    assert_eq!(lan.read(peer, 3), "OK\n");
    lan.pass(Duration::from_secs(70));
    assert_ne!(lan.socket(peer).state(), State::Established);
}

#[test]
fn a_subscriber_that_never_reads_loses_and_is_disconnected() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, SUBSCRIBES);
    let mut lost = 0;
    for number in 0..2_000 {
        lan.pass(Duration::from_millis(10));
        lost += lan.publish(number).1;
    }
    assert!(lost > 0);
    lan.until(|lan| !lan.log.ends.is_empty());
    assert_eq!(lan.log.ends.len(), 1);
    assert!(lan.log.ends[0].is_err());
}

fn write(lan: &mut Lan, peer: Peer, bytes: &[u8]) {
    let sent = lan.socket(peer).send_slice(bytes);
    assert_eq!(sent, Ok(bytes.len()), "the socket has room");
}

/// Takes up to `count` of the bytes that have arrived.
fn take(lan: &mut Lan, peer: Peer, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let size = lan
        .socket(peer)
        .recv_slice(&mut bytes)
        .expect("an open stream");
    bytes.truncate(size);
    bytes
}

#[test]
fn a_slow_subscriber_stays_connected_and_its_requests_are_answered() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, SUBSCRIBES);
    let (mut published, mut lost) = (0u32, 0u32);
    let mut heard = Vec::new();
    let mut publish = |lan: &mut Lan| {
        for _ in 0..10 {
            let (queued, missed) = lan.publish(3);
            published += u32::try_from(queued + missed).expect("a few");
            lost += u32::try_from(missed).expect("a few");
        }
    };
    // 40 bytes a second leave, and 800 a second are published.
    for second in 0..60 {
        for _ in 0..10 {
            lan.pass(Duration::from_millis(100));
            publish(&mut lan);
        }
        if second % 20 == 10 {
            write(&mut lan, peer, b"STRING\nhi\n");
        }
        heard.extend(take(&mut lan, peer, 40));
    }
    write(&mut lan, peer, b"UNSUBSCRIBE\nTICK\n");
    let end = lan.now + Duration::from_secs(5);
    while lan.now < end {
        lan.pass(Duration::from_millis(10));
        publish(&mut lan);
        heard.extend(take(&mut lan, peer, 4096));
    }
    assert!(lan.log.ends.is_empty(), "{:?}", lan.log.ends);
    assert_eq!(lan.log.lines, ["hi"; 3]);
    let heard = String::from_utf8(heard).expect("text");
    let (mut delivered, mut told, mut replies) = (0, 0, String::new());
    let mut rest = heard.as_str();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(">TICK\n\x01\x03") {
            delivered += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix(">TICK +") {
            let (count, after) = after.split_once('\n').expect("a line");
            told += count.parse::<u32>().expect("a number");
            rest = after;
        } else {
            let (line, after) = rest.split_once('\n').expect("a line");
            replies += line;
            rest = after;
        }
    }
    assert_eq!(replies, "OKThank you.Thank you.Thank you.OK");
    assert!(delivered > 0 && lost > 0);
    assert_eq!(delivered + told, published);
}

#[test]
fn a_client_hears_pushes_during_and_between_calls() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    let heard = RefCell::new(Vec::new());
    let mut client = Client::new(vec![0; BUFFER].leak(), vec![0; BUFFER].leak()).with_topics(
        [TICK.untyped()],
        |push: Push<'_>| {
            heard.borrow_mut().extend(push.value(TICK));
        },
    );
    let deadline = lan.now + Duration::from_secs(5);
    let socket = lan.socket(peer);
    let refused = client.call(SUBSCRIBE, "TICK", socket, deadline);
    assert_eq!(refused, Ok(()));
    let waits = client.poll_pushes(socket);
    assert_eq!(
        waits,
        Poll::Ready(Err(Error::Protocol(ErrorKind::ReplyPending)))
    );
    lan.until(|lan| {
        let now = lan.now;
        client.poll_reply(SUBSCRIBE, lan.socket(peer), now) == Poll::Ready(Ok(()))
    });

    lan.publish(1);
    lan.until(|lan| client.poll_pushes(lan.socket(peer)) == Poll::Ready(Ok(())));
    assert_eq!(*heard.borrow(), [Ok(1)]);

    lan.publish(2);
    let asked = client.call(STRING, "hi", lan.socket(peer), deadline);
    assert_eq!(asked, Ok(()));
    lan.until(|lan| {
        let now = lan.now;
        client.poll_reply(STRING, lan.socket(peer), now) == Poll::Ready(Ok("Thank you."))
    });
    assert_eq!(*heard.borrow(), [Ok(1), Ok(2)]);
    let asked = client.call(UNSUBSCRIBE, "TICK", lan.socket(peer), deadline);
    assert_eq!(asked, Ok(()));
}
