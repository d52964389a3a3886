//! Servers with topics, and the events of each subscription: one table for both clients.

use crate::script::Step::{self, Bytes, Close, Hear, Repeat, Reset, Say, Stall};
use bellwire_std::{CallError, Event, EventError};
use std::fmt::Debug;

/// One case: a server and the actions of a client, which has the command `A` and the topic `LOG`, both of lines.
#[derive(Debug)]
pub struct TopicCase {
    /// The claim.
    pub name: &'static str,
    /// The steps of each connection, in turn.
    pub server: &'static [&'static [Step]],
    /// The actions, one after the other.
    pub actions: &'static [Action],
}

/// An action of a client and its outcome.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// Subscribes to `LOG`. The error is the start of its text.
    Subscribe(Result<(), &'static str>),
    /// Calls `A` with the line `x`. The error is the start of its text.
    Call(Result<&'static str, &'static str>),
    /// Takes the next event: a value, `+` and a count of losses, `gap`, or `!` and the start of an error.
    Next(&'static str),
    /// Waits until the server has ended its connection.
    Wait,
}

use Action::{Call, Next, Subscribe, Wait};

/// Returns an event as [`Action::Next`] has it, or `none` for the end.
pub fn show(event: Option<Result<Event<String>, EventError>>) -> String {
    match event {
        None => "none".to_owned(),
        Some(Ok(Event::Value(line))) => line,
        Some(Ok(Event::Lost(count))) => format!("+{count}"),
        Some(Ok(_)) => "gap".to_owned(),
        Some(Err(error)) => format!("!{error}"),
    }
}

/// Compares an outcome with the one in the table.
///
/// # Panics
/// If they differ.
pub fn compare<T: PartialEq<E> + Debug, E: Debug>(
    outcome: &Result<T, CallError>,
    expected: &Result<E, &str>,
    case: &str,
) {
    match (outcome, expected) {
        (Ok(value), Ok(other)) if value == other => {}
        (Err(error), Err(start)) if error.to_string().starts_with(start) => {}
        _ => panic!("{case}: {outcome:?}, not {expected:?}"),
    }
}

/// The request to subscribe to `LOG`.
pub const JOIN: Step = Hear("SUBSCRIBE\nLOG\n");
/// The request to unsubscribe from `LOG`.
pub const LEAVE: Step = Hear("UNSUBSCRIBE\nLOG\n");
/// The request of a call of `A`.
pub const ASKED: Step = Hear("A\nx\n");
/// Confirms the subscription, publishes `1` and closes.
pub const FIRST: &[Step] = &[JOIN, Say("OK\n>LOG\n1\n"), Close];

/// A client keeps two events, accepts 100 bytes, and waits 200 ms.
pub const CASES: &[TopicCase] = &[
    TopicCase {
        name: "values and replies arrive in order",
        server: &[&[
            JOIN,
            Say("OK\n>LOG\n1\n>LOG +3\n"),
            ASKED,
            Say(">LOG\n2\na\n>LOG\n3\n"),
            Stall,
        ]],
        actions: &[
            Subscribe(Ok(())),
            Next("1"),
            Next("+3"),
            Call(Ok("a")),
            Next("2"),
            Next("3"),
        ],
    },
    TopicCase {
        name: "a slow subscriber loses the newest values and is told how many",
        server: &[&[
            JOIN,
            Say("OK\n>LOG\n1\n>LOG\n2\n>LOG\n3\n>LOG\n4\n>LOG +7\n"),
            ASKED,
            Say("a\n"),
            ASKED,
            Say("a\n>LOG\n5\n"),
            Stall,
        ]],
        actions: &[
            Subscribe(Ok(())),
            Call(Ok("a")),
            Next("1"),
            Next("2"),
            Next("+9"),
            Call(Ok("a")),
            Next("5"),
        ],
    },
    TopicCase {
        name: "a malformed value is one error and affects nothing else",
        server: &[&[
            JOIN,
            Bytes(b"OK\n>LOG\n\xff\n>LOG\n2\n"),
            ASKED,
            Say("a\n"),
            Stall,
        ]],
        actions: &[
            Subscribe(Ok(())),
            Call(Ok("a")),
            Next("!unusable value: "),
            Next("2"),
        ],
    },
    TopicCase {
        name: "a value without end ends the conversation",
        server: &[
            &[
                JOIN,
                Say("OK\n"),
                ASKED,
                Say(">LOG\n"),
                Repeat("x", 200),
                Stall,
            ],
            &[JOIN, Say("OK\n>LOG\n1\n"), ASKED, Say("a\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Call(Err("request sent, reply lost: message exceeds 100 bytes")),
            Next("gap"),
            Next("1"),
            Call(Ok("a")),
        ],
    },
    TopicCase {
        name: "a push of a topic that nobody subscribed to ends the conversation",
        server: &[
            &[JOIN, Say("OK\n"), ASKED, Say(">TICK\nx\na\n"), Stall],
            &[JOIN, Say("OK\n>LOG\n1\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Call(Err(
                "request sent, reply lost: push is malformed, or of a topic without a subscription",
            )),
            Next("gap"),
            Next("1"),
        ],
    },
    TopicCase {
        name: "an unknown topic is refused and the conversation continues",
        server: &[&[
            JOIN,
            Say("!refused SUBSCRIBE: no topic is named \"LOG\"\n"),
            ASKED,
            Say("a\n"),
            Stall,
        ]],
        actions: &[
            Subscribe(Err(
                "server error (refused): SUBSCRIBE: no topic is named \"LOG\"",
            )),
            Call(Ok("a")),
        ],
    },
    TopicCase {
        name: "a server without topics refuses each subscription, and a mark begins a reply as before",
        server: &[
            &[JOIN, Say("!unknown-command no\n"), Close],
            &[JOIN, Say("!unknown-command no\n"), Close],
            &[ASKED, Say(">LOG\n"), Stall],
        ],
        actions: &[
            Subscribe(Err("server error (unknown-command): no")),
            Subscribe(Err("server error (unknown-command): no")),
            Call(Ok(">LOG")),
        ],
    },
    TopicCase {
        name: "to subscribe twice sends one request",
        server: &[&[JOIN, Say("OK\n"), ASKED, Say("a\n>LOG\n1\n"), Stall]],
        actions: &[
            Subscribe(Ok(())),
            Subscribe(Ok(())),
            Call(Ok("a")),
            Next("1"),
        ],
    },
    TopicCase {
        name: "an overdue reply to SUBSCRIBE ends the conversation",
        server: &[&[JOIN, Stall], &[ASKED, Say("a\n"), Stall]],
        actions: &[
            Subscribe(Err("request sent, reply lost: time limit exceeded")),
            Wait,
            Call(Ok("a")),
        ],
    },
    TopicCase {
        name: "after a reconnect the gap comes before the next value",
        server: &[
            FIRST,
            &[JOIN, Say("OK\n>LOG\n2\n>LOG\ncut"), Reset],
            &[JOIN, Say("OK\n>LOG\n3\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Next("1"),
            Next("gap"),
            Next("2"),
            Next("gap"),
            Next("3"),
        ],
    },
    TopicCase {
        name: "a refusal after a reconnect is the last event",
        server: &[
            FIRST,
            &[
                JOIN,
                Say("!refused SUBSCRIBE: gone\n"),
                ASKED,
                Say("a\n"),
                JOIN,
                Say("OK\n>LOG\n2\n"),
                Stall,
            ],
        ],
        actions: &[
            Subscribe(Ok(())),
            Next("1"),
            Next("!subscription ended: server error (refused): SUBSCRIBE: gone"),
            Next("none"),
            Call(Ok("a")),
            Subscribe(Ok(())),
            Next("2"),
        ],
    },
    TopicCase {
        name: "a server without topics after a reconnect ends the subscription",
        server: &[
            FIRST,
            &[JOIN, Say("!unknown-command no\n"), Close],
            &[ASKED, Say("a\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Next("1"),
            Next("!subscription ended: server error (unknown-command): no"),
            Next("none"),
            Call(Ok("a")),
        ],
    },
    TopicCase {
        name: "a refusal that ends the conversation is told without another connection",
        server: &[FIRST, &[JOIN, Say("!unknown-command no\n"), Close]],
        actions: &[
            Subscribe(Ok(())),
            Next("1"),
            Next("!subscription ended: server error (unknown-command): no"),
            Next("none"),
        ],
    },
    TopicCase {
        name: "a busy server is asked again",
        server: &[
            FIRST,
            &[JOIN, Say("!busy later\n"), Close],
            &[JOIN, Say("OK\n>LOG\n2\n"), Stall],
        ],
        actions: &[Subscribe(Ok(())), Next("1"), Next("gap"), Next("2")],
    },
    TopicCase {
        name: "a call finds the new connection subscribed",
        server: &[
            FIRST,
            &[JOIN, Say("OK\n"), ASKED, Say(">LOG\n2\na\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Wait,
            Next("1"),
            Call(Ok("a")),
            Next("gap"),
            Next("2"),
        ],
    },
    TopicCase {
        name: "the last line of a conversation fails the call, and the subscription continues",
        server: &[
            &[
                JOIN,
                Say("OK\n"),
                ASKED,
                Say(">LOG\n1\n!timed-out A\n"),
                Close,
            ],
            &[JOIN, Say("OK\n>LOG\n2\n"), Stall],
        ],
        actions: &[
            Subscribe(Ok(())),
            Call(Err("server error (timed-out): A")),
            Next("1"),
            Next("gap"),
            Next("2"),
        ],
    },
];
