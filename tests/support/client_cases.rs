//! Servers that misbehave, and the outcome of each call: one table for every client.

use crate::script::Step::{self, Bytes, Close, Hear, Repeat, Reset, Say, Stall};

/// One case: a server and the calls to it.
#[derive(Debug)]
pub struct Case {
    /// The claim.
    pub name: &'static str,
    /// The steps of each connection, in turn.
    pub server: &'static [&'static [Step]],
    /// The calls, one after the other.
    pub calls: &'static [Call],
}

/// A call and its outcome.
#[derive(Debug)]
pub struct Call {
    /// The action of the client.
    pub action: Action,
    /// `Ok` with the reply, or the start of the error's `Debug` text.
    pub outcome: Result<&'static str, &'static str>,
}

/// An action of a client.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// Calls `A` with this line.
    Call(&'static str),
    /// Sends `NOTE`, which has no reply, with this line.
    Send(&'static str),
    /// Waits until the server has ended its connection.
    Wait,
}

const fn call(outcome: Result<&'static str, &'static str>) -> Call {
    Call {
        action: Action::Call("x"),
        outcome,
    }
}

const fn send() -> Call {
    Call {
        action: Action::Send("n"),
        outcome: Ok(""),
    }
}

const WAIT: Call = Call {
    action: Action::Wait,
    outcome: Ok(""),
};

/// With its line feed, the longest reply that a client accepts.
const LONGEST: &str = match str::from_utf8(&[b'x'; 999]) {
    Ok(text) => text,
    Err(_) => panic!(),
};

const ASKED: Step = Hear("A\nx\n");
const GOOD: &[Step] = &[ASKED, Say("1\n"), Stall];

/// A client accepts replies of 1000 bytes, and waits 300 ms for each.
pub const CASES: &[Case] = &[
    Case {
        name: "a reply arrives",
        server: &[GOOD],
        calls: &[call(Ok("1"))],
    },
    Case {
        name: "a call between requests without reply gets its own reply",
        server: &[&[
            Hear("NOTE\nn\n"),
            ASKED,
            Say("1\n"),
            Hear("NOTE\nn\nNOTE\nn\n"),
            ASKED,
            Say("2\n"),
            Stall,
        ]],
        calls: &[send(), call(Ok("1")), send(), send(), call(Ok("2"))],
    },
    Case {
        name: "a close before the reply may have run",
        server: &[&[ASKED, Close], GOOD],
        calls: &[call(Err("MayHaveRun(Closed)")), call(Ok("1"))],
    },
    Case {
        name: "a close inside the reply may have run",
        server: &[&[ASKED, Say("1"), Close], GOOD],
        calls: &[call(Err("MayHaveRun(Closed)")), call(Ok("1"))],
    },
    Case {
        name: "a reset may have run",
        server: &[&[ASKED, Reset], GOOD],
        calls: &[call(Err("MayHaveRun(Transport(")), call(Ok("1"))],
    },
    Case {
        name: "a stall ends at the time limit",
        server: &[&[ASKED, Stall], GOOD],
        calls: &[call(Err("MayHaveRun(TimedOut)")), call(Ok("1"))],
    },
    Case {
        name: "a stall inside the reply ends at the time limit",
        server: &[&[ASKED, Say("1"), Stall], GOOD],
        calls: &[call(Err("MayHaveRun(TimedOut)")), call(Ok("1"))],
    },
    Case {
        name: "an idle close leads to a silent reconnect",
        server: &[&[ASKED, Say("1\n"), Close], GOOD],
        calls: &[call(Ok("1")), WAIT, call(Ok("1"))],
    },
    Case {
        name: "an idle reset leads to a silent reconnect",
        server: &[&[ASKED, Say("1\n"), Reset], GOOD],
        calls: &[call(Ok("1")), WAIT, call(Ok("1"))],
    },
    Case {
        name: "a server that is gone fails the next call before it is sent",
        server: &[&[ASKED, Say("1\n"), Close]],
        calls: &[call(Ok("1")), WAIT, call(Err("NotSent(Transport("))],
    },
    Case {
        name: "an error line for the call leaves the conversation open",
        server: &[&[ASKED, Say("!refused A: no\n"), ASKED, Say("1\n"), Stall]],
        calls: &[
            call(Err(
                "Remote(RemoteError { command: Some(\"A\"), code: Refused",
            )),
            call(Ok("1")),
        ],
    },
    Case {
        name: "timed-out ends the conversation",
        server: &[&[ASKED, Say("!timed-out A: slow\n"), Stall], GOOD],
        calls: &[
            call(Err(
                "Remote(RemoteError { command: Some(\"A\"), code: TimedOut",
            )),
            call(Ok("1")),
        ],
    },
    Case {
        name: "a nameless error line ends the conversation",
        server: &[&[ASKED, Say("!unknown-command no\n"), Stall], GOOD],
        calls: &[
            call(Err(
                "Remote(RemoteError { command: None, code: UnknownCommand",
            )),
            call(Ok("1")),
        ],
    },
    Case {
        name: "an error line that names a command sent before proves that the call did not run",
        server: &[
            &[Hear("NOTE\nn\n"), ASKED, Say("!refused NOTE: no\n"), Stall],
            GOOD,
        ],
        calls: &[send(), call(Err("NotSent(Remote(")), call(Ok("1"))],
    },
    Case {
        name: "an error line that names an unknown command may have run",
        server: &[&[ASKED, Say("!refused B: no\n"), Stall], GOOD],
        calls: &[call(Err("MayHaveRun(Remote(")), call(Ok("1"))],
    },
    Case {
        name: "a long error line without end is bounded",
        server: &[&[ASKED, Say("!"), Repeat("x", 2000), Stall], GOOD],
        calls: &[
            call(Err("MayHaveRun(Protocol(MessageTooLong")),
            call(Ok("1")),
        ],
    },
    Case {
        name: "a long reply without end is bounded",
        server: &[&[ASKED, Repeat("x", 2000), Stall], GOOD],
        calls: &[
            call(Err("MayHaveRun(Protocol(MessageTooLong")),
            call(Ok("1")),
        ],
    },
    Case {
        name: "a reply as long as the limit arrives",
        server: &[&[ASKED, Say(LONGEST), Say("\n"), Stall]],
        calls: &[call(Ok(LONGEST))],
    },
    Case {
        name: "a reply that cannot be decoded leaves the conversation open",
        server: &[&[ASKED, Bytes(b"\xff\n"), ASKED, Say("1\n"), Stall]],
        calls: &[call(Err("Reply(Decode")), call(Ok("1"))],
    },
];

/// Cases in which bytes arrive while no call waits. A client without a listener reports them in its next call.
pub const UNASKED: &[Case] = &[
    Case {
        name: "a line too many ends the conversation",
        server: &[&[ASKED, Say("1\n2\n"), Stall], GOOD],
        calls: &[
            call(Ok("1")),
            WAIT,
            call(Err("NotSent(Protocol(UnexpectedReply))")),
            call(Ok("1")),
        ],
    },
    Case {
        name: "a long error line without end is bounded",
        server: &[&[Say("!"), Repeat("x", 2000), Stall], GOOD],
        calls: &[
            WAIT,
            call(Err("NotSent(Protocol(UnexpectedReply))")),
            call(Ok("1")),
        ],
    },
    Case {
        name: "the error line of a rejected send fails the next call",
        server: &[
            &[Hear("NOTE\nn\n"), Say("!refused NOTE: no\n"), Close],
            GOOD,
        ],
        calls: &[
            send(),
            WAIT,
            call(Err("NotSent(Remote(RemoteError { command: Some(\"NOTE\")")),
            call(Ok("1")),
        ],
    },
    Case {
        name: "a busy server fails the call before it is sent",
        server: &[&[Say("!busy later\n"), Close], GOOD],
        calls: &[
            WAIT,
            call(Err(
                "NotSent(Remote(RemoteError { command: None, code: Busy",
            )),
            call(Ok("1")),
        ],
    },
];
