//! A server with a command of each kind, and conversations with it over memory alone.

use bellwire::{
    Command, ComplexData, Connection, Endpoint, Gob, HeapComplexData, Limits, Line, Next, NoReply,
    Postcard, RawGob, Ref, Service,
};

/// A line; `Thank you.` comes back.
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// A line; the same line comes back.
pub const ECHO: Command<Line, Line> = Command::new("ECHO");
/// A line; a refusal with it as the reason comes back.
pub const REFUSE: Command<Line, Line> = Command::new("REFUSE");
/// A line; nothing comes back.
pub const LOG: Command<Line, NoReply> = Command::new("LOG");
/// Nothing; `pong` comes back.
pub const PING: Command<(), Line> = Command::new("PING");
/// Nothing; a bare `OK` comes back.
pub const RESET: Command<(), ()> = Command::new("RESET");
/// A structure; `stored` comes back.
pub const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");
/// Nothing; the structure stored last comes back.
pub const LAST: Command<(), Postcard<ComplexData>> = Command::new("LAST");
/// A text; the same text comes back, both borrowed from the buffers.
pub const TEXT: Command<Postcard<Ref<str>>, Postcard<Ref<str>>> = Command::new("TEXT");
/// A number; a line of so many `x` comes back.
pub const REPEAT: Command<Postcard<u16>, Line> = Command::new("REPEAT");
/// A structure in Go's encoding; the same structure comes back.
pub const GOB: Command<Gob<HeapComplexData>, Gob<HeapComplexData>> = Command::new("GOB");
/// Any value without interfaces in Go's encoding; the same bytes come back.
pub const RAW: Command<RawGob, RawGob> = Command::new("RAW");

/// What the handlers saw.
#[derive(Debug, Default)]
pub struct App {
    /// Each command that ran, with its argument.
    pub ran: Vec<String>,
    /// Each rejection, followed by ` (fatal)` where it ended the conversation.
    pub rejected: Vec<String>,
    last: ComplexData,
}

/// The server's commands.
pub fn endpoint() -> Endpoint<App, 12> {
    let mut endpoint = Endpoint::new();
    register(&mut endpoint).expect("twelve commands, each once");
    endpoint.on_rejection(|app: &mut App, rejection| {
        let fatal = if rejection.fatal { " (fatal)" } else { "" };
        app.rejected.push(format!("{rejection}{fatal}"));
    });
    endpoint
}

fn register(endpoint: &mut Endpoint<App, 12>) -> Result<(), bellwire::RegisterError> {
    endpoint.handle(STRING, &|app: &mut App, text, reply| {
        app.ran.push(format!("STRING {text}"));
        reply.send("Thank you.")
    })?;
    endpoint.handle(ECHO, &|app: &mut App, text, reply| {
        app.ran.push(format!("ECHO {text}"));
        reply.send(text)
    })?;
    endpoint.handle(REFUSE, &|app: &mut App, reason, reply| {
        app.ran.push(format!("REFUSE {reason}"));
        reply.refuse(reason)
    })?;
    endpoint.handle(LOG, &|app: &mut App, text, reply| {
        app.ran.push(format!("LOG {text}"));
        reply.none()
    })?;
    endpoint.handle(PING, &|app: &mut App, (), reply| {
        app.ran.push("PING".into());
        reply.send("pong")
    })?;
    endpoint.handle(RESET, &|app: &mut App, (), reply| {
        app.ran.push("RESET".into());
        reply.send(())
    })?;
    endpoint.handle(POSTCARD, &|app: &mut App, data, reply| {
        app.ran.push("POSTCARD".into());
        app.last = data;
        reply.send("stored")
    })?;
    endpoint.handle(LAST, &|app: &mut App, (), reply| {
        app.ran.push("LAST".into());
        reply.send(&app.last)
    })?;
    endpoint.handle(TEXT, &|app: &mut App, text, reply| {
        app.ran.push(format!("TEXT {text}"));
        reply.send(&text)
    })?;
    endpoint.handle(REPEAT, &|app: &mut App, count, reply| {
        app.ran.push(format!("REPEAT {count}"));
        reply.send(&"x".repeat(count.into()))
    })?;
    endpoint.handle(GOB, &|app: &mut App, data, reply| {
        app.ran.push(format!("GOB {data:?}"));
        reply.send(&data)
    })?;
    endpoint.handle(RAW, &|app: &mut App, payload, reply| {
        app.ran.push(format!("RAW {}", show(payload)));
        reply.send(payload)
    })
}

/// The memory that a conversation gets.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Bytes of the receive buffer.
    pub rx: usize,
    /// Bytes of the transmit buffer.
    pub tx: usize,
    /// Limits other than those that follow from the buffers.
    pub limits: Option<Limits>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rx: 256,
            tx: 512,
            limits: None,
        }
    }
}

/// What came of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All that the server sent.
    pub sent: Vec<u8>,
    /// See [`App::ran`].
    pub ran: Vec<String>,
    /// See [`App::rejected`].
    pub rejected: Vec<String>,
    /// Bytes of the input that the server took in.
    pub taken: usize,
    /// Whether the server ended the conversation.
    pub closed: bool,
    /// Whether the server waits for a new request.
    pub idle: bool,
}

impl Setup {
    /// The server's side of a conversation in which these chunks arrive, one after the other.
    pub fn hears<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
        self.run(chunks, false)
    }

    /// The same, and then the stream ends.
    pub fn hears_all<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
        self.run(chunks, true)
    }

    fn run<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>, ends: bool) -> Outcome {
        let (mut rx, mut tx) = (vec![0; self.rx], vec![0; self.tx]);
        let mut connection = Connection::new(&mut rx, &mut tx);
        if let Some(limits) = self.limits {
            connection = connection.with_limits(limits);
        }
        let endpoint = endpoint();
        let mut app = App::default();
        let mut outcome = Outcome::default();
        settle(&mut connection, &mut endpoint.with(&mut app), &mut outcome);
        for chunk in chunks {
            let mut rest = chunk;
            while !rest.is_empty() && !outcome.closed {
                let space = connection.space();
                assert!(!space.is_empty(), "it asked for bytes and has no room");
                let size = rest.len().min(space.len());
                space[..size].copy_from_slice(&rest[..size]);
                connection.received(size);
                outcome.taken += size;
                rest = &rest[size..];
                settle(&mut connection, &mut endpoint.with(&mut app), &mut outcome);
            }
        }
        outcome.idle = connection.is_idle();
        if ends {
            connection.end();
            settle(&mut connection, &mut endpoint.with(&mut app), &mut outcome);
        }
        outcome.ran = app.ran;
        outcome.rejected = app.rejected;
        outcome
    }
}

/// Advances as far as it goes without more input.
fn settle(connection: &mut Connection<'_>, service: &mut impl Service, outcome: &mut Outcome) {
    loop {
        let next = connection.advance(service);
        let sent = connection.pending().len();
        assert!(next != Next::Send || sent > 0, "it waits for nothing");
        outcome.sent.extend(connection.pending());
        connection.sent(sent);
        match next {
            Next::Send => {}
            Next::Receive => return,
            Next::Close => {
                outcome.closed = true;
                return;
            }
        }
    }
}

/// A postcard payload: `body` behind its length.
pub fn framed(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut space = vec![0; 70_000];
    let payload = postcard::to_slice(body.as_ref(), &mut space);
    payload.expect("room for it").to_vec()
}

/// `parts` one behind the other.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Bytes as a reader of a failed test wants to see them.
pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    text.replace("\\'", "'").replace("\\\"", "\"")
}
