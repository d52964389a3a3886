//! The causes of a connection's end, and whether it cut a conversation.

use super::*;
use bellwire::{Command, Line, NoReply, Topic};
use rustix::io::Errno;
use std::io::{ErrorKind, Read, Write};

const A: Command<Line, Line> = Command::new("A");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

/// A stream that takes some bytes, and then fails. It returns others.
struct Stub {
    takes: usize,
    returns: &'static [u8],
}

impl Read for Stub {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.returns.read(space)
    }
}

impl Write for Stub {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.takes);
        self.takes -= n;
        match n {
            0 => Err(ErrorKind::TimedOut.into()),
            n => Ok(n),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ClientStream for Stub {
    fn set_deadline(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn read_now(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn close_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends calls and requests without reply, reads, and closes. Returns whether the conversation was cut.
fn is_cut(calls: usize, notes: usize, takes: usize, returns: &'static [u8]) -> bool {
    let mut conversation = Conversation::new(&Options::default());
    conversation.restart(Box::new(Stub { takes, returns }));
    conversation.listen(&[Topic::<Line>::new("LOG").untyped()]);
    for index in 0..calls + notes {
        let (name, expected) = if index < calls {
            (A.name(), A.expected())
        } else {
            (NOTE.name(), None)
        };
        let encode = |space: &mut [u8]| NOTE.encode("x", space);
        conversation.encode(name, expected, 1024, encode).unwrap();
    }
    conversation.send(usize::MAX, None);
    let _ = conversation.read();
    let _ = conversation.find();
    conversation.end_stream(Cause::Closed);
    conversation.was_cut()
}

#[test]
fn a_conversation_is_cut_if_a_reply_is_due_that_has_not_begun() {
    const ALL: usize = usize::MAX;
    for (cut, [calls, notes, takes], returns) in [
        (false, [0, 0, ALL], ""),
        (false, [0, 1, ALL], ""),
        (false, [0, 1, 0], ""),
        (true, [0, 1, 3], ""),
        (true, [1, 0, ALL], ""),
        (true, [1, 0, ALL], ">LOG\nx\n"),
        (true, [1, 0, ALL], ">LO"),
        (false, [1, 0, ALL], "rep"),
        (false, [1, 0, ALL], "reply\n"),
        (true, [2, 0, ALL], "rep"),
    ] {
        let outcome = is_cut(calls, notes, takes, returns.as_bytes());
        assert_eq!(outcome, cut, "{calls} {notes} {takes} {returns}");
    }
}

#[test]
fn a_timeout_of_the_system_is_no_deadline_that_has_passed() {
    for kind in [ErrorKind::TimedOut, ErrorKind::WouldBlock] {
        assert!(matches!(cause(kind.into()), Cause::TimedOut));
    }
    let error = io::Error::from(Errno::TIMEDOUT);
    assert!(matches!(cause(error), Cause::Transport(_)));
}
