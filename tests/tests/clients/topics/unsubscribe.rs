//! The end of subscriptions of the blocking client.

use super::blocking::{connect, next, take};
use super::{A, LOG};
use bellwire_std::{CallError, Cause};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{self, Close, Say, Stall};
use bellwire_tests::topic_cases::{ASKED, JOIN, LEAVE};
use std::thread;
use std::time::Duration;

#[test]
fn after_unsubscribe_the_events_until_its_reply_can_be_taken_and_no_other() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n>LOG\n1\n"),
        LEAVE,
        Say(">LOG\n2\n>LOG +4\nOK\n"),
        ASKED,
        Say(">a\n"),
        Stall,
    ];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    client.unsubscribe(LOG).unwrap();
    client.subscribe(LOG).unwrap();
    client.unsubscribe(LOG).unwrap();
    client.unsubscribe(LOG).unwrap();
    // Without a subscription, this mark has no meaning.
    assert_eq!(client.call(A, "x").unwrap(), ">a");
    assert_eq!(take(&mut client, 4), ["1", "2", "+4", "none"]);
}

#[test]
fn a_refused_unsubscribe_keeps_the_subscription() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        LEAVE,
        Say("!failed UNSUBSCRIBE\n>LOG\n1\n"),
        Stall,
    ];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    let error = client.unsubscribe(LOG).unwrap_err();
    assert!(matches!(error, CallError::Remote(_)), "{error:?}");
    assert_eq!(next(&mut client), "1");
}

#[test]
fn an_unsubscribe_that_ends_the_conversation_ends_the_subscription() {
    const SERVER: &[Step] = &[
        JOIN,
        Say("OK\n"),
        LEAVE,
        Say("!timed-out UNSUBSCRIBE\n"),
        Close,
    ];
    let server = Scripted::start(&[SERVER, &[ASKED, Say("a\n"), Stall]]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    let error = client.unsubscribe(LOG).unwrap_err();
    assert!(matches!(error, CallError::Remote(_)), "{error:?}");
    assert!(client.next_push(None).unwrap().is_none());
    assert_eq!(client.call(A, "x").unwrap(), "a");
}

#[test]
fn unsubscribe_needs_no_connection() {
    const SERVER: &[Step] = &[JOIN, Say("OK\n"), Close];
    let server = Scripted::start(&[SERVER]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    server.wait();
    let error = client.next_push(Some(SHORT)).unwrap_err();
    assert!(
        matches!(error, CallError::NotSent(Cause::Transport(_))),
        "{error:?}"
    );
    client.unsubscribe(LOG).unwrap();
    assert!(client.next_push(None).unwrap().is_none());
}

#[test]
fn an_unsubscribe_that_was_not_sent_ends_the_connection() {
    const FIRST: &[Step] = &[JOIN, Say("OK\n>LOG\n1\n"), Stall];
    let server = Scripted::start(&[FIRST, &[ASKED, Say("a\n"), Stall]]);
    let mut client = connect(&server);
    client.subscribe(LOG).unwrap();
    client.set_timeout(Some(Duration::ZERO));
    let error = client.unsubscribe(LOG).unwrap_err();
    assert!(
        matches!(error, CallError::NotSent(Cause::TimedOut)),
        "{error:?}"
    );
    client.set_timeout(Some(PATIENCE));
    thread::sleep(SHORT / 10);
    assert_eq!(client.call(A, "x").unwrap(), "a");
}
