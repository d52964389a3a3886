//! A server with topics receives arbitrary bytes in arbitrary pieces, and publishes at arbitrary moments.
//!
//! Its replies are those of a server that publishes nothing. Each push stands between two replies and belongs to a
//! subscription, and every loss is reported.
#![no_main]

use bellwire::topics::{Published, Subscriptions};
use bellwire::{Limits, Line, Next, Postcard, ServerConnection, Topic};
use bellwire_fuzz::cuts::Cuts;
use bellwire_fuzz::server::{App, Setup, converse, endpoint};
use core::iter;
use libfuzzer_sys::fuzz_target;

const TICK: Topic<Postcard<u32>> = Topic::new("TICK");
const LOG: Topic<Line> = Topic::new("LOG");
const NAMES: [&str; 2] = [TICK.name(), LOG.name()];

/// The most bytes of a line that reports a loss.
const LOSS: usize = ">TICK +4294967295\n".len();
/// The most bytes of an error line.
const ERROR_LINE: usize = 160;

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, reply, ref sizes @ ..], input)) = data.split_first_chunk::<15>() else {
        return;
    };
    let double = |byte| usize::from(byte) * 2;
    // A loss and an `OK` fit into the smallest transmit buffer, so UNSUBSCRIBE does not fail.
    let (rx, tx) = (double(rx), 32 + double(tx));
    let limits = Some(Limits {
        reply: double(reply).min(tx),
        ..Limits::for_buffers(rx, tx)
    });
    let setup = Setup { rx, tx, limits };
    let quiet = Quiet::run(&setup, input);
    if !input.windows(9).any(|part| part == b"SUBSCRIBE") {
        let plain = setup.hears_all([input]);
        assert_eq!(plain.ran, quiet.app.ran);
        assert_eq!(plain.rejected, quiet.app.rejected);
        let sent = quiet.replies.iter().flat_map(|reply| &reply.bytes);
        assert!(sent.eq(&plain.sent));
    }
    let cuts = [&sizes[..4], &sizes[4..8], &sizes[8..]].map(Cuts::new);
    let (mut rx, mut tx) = (vec![0; setup.rx], vec![0; setup.tx]);
    let loud = Loud::run(connect(&setup, &mut rx, &mut tx), &setup, input, cuts);
    assert_eq!(loud.app.ran, quiet.app.ran);
    assert_eq!(loud.app.rejected, quiet.app.rejected);
    Reader::read(&loud, &quiet.replies);
});

/// Creates a connection with topics.
fn connect<'b>(
    setup: &Setup,
    rx: &'b mut [u8],
    tx: &'b mut [u8],
) -> ServerConnection<'b, Subscriptions<2>> {
    let connection = ServerConnection::new(rx, tx).with_topics(NAMES);
    connection.with_limits(setup.limits.expect("the limits are set"))
}

/// The conversation without pushes.
#[derive(Default)]
struct Quiet {
    replies: Vec<Reply>,
    app: App,
}

/// A reply or an error line.
#[derive(Debug)]
struct Reply {
    bytes: Vec<u8>,
    /// Whether it ends the conversation.
    is_last: bool,
    /// The index of a topic, and whether the client is subscribed to it from here on.
    change: Option<(usize, bool)>,
}

impl Quiet {
    /// Lets the bytes arrive one by one, so that no two replies are written at once.
    fn run(setup: &Setup, input: &[u8]) -> Self {
        let (mut rx, mut tx) = (vec![0; setup.rx], vec![0; setup.tx]);
        let mut connection = connect(setup, &mut rx, &mut tx);
        let (endpoint, mut quiet) = (endpoint(), Self::default());
        let (mut begin, mut closed) = (0, false);
        let bytes = input.chunks(1).map(|byte| (byte, false));
        let pieces = iter::once((&[][..], false))
            .chain(bytes)
            .chain([(&[][..], true)]);
        for (end, (piece, ends)) in pieces.enumerate() {
            if closed {
                break;
            }
            let service = &mut endpoint.with(&mut quiet.app);
            let outcome = converse(&mut connection, service, [piece], ends);
            closed = outcome.closed;
            if !outcome.sent.is_empty() {
                let end = end.min(input.len());
                let changes = outcome.sent == b"OK\n";
                quiet.replies.push(Reply {
                    change: change(&input[begin..end]).filter(|_| changes),
                    bytes: outcome.sent,
                    is_last: closed,
                });
                begin = end;
            }
        }
        quiet
    }
}

/// Returns the topic that the last two lines of `requests` subscribe to or unsubscribe from.
fn change(requests: &[u8]) -> Option<(usize, bool)> {
    let mut lines = requests
        .strip_suffix(b"\n")?
        .rsplit(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii);
    let (topic, command) = (lines.next()?, lines.next()?);
    let topic = NAMES.iter().position(|name| name.as_bytes() == topic)?;
    match command {
        b"SUBSCRIBE" => Some((topic, true)),
        b"UNSUBSCRIBE" => Some((topic, false)),
        _ => None,
    }
}

/// The conversation with pushes.
struct Loud<'b> {
    connection: ServerConnection<'b, Subscriptions<2>>,
    app: App,
    /// The bytes that left.
    sent: Vec<u8>,
    /// For each topic the number of values published to the subscriber.
    published: [u32; 2],
    /// The events, each with the number of bytes written before it.
    events: Vec<(usize, Event)>,
    /// The number of publishes to make at one moment.
    moments: Cuts<'b>,
}

#[derive(Debug)]
enum Event {
    /// A value of this topic was published. The flag tells whether the client was subscribed.
    Published(usize, bool),
    /// All bytes have left, so all losses are reported.
    Settled,
}

impl<'b> Loud<'b> {
    fn run(
        connection: ServerConnection<'b, Subscriptions<2>>,
        setup: &Setup,
        input: &[u8],
        [mut cuts, mut sends, moments]: [Cuts<'b>; 3],
    ) -> Self {
        let mut loud = Self {
            connection,
            app: App::default(),
            sent: Vec::new(),
            published: [0; 2],
            events: Vec::new(),
            moments,
        };
        let endpoint = endpoint();
        let (mut rest, mut steps) = (input, 0);
        loop {
            let next = loud.connection.advance(&mut endpoint.with(&mut loud.app));
            steps += 1;
            let written = loud.written();
            if next == Next::Close {
                loud.publish();
                assert_eq!(loud.written(), written, "a push after the last line");
                break;
            }
            if !rest.is_empty() {
                loud.publish();
            }
            let pending = loud.connection.pending();
            assert!(
                next != Next::Send || !pending.is_empty(),
                "it asks to send, with no bytes pending"
            );
            let size = sends.next(pending.len());
            loud.sent.extend(&pending[..size]);
            loud.connection.sent(size);
            if next == Next::Receive && !rest.is_empty() {
                let space = loud.connection.space();
                assert!(!space.is_empty(), "it waits for bytes without room");
                let (piece, later) = rest.split_at(cuts.next(space.len().min(rest.len())));
                space[..piece.len()].copy_from_slice(piece);
                loud.connection.received(piece.len());
                rest = later;
                loud.publish();
            } else if next == Next::Receive && size == 0 {
                let needed = setup
                    .limits
                    .expect("the limits are set")
                    .reply
                    .max(ERROR_LINE);
                if setup.tx >= needed + LOSS {
                    loud.events.push((loud.written(), Event::Settled));
                }
                loud.connection.end();
            }
        }
        let arrived = input.len() - rest.len();
        assert!(steps <= 8 + 2 * (arrived + loud.written()), "{steps} steps");
        loud
    }

    /// Returns the number of bytes written so far.
    fn written(&self) -> usize {
        self.sent.len() + self.connection.pending().len()
    }

    /// Publishes up to three values. Each contains its number.
    fn publish(&mut self) {
        for moment in 1..self.moments.next(4) {
            let topic = moment % 2;
            let number = self.published[topic] + 1;
            let before = self.written();
            let width = number as usize * 7 % 40;
            let outcome = match topic {
                0 => self.connection.publish(TICK, &number),
                _ => self.connection.publish(LOG, &format!("{number:0width$}")),
            };
            let subscribed = outcome != Published::NotSubscribed;
            if subscribed {
                self.published[topic] = number;
            }
            let grows = self.written() > before;
            assert!(grows || outcome != Published::Queued);
            assert!(!grows || subscribed);
            self.events
                .push((before, Event::Published(topic, subscribed)));
        }
    }
}

/// Reads the conversation with pushes beside the one without.
#[derive(Default)]
struct Reader {
    subscribed: [bool; 2],
    /// For each topic the number of values published to the subscriber so far.
    published: [u32; 2],
    /// For each topic the number of the last value that arrived or was reported lost.
    last: [u32; 2],
}

impl Reader {
    fn read(loud: &Loud<'_>, replies: &[Reply]) {
        let sent = [&loud.sent, loud.connection.pending()].concat();
        let (mut reader, mut replies) = (Self::default(), replies.iter());
        let (mut events, mut start) = (loud.events.iter().peekable(), 0);
        loop {
            while let Some((_, event)) = events.next_if(|(written, _)| *written <= start) {
                reader.notice(event);
            }
            let rest = &sent[start..];
            if rest.is_empty() {
                break;
            }
            if rest.starts_with(b">") {
                start += reader.push(rest);
                continue;
            }
            let reply = replies.next().expect("a reply too many");
            assert!(rest.starts_with(&reply.bytes), "{rest:?} is not {reply:?}");
            start += reply.bytes.len();
            assert!(!reply.is_last || start == sent.len(), "a byte after it");
            if let Some((topic, subscribed)) = reply.change {
                reader.subscribed[topic] = subscribed;
                assert!(subscribed || reader.last[topic] == reader.published[topic]);
            }
        }
        assert!(replies.next().is_none(), "a reply is missing");
        let mut topics = reader.last.iter().zip(&reader.published);
        assert!(topics.all(|(last, published)| last <= published));
    }

    fn notice(&mut self, event: &Event) {
        match *event {
            Event::Published(topic, subscribed) => {
                assert_eq!(subscribed, self.subscribed[topic]);
                self.published[topic] += u32::from(subscribed);
            }
            Event::Settled => assert_eq!(self.last, self.published),
        }
    }

    /// Takes the push at the front and returns its length.
    fn push(&mut self, rest: &[u8]) -> usize {
        let (line, payload) = split_line(&rest[1..]);
        let (name, lost) = line.split_once(" +").unwrap_or((line, ""));
        let topic = NAMES.iter().position(|known| *known == name);
        let topic = topic.expect("a known topic");
        assert!(self.subscribed[topic], "a push without a subscription");
        if !lost.is_empty() {
            let count: u32 = lost.parse().expect("a number");
            assert!(count > 0);
            self.last[topic] += count;
            return line.len() + 2;
        }
        self.last[topic] += 1;
        let (number, size) = if topic == 0 {
            let size = usize::from(payload[0]) + 1;
            (postcard::from_bytes(&payload[1..size]).ok(), size)
        } else {
            let (number, _) = split_line(payload);
            (number.parse().ok(), number.len() + 1)
        };
        assert_eq!(number, Some(self.last[topic]));
        line.len() + 2 + size
    }
}

/// Returns the first line without its line feed, and the bytes after it.
fn split_line(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = bytes.split_at(end.expect("a whole line"));
    let line = core::str::from_utf8(line).expect("text");
    (line, &rest[1..])
}
