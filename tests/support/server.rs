//! A server with a command of each kind, and conversations with it in memory.

use bellwire::topics::TopicSet;
use bellwire::{
    Command, ComplexData, Endpoint, Gob, HeapComplexData, Limits, Line, Next, NoReply, Postcard,
    RawGob, ServerConnection, Service,
};

/// A line, answered with `Thank you.`
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// A line, answered with the same line.
pub const ECHO: Command<Line, Line> = Command::new("ECHO");
/// A line, answered with a refusal for this reason.
pub const REFUSE: Command<Line, Line> = Command::new("REFUSE");
/// A line without a reply.
pub const LOG: Command<Line, NoReply> = Command::new("LOG");
/// No payload, answered with `pong`.
pub const PING: Command<(), Line> = Command::new("PING");
/// No payload, answered with a bare `OK`.
pub const RESET: Command<(), ()> = Command::new("RESET");
/// A structure, answered with `stored`.
pub const POSTCARD: Command<Postcard<ComplexData>, Line> = Command::new("POSTCARD");
/// No payload, answered with the structure stored last.
pub const LAST: Command<(), Postcard<ComplexData>> = Command::new("LAST");
/// A text, answered with the same text. Both are borrowed from the buffers.
pub const TEXT: Command<Postcard<str>, Postcard<str>> = Command::new("TEXT");
/// A number `n`, answered with a line of `n` times `x`.
pub const REPEAT: Command<Postcard<u16>, Line> = Command::new("REPEAT");
/// A structure in gob, answered with the same structure.
pub const GOB: Command<Gob<HeapComplexData>, Gob<HeapComplexData>> = Command::new("GOB");
/// Any gob value without interfaces, answered with the same bytes.
pub const RAW: Command<RawGob, RawGob> = Command::new("RAW");

/// The context of the handlers, which records commands and rejections.
#[derive(Debug, Default)]
pub struct App {
    /// Each command that ran, with its argument.
    pub ran: Vec<String>,
    /// Each rejection, followed by ` (fatal)` if it ended the conversation.
    pub rejected: Vec<String>,
    last: ComplexData,
}

/// Returns an endpoint with all commands of this module.
pub fn endpoint() -> Endpoint<App, 12> {
    let mut endpoint = Endpoint::new();
    register(&mut endpoint).expect("room for twelve different commands");
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

/// The buffers and limits of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The size of the receive buffer in bytes.
    pub rx: usize,
    /// The size of the transmit buffer in bytes.
    pub tx: usize,
    /// Limits that replace those derived from the buffers.
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

/// The outcome of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All bytes that the server sent.
    pub sent: Vec<u8>,
    /// See [`App::ran`].
    pub ran: Vec<String>,
    /// See [`App::rejected`].
    pub rejected: Vec<String>,
    /// The number of input bytes that the server read.
    pub taken: usize,
    /// Whether the server ended the conversation.
    pub closed: bool,
    /// Whether the server waits for a new request.
    pub idle: bool,
}

impl Setup {
    /// Runs a conversation in which these chunks arrive in order, and the stream stays open.
    pub fn hears<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
        self.run(chunks, false)
    }

    /// Runs a conversation in which these chunks arrive in order, and then the stream ends.
    pub fn hears_all<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
        self.run(chunks, true)
    }

    fn run<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>, ends: bool) -> Outcome {
        let (mut rx, mut tx) = (vec![0; self.rx], vec![0; self.tx]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        if let Some(limits) = self.limits {
            connection = connection.with_limits(limits);
        }
        let endpoint = endpoint();
        let mut app = App::default();
        let outcome = converse(&mut connection, &mut endpoint.with(&mut app), chunks, ends);
        Outcome {
            ran: app.ran,
            rejected: app.rejected,
            ..outcome
        }
    }
}

/// Runs a conversation in which these chunks arrive in order, and then the stream ends if `ends`. The outcome
/// lists neither the commands that ran nor the rejections.
pub fn converse<'c>(
    connection: &mut ServerConnection<'_, impl TopicSet>,
    service: &mut impl Service,
    chunks: impl IntoIterator<Item = &'c [u8]>,
    ends: bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    settle(connection, service, &mut outcome);
    for chunk in chunks {
        let mut rest = chunk;
        while !rest.is_empty() && !outcome.closed {
            let space = connection.space();
            assert!(
                !space.is_empty(),
                "the connection asks for bytes without space for them"
            );
            let size = rest.len().min(space.len());
            space[..size].copy_from_slice(&rest[..size]);
            connection.received(size);
            outcome.taken += size;
            rest = &rest[size..];
            settle(connection, service, &mut outcome);
        }
    }
    outcome.idle = connection.is_idle();
    if ends {
        connection.end();
        settle(connection, service, &mut outcome);
    }
    outcome
}

/// Advances the connection until it needs more input or closes.
fn settle(
    connection: &mut ServerConnection<'_, impl TopicSet>,
    service: &mut impl Service,
    outcome: &mut Outcome,
) {
    loop {
        let next = connection.advance(service);
        let sent = connection.pending().len();
        assert!(
            next != Next::Send || sent > 0,
            "the connection waits to send no bytes"
        );
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

/// Returns a postcard payload: the length of `body`, then `body`.
pub fn framed(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut space = vec![0; 70_000];
    let payload = postcard::to_slice(body.as_ref(), &mut space);
    payload.expect("room for the body").to_vec()
}

/// Concatenates `parts`.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Formats bytes for the messages of failed tests.
pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    text.replace("\\'", "'").replace("\\\"", "\"")
}
