//! A client that many tasks share.

mod builder;
mod calls;
mod check;
mod connect;
mod conversation;
mod mailbox;
#[cfg(feature = "serial")]
mod serial;
mod subscription;
mod task;
#[cfg(feature = "tls")]
mod tls;
mod topics;

pub use builder::ClientBuilder;
pub use subscription::{RawSubscription, Subscription};

use crate::client::{CallError, Cause, Options, decode};
use crate::wait::after;
use bellwire::format::OwnedReply;
use bellwire::{Command, ErrorKind, Expected, Format, NoReply};
use calls::{Outcome, Owner, Request, Shared};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request of at most this many bytes is encoded without an allocation.
const SHORT: usize = 256;

/// An async client that many tasks share: one connection, and any number of calls at a time.
///
/// A clone is a cheap handle to the same connection, and so is a [`Subscription`]. The connection closes when the last
/// handle is dropped.
///
/// ```no_run
/// use bellwire::{Command, Line};
/// use bellwire_std::tokio::Client;
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::connect("localhost:61000").await?;
/// println!("{}", client.call(STRING, "Additional data.").await?);
/// # Ok(())
/// # }
/// ```
///
/// [`builder`](Self::builder) has more options: TLS, Unix sockets, streams of your own, and limits.
///
/// # Pipelining
/// Calls that are ready together leave in one write, and replies that arrive together wake their callers from one
/// read. Replies carry no number; their order decides. A line that the server sends unasked while a call waits is
/// taken as the reply to that call.
///
/// # Failed calls
/// Each call ends within its time limit, 10 seconds by default. [`CallError`] says whether the command may have run.
/// A reply that is overdue ends the connection, because later replies could not be told apart from it. After the end
/// of a connection the client opens another one when the next call or a subscription needs it. It waits longer after
/// each failure, from 50 ms up to 5 s with jitter, and the calls wait meanwhile. A request is never sent twice if a
/// byte of it may have reached the server.
///
/// # Topics
/// [`subscribe`](Self::subscribe) returns a stream of a topic's values. It continues on the next connection.
///
/// # Cancel safety
/// A dropped call disturbs no other. Its request is not sent, or its reply is discarded.
///
/// # Runtime
/// The connection is a task of the tokio runtime that the client was created on. The calls may run on others. If
/// that runtime ends, all calls fail.
#[derive(Debug, Clone)]
pub struct Client(Arc<Handle>);

/// The last one to be dropped ends the task.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    options: Options,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.end(None);
    }
}

impl Client {
    /// Connects to `address` over TCP: `HOST:PORT`, as for [`dial`](crate::dial()).
    ///
    /// # Errors
    /// The errors of [`Dialer::dial`](crate::Dialer::dial); [`TimedOut`](io::ErrorKind::TimedOut) after 10 seconds.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if its I/O or time driver is off.
    pub async fn connect(address: &str) -> io::Result<Self> {
        Self::builder().connect(address).await
    }

    /// Returns the options for a client: TLS, Unix sockets, streams, time limits, limits of memory.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Sends a request and waits for its reply.
    ///
    /// The reply is owned: a `String` for [`Line`](bellwire::Line), `T` for [`Postcard<T>`](bellwire::Postcard) and
    /// [`Gob<T>`](bellwire::Gob).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<'v, Req, Rsp>(
        &self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
    ) -> Result<Rsp::Owned, CallError>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: OwnedReply,
    {
        self.call_with(command, value, Rsp::into_owned).await
    }

    /// Sends a request, waits for its reply, and passes it to `take`. The reply may borrow from the received bytes.
    ///
    /// ```no_run
    /// # use bellwire::{Command, Line};
    /// # const STRING: Command<Line, Line> = Command::new("STRING");
    /// # async fn example(client: bellwire_std::tokio::Client) -> Result<(), bellwire_std::CallError> {
    /// let length = client.call_with(STRING, "Additional data.", |reply| reply.len()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call_with<'v, Req, Rsp, T>(
        &self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'v>,
        take: impl FnOnce(Rsp::Value<'_>) -> T,
    ) -> Result<T, CallError>
    where
        Req: Format<Sent<'v>: Clone>,
        Rsp: Format,
    {
        let encode = |space: &mut [u8]| command.encode(value.clone(), space);
        let payload = self
            .exchange(command.name(), command.expected(), encode)
            .await?;
        decode::<Rsp, T>(&payload, take)
    }

    /// Sends a request that has no reply. Returns when its bytes are handed to the system.
    ///
    /// If the server rejects it, the server ends the conversation with an error line. The listener of
    /// [`on_disconnect`](ClientBuilder::on_disconnect) gets it, and so does [`finish`](Self::finish).
    /// If the line arrives before the last byte is handed over, this call returns it in [`CallError::Remote`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn send<'v, Req>(
        &self,
        command: Command<Req, NoReply>,
        value: Req::Sent<'v>,
    ) -> Result<(), CallError>
    where
        Req: Format<Sent<'v>: Clone>,
    {
        let encode = |space: &mut [u8]| command.encode(value.clone(), space);
        self.exchange(command.name(), None, encode).await.map(drop)
    }

    /// Ends the sending after the queued requests, waits for the server's end, and closes the client for all handles.
    ///
    /// It tells whether the requests without a reply were accepted. A later call of any handle fails with
    /// [`CallError::NotSent`].
    ///
    /// # Errors
    /// - [`CallError::Remote`]: the server rejected such a request, or ended the conversation for another reason.
    /// - [`CallError::MayHaveRun`]: the end is unknown: the connection failed, or the server did not end it within
    ///   the time limit of a call.
    /// - [`CallError::NotSent`]: the client was closed already.
    pub async fn finish(self) -> Result<(), CallError> {
        let ended = self.0.shared.finish();
        let Some(limit) = self.0.options.timeout else {
            return ended.await.map(drop);
        };
        if let Ok(outcome) = tokio::time::timeout(limit, ended).await {
            return outcome.map(drop);
        }
        self.0.shared.end(Some(Cause::TimedOut));
        Err(CallError::MayHaveRun(Cause::TimedOut))
    }

    /// Encodes a request outside of the lock, then queues it and waits.
    async fn exchange(
        &self,
        name: &'static str,
        expected: Option<Expected>,
        mut encode: impl FnMut(&mut [u8]) -> Result<usize, ErrorKind>,
    ) -> Outcome {
        let Handle { shared, options } = &*self.0;
        let (timeout, max_request) = (options.timeout, options.max_request);
        let mut request = Request {
            owner: Owner::Nobody,
            name,
            expected,
            size: 0,
            deadline: timeout.map(|timeout| after(Instant::now(), timeout).into()),
        };
        if timeout == Some(Duration::ZERO) {
            return Err(CallError::NotSent(Cause::TimedOut));
        }
        let mut short = [0; SHORT];
        let limit = SHORT.min(max_request);
        let waiting = match encode(&mut short[..limit]) {
            Ok(size) => {
                request.size = size;
                shared.queue(request, &short[..size])?
            }
            Err(ErrorKind::MessageTooLong { .. }) => {
                let long = encode_long(max_request, encode).map_err(CallError::Request)?;
                request.size = long.len();
                shared.queue(request, &long)?
            }
            Err(kind) => return Err(CallError::Request(kind)),
        };
        waiting.await
    }
}

/// Encodes a request of at most `limit` bytes.
fn encode_long(
    limit: usize,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, ErrorKind>,
) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    let mut size = SHORT;
    loop {
        size = size.saturating_mul(4).min(limit);
        bytes.resize(size, 0);
        match encode(&mut bytes) {
            Ok(size) => {
                bytes.truncate(size);
                return Ok(bytes);
            }
            Err(ErrorKind::MessageTooLong { .. }) if size < limit => {}
            Err(kind) => return Err(kind),
        }
    }
}
