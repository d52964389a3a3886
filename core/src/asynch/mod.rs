//! The drivers over async embedded-io streams.
//!
//! `serve`, `close` and `Client` are those of [`blocking`], with `.await`; their behaviour and errors are described
//! there. [`serve_until`] takes the place of `blocking::poll`. In addition, every future is cancel safe if the
//! stream's `read`, `write` and `flush` are.

mod client;

pub use client::Client;

#[cfg(doc)]
use crate::blocking;
use crate::error::Error;
use crate::topics::TopicSet;
use crate::{Next, ServerConnection, Service};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use embedded_io::Error as _;
use embedded_io_async::{Read, Write};

/// Serves one conversation until it is over; see [`blocking::serve`].
///
/// # Cancel safety
/// Unanswered requests and unsent replies stay in `connection`, and a further call continues with them. To limit the
/// time, drop the future.
///
/// # Errors
/// As [`blocking::serve`].
///
/// ```
/// use bellwire::{Command, ServerConnection, Endpoint, Line, asynch};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// # async fn example<S: embedded_io_async::Read + embedded_io_async::Write>(mut uart: S) -> Result<(), bellwire::Error<S::Error>> {
/// # let mut endpoint = Endpoint::<(), 1>::new();
/// # endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you.")).unwrap();
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx);
/// asynch::serve(&mut uart, &mut endpoint.with(&mut ()), &mut connection).await?;
/// # Ok(())
/// # }
/// ```
pub async fn serve<S: Read + Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<(), Error<S::Error>> {
    while answer(stream, service, connection).await? {
        match read(stream, connection.space())
            .await
            .map_err(Error::Transport)?
        {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(())
}

/// Serves the conversation until `event` completes, and returns its output, or `None` if the conversation ends first.
///
/// Use it to serve requests and publish the values of a source in one task. The event is polled only while the
/// conversation waits for a request and no bytes are unsent. So a source that is faster than the stream delays no
/// request. Meanwhile the source must queue, merge or discard its values. The event is dropped if the conversation
/// ends or fails first.
///
/// # Cancel safety
/// As [`serve`], if the event is cancel safe too.
///
/// # Errors
/// As [`blocking::serve`].
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Error, Postcard, ServerConnection, Service, Topic, asynch};
///
/// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
///
/// # async fn example<S: embedded_io_async::Read + embedded_io_async::Write>(
/// #     uart: &mut S, service: &mut impl Service, mut next_second: impl AsyncFnMut() -> u64) -> Result<(), Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
/// while let Some(second) = asynch::serve_until(uart, service, &mut connection, next_second()).await? {
///     connection.publish(TICK, &second);
/// }
/// # Ok(())
/// # }
/// # }
/// ```
pub async fn serve_until<S: Read + Write, E>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
    event: impl Future<Output = E>,
) -> Result<Option<E>, Error<S::Error>> {
    let mut event = pin!(event);
    while answer(stream, service, connection).await? {
        match first(read(stream, connection.space()), event.as_mut()).await {
            First::One(read) => match read.map_err(Error::Transport)? {
                0 => connection.end(),
                n => connection.received(n),
            },
            First::Other(output) => return Ok(Some(output)),
        }
    }
    Ok(None)
}

/// Answers all requests that have arrived and sends the replies; see [`blocking::answer`].
///
/// # Cancel safety
/// As [`serve`].
///
/// # Errors
/// As [`blocking::answer`].
pub(crate) async fn answer<S: Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut ServerConnection<'_, impl TopicSet>,
) -> Result<bool, Error<S::Error>> {
    loop {
        let next = connection.advance(service);
        while connection.is_pending() {
            match write(stream, connection.pending())
                .await
                .map_err(Error::Transport)?
            {
                0 => return Err(Error::Closed),
                n => connection.sent(n),
            }
        }
        if next != Next::Send {
            // Flush even if nothing was sent: an earlier flush may have failed or been cancelled.
            flush(stream).await.map_err(Error::Transport)?;
            return Ok(next == Next::Receive);
        }
    }
}

/// Closes a stream after [`serve`] so that the last line arrives; see [`blocking::close`].
///
/// # Cancel safety
/// Dropping the future drops `stream`.
///
/// # Errors
/// As [`blocking::close`].
///
/// ```
/// # use bellwire::{ServerConnection, asynch};
/// # async fn example<S: embedded_io_async::Read>(
/// #     mut socket: S, connection: &mut ServerConnection<'_>, shutdown: fn(&mut S) -> Result<(), S::Error>,
/// # ) -> Result<(), bellwire::Error<S::Error>> {
/// asynch::close(socket, connection, async |socket| shutdown(socket)).await?;
/// # Ok(())
/// # }
/// ```
pub async fn close<S: Read>(
    mut stream: S,
    connection: &mut ServerConnection<'_, impl TopicSet>,
    shutdown: impl AsyncFnOnce(&mut S) -> Result<(), S::Error>,
) -> Result<(), Error<S::Error>> {
    connection.reset();
    shutdown(&mut stream).await.map_err(Error::Transport)?;
    let mut left = connection.most_discarded();
    loop {
        let n = read(&mut stream, connection.space())
            .await
            .map_err(Error::Transport)?;
        match left.checked_sub(n) {
            Some(rest) if n > 0 => left = rest,
            _ => return Ok(()),
        }
    }
}

/// The output of the future that completes first.
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Runs both futures until one completes, and drops the other.
pub(crate) async fn first<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(First::One(output)),
        Poll::Pending => other.as_mut().poll(context).map(First::Other),
    })
    .await
}

/// Reads into `space`, which must not be empty. Returns 0 at the end of the stream.
async fn read<S: Read>(stream: &mut S, space: &mut [u8]) -> Result<usize, S::Error> {
    loop {
        match stream.read(space).await {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a part of `bytes`, which must not be empty. Returns 0 if the stream accepts no more bytes.
async fn write<S: Write>(stream: &mut S, bytes: &[u8]) -> Result<usize, S::Error> {
    loop {
        match stream.write(bytes).await {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

async fn flush<S: Write>(stream: &mut S) -> Result<(), S::Error> {
    loop {
        match stream.flush().await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == embedded_io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
