//! A client makes calls and receives arbitrary bytes, in arbitrary pieces, into buffers of arbitrary sizes.
//!
//! Every call ends. Its result does not depend on the pieces, and no byte belongs to two replies. With topics, no byte
//! belongs to a push and another message, and the replies are those of a client that gets no pushes.
#![no_main]

use bellwire::format::Frame;
use bellwire::topics::{Listener, Push, SUBSCRIBE};
use bellwire::{ClientConnection, Command, Error, Format, Line, Postcard, Topic};
use bellwire_fuzz::cuts::Cuts;
use bellwire_fuzz::server::{ECHO, GOB, LAST, LOG, PING, RAW, RESET, TEXT};
use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::fmt::Debug;
use core::ops::Range;
use libfuzzer_sys::fuzz_target;

const TICK: Topic<Postcard<u32>> = Topic::new("TICK");
const NEWS: Topic<Line> = Topic::new("NEWS");

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, ref setup @ ..], replies)) = data.split_first_chunk::<14>() else {
        return;
    };
    let run = Run {
        sizes: [usize::from(rx) * 2, usize::from(tx)],
        calls: &setup[4..],
    };
    let cuts = Cuts::new(&setup[..4]);
    let at_once = run.without_topics(replies, Cuts::NONE);
    assert_eq!(at_once, run.without_topics(replies, cuts));

    let by_bytes = run.with_topics(replies, Cuts::new(&[0]));
    let results = by_bytes.log.borrow();
    for cuts in [Cuts::NONE, cuts] {
        assert_eq!(*results, *run.with_topics(replies, cuts).log.borrow());
    }
    let pushes = by_bytes.pushes.borrow();
    let pushes: Vec<_> = pushes.iter().map(|push| push.place(replies)).collect();
    let rest = without(replies, &pushes);
    let expected = run.without_topics(&rest, Cuts::NONE);
    let continues = |result: &&String| !result.starts_with("Err(") || result.contains("Remote");
    let results = results.iter().filter(|result| !result.starts_with('>'));
    let same = results.zip(&expected);
    // A push may end the conversation.
    for (result, expected) in same.take_while(|(result, _)| continues(result)) {
        assert_eq!(result, expected);
    }
});

/// Returns `bytes` without these parts, which are in order.
fn without(bytes: &[u8], parts: &[Range<usize>]) -> Vec<u8> {
    let (mut rest, mut start) = (Vec::new(), 0);
    for part in parts {
        assert!(part.start >= start, "a byte of two messages");
        rest.extend(&bytes[start..part.start]);
        start = part.end;
    }
    rest.extend(bytes.get(start..).unwrap_or(&[]));
    rest
}

/// The buffers and the calls of a client.
struct Run<'a> {
    sizes: [usize; 2],
    calls: &'a [u8],
}

/// The course of a conversation.
#[derive(Default)]
struct Record {
    /// The results, each with its request, and the pushes.
    log: RefCell<Vec<String>>,
    /// The number of bytes that have arrived.
    arrived: Cell<usize>,
    pushes: RefCell<Vec<Heard>>,
}

/// A push.
struct Heard {
    topic: &'static str,
    /// The length of the value, or the number of lost ones.
    size: Result<usize, u32>,
    /// The number of bytes that had arrived.
    arrived: usize,
}

impl Record {
    fn add(&self, line: String) {
        self.log.borrow_mut().push(line);
    }

    fn hear(&self, push: Push<'_>) {
        let (tick, news) = (push.value(TICK), push.value(NEWS));
        self.add(format!("> {push:?} {tick:?} {news:?}"));
        self.pushes.borrow_mut().push(Heard {
            topic: push.topic(),
            size: match push {
                Push::Value { payload, .. } => Ok(payload.len()),
                Push::Lost { count, .. } => Err(count),
            },
            arrived: self.arrived.get(),
        });
    }
}

impl Heard {
    /// Returns the place of the push in `replies`, which arrived byte by byte. So it ends with the last byte that had
    /// arrived, unless it exceeds the buffer.
    fn place(&self, replies: &[u8]) -> Range<usize> {
        let (topic, end) = (self.topic, self.arrived);
        let arrived = &replies[..end];
        let first = format!(">{topic}\n");
        let payload = match self.size {
            Ok(size) => size,
            Err(count) => {
                let line = format!(">{topic} +{count}\n");
                if arrived.ends_with(line.as_bytes()) {
                    return end - line.len()..end;
                }
                // The last byte of the value's length has arrived.
                let length = arrived[..end - 1].iter().rev();
                length.take_while(|byte| **byte >= 0x80).count() + 1
            }
        };
        let start = end - payload;
        assert!(arrived[..start].ends_with(first.as_bytes()), "no push");
        match self.size {
            Ok(_) => start - first.len()..end,
            Err(_) => match Postcard::<u32>::frame(&replies[start..], &mut 0) {
                Frame::Ends(size) => start - first.len()..start + size,
                frame => panic!("a value without end counts as lost: {frame:?}"),
            },
        }
    }
}

impl Run<'_> {
    /// Makes the calls and returns their results.
    fn without_topics(&self, replies: &[u8], cuts: Cuts<'_>) -> Vec<String> {
        let (mut rx, mut tx) = (vec![0; self.sizes[0]], vec![0; self.sizes[1]]);
        let record = Record::default();
        self.talk(
            ClientConnection::new(&mut rx, &mut tx),
            &record,
            replies,
            cuts,
        );
        record.log.into_inner()
    }

    /// Does the same with a client that hears two topics.
    fn with_topics(&self, replies: &[u8], cuts: Cuts<'_>) -> Record {
        let (mut rx, mut tx) = (vec![0; self.sizes[0]], vec![0; self.sizes[1]]);
        let record = Record::default();
        let topics = [TICK.untyped(), NEWS.untyped()];
        let caller = ClientConnection::new(&mut rx, &mut tx);
        let caller = caller.with_topics(topics, |push| record.hear(push));
        self.talk(caller, &record, replies, cuts);
        record
    }

    fn talk<T: Listener>(
        &self,
        caller: ClientConnection<'_, T>,
        record: &Record,
        replies: &[u8],
        cuts: Cuts<'_>,
    ) {
        let mut client = Client {
            caller,
            replies,
            cuts,
            ended: false,
            record,
        };
        for call in self.calls {
            let patient = call & 0x80 == 0;
            match call % 16 {
                0 => client.call(ECHO, || "hi", patient),
                1 => client.call(TEXT, || &"hi", patient),
                2 => client.call(RESET, || (), patient),
                3 => client.call(LAST, || (), patient),
                4 => client.call(RAW, || b"\x03\x04\x00\x06", patient),
                5 => client.call(PING, || (), patient),
                6 => client.send(),
                8 => client.call(SUBSCRIBE, || TICK.name(), patient),
                9 => client.receive_pushes(),
                _ => {
                    let data = bellwire::HeapComplexData::default();
                    client.call(GOB, || &data, patient);
                }
            }
        }
        client.finish();
    }
}

struct Client<'a, T> {
    caller: ClientConnection<'a, T>,
    replies: &'a [u8],
    cuts: Cuts<'a>,
    ended: bool,
    record: &'a Record,
}

type Outcome<T> = Result<T, Error<Infallible>>;

impl<T: Listener> Client<'_, T> {
    /// Makes a call. If `patient`, waits for its reply; otherwise the next call skips the reply.
    fn call<'v, Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: impl Fn() -> Req::Sent<'v>,
        patient: bool,
    ) where
        for<'r> Rsp::Value<'r>: Debug,
    {
        let sent = self.settle();
        let sent = sent.and_then(|()| self.caller.request(command, value()));
        let request = self.pass_on();
        if !patient {
            self.record.add(format!("{sent:?} {request}"));
            return;
        }
        let waited = sent.and_then(|()| self.wait());
        let reply = waited.and_then(|()| self.caller.reply(command));
        let result = format!("{reply:?} {request}");
        self.record.add(result);
    }

    fn send(&mut self) {
        let sent = self.settle();
        let sent = sent.and_then(|()| self.caller.request(LOG, "some text"));
        let request = self.pass_on();
        self.record.add(format!("{sent:?} {request}"));
    }

    /// Skips the reply to an earlier call, if one is due.
    fn settle(&mut self) -> Outcome<()> {
        while self.caller.is_waiting() && !self.caller.skip()? {
            self.receive();
        }
        Ok(())
    }

    fn wait(&mut self) -> Outcome<()> {
        while !self.caller.has_reply()? {
            self.receive();
        }
        assert!(
            self.caller.has_reply()?,
            "a complete reply is no longer complete"
        );
        Ok(())
    }

    /// Waits for pushes until the conversation ends or other bytes arrive.
    fn receive_pushes(&mut self) {
        let mut heard = self.settle();
        while heard.is_ok() {
            match self.caller.receive_pushes() {
                Ok(true) => {}
                Ok(false) => self.receive(),
                Err(error) => heard = Err(error),
            }
        }
        self.record.add(format!("{heard:?}"));
    }

    fn finish(&mut self) {
        let settled = self.settle();
        let over = settled.and_then(|()| {
            while !self.caller.is_over()? {
                self.receive();
            }
            Ok(())
        });
        self.record.add(format!("{over:?}"));
    }

    fn receive(&mut self) {
        assert!(!self.ended, "the client waits after the end of the stream");
        let space = self.caller.space();
        assert!(!space.is_empty(), "the client waits for bytes without room");
        let size = self.cuts.next(space.len().min(self.replies.len()));
        let (piece, rest) = self.replies.split_at(size);
        space[..size].copy_from_slice(piece);
        self.caller.received(size);
        self.record.arrived.update(|arrived| arrived + size);
        self.replies = rest;
        if size == 0 {
            self.ended = true;
            self.caller.end();
        }
    }

    /// Sends all pending bytes and returns them.
    fn pass_on(&mut self) -> String {
        let pending = self.caller.pending();
        let (size, shown) = (pending.len(), pending.escape_ascii().to_string());
        self.caller.sent(size);
        shown
    }
}
