//! Clients that own their memory.

mod batch;
mod buffer;
mod builder;
mod check;
mod conversation;
mod ear;
mod error;
mod event;
mod inbox;
mod options;
mod pause;
mod pipeline;
mod request;
mod stream;
mod subscribe;
mod verdict;

pub use batch::{Batch, Replies, Ticket};
pub use builder::ClientBuilder;
pub use error::{CallError, Cause};
pub use event::{Event, EventError, Push, RawEvent};
pub(crate) use options::{Options, Target};
pub use stream::ClientStream;
#[cfg(feature = "tokio")]
pub(crate) use {
    buffer::{Buffer, READ},
    ear::Ear,
    event::{decode as decode_event, keep},
    inbox::Inbox,
    pause::{LONGEST, pause},
    verdict::{ERROR_LINE, Unasked, Verdict, is_passing, unasked},
};

use bellwire::format::OwnedReply;
use bellwire::topics::UntypedTopic;
use bellwire::{Command, ErrorKind, Expected, Format, NoReply};
use conversation::Conversation;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// A blocking client that owns its connection and its buffers, and connects again when it must.
///
/// ```no_run
/// use bellwire::{Command, Line};
/// use bellwire_std::Client;
/// use std::time::Duration;
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// let mut client = Client::connect("localhost:61000", Duration::from_secs(5))?;
/// println!("{}", client.call(STRING, "Additional data.")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`builder`](Self::builder) has more options: TLS, Unix sockets, streams of your own, and limits.
///
/// # Failed calls
/// Each call ends within its [timeout](Self::set_timeout). [`CallError`] says whether the command may have run. After
/// an error the client stays usable. If the error ended the conversation, the next call opens
/// a new connection.
///
/// The client never sends a request twice if a byte of it may have reached the server. Before each request it looks
/// whether the server has closed the idle connection, and if so opens another one first. An idle connection that
/// ends with an error line, for example because the server rejected an earlier [`send`](Self::send), fails the next
/// call with [`CallError::NotSent`] and that line.
///
/// # Topics
/// [`subscribe`](Self::subscribe) to a topic, and take its values with [`next_push`](Self::next_push). Values that
/// arrive during calls are kept for it.
///
/// # Order
/// Replies carry no number; their order decides. A line that the server sends unasked while no call waits is
/// recognized, and ends the conversation. One that arrives while a call waits is taken as the reply to that call.
///
/// # Memory
/// The buffers begin with 4 KiB for replies and 1 KiB for requests. They grow to the longest reply and request, up
/// to [`max_reply`](ClientBuilder::max_reply) and [`max_request`](ClientBuilder::max_request), and do not shrink.
/// [`max_event_bytes`](ClientBuilder::max_event_bytes) limits the values of topics that were not taken.
pub struct Client {
    /// `None` for a stream that cannot be opened again.
    target: Option<Target>,
    options: Options,
    conversation: Conversation,
    /// The topics that are subscribed on each new connection.
    topics: Vec<UntypedTopic>,
    /// The connections in a row that were opened for these topics and did not last.
    failures: u32,
    /// When the last connection was opened, until its end was noticed for these topics.
    opened: Option<Instant>,
    /// The end of the pause before the next connection for these topics. It outlasts a wait for events.
    next_try: Option<Instant>,
}

impl Client {
    fn new(target: Option<Target>, options: Options, stream: Box<dyn ClientStream>) -> Self {
        let mut conversation = Conversation::new(&options);
        conversation.restart(stream);
        Self {
            target,
            options,
            conversation,
            topics: Vec::new(),
            failures: 0,
            opened: Some(Instant::now()),
            next_try: None,
        }
    }

    /// Connects to `address` over TCP within `timeout`, which also limits each call.
    ///
    /// `address` is anything that displays as `HOST:PORT`; see [`dial`](crate::dial()). This returns an
    /// [`io::Error`], like `dial`, because no command is concerned yet.
    ///
    /// # Errors
    /// The errors of [`Dialer::dial`](crate::Dialer::dial).
    pub fn connect(address: impl fmt::Display, timeout: Duration) -> io::Result<Self> {
        Self::builder()
            .connect_timeout(timeout)
            .timeout(Some(timeout))
            .connect(&address.to_string())
    }

    /// Returns the options for a client: TLS, Unix sockets, streams, time limits, limits of memory.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Sets the time limit of each later call, including a new connection. Default: 10 seconds. With `None` a call
    /// waits forever.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.options.timeout = timeout;
    }

    /// Sends a request and waits for its reply.
    ///
    /// The reply is owned: a `String` for [`Line`](bellwire::Line), `T` for [`Postcard<T>`](bellwire::Postcard) and
    /// [`Gob<T>`](bellwire::Gob).
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<'v, Req, Rsp>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
    ) -> Result<Rsp::Owned, CallError>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: OwnedReply,
    {
        self.call_with(command, value, Rsp::into_owned)
    }

    /// Sends a request, waits for its reply, and passes it to `take`. The reply may borrow from the receive buffer.
    ///
    /// ```no_run
    /// # use bellwire::{Command, Line};
    /// # const STRING: Command<Line, Line> = Command::new("STRING");
    /// # let mut client = bellwire_std::Client::connect(":61000", std::time::Duration::from_secs(5))?;
    /// let length = client.call_with(STRING, "Additional data.", |reply| reply.len())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call_with<'v, Req, Rsp, T>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
        take: impl FnOnce(Rsp::Value<'_>) -> T,
    ) -> Result<T, CallError>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: Format,
    {
        let payload = self.exchange(command.name(), command.expected(), |space| {
            command.encode(value.clone(), space)
        })?;
        decode::<Rsp, T>(payload, take)
    }

    /// Sends a request that has no reply. Returns when its bytes are handed to the system.
    ///
    /// If the server rejects it, the server ends the conversation with an error line. The next call returns it in
    /// [`CallError::NotSent`], or [`finish`](Self::finish) returns it. If the line arrives before the last byte is
    /// handed over, this call returns it in [`CallError::Remote`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn send<'v, Req>(
        &mut self,
        command: Command<Req, NoReply>,
        value: Req::Sent<'v>,
    ) -> Result<(), CallError>
    where
        Req: Format<Sent<'v>: Clone>,
    {
        let encode = |space: &mut [u8]| command.encode(value.clone(), space);
        self.exchange(command.name(), None, encode).map(drop)
    }

    /// Sends one request, and returns the payload of its reply. It is empty for a command without reply.
    pub(crate) fn exchange(
        &mut self,
        name: &'static str,
        expected: Option<Expected>,
        encode: impl FnMut(&mut [u8]) -> Result<usize, ErrorKind>,
    ) -> Result<&[u8], CallError> {
        self.conversation.abandon();
        let deadline = self.deadline();
        let limit = self.options.max_request;
        self.conversation.encode(name, expected, limit, encode)?;
        self.transmit(usize::MAX, deadline)?;
        if expected.is_some() {
            let place = self.conversation.reply(deadline)?;
            return Ok(self.conversation.payload(place));
        }
        match self.conversation.sent_in_part() {
            Some(error) => Err(error),
            None => Ok(&[]),
        }
    }

    /// Sends one request for each value without waiting for the replies in between, and returns the replies in the
    /// order of the values. Each value has exactly one result.
    ///
    /// ```no_run
    /// # use bellwire::{Command, Line};
    /// # const STRING: Command<Line, Line> = Command::new("STRING");
    /// # let mut client = bellwire_std::Client::connect(":61000", std::time::Duration::from_secs(5))?;
    /// for reply in client.pipeline(STRING, ["one", "two", "three"]) {
    ///     println!("{}", reply?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// At most 16 KiB of requests are unanswered at a time, or one longer request, so neither end can block the
    /// other. Values are taken ahead of the replies: up to 16 KiB of requests and one more value. Each `next` waits
    /// at most the client's [timeout](Self::set_timeout).
    ///
    /// After a failure, each request that was sent has its own error. Unsent requests go over a new connection. If
    /// the iterator is dropped early, the next call discards the remaining replies first.
    pub fn pipeline<'v, Req, Rsp>(
        &mut self,
        command: Command<Req, Rsp>,
        values: impl IntoIterator<Item = Req::Sent<'v>>,
    ) -> impl Iterator<Item = Result<Rsp::Owned, CallError>>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: OwnedReply,
    {
        pipeline::new(self, command, values, move |value, space| {
            command.encode(value.clone(), space)
        })
    }

    /// Like [`pipeline`](Self::pipeline), for values that the iterator owns. `borrow` returns what is sent.
    ///
    /// ```no_run
    /// # use bellwire::{Command, Line};
    /// # const STRING: Command<Line, Line> = Command::new("STRING");
    /// # let mut client = bellwire_std::Client::connect(":61000", std::time::Duration::from_secs(5))?;
    /// let lines = std::io::stdin().lines().map_while(Result::ok);
    /// for reply in client.pipeline_with(STRING, lines, |line| line) {
    ///     println!("{}", reply?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pipeline_with<Req, Rsp, V>(
        &mut self,
        command: Command<Req, Rsp>,
        values: impl IntoIterator<Item = V>,
        borrow: impl Fn(&V) -> Req::Sent<'_>,
    ) -> impl Iterator<Item = Result<Rsp::Owned, CallError>>
    where
        Req: Format,
        Rsp: OwnedReply,
    {
        pipeline::new(self, command, values, move |value, space| {
            command.encode(borrow(value), space)
        })
    }

    /// Begins a batch: requests of different commands that are sent together.
    ///
    /// ```no_run
    /// # use bellwire::{Command, Line, Postcard};
    /// # const NAME: Command<(), Line> = Command::new("NAME");
    /// # const SPEED: Command<Line, Postcard<u32>> = Command::new("SPEED");
    /// # let mut client = bellwire_std::Client::connect(":61000", std::time::Duration::from_secs(5))?;
    /// let mut batch = client.batch();
    /// let name = batch.queue(NAME, ())?;
    /// let speed = batch.queue(SPEED, "left")?;
    /// let mut replies = batch.send()?;
    /// println!("{}: {}", replies.take(name)?, replies.take(speed)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// For many values of one command, [`pipeline`](Self::pipeline) needs no memory for all of them.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Closes the connection and opens a new one now. Replies that were not taken are lost. If that fails, the next
    /// call tries again.
    ///
    /// # Errors
    /// The errors of connecting. [`Unsupported`](io::ErrorKind::Unsupported) for a client over a
    /// [stream](ClientBuilder::stream).
    pub fn reconnect(&mut self) -> io::Result<()> {
        self.conversation.abandon();
        self.open(None)?;
        self.resubscribe(self.deadline()).map_err(io::Error::other)
    }

    /// Ends the sending, waits for the server's end and closes the connection.
    ///
    /// It tells whether each request without a reply was accepted.
    ///
    /// # Errors
    /// - [`CallError::Remote`]: the server rejected such a request, or ended the conversation for another reason.
    /// - [`CallError::MayHaveRun`]: the end is unknown: the connection failed, or the server did not end it in time.
    pub fn finish(mut self) -> Result<(), CallError> {
        let deadline = self.deadline();
        self.conversation.abandon();
        self.skip(deadline);
        if self.conversation.is_open() {
            return self.conversation.finish(deadline);
        }
        match self.conversation.unreported() {
            None => Ok(()),
            Some(cause) => Err(CallError::ended(cause)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.conversation.end_stream(Cause::Closed);
        if let Some(target) = &self.target
            && self.conversation.was_cut()
        {
            target.suspect();
        }
    }
}

/// Decodes a reply and passes it to `take`.
pub(crate) fn decode<Rsp: Format, T>(
    payload: &[u8],
    take: impl FnOnce(Rsp::Value<'_>) -> T,
) -> Result<T, CallError> {
    Rsp::decode_with(payload, take).map_err(|error| CallError::Reply(ErrorKind::Decode(error)))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.target)
            .field("options", &self.options)
            .field("open", &self.conversation.is_open())
            .finish_non_exhaustive()
    }
}
