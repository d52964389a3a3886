//! A client and a server talk over pipes that delay, split, cut and corrupt bytes.
//!
//! Every call ends with its reply or an error. If no byte was corrupted, the server runs exactly the requests
//! that arrived complete, once each and in order, and each reply belongs to its call.
#![no_main]

use bellwire::{ClientConnection, Code, Endpoint, Error, HeapComplexData, Next, ServerConnection};
use bellwire_fuzz::pipe::Pipe;
use bellwire_fuzz::server::{App, ECHO, GOB, LOG, REFUSE, RESET, TEXT, endpoint};
use core::convert::Infallible;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, server_rx, server_tx], operations)) = data.split_first_chunk::<4>() else {
        return;
    };
    // A message has up to 170 bytes. A reply may fill half of the server's transmit buffer.
    let size = |least: usize, more: u8| vec![0; least + usize::from(more)];
    let (mut rx, mut tx) = (size(170, rx), size(170, tx));
    let (mut server_rx, mut server_tx) = (size(170, server_rx), size(340, server_tx));
    let mut ends = Ends {
        caller: ClientConnection::new(&mut rx, &mut tx),
        up: Pipe::default(),
        down: Pipe::default(),
        connection: ServerConnection::new(&mut server_rx, &mut server_tx),
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

struct Ends<'b> {
    caller: ClientConnection<'b>,
    up: Pipe,
    down: Pipe,
    connection: ServerConnection<'b>,
    /// Whether the server has closed.
    closed: bool,
    endpoint: Endpoint<App, 12>,
    app: App,
    /// For each request the expected entry in the server's log, and the offset of its end in the bytes sent.
    sent: Vec<(String, usize)>,
    /// The call that waits for its reply.
    waiting: Option<Call>,
}

/// A call and the text that it sends.
struct Call {
    kind: u8,
    text: String,
}

impl Ends<'_> {
    fn operate(&mut self, operation: u8, argument: u8) {
        let size = usize::from(argument) + 1;
        match operation % 11 {
            0 | 1 => self.call(argument),
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
    fn call(&mut self, argument: u8) {
        if self.waiting.is_some() || self.caller.is_waiting() && self.caller.skip() != Ok(true) {
            return;
        }
        let kind = argument % 6;
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
            _ => (self.caller.request(LOG, &text), format!("LOG {text}")),
        };
        if request.is_ok() {
            let before = self.sent.last().map_or(0, |(_, end)| *end);
            let unsent = self.caller.pending().len();
            let end = self.up.offered + unsent;
            assert!(end > before, "a request has no bytes");
            self.sent.push((runs, end));
            let waits = kind < 5;
            self.waiting = waits.then_some(Call { kind, text });
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
            _ => {
                self.caller.reply(RESET)?;
                call.text.clone()
            }
        })
    }

    fn check(&self, call: &Call, result: Result<String, Error<Infallible>>) {
        match result {
            Ok(text) => assert_eq!(text, call.text, "the reply to another call"),
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
        loop {
            let before = (self.up.left, self.down.left, self.waiting.is_some());
            self.send(usize::MAX);
            self.deliver_up(usize::MAX);
            self.answer(usize::MAX);
            self.deliver_down(usize::MAX);
            self.look();
            if before == (self.up.left, self.down.left, self.waiting.is_some()) {
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
            let arrived: Vec<&String> = arrived.map(|(runs, _)| runs).collect();
            assert_eq!(self.app.ran.iter().collect::<Vec<_>>(), arrived);
        }
    }
}
