//! One conversation of a server: a session and its two buffers.

use crate::error::ErrorKind;
use crate::format::Format;
use crate::session::{Session, Step};
use crate::topics::{Published, Subscriptions, Topic, TopicSet, WithTopics};
use crate::{Buffer, Limits, Service};

/// The server's side of one conversation, over two lent buffers.
///
/// The drivers in [`blocking`](crate::blocking) and, with the feature `async`, in `asynch` run it
/// over an embedded-io stream. With the feature `smoltcp`, `smoltcp::Server` runs it over a socket.
///
/// A driver of your own repeats four steps:
///
/// 1. Send all [`pending`](Self::pending) bytes and count them with [`sent`](Self::sent).
/// 2. Read into [`space`](Self::space) and count the bytes with [`received`](Self::received), or
///    call [`end`](Self::end) at the end of the stream.
/// 3. Call [`advance`](Self::advance).
/// 4. Do as the returned [`Next`] says.
///
/// ```
/// use bellwire::{Command, ServerConnection, Endpoint, Line, Next};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
///
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx);
/// connection.space()[..10].copy_from_slice(b"STRING\nhi\n");
/// connection.received(10);
/// assert_eq!(connection.advance(&mut endpoint.with(&mut ())), Next::Receive);
/// assert_eq!(connection.pending(), b"Thank you.\n");
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
///
/// `T` is `()`, or [`Subscriptions`] for a connection [with topics](Self::with_topics).
#[derive(Debug)]
pub struct ServerConnection<'b, T = ()> {
    session: Session,
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    ended: bool,
    topics: T,
}

/// The driver's next step after [`ServerConnection::advance`].
///
/// In every case the driver first sends all [`pending`](ServerConnection::pending) bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Receive more bytes into [`ServerConnection::space`].
    Receive,
    /// Call [`ServerConnection::advance`] again after the pending bytes are sent: they take the room of the next
    /// reply. If the client is subscribed, call it after each write, because a publisher may refill the pending bytes
    /// without end.
    Send,
    /// Close the stream as [`Step::Close`] describes. A plain close can lose the last error line.
    Close,
}

impl<'b> ServerConnection<'b> {
    /// Creates a connection at the start of a conversation, with [`Limits::for_buffers`].
    ///
    /// `rx` holds one request at a time. `tx` holds at least one reply, and error lines of up to
    /// 160 bytes. A longer error line is cut.
    pub fn new(rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        let limits = Limits::for_buffers(rx.len(), tx.len());
        Self {
            session: Session::new(limits),
            rx: Buffer::new(rx),
            tx: Buffer::new(tx),
            ended: false,
            topics: (),
        }
    }

    /// Adds the topics with these names, to which the client can subscribe. See [`topics`](crate::topics).
    ///
    /// The connection then answers [`SUBSCRIBE`](crate::topics::SUBSCRIBE) and
    /// [`UNSUBSCRIBE`](crate::topics::UNSUBSCRIBE) itself. The transmit buffer must hold the longest push in addition
    /// to the larger of [`Limits::reply`] and 160 bytes. A longer push is always lost.
    pub fn with_topics<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> ServerConnection<'b, Subscriptions<N>> {
        self.with_topic_set(Subscriptions::new(names))
    }

    /// Adds topics of another kind than [`Subscriptions`].
    #[doc(hidden)]
    pub fn with_topic_set<T: TopicSet>(self, topics: T) -> ServerConnection<'b, T> {
        ServerConnection {
            session: self.session,
            rx: self.rx,
            tx: self.tx,
            ended: self.ended,
            topics,
        }
    }
}

impl<T: TopicSet> ServerConnection<'_, T> {
    /// Sets other limits. A limit that exceeds its buffer is lowered to the buffer's size.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.session = Session::new(Limits {
            name: limits.name.min(self.rx.capacity()),
            payload: limits.payload.min(self.rx.capacity()),
            reply: limits.reply.min(self.tx.capacity()),
            skip: limits.skip,
        });
        self
    }

    /// Begins another conversation with the same buffers and limits, and without subscriptions.
    pub fn reset(&mut self) {
        self.session.reset();
        self.rx.clear();
        self.tx.clear();
        self.ended = false;
        self.topics.reset();
    }

    /// Returns the space for received bytes. It is never empty after [`Next::Receive`].
    pub fn space(&mut self) -> &mut [u8] {
        self.rx.space()
    }

    #[doc(hidden)]
    pub fn topics(&mut self) -> &mut T {
        &mut self.topics
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as received.
    pub fn received(&mut self, n: usize) {
        self.rx.fill(n);
    }

    /// Notes the end of the stream: no more bytes will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the most bytes to discard after the last line.
    pub(crate) fn most_discarded(&self) -> usize {
        self.session.limits().skip
    }

    /// Returns the bytes that are ready to be sent.
    pub fn pending(&self) -> &[u8] {
        self.tx.filled()
    }

    /// Returns whether bytes are ready to be sent.
    pub(crate) fn is_pending(&self) -> bool {
        !self.tx.is_empty()
    }

    /// Counts the first `n` bytes of [`pending`](Self::pending) as sent.
    ///
    /// If this makes room, the connection reports lost pushes. Then more bytes are pending.
    pub fn sent(&mut self, n: usize) {
        self.tx.consume(n);
        self.topics.sent(&self.session, &mut self.tx);
    }

    /// Returns the number of the request that has arrived in part, or `None` between requests.
    ///
    /// A time limit for a request runs as long as this number stays the same.
    pub fn partial_request(&self) -> Option<u32> {
        self.session.partial_request(self.rx.filled())
    }

    /// Returns whether no request has arrived in part.
    pub fn is_idle(&self) -> bool {
        self.partial_request().is_none()
    }

    /// Ends the conversation with an error line; see [`Session::abort`].
    pub fn abort(&mut self, kind: ErrorKind, service: &mut impl Service) {
        // The same type as in `advance`, so that there is one copy of the code.
        let topics = &mut self.topics;
        let service = &mut WithTopics { topics, service };
        self.session.abort(kind, service, &mut self.tx);
    }

    /// Returns whether the client is subscribed to a topic. Such a client is not idle, even if it sends nothing.
    pub fn is_subscribed(&self) -> bool {
        self.topics.is_subscribed()
    }

    /// Answers all requests that have arrived completely, as far as the replies fit.
    ///
    /// The service must stay the same until [`reset`](Self::reset).
    pub fn advance(&mut self, service: &mut impl Service) -> Next {
        let Self {
            session,
            tx,
            topics,
            ..
        } = self;
        let mut input = self.rx.filled();
        let arrived = input.len();
        let next = loop {
            let mut service = WithTopics { topics, service };
            let service = &mut service;
            match session.next(service, &mut input, tx) {
                Step::Receive if self.ended => session.end(input, service, tx),
                Step::Receive => break Next::Receive,
                Step::Send => break Next::Send,
                Step::Close => break Next::Close,
                Step::Request { index, payload } => {
                    if !service.answer(index, payload, session, tx) {
                        let answered = service.call(index, payload, session.reply(tx));
                        session.answered(answered, service, tx);
                    }
                }
            }
        };
        let left = input.len();
        self.rx.consume(arrived.saturating_sub(left));
        // An empty buffer has no more room later.
        let untold = self.topics.tell(&self.session, &mut self.tx) && !self.tx.is_empty();
        match next {
            Next::Receive if untold => Next::Send,
            next => next,
        }
    }
}

impl<const N: usize> ServerConnection<'_, Subscriptions<N>> {
    /// Publishes a value: sends it to the client if the client is subscribed to the topic. It never waits.
    ///
    /// The value is encoded only if the client is subscribed and no earlier bytes take the room. The push follows the
    /// [`pending`](Self::pending) bytes. It leaves room for the longest reply and for an error line, so it delays no
    /// reply by more than the time to send it. A loss is reported in the same place, at once or after bytes are
    /// [`sent`](Self::sent).
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub fn publish<F: Format>(&mut self, topic: Topic<F>, value: F::Sent<'_>) -> Published {
        let Some(subscription) = self.topics.subscribed(topic.name()) else {
            return Published::NotSubscribed;
        };
        // The loss of earlier values is reported first. If it is still unreported, there is no room.
        if subscription.is_told()
            && let Some(space) = self.session.push_space(&mut self.tx)
            && let Ok(size) = topic.encode(value, space)
        {
            self.tx.fill(size);
            return Published::Queued;
        }
        subscription.lose();
        subscription.tell(self.session.needed(), &self.session, &mut self.tx);
        Published::Lost
    }
}
