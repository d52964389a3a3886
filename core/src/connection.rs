//! A session joined with the two buffers it works on.

use crate::error::Fault;
use crate::session::{Session, Step};
use crate::{Buffer, Limits, Service};

/// The server's side of one conversation over two lent buffers, ready for a driver.
///
/// The drivers in [`blocking`](crate::blocking) and, with the feature `async`, in
/// `asynch` run it over an embedded-io stream; with the feature `smoltcp`, `smoltcp::Server` runs it
/// over a socket. Another driver repeats four steps: send [`pending`](Self::pending), fill
/// [`space`](Self::space), [`advance`](Self::advance), and do what that says.
///
/// ```
/// use bellwire::{Command, Connection, Endpoint, Line, Next};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
///
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = Connection::new(&mut rx, &mut tx);
/// connection.space()[..10].copy_from_slice(b"STRING\nhi\n");
/// connection.received(10);
/// assert_eq!(connection.advance(&mut endpoint.with(&mut ())), Next::Receive);
/// assert_eq!(connection.pending(), b"Thank you.\n");
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Connection<'b> {
    session: Session,
    rx: Buffer<'b>,
    tx: Buffer<'b>,
    ended: bool,
}

/// What a driver must do after [`Connection::advance`], each time after sending all that is
/// [`pending`](Connection::pending).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Receive more bytes into [`Connection::space`].
    Receive,
    /// Advance again: there is more to answer once the replies so far are sent.
    Send,
    /// Close the stream. See [`Step::Close`] for how, so that the last error line arrives.
    Close,
}

impl<'b> Connection<'b> {
    /// A conversation that begins, with the [`Limits`] that fit the buffers.
    ///
    /// `rx` holds one request at a time, `tx` at least one reply and error lines of up to 160 bytes;
    /// longer error lines are cut.
    pub fn new(rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        let limits = Limits::for_buffers(rx.len(), tx.len());
        Self {
            session: Session::new(limits),
            rx: Buffer::new(rx),
            tx: Buffer::new(tx),
            ended: false,
        }
    }

    /// The same with other limits; those beyond the buffers are lowered to them.
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

    /// Begins another conversation over the same buffers and with the same limits.
    pub fn reset(&mut self) {
        self.session.reset();
        self.rx.clear();
        self.tx.clear();
        self.ended = false;
    }

    /// Where received bytes go; never empty after [`Next::Receive`].
    pub fn space(&mut self) -> &mut [u8] {
        self.rx.space()
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as received.
    pub fn received(&mut self, n: usize) {
        self.rx.fill(n);
    }

    /// Takes note that the stream has ended: nothing more will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What waits to be sent.
    pub fn pending(&self) -> &[u8] {
        self.tx.filled()
    }

    /// Whether something waits to be sent.
    pub(crate) fn is_pending(&self) -> bool {
        !self.tx.is_empty()
    }

    /// Counts the first `n` bytes of [`pending`](Self::pending) as sent.
    pub fn sent(&mut self, n: usize) {
        self.tx.consume(n);
    }

    /// The number of the request that has arrived in part, or `None` between requests. A time
    /// limit for a request runs as long as this stays the same.
    pub fn begun(&self) -> Option<u32> {
        self.session.begun(self.rx.filled())
    }

    /// Whether no part of a request waits for the rest of it.
    pub fn is_idle(&self) -> bool {
        self.begun().is_none()
    }

    /// Ends the conversation with an error line; see [`Session::abort`].
    pub fn abort(&mut self, fault: Fault, service: &mut impl Service) {
        self.session.abort(fault, service, &mut self.tx);
    }

    /// Answers all the requests that have arrived whole, as far as the replies fit. The service must be
    /// the same until [`reset`](Self::reset).
    pub fn advance(&mut self, service: &mut impl Service) -> Next {
        let Self { session, tx, .. } = self;
        let mut input = self.rx.filled();
        let arrived = input.len();
        let next = loop {
            match session.next(service, &mut input, tx) {
                Step::Receive if self.ended => session.end(input, service, tx),
                Step::Receive => break Next::Receive,
                Step::Send => break Next::Send,
                Step::Close => break Next::Close,
                Step::Request { index, payload } => {
                    let answered = service.call(index, payload, session.reply(tx));
                    session.answered(answered, service, tx);
                }
            }
        };
        let left = input.len();
        self.rx.consume(arrived.saturating_sub(left));
        next
    }
}
