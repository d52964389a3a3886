//! The server over smoltcp sockets, against peers that behave and peers that do not.

use bellwire::smoltcp::{Lost, Patience, Server};
use bellwire::{Connection, Endpoint};
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
fn what_the_server_cannot_use_gets_an_error_line() {
    assert_eq!(
        talk("NOPE\n"),
        "!unknown-command no command is named \"NOPE\"\n"
    );
    assert_eq!(talk("\n"), "!malformed the command name is empty\n");
    assert_eq!(
        talk("N".repeat(10_000_000)),
        "!too-large no line feed within the 64 bytes of a command line\n"
    );
    assert_eq!(
        talk(b"STRING\n\xff\n"),
        "!malformed STRING: the text is not UTF-8\n"
    );
    assert_eq!(
        talk("STRING\nhal"),
        "!malformed STRING: the stream ended in the middle of a request\n"
    );
    assert_eq!(
        talk(b"DOUBLE\n\x01\xff"),
        "!malformed DOUBLE: the payload ends before the value does\n"
    );
    assert_eq!(
        talk(b"DOUBLE\n\x02\x06\x06"),
        "!malformed DOUBLE: bytes are left over after the value\n"
    );
    assert!(
        talk(b"DOUBLE\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
            .starts_with("!too-large DOUBLE: ")
    );
}

#[test]
fn after_a_bad_payload_whose_end_is_known_the_conversation_goes_on() {
    let long = format!("STRING\n{}\nSTRING\nhi\n", "x".repeat(2000));
    let replies = "!too-large STRING: the payload exceeds 512 bytes\nThank you.\n";
    assert_eq!(talk(long), replies);
}

#[test]
fn an_error_that_ends_the_conversation_closes_it_and_loses_no_word() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhi\nNOPE\nSTRING\nnever run\n");
    let answer = "Thank you.\n!unknown-command no command is named \"NOPE\"\n";
    assert_eq!(lan.read_to_end(peer), answer);
    assert_eq!(lan.log.lines, ["hi"]);
    assert_eq!(lan.log.rejections, ["no command is named \"NOPE\""]);
}

#[test]
fn after_such_an_error_what_still_comes_is_dropped_until_the_peer_closes_too() {
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
        "nothing is sent again"
    );
}

#[test]
fn a_socket_is_free_once_its_peer_has_closed_too() {
    // For ten milliseconds more it was not, and clients in quick succession were refused.
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
        "it is acknowledged"
    );
}

#[test]
fn the_peers_end_is_acknowledged_even_where_the_device_is_busy_when_it_comes() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    lan.pass(Duration::from_secs(1));
    lan.socket(peer).close();
    let closed = lan.now;
    lan.poll_while_busy(0); // The peer's end is on its way.
    lan.poll_while_busy(1); // It is there, and its acknowledgement must wait.
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    assert!((lan.now - closed).total_millis() < 100);
}

#[test]
fn what_is_dropped_after_the_end_is_borne_with_up_to_a_bound() {
    for (more, end) in [(0, Ok(())), (1, Err(Lost))] {
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
    let mut server = Server::new(Connection::new(&mut rx, &mut tx), Patience::default());
    let mut socket = Socket::new(SocketBuffer::new(vec![0; 9]), SocketBuffer::new(vec![0; 9]));
    let endpoint = Endpoint::<(), 1>::new();
    let polled = server.poll(&mut socket, &mut endpoint.with(&mut ()), Instant::ZERO);
    assert_eq!(polled, Poll::Ready(Ok(())));
}

#[test]
fn a_conversation_that_its_peer_ends_is_not_lost() {
    let mut lan = Lan::with_sockets(1);
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Ok(())]);
    assert!(lan.now.secs() < 1, "nobody waited");
}

#[test]
fn a_peer_that_ends_between_two_requests_is_let_go_at_once() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhi\n");
    assert_eq!(lan.read(peer, 11), "Thank you.\n");
    lan.pass(Duration::from_secs(1));
    lan.socket(peer).close();
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Ok(())]);
    assert!(lan.now.secs() < 3, "nobody waited");
}

#[test]
fn a_time_limit_runs_out_when_the_server_says() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"STRING\nhal");
    lan.pass(Duration::from_millis(10));
    lan.poll_when_due();
    assert_eq!(lan.log.rejections.len(), 1);
}

#[test]
fn a_peer_that_resets_before_it_has_the_last_reply_is_lost() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    lan.until(|lan| !lan.log.rejections.is_empty());
    lan.socket(peer).abort();
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Err(Lost)]);
}

#[test]
fn a_peer_that_sends_on_and_on_after_the_end_is_reset() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    lan.send(peer, &b"x".repeat(100_000));
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    lan.until(|lan| lan.listening() == 1);
    assert_eq!(lan.log.ends, [Err(Lost)]);
    assert!(
        lan.now.secs() < 5,
        "it is reset for its bytes, not for its time"
    );
}

#[test]
fn a_peer_that_never_closes_is_reset_in_the_end() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    lan.send(peer, b"NOPE\n");
    assert!(lan.read_to_end(peer).starts_with("!unknown-command"));
    let ended = lan.now;
    lan.until(|lan| lan.socket(peer).state() == State::Closed);
    assert_eq!((lan.now - ended).secs(), 5);
    assert_eq!(lan.log.ends, [Err(Lost)]);
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    for byte in b"STRING\nslow but steady\nDOUBLE\n\x01\x06" {
        lan.send(peer, &[*byte]);
        lan.pass(Duration::from_millis(20));
    }
    assert_eq!(lan.read(peer, 16), "Thank you.\nOK\n\x01\x0c");
}

#[test]
fn a_request_that_is_not_complete_in_time_is_told_so_however_it_trickles() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    for byte in b"STRING\nhi" {
        lan.send(peer, &[*byte]);
        lan.pass(Duration::from_millis(1500));
    }
    let answer = "!timed-out STRING: the request was not complete in time\n";
    assert_eq!(lan.read_to_end(peer), answer);
    assert!(lan.now.secs() <= 14);
}

#[test]
fn requests_on_end_may_take_longer_than_one_may() {
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
fn a_peer_that_asks_nothing_for_a_minute_is_let_go_without_a_word() {
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
fn a_thousand_requests_in_one_go_get_a_thousand_replies() {
    let replies = talk("STRING\nhi\n".repeat(1000));
    assert_eq!(replies, "Thank you.\n".repeat(1000));
}

#[test]
fn a_peer_that_never_reads_is_reset_and_others_are_served_meanwhile() {
    let mut lan = Lan::with_sockets(2);
    let peer = lan.connect();
    lan.push(peer, &b"STRING\nhi\n".repeat(1000));
    assert_eq!(lan.socket(peer).state(), State::Closed);
    assert_eq!(lan.log.ends, [Err(Lost)]);
    assert!(
        lan.log.lines.len() < 300,
        "only what the buffers hold is answered"
    );
    assert!(
        lan.log.rejections.is_empty(),
        "its requests were no trouble"
    );

    let deaf = lan.connect();
    lan.socket(deaf)
        .send_slice(&b"STRING\nhi\n".repeat(50))
        .unwrap();
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
}

#[test]
fn replies_without_room_go_out_once_there_is_some_though_nothing_more_comes_in() {
    let mut lan = Lan::with_sockets(1);
    let peer = lan.connect();
    let requests = b"STRING\nhi\n".repeat(100);
    let mut sent = 0;
    for _ in 0..3 {
        sent += lan.socket(peer).send_slice(&requests[sent..]).unwrap();
        lan.pass(Duration::from_secs(1));
    }
    assert_eq!(lan.log.lines.len(), 100, "all have arrived");
    assert_eq!(lan.read(peer, 100 * 11), "Thank you.\n".repeat(100));
    assert!(lan.now.secs() < 5, "nobody waited");
}

#[test]
fn a_peer_that_reads_slowly_is_borne_with() {
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
fn more_peers_than_sockets_are_refused_until_one_is_free() {
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

/// Cause: a socket whose peer never completed the connection had no time limit, so that one forged
/// packet took it for ever.
#[test]
fn a_peer_that_only_begins_to_connect_gives_the_socket_back() {
    let mut lan = Lan::with_sockets(1);
    lan.forge_syn();
    lan.until(|lan| lan.listening() == 0);
    lan.pass(Duration::from_secs(9));
    assert_eq!(lan.listening(), 0);
    lan.poll_when_due();
    assert!(lan.due() > Some(lan.now), "that limit is past");
    lan.pass(Duration::from_millis(100));
    assert_eq!(lan.listening(), 1);
    assert_eq!(lan.talk("STRING\nhi\n"), "Thank you.\n");
}

#[test]
fn the_server_says_when_its_next_time_limit_runs_out() {
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

/// One way for a conversation to end, on the peer's side.
type End = fn(&mut Lan);

#[test]
fn after_every_end_the_socket_listens_again() {
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
