//! The server over smoltcp sockets, with good and bad peers.

use bellwire::smoltcp::{ConnectionLost, Server, Timeouts};
use bellwire::{Endpoint, ServerConnection};
use bellwire_tests::lan::Lan;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use std::task::Poll;

fn talk(request: impl AsRef<[u8]>) -> String {
    Lan::with_sockets(1).talk(request)
}

#[test]
fn each_request_gets_its_reply() {
    assert_eq!(talk("STRING\nhi\n"), "Thank you.\n");
    assert_eq!(talk("DOUBLE\n\x01\x06"), "OK\n\x01\x0c");
    assert_eq!(talk("NOTE\nhi\nSTRING\nhi\n"), "Thank you.\n");
    assert_eq!(talk("NOTE\nhi\n"), "");
    assert_eq!(talk(""), "");
}

#[test]
fn a_fatal_error_line_arrives_before_the_close() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhi\nNOPE\nSTRING\nnever run\n");
    let answer = "Thank you.\n!unknown-command no command is named \"NOPE\"\n";
    assert_eq!(lan.read_to_end(peer), answer);
    assert_eq!(lan.log.lines, ["hi"]);
    assert_eq!(lan.log.rejections, ["no command is named \"NOPE\""]);
}

#[test]
fn input_after_a_fatal_error_is_discarded_until_the_peer_closes() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    lan.send(peer, &b"STRING\nnever run\n".repeat(1000));
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    lan.socket(peer).close();
    let closed = lan.now;
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Ok(())]);
    assert!(lan.log.lines.is_empty());
    assert!(
        (lan.now - closed).total_millis() < 100,
        "a retransmission delayed the close"
    );
}

#[test]
fn a_socket_is_free_as_soon_as_both_ends_have_closed() {
    // Regression: the socket stayed busy for 10 ms more, so clients in quick succession were refused.
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    lan.socket(peer).close();
    let closed = lan.now;
    lan.until(|lan| lan.listening() == 1);
    assert!((lan.now - closed).total_millis() < 1);
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    assert!(
        (lan.now - closed).total_millis() < 100,
        "the FIN was not acknowledged"
    );
}

#[test]
fn a_fin_that_arrives_while_the_device_is_busy_is_acknowledged() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    lan.pass(Duration::from_secs(1));
    lan.socket(peer).close();
    let closed = lan.now;
    lan.poll_while_busy(0); // sends the peer's FIN
    lan.poll_while_busy(1); // receives it and cannot acknowledge it yet
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    assert!((lan.now - closed).total_millis() < 100);
}

#[test]
fn input_after_a_fatal_error_is_tolerated_up_to_65536_bytes() {
    for (more, end) in [(0, Ok(())), (1, Err(ConnectionLost))] {
        let mut lan = Lan::with_sockets(1);
        let peer = lan.connect();
        lan.send(peer, b"NOPE\n");
        lan.until(|lan| !lan.log.rejections.is_empty());
        lan.send(peer, &b"x".repeat(65536 + more));
        lan.pass(Duration::from_millis(100));
        lan.socket(peer).close();
        lan.until(|lan| lan.listening() == 1);
        assert_eq!(lan.log.ends, [end]);
    }
}

#[test]
fn a_socket_without_a_peer_is_free() {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut server = Server::new(ServerConnection::new(&mut rx, &mut tx), Timeouts::default());
    let mut socket = Socket::new(SocketBuffer::new(vec![0; 9]), SocketBuffer::new(vec![0; 9]));
    let endpoint = Endpoint::<(), 1>::new();
    let polled = server.poll(&mut socket, &mut endpoint.with(&mut ()), Instant::ZERO);
    assert_eq!(polled, Poll::Ready(Ok(())));
}

#[test]
fn a_conversation_that_the_peer_ends_is_reported_as_ok() {
    let mut lan = Lan::with_sockets(1);
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Ok(())]);
    assert!(lan.now.secs() < 1, "the server waited for a time limit");
}

#[test]
fn a_peer_that_closes_between_requests_frees_its_socket_at_once() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhi\n");
    assert_eq!(lan.read(peer, 11), "Thank you.\n");
    lan.pass(Duration::from_secs(1));
    lan.socket(peer).close();
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Ok(())]);
    assert!(lan.now.secs() < 3, "the server waited for a time limit");
}

#[test]
fn a_request_times_out_when_poll_at_says() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhal");
    lan.pass(Duration::from_millis(10));
    lan.poll_when_due();
    assert_eq!(lan.log.rejections.len(), 1);
}

#[test]
fn a_peer_that_resets_before_the_last_reply_is_reported_lost() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    lan.until(|lan| !lan.log.rejections.is_empty());
    lan.socket(peer).abort();
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Err(ConnectionLost)]);
}

#[test]
fn a_peer_that_keeps_sending_after_a_fatal_error_is_reset() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    lan.send(peer, &b"x".repeat(100_000));
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Err(ConnectionLost)]);
    assert!(
        lan.now.secs() < 5,
        "the reset must come from the byte limit, not from the time limit"
    );
}

#[test]
fn a_peer_that_never_closes_is_reset_after_5_seconds() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    let ended = lan.now;
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    assert_eq!((lan.now - ended).secs(), 5);
    assert_eq!(lan.log.ends, [Err(ConnectionLost)]);
}

#[test]
fn requests_may_arrive_byte_by_byte() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    for byte in b"STRING\nslow but steady\nDOUBLE\n\x01\x06" {
        lan.send(peer, &[*byte]);
        lan.pass(Duration::from_millis(20));
    }
    assert_eq!(lan.read(peer, 16), "Thank you.\nOK\n\x01\x0c");
}

#[test]
fn a_trickling_request_times_out_with_an_error_line() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    for byte in b"STRING\nhi" {
        lan.send(peer, &[*byte]);
        lan.pass(Duration::from_millis(1500));
    }
    let answer = "!timed-out STRING: request took too long\n";
    assert_eq!(lan.read_to_end(peer), answer);
    assert!(lan.now.secs() <= 14);
}

#[test]
fn consecutive_requests_may_outlast_the_limit_of_one_request() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"ST");
    for _ in 0..20 {
        lan.send(peer, b"RING\nhi\nST");
        lan.pass(Duration::from_secs(3));
    }
    assert_eq!(lan.read(peer, 220), "Thank you.\n".repeat(20));
}

#[test]
fn a_peer_idle_for_60_seconds_is_closed_without_an_error_line() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    for _ in 0..3 {
        lan.pass(Duration::from_secs(50));
        lan.send(peer, b"STRING\nhi\n");
    }
    assert_eq!(lan.read_to_end(peer), "Thank you.\n".repeat(3));
    assert_eq!(lan.now.secs(), 3 * 50 + 60);
}

#[test]
fn a_thousand_pipelined_requests_get_a_thousand_replies() {
    let replies = talk("STRING\nhi\n".repeat(1000));
    assert_eq!(replies, "Thank you.\n".repeat(1000));
}

#[test]
fn a_peer_that_never_reads_is_reset_and_delays_no_other_peer() {
    let mut lan = Lan::with_sockets(2);
    let peer = lan.connect();
    lan.push(peer, &b"STRING\nhi\n".repeat(1000));
    assert_eq!(lan.socket(peer).state(), State::Closed);
    assert_eq!(lan.log.ends, [Err(ConnectionLost)]);
    assert!(
        lan.log.lines.len() < 300,
        "the server answered more than the buffers hold"
    );
    assert!(lan.log.rejections.is_empty(), "a good request was rejected");

    let deaf = lan.connect();
    lan.socket(deaf)
        .send_slice(&b"STRING\nhi\n".repeat(50))
        .unwrap();
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
}

#[test]
fn blocked_replies_are_sent_when_the_peer_reads_without_new_input() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    let requests = b"STRING\nhi\n".repeat(100);
    let mut sent = 0;
    for _ in 0..3 {
        sent += lan.socket(peer).send_slice(&requests[sent..]).unwrap();
        lan.pass(Duration::from_secs(1));
    }
    assert_eq!(lan.log.lines.len(), 100, "a request did not arrive");
    assert_eq!(lan.read(peer, 100 * 11), "Thank you.\n".repeat(100));
    assert!(lan.now.secs() < 5, "the server waited for a time limit");
}

#[test]
fn a_peer_that_reads_slowly_gets_all_replies() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    let requests = b"STRING\nhi\n".repeat(400);
    let mut sent = 0;
    for _ in 0..40 {
        sent += lan.socket(peer).send_slice(&requests[sent..]).unwrap();
        lan.pass(Duration::from_secs(1));
        lan.read_some(peer, 100);
    }
    assert_eq!(sent, requests.len());
    assert_eq!(lan.read(peer, 400 * 11), "Thank you.\n".repeat(400));
}

#[test]
fn peers_beyond_the_sockets_are_refused_until_one_is_free() {
    let mut lan = Lan::with_sockets(4);
    let peers: Vec<_> = (0..4).map(|_| lan.connect()).collect();
    let surplus = lan.connect();
    assert_eq!(lan.socket(surplus).state(), State::Closed);
    for peer in &peers {
        lan.send(*peer, b"STRING\nhi\n");
    }
    for peer in peers {
        assert_eq!(lan.read(peer, 11), "Thank you.\n");
        lan.socket(peer).close();
    }
    lan.until(|lan| lan.listening() == 4);
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
}

/// Regression: a socket whose peer never completed the handshake had no time limit, so one forged
/// packet occupied the socket forever.
#[test]
fn a_half_open_connection_frees_its_socket_after_10_seconds() {
    let mut lan = Lan::with_sockets(1);
    lan.forge_syn();
    lan.until(|lan| lan.listening() == 0);
    lan.pass(Duration::from_secs(9));
    assert_eq!(lan.listening(), 0);
    lan.poll_when_due();
    assert!(lan.due() > Some(lan.now), "the next limit is in the past");
    lan.pass(Duration::from_millis(100));
    assert_eq!(lan.listening(), 1);
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
}

#[test]
fn poll_at_reports_the_next_time_limit() {
    let mut lan = Lan::with_sockets(3);
    let seconds_left = |lan: &Lan| {
        lan.due()
            .map(|due| (due - lan.now).total_millis().div_ceil(1000))
    };
    assert_eq!(lan.due(), None);
    let peer = lan.connect();
    assert_eq!(seconds_left(&lan), Some(60));
    lan.send(peer, b"STRING\nhal");
    lan.pass(Duration::from_millis(10));
    assert_eq!(seconds_left(&lan), Some(10));
}

/// One way in which a peer ends a conversation.
type End = fn(&mut Lan);

#[test]
fn the_socket_listens_again_after_every_kind_of_end() {
    let ends: [End; 8] = [
        |lan| assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n"),
        |lan| assert!(lan.talk("NOPE\n").starts_with('!')),
        |lan| {
            let peer = lan.connect();
            lan.send(peer, b"STRING\nhal");
            lan.socket(peer).abort();
        },
        |lan| {
            let peer = lan.connect();
            lan.socket(peer).abort();
        },
        |lan| {
            let peer = lan.begin_to_connect(61000);
            lan.pass(Duration::from_micros(20));
            lan.socket(peer).abort();
        },
        |lan| {
            let peer = lan.connect();
            lan.send(peer, b"STRING\nhal");
            lan.pass_in_silence(Duration::from_secs(60));
            lan.socket(peer).abort();
        },
        |lan| {
            let peer = lan.connect();
            lan.push(peer, &b"STRING\nhi\n".repeat(200));
        },
        |lan| {
            let peer = lan.connect();
            lan.send(peer, b"STRING\nhi\n");
            lan.socket(peer).close();
        },
    ];
    let mut lan = Lan::with_sockets(1);
    for end in ends.into_iter().chain(ends) {
        end(&mut lan);
        lan.until(|lan| lan.listening() == 1);
        assert_eq!(lan.talk("STRING\nafter\n"), "Thank you.\n");
        lan.until(|lan| lan.listening() == 1);
    }
}
