//! The client's side: pushes between and during calls, in whatever pieces they arrive.

use super::{LOG, TICK, shown};
use bellwire::topics::{Listener, SUBSCRIBE};
use bellwire::{ClientConnection, Command, DecodeErrorKind, Error, ErrorKind, Format};
use bellwire_tests::server::{ECHO, TEXT};
use core::convert::Infallible;
use core::fmt::Debug;
use std::cell::RefCell;

type Result<T> = core::result::Result<T, Error<Infallible>>;

/// An action of the client.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Calls ECHO.
    Echo,
    /// Calls TEXT.
    Text,
    /// Calls ECHO and drops the call.
    Drop,
    /// Subscribes to LOG.
    Subscribe,
    /// Waits for pushes between calls.
    Hear,
    /// Waits for the end of the conversation.
    Finish,
}

/// Makes a client act while `replies` arrive in pieces of `size` bytes, and then the stream ends. Returns its pushes
/// and its results in their order.
fn act(replies: &[u8], size: usize, room: usize, acts: &[Act]) -> Vec<String> {
    let log = RefCell::new(Vec::new());
    let (mut rx, mut tx) = (vec![0; room], [0; 64]);
    let topics = [TICK.untyped(), LOG.untyped()];
    let client = ClientConnection::new(&mut rx, &mut tx)
        .with_topics(topics, |push| log.borrow_mut().push(shown(push)));
    let mut run = Run {
        client,
        replies,
        size,
    };
    for act in acts {
        let result = match act {
            Act::Echo => run.call(ECHO, "hi", true),
            Act::Text => run.call(TEXT, &"hi", true),
            Act::Drop => run.call(ECHO, "hi", false),
            Act::Subscribe => run.call(SUBSCRIBE, LOG.name(), true),
            Act::Hear => format!("{:?}", run.until(ClientConnection::receive_pushes)),
            Act::Finish => format!("{:?}", run.until(ClientConnection::is_over)),
        };
        log.borrow_mut().push(result);
    }
    log.into_inner()
}

struct Run<'a, T> {
    client: ClientConnection<'a, T>,
    replies: &'a [u8],
    size: usize,
}

impl<'a, T: Listener> Run<'a, T> {
    fn call<'v, Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
        patient: bool,
    ) -> String
    where
        for<'r> Rsp::Value<'r>: Debug,
    {
        if self.client.is_waiting()
            && let Err(error) = self.until(ClientConnection::skip)
        {
            return format!("Err({error:?})");
        }
        let sent = self.client.request(command, value);
        self.client.sent(self.client.pending().len());
        if !patient {
            return format!("{sent:?}");
        }
        if let Err(error) = sent.and_then(|()| self.until(ClientConnection::has_reply)) {
            return format!("Err({error:?})");
        }
        format!("{:?}", self.client.reply(command))
    }

    fn until(&mut self, done: fn(&mut ClientConnection<'a, T>) -> Result<bool>) -> Result<()> {
        while !done(&mut self.client)? {
            let space = self.client.space();
            assert!(!space.is_empty(), "the client waits for bytes without room");
            let size = self.size.min(space.len()).min(self.replies.len());
            let (piece, rest) = self.replies.split_at(size);
            space[..size].copy_from_slice(piece);
            self.client.received(size);
            self.replies = rest;
            if size == 0 {
                self.client.end();
            }
        }
        Ok(())
    }
}

/// Checks the pushes and results of a client for pieces of every size.
#[track_caller]
fn check(replies: impl AsRef<[u8]>, acts: &[Act], expected: &[&str]) {
    let replies = replies.as_ref();
    for size in 1..=replies.len().max(1) {
        assert_eq!(act(replies, size, 64, acts), expected, "pieces of {size}");
    }
}

/// Checks that a push with these bytes ends the conversation with this error.
#[track_caller]
fn ends(push: impl AsRef<[u8]>, error: &Error<Infallible>) {
    let first = format!("Err({error:?})");
    let expected = [first.as_str(), "Err(Closed)"];
    check(push, &[Act::Echo, Act::Echo], &expected);
}

#[test]
fn pushes_that_arrive_before_a_reply_leave_the_call_its_reply() {
    check(
        ">LOG\na\n>TICK\n\x01\x05one\n>LOG +2\n>LOG\nb\ntwo\n",
        &[Act::Echo, Act::Echo],
        &[
            "LOG Ok(\"a\")",
            "TICK Ok(5)",
            "Ok(\"one\")",
            "LOG lost 2",
            "LOG Ok(\"b\")",
            "Ok(\"two\")",
        ],
    );
}

#[test]
fn each_wait_between_calls_ends_at_the_next_push() {
    let acts = [Act::Subscribe, Act::Hear, Act::Hear, Act::Echo];
    let heard = act(b"OK\n>LOG\na\n>LOG\nb\none\n", 1, 64, &acts);
    let one_by_one = [
        "Ok(())",
        "LOG Ok(\"a\")",
        "Ok(())",
        "LOG Ok(\"b\")",
        "Ok(())",
        "Ok(\"one\")",
    ];
    assert_eq!(heard, one_by_one);
}

#[test]
fn pushes_that_arrived_with_a_reply_need_no_more_bytes() {
    let heard = act(
        b"OK\n>LOG\na\n>LOG\nb\n",
        64,
        64,
        &[Act::Subscribe, Act::Hear],
    );
    assert_eq!(
        heard,
        ["Ok(())", "LOG Ok(\"a\")", "LOG Ok(\"b\")", "Ok(())"]
    );
}

#[test]
fn bytes_like_a_push_inside_a_reply_or_a_value_are_no_push() {
    check(
        ">LOG\n>LOG\n>LOG\n!refused\nOK\n\x09\x08>LOG\nno\n",
        &[Act::Text],
        &[
            "LOG Ok(\">LOG\")",
            "LOG Ok(\"!refused\")",
            "Ok(\">LOG\\nno\\n\")",
        ],
    );
}

#[test]
fn bytes_like_a_push_inside_an_error_line_are_no_push() {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut heard = Vec::new();
    let client = ClientConnection::new(&mut rx, &mut tx);
    let mut client = client.with_topics([LOG.untyped()], |push| heard.push(shown(push)));
    let line = b"!timed-out ECHO: >LOG +1>LOG\n>LOG\na\n";
    for call in 0..2 {
        client.request(ECHO, "hi").expect("room for the request");
        for byte in &line[call * 29..] {
            client.space()[0] = *byte;
            client.received(1);
            if client.has_reply() == Ok(true) {
                break;
            }
        }
        if call == 0 {
            let error = client.reply(ECHO).expect_err("an error line").to_string();
            assert!(error.contains(">LOG +1>LOG"), "{error}");
        }
    }
    assert_eq!(heard, ["LOG Ok(\"a\")"]);
}

#[test]
fn a_client_without_topics_takes_the_mark_as_any_byte() {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = ClientConnection::new(&mut rx, &mut tx);
    assert_eq!(client.receive_pushes(), Ok(false));
    client.request(ECHO, "hi").expect("room for the request");
    client.space()[..5].copy_from_slice(b">LOG\n");
    client.received(5);
    assert_eq!(client.has_reply(), Ok(true));
    assert_eq!(client.reply(ECHO), Ok(">LOG"));
}

#[test]
fn the_late_reply_of_a_dropped_call_is_skipped_and_pushes_around_it_are_not() {
    check(
        ">LOG\na\nlate\n>LOG\nb\none\n",
        &[Act::Drop, Act::Echo],
        &["Ok(())", "LOG Ok(\"a\")", "LOG Ok(\"b\")", "Ok(\"one\")"],
    );
}

#[test]
fn a_push_of_another_topic_ends_the_conversation() {
    for push in [
        ">NEWS\nx\n",
        ">LO\nx\n",
        ">LOGS\nx\n",
        ">\nx\n",
        ">NEWS +1\n",
        ">log\nx\n",
    ] {
        ends(push, &ErrorKind::UnexpectedReply.into());
    }
}

#[test]
fn a_malformed_line_of_a_push_ends_the_conversation() {
    for push in [
        ">LOG +0\n",
        ">LOG +01\n",
        ">LOG +\n",
        ">LOG 1\n",
        ">LOG  +1\n",
        ">LOG +1 \n",
        ">LOG +-1\n",
        ">LOG +4294967296\n",
        ">LOG \n",
        ">LOG\r\nx\n",
    ] {
        ends(push, &ErrorKind::UnexpectedReply.into());
    }
    let long = format!(">{}\n", "N".repeat(76));
    for size in [1, 100] {
        let ended = act(long.as_bytes(), size, 100, &[Act::Echo]);
        assert_eq!(ended, ["Err(Protocol(UnexpectedReply))"]);
    }
}

#[test]
fn the_largest_loss_is_understood() {
    check(
        ">LOG +4294967295\none\n",
        &[Act::Echo],
        &["LOG lost 4294967295", "Ok(\"one\")"],
    );
}

#[test]
fn a_value_that_cannot_be_decoded_does_not_affect_others() {
    let fault = format!(
        "TICK Err({:?})",
        bellwire::DecodeError::from(DecodeErrorKind::LeftOver)
    );
    check(
        b">TICK\n\x02\x05\x05>TICK\n\x01\x06one\n",
        &[Act::Echo],
        &[&fault, "TICK Ok(6)", "Ok(\"one\")"],
    );
}

#[test]
fn a_value_that_exceeds_the_buffer_counts_as_lost() {
    let push = [&b">TICK\n\xc8\x01"[..], &[0; 200], b">LOG\na\none\n"].concat();
    check(
        &push,
        &[Act::Echo],
        &["TICK lost 1", "LOG Ok(\"a\")", "Ok(\"one\")"],
    );
}

#[test]
fn a_value_without_end_in_the_buffer_ends_the_conversation() {
    let limit = 64;
    let push = format!(">LOG\n{}\n", "x".repeat(64));
    ends(push, &ErrorKind::MessageTooLong { limit }.into());
    ends(
        b">TICK\n\xff\xff\xff\xff\x0f",
        &ErrorKind::MessageTooLong { limit }.into(),
    );
}

#[test]
fn a_stream_that_ends_inside_a_push_reports_closed() {
    let push = ">LOG\nabc\n";
    for cut in 1..push.len() {
        for acts in [[Act::Echo], [Act::Hear], [Act::Finish]] {
            check(&push[..cut], &acts, &["Err(Closed)"]);
        }
    }
}

#[test]
fn the_end_of_the_stream_after_a_push_ends_a_wait() {
    let acts = [Act::Hear, Act::Hear];
    check(
        ">LOG\na\n",
        &acts,
        &["LOG Ok(\"a\")", "Ok(())", "Err(Closed)"],
    );
    check(">LOG\na\n", &[Act::Finish], &["LOG Ok(\"a\")", "Ok(())"]);
}

#[test]
fn a_fatal_error_line_between_calls_ends_a_wait() {
    let heard = act(
        b">LOG\na\n!timed-out slow\n",
        1,
        64,
        &[Act::Hear, Act::Hear],
    );
    assert_eq!(heard[..2], ["LOG Ok(\"a\")", "Ok(())"]);
    assert!(
        heard[2].starts_with("Err(Remote(RemoteError"),
        "{}",
        heard[2]
    );
}

#[test]
fn other_bytes_between_calls_end_a_wait() {
    let expected = ["Err(Protocol(UnexpectedReply))", "Err(Closed)"];
    check("one\n", &[Act::Hear, Act::Echo], &expected);
}

#[test]
fn a_wait_is_refused_while_a_reply_is_expected() {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = ClientConnection::new(&mut rx, &mut tx).with_topics([LOG.untyped()], |_| ());
    client.request(ECHO, "hi").expect("room for the request");
    assert_eq!(client.receive_pushes(), Err(ErrorKind::ReplyPending.into()));
}

#[test]
fn a_reset_forgets_an_incomplete_push() {
    let mut heard = Vec::new();
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let topics = [TICK.untyped(), LOG.untyped()];
    let mut client =
        ClientConnection::new(&mut rx, &mut tx).with_topics(topics, |push| heard.push(shown(push)));
    for bytes in [&b">TICK\n\x05"[..], b">LOG\na\n"] {
        client.space()[..bytes.len()].copy_from_slice(bytes);
        client.received(bytes.len());
        let whole = client.receive_pushes();
        assert_eq!(whole, Ok(bytes.starts_with(b">LOG")));
        client.reset();
    }
    assert_eq!(heard, ["LOG Ok(\"a\")"]);
}
