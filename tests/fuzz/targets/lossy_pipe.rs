//! A client and a server talk over pipes that delay, split, cut and corrupt bytes.
//!
//! Every call ends with its reply or an error. If no byte was corrupted, the server runs exactly the requests that
//! arrived complete, once each and in order, and each reply belongs to its call. With topics, each published value
//! arrives in its order or is reported lost.
#![no_main]

use bellwire::topics::{Listener, Published, Push, SUBSCRIBE, Subscriptions, UNSUBSCRIBE};
use bellwire::{ClientConnection, Code, Endpoint, Error, HeapComplexData, Next, ServerConnection};
use bellwire::{Postcard, Topic};
use bellwire_fuzz::pipe::Pipe;
use bellwire_fuzz::server::{App, ECHO, GOB, LOG, REFUSE, RESET, TEXT, endpoint};
use core::cell::RefCell;
use core::convert::Infallible;
use libfuzzer_sys::fuzz_target;

/// A number, one more each time.
const TICK: Topic<Postcard<u32>> = Topic::new("TICK");

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, server_rx, server_tx], operations)) = data.split_first_chunk::<4>() else {
        return;
    };
    // A message has up to 170 bytes. A reply may fill half of the server's transmit buffer.
    let size = |least: usize, more: u8| vec![0; least + usize::from(more)];
    let (mut rx, mut tx) = (size(170, rx), size(170, tx));
    let (mut server_rx, mut server_tx) = (size(170, server_rx), size(340, server_tx));
    let pushes = RefCell::new(Vec::new());
    let caller = ClientConnection::new(&mut rx, &mut tx).with_topics([TICK.untyped()], |push| {
        pushes.borrow_mut().push(match push {
            Push::Lost { count, .. } => (count, None),
            Push::Value { .. } => (1, push.value(TICK).and_then(Result::ok)),
        });
    });
    let mut ends = Ends {
        caller,
        pushes: &pushes,
        last: 0,
        published: 0,
        up: Pipe::default(),
        down: Pipe::default(),
        connection: ServerConnection::new(&mut server_rx, &mut server_tx)
            .with_topics([TICK.name()]),
        closed: false,
        endpoint: endpoint(),
        app: App::default(),
        sent: Vec::new(),
        waiting: None,
    };
    for operation in operations.chunks_exact(2).take(1000) {
        ends.operate(operation[0], operation[1]);
    }
    ends.settle();
});

struct Ends<'b, T> {
    caller: ClientConnection<'b, T>,
    /// For each new push, the number of values that it accounts for, and the value if it has one.
    pushes: &'b RefCell<Vec<(u32, Option<u32>)>>,
    /// The last value that arrived or was reported lost.
    last: u32,
    /// The last value that was published to the subscriber.
    published: u32,
    up: Pipe,
    down: Pipe,
    connection: ServerConnection<'b, Subscriptions<1>>,
    /// Whether the server has closed.
    closed: bool,
    endpoint: Endpoint<App, 12>,
    app: App,
    /// For each request the expected entry in the server's log, if it makes one, and the offset of its end in the
    /// bytes sent.
    sent: Vec<(Option<String>, usize)>,
    /// The call that waits for its reply.
    waiting: Option<Call>,
}

/// A call and the text that it sends.
struct Call {
    kind: u8,
    text: String,
}

/// The kinds of calls that are not in the server's log.
const SUBSCRIBES: u8 = 6;
const UNSUBSCRIBES: u8 = 7;

impl<T: Listener> Ends<'_, T> {
    fn operate(&mut self, operation: u8, argument: u8) {
        let size = usize::from(argument) + 1;
        match operation % 13 {
            0 | 1 => self.call(argument % 6, argument),
            11 => self.call(SUBSCRIBES + argument % 2, argument),
            12 => self.publish(argument % 16),
            2 => self.send(size),
            3 => self.deliver_up(size),
            4 => self.answer(size),
            5 => {
                self.deliver_down(size);
                self.look();
            }
            // Give up the call. Its reply may still arrive.
            6 => self.waiting = None,
            7 => self.flow(),
            8 if argument < 128 => self.up.cut(size),
            8 => self.down.cut(size - 128),
            9 => self.up.corrupt(size, argument >> 4),
            _ => self.down.corrupt(size, argument >> 4),
        }
    }

    /// Starts a call, unless another one is waiting or its reply cannot be skipped yet.
    fn call(&mut self, kind: u8, argument: u8) {
        if self.waiting.is_some() || self.caller.is_waiting() && self.caller.skip() != Ok(true) {
            return;
        }
        let text = format!("{}{}", self.sent.len(), "x".repeat((argument >> 3).into()));
        let data = HeapComplexData {
            s: text.clone(),
            ..HeapComplexData::default()
        };
        let (request, runs) = match kind {
            0 => (self.caller.request(ECHO, &text), format!("ECHO {text}")),
            1 => (
                self.caller.request(TEXT, &text.as_str()),
                format!("TEXT {text}"),
            ),
            2 => (self.caller.request(GOB, &data), format!("GOB {data:?}")),
            3 => (self.caller.request(REFUSE, &text), format!("REFUSE {text}")),
            4 => (self.caller.request(RESET, ()), "RESET".into()),
            5 => (self.caller.request(LOG, &text), format!("LOG {text}")),
            SUBSCRIBES => (self.caller.request(SUBSCRIBE, TICK.name()), String::new()),
            _ => (self.caller.request(UNSUBSCRIBE, TICK.name()), String::new()),
        };
        if request.is_ok() {
            let before = self.sent.last().map_or(0, |(_, end)| *end);
            let unsent = self.caller.pending().len();
            let end = self.up.offered + unsent;
            assert!(end > before, "a request has no bytes");
            self.sent
                .push((Some(runs).filter(|_| kind < SUBSCRIBES), end));
            let waits = kind != 5;
            self.waiting = waits.then_some(Call { kind, text });
        }
    }

    fn publish(&mut self, count: u8) {
        for _ in 0..count {
            let value = self.published + 1;
            if self.connection.publish(TICK, &value) != Published::NotSubscribed {
                self.published = value;
            }
        }
    }

    fn send(&mut self, most: usize) {
        let size = most.min(self.caller.pending().len());
        self.up.put(&self.caller.pending()[..size]);
        self.caller.sent(size);
    }

    fn deliver_up(&mut self, most: usize) {
        if self.closed {
            return;
        }
        let size = self.up.take(self.connection.space(), most);
        self.connection.received(size);
        if self.up.is_over() {
            self.connection.end();
        }
        self.advance();
    }

    fn advance(&mut self) {
        let next = self
            .connection
            .advance(&mut self.endpoint.with(&mut self.app));
        let pending = !self.connection.pending().is_empty();
        assert!(
            next != Next::Send || pending,
            "the server asks to send, with no bytes pending"
        );
        let has_room = !self.connection.space().is_empty();
        assert!(
            next != Next::Receive || has_room,
            "the server waits for bytes without room"
        );
        self.closed = next == Next::Close;
    }

    fn answer(&mut self, most: usize) {
        let size = most.min(self.connection.pending().len());
        self.down.put(&self.connection.pending()[..size]);
        self.connection.sent(size);
        if !self.closed {
            self.advance();
        } else if self.connection.pending().is_empty() {
            self.down.cut(usize::MAX);
        }
    }

    fn deliver_down(&mut self, most: usize) {
        let size = self.down.take(self.caller.space(), most);
        self.caller.received(size);
        if self.down.is_over() {
            self.caller.end();
        }
    }

    /// Takes and checks the reply, if it has arrived.
    fn look(&mut self) {
        if self.waiting.is_none() {
            return;
        }
        let ready = self.caller.has_reply();
        if ready == Ok(false) {
            return;
        }
        let Some(call) = self.waiting.take() else {
            return;
        };
        let result = ready.and_then(|_| self.reply(&call));
        if !self.up.corrupted && !self.down.corrupted {
            self.check_pushes();
            self.check(&call, result);
        }
    }

    /// Returns the reply as a text.
    fn reply(&mut self, call: &Call) -> Result<String, Error<Infallible>> {
        Ok(match call.kind {
            0 => self.caller.reply(ECHO)?.into(),
            1 => self.caller.reply(TEXT)?.into(),
            2 => self.caller.reply(GOB)?.s,
            3 => self.caller.reply(REFUSE)?.into(),
            UNSUBSCRIBES => {
                self.caller.reply(UNSUBSCRIBE)?;
                call.text.clone()
            }
            SUBSCRIBES => {
                self.caller.reply(SUBSCRIBE)?;
                call.text.clone()
            }
            _ => {
                self.caller.reply(RESET)?;
                call.text.clone()
            }
        })
    }

    /// Checks that the new pushes continue the earlier ones.
    fn check_pushes(&mut self) {
        for (count, value) in self.pushes.take() {
            self.last += count;
            assert!(value.is_none_or(|value| value == self.last));
        }
        assert!(self.last <= self.published);
    }

    fn check(&self, call: &Call, result: Result<String, Error<Infallible>>) {
        match result {
            Ok(text) => {
                assert_eq!(text, call.text, "the reply to another call");
                let all = call.kind != UNSUBSCRIBES || self.last == self.published;
                assert!(all, "values were lost without a report");
            }
            Err(Error::Closed) => assert!(self.up.cut || self.down.cut, "closed without a cut"),
            Err(Error::Remote(refusal)) if refusal.code == Code::Refused => {
                assert_eq!(call.kind, 3);
                assert_eq!(refusal.command, Some("REFUSE"));
                assert_eq!(refusal.sentence, call.text.as_str());
            }
            // The pipe was cut in the middle of the request.
            Err(Error::Remote(refusal)) => {
                assert_eq!(refusal.code, Code::Malformed, "{refusal}");
                assert!(self.up.cut, "{refusal}");
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Moves bytes in both directions until nothing changes.
    fn flow(&mut self) {
        let state = |ends: &Self| {
            let pushes = ends.pushes.borrow().len();
            (ends.up.left, ends.down.left, pushes, ends.waiting.is_some())
        };
        loop {
            let before = state(self);
            self.send(usize::MAX);
            self.deliver_up(usize::MAX);
            self.answer(usize::MAX);
            self.deliver_down(usize::MAX);
            self.look();
            if before == state(self) {
                break;
            }
        }
    }

    /// Delivers all bytes, ends both directions, and compares the requests run with those sent.
    fn settle(&mut self) {
        self.flow();
        let intact = !self.up.corrupted && !self.down.corrupted;
        assert!(self.waiting.is_none() || !intact, "a call does not end");
        self.up.cut(usize::MAX);
        self.flow();
        self.down.cut(usize::MAX);
        self.flow();
        assert!(self.waiting.is_none(), "a call does not end");
        assert!(self.closed, "the server does not close");
        if !self.up.corrupted {
            let arrived = self.sent.iter().filter(|(_, end)| *end <= self.up.left);
            let arrived: Vec<&String> = arrived.filter_map(|(runs, _)| runs.as_ref()).collect();
            assert_eq!(self.app.ran.iter().collect::<Vec<_>>(), arrived);
        }
    }
}
