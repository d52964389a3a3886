//! Subscriptions of the async client across connections.

use super::asynch::{next, run, take};
use super::{A, LOG};
use bellwire::Topic;
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Cause};
use bellwire_tests::net::SHORT;
use bellwire_tests::script::Step::{self, Close, Hear, Reset, Say, Stall};
use bellwire_tests::topic_cases::{ASKED, FIRST, JOIN};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

#[test]
fn after_a_reconnect_the_gap_is_reported_once_before_the_next_values() {
    const CUT: &[Step] = &[JOIN, Say("OK\n>LOG\ncut"), Reset];
    const LAST: &[Step] = &[JOIN, Say("OK\n>LOG\n2\n"), Stall];
    run(&[FIRST, CUT, LAST], Client::builder(), async |client| {
        let mut log = client.subscribe(LOG).await.unwrap();
        // No handle but the subscription keeps the client.
        drop(client);
        tokio::time::sleep(SHORT).await;
        assert_eq!(take(&mut log, 3).await, ["1", "gap", "2"]);
    });
}

#[test]
fn an_ended_subscription_that_is_dropped_does_not_disturb_a_new_one() {
    const REFUSES: &[Step] = &[
        JOIN,
        Say("!refused SUBSCRIBE: gone\n"),
        JOIN,
        Say("OK\n"),
        ASKED,
        Say(">LOG\n2\n1\n"),
        Stall,
    ];
    run(&[FIRST, REFUSES], Client::builder(), async |client| {
        let mut ended = client.subscribe(LOG).await.unwrap();
        let error = "!subscription ended: server error (refused): SUBSCRIBE: gone";
        assert_eq!(take(&mut ended, 3).await, ["1", error, "none"]);
        let mut log = client.subscribe(LOG).await.unwrap();
        drop(ended);
        client.call(A, "x").await.unwrap();
        assert_eq!(next(&mut log).await, "2");
    });
}

#[test]
fn all_topics_are_subscribed_again_before_a_waiting_call_is_disturbed() {
    const ALARM: Topic<bellwire::Line> = Topic::new("ALARM");
    const BOTH: &[Step] = &[
        JOIN,
        Say("OK\n"),
        Hear("SUBSCRIBE\nALARM\n"),
        Say("OK\n"),
        ASKED,
        Close,
    ];
    const AGAIN: &[Step] = &[
        Hear("SUBSCRIBE\nLOG\nSUBSCRIBE\nALARM\n"),
        Say("OK\nOK\n>ALARM\n1\n>LOG\n2\n"),
        ASKED,
        Say("1\n"),
        Stall,
    ];
    run(&[BOTH, AGAIN], Client::builder(), async |client| {
        let mut log = client.subscribe(LOG).await.unwrap();
        let mut alarms = client.subscribe(ALARM).await.unwrap();
        let error = client.call(A, "x").await.unwrap_err();
        assert!(
            matches!(error, CallError::MayHaveRun(Cause::Closed)),
            "{error}"
        );
        assert_eq!(take(&mut log, 2).await, ["gap", "2"]);
        assert_eq!(take(&mut alarms, 2).await, ["gap", "1"]);
        client.call(A, "x").await.unwrap();
    });
}

#[test]
fn a_busy_server_is_asked_again_after_pauses() {
    const BUSY: &[Step] = &[JOIN, Say("!busy temporarily unavailable\n"), Close];
    const GOOD: &[Step] = &[JOIN, Say("OK\n>LOG\n2\n"), Stall];
    let start = Instant::now();
    run(
        &[FIRST, BUSY, BUSY, GOOD],
        Client::builder(),
        async |client| {
            let mut log = client.subscribe(LOG).await.unwrap();
            assert_eq!(take(&mut log, 3).await, ["1", "gap", "2"]);
        },
    );
    // At least the pauses after two failures: 25 ms and 50 ms.
    assert!(start.elapsed() >= Duration::from_millis(75));
}

#[test]
fn a_subscription_waits_for_a_connection_as_long_as_a_call() {
    const GONE: &[Step] = &[ASKED, Say("1\n"), Close];
    const GOOD: &[Step] = &[JOIN, Say("OK\n>LOG\n1\n"), Stall];
    let builder = Client::builder().timeout(Some(SHORT));
    run(&[GONE], builder, async |client| {
        client.call(A, "x").await.unwrap();
        tokio::time::sleep(SHORT / 10).await;
        let error = client.subscribe(LOG).await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent(Cause::Transport(_))),
            "{error:?}"
        );
    });
    run(
        &[GONE, &[JOIN, Close], GOOD],
        Client::builder(),
        async |client| {
            client.call(A, "x").await.unwrap();
            tokio::time::sleep(SHORT / 10).await;
            let mut log = client.subscribe(LOG).await.unwrap();
            assert_eq!(next(&mut log).await, "1");
        },
    );
}

#[test]
fn each_end_of_the_client_is_the_last_event() {
    const SERVER: &[Step] = &[JOIN, Say("OK\n>LOG\n1\n"), Close];
    run(&[SERVER], Client::builder(), async |client| {
        let mut log = client.subscribe(LOG).await.unwrap();
        let other = client.clone();
        assert_eq!(next(&mut log).await, "1");
        client.finish().await.unwrap();
        let error = "!subscription ended: request not sent: connection closed";
        assert_eq!(take(&mut log, 1).await, [error]);
        assert_eq!(next(&mut log).await, "none");
        let error = other.subscribe(LOG).await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent(Cause::Closed)),
            "{error}"
        );
    });
}

#[test]
fn a_client_that_cannot_connect_again_ends_its_subscriptions() {
    super::asynch::runtime().block_on(async {
        let (near, mut far) = tokio::io::duplex(64);
        let client = Client::builder().stream(near);
        tokio::io::AsyncWriteExt::write_all(&mut far, b"")
            .await
            .unwrap();
        let answer = async {
            let mut request = [0; 14];
            far.read_exact(&mut request).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut far, b"OK\n>LOG\n1\n")
                .await
                .unwrap();
            drop(far);
        };
        let (log, ()) = tokio::join!(client.subscribe(LOG), answer);
        let mut log = log.unwrap();
        let error = "!subscription ended: request not sent: connection closed";
        assert_eq!(take(&mut log, 2).await, ["1", error]);
        assert_eq!(next(&mut log).await, "none");
    });
}

#[test]
fn a_subscription_that_begins_after_finish_is_not_asked_for() {
    super::asynch::runtime().block_on(async {
        for has_ended in [false, true] {
            let (near, mut far) = tokio::io::duplex(64);
            let client = Client::builder().stream(near);
            let other = client.clone();
            let finish = tokio::spawn(client.finish());
            if has_ended {
                tokio::time::sleep(SHORT / 10).await;
            }
            let subscribe = tokio::spawn(async move { other.subscribe(LOG).await });
            tokio::time::sleep(SHORT / 10).await;
            let mut sent = String::new();
            far.read_to_string(&mut sent).await.unwrap();
            assert_eq!(sent, "");
            drop(far);
            finish.await.unwrap().unwrap();
            let error = subscribe.await.unwrap().unwrap_err();
            assert!(
                matches!(error, CallError::NotSent(Cause::Closed)),
                "{error}"
            );
        }
    });
}
