//! Both ends over a line that carries random pieces: replies stay the same, and every loss is reported.

use super::{LOG, TICK};
use bellwire::topics::{Published, Push, SUBSCRIBE, UNSUBSCRIBE};
use bellwire::{ClientConnection, ServerConnection};
use bellwire_tests::server::{App, ECHO, TEXT, endpoint};
use std::cell::RefCell;
use std::collections::VecDeque;

/// The values of one subscription.
#[derive(Debug, Default)]
struct Counts {
    /// The number of values published since SUBSCRIBE's `OK`.
    published: u32,
    delivered: u32,
    told: u32,
    /// The number of the last value that arrived or was reported lost.
    last: u32,
}

/// Runs `calls` calls over a line that carries random pieces, while a publisher publishes numbers at random. Returns
/// how many values were delivered and reported lost.
fn run(seed: u64, calls: usize) -> (u32, u32) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut server_rx, mut server_tx) = ([0; 128], vec![0; random.usize(180..600)]);
    let mut server = ServerConnection::new(&mut server_rx, &mut server_tx)
        .with_topics([LOG.name(), TICK.name()]);
    let (endpoint, mut app) = (endpoint(), App::default());

    let counts = RefCell::new(Counts::default());
    let (mut rx, mut tx) = ([0; 96], [0; 96]);
    let mut client =
        ClientConnection::new(&mut rx, &mut tx).with_topics([TICK.untyped()], |push| {
            let counts = &mut *counts.borrow_mut();
            match push {
                Push::Lost { count, .. } => {
                    counts.told += count;
                    counts.last += count;
                }
                Push::Value { .. } => {
                    counts.delivered += 1;
                    counts.last += 1;
                    assert_eq!(push.value(TICK), Some(Ok(counts.last)), "seed {seed}");
                }
            }
        });
    let (mut up, mut down) = (VecDeque::new(), VecDeque::new());
    let mut subscribed = false;
    let (mut delivered, mut told) = (0, 0);
    for call in 0..calls {
        let text = format!(">{call}\n!").repeat(random.usize(0..4));
        let line = call.to_string();
        let kind = random.u8(0..8);
        let sent = match kind {
            0 => client.request(SUBSCRIBE, "TICK"),
            1 => client.request(UNSUBSCRIBE, "TICK"),
            2..5 => client.request(ECHO, &line),
            _ => client.request(TEXT, &text.as_str()),
        };
        sent.expect("room for the request");
        while !client.has_reply().expect("no faults") {
            up.extend(client.pending());
            client.sent(client.pending().len());
            let mut carried = random.usize(0..40).min(up.len()).min(server.space().len());
            for (slot, byte) in server.space().iter_mut().zip(up.drain(..carried)) {
                *slot = byte;
            }
            server.received(carried);
            let next = server.advance(&mut endpoint.with(&mut app));
            assert_ne!(next, bellwire::Next::Close);
            for _ in 0..random.usize(0..6) {
                let number = counts.borrow().published + 1;
                if server.publish(TICK, &number) != Published::NotSubscribed {
                    counts.borrow_mut().published = number;
                }
            }
            let room = 100usize.saturating_sub(down.len());
            carried = random.usize(0..60).min(server.pending().len()).min(room);
            down.extend(&server.pending()[..carried]);
            server.sent(carried);
            let space = client.space();
            carried = random.usize(0..20).min(down.len()).min(space.len());
            for (slot, byte) in space.iter_mut().zip(down.drain(..carried)) {
                *slot = byte;
            }
            client.received(carried);
        }
        match kind {
            0 => {
                client.reply(SUBSCRIBE).expect("OK");
                subscribed = true;
            }
            1 => {
                client.reply(UNSUBSCRIBE).expect("OK");
                let counts = counts.take();
                delivered += counts.delivered;
                told += counts.told;
                assert!(subscribed || counts.published == 0, "seed {seed}");
                assert_eq!(
                    counts.delivered + counts.told,
                    counts.published,
                    "seed {seed}"
                );
                subscribed = false;
            }
            2..5 => assert_eq!(client.reply(ECHO), Ok(line.as_str()), "seed {seed}"),
            _ => assert_eq!(client.reply(TEXT), Ok(text.as_str()), "seed {seed}"),
        }
    }
    (delivered, told)
}

#[test]
fn between_both_oks_delivered_and_lost_values_are_all_that_were_published() {
    let (mut delivered, mut told) = (0, 0);
    for seed in 0..300 {
        let counts = run(seed, 200);
        delivered += counts.0;
        told += counts.1;
    }
    assert!(
        delivered > 10_000 && told > 10_000,
        "{delivered} and {told}"
    );
}

#[test]
fn replies_with_pushes_between_them_are_the_same_replies() {
    // The replies of a conversation, and its pushes, which a client with topics separates.
    let requests =
        b"ECHO\none\nPING\nREFUSE\nno\nTEXT\n\x03\x02hiRESET\nLOG\nx\nECHO\n\xff\nECHO\ntwo\n";
    let converse = |publishes: bool, size: usize| {
        let (mut rx, mut tx) = ([0; 256], [0; 512]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([LOG.name()]);
        let (endpoint, mut app) = (endpoint(), App::default());
        let mut sent = Vec::new();
        for piece in [&b"SUBSCRIBE\nLOG\n"[..]]
            .into_iter()
            .chain(requests.chunks(size))
        {
            connection.space()[..piece.len()].copy_from_slice(piece);
            connection.received(piece.len());
            connection.advance(&mut endpoint.with(&mut app));
            if publishes {
                assert_eq!(connection.publish(LOG, "value"), Published::Queued);
            }
            sent.extend(connection.pending());
            connection.sent(connection.pending().len());
        }
        String::from_utf8(sent).expect("text")
    };
    let plain = converse(false, requests.len());
    for size in 1..=requests.len() {
        assert_eq!(converse(true, size).replace(">LOG\nvalue\n", ""), plain);
    }
}
