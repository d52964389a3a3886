//! One connection on its thread.

use super::blocking::Blocking;
use super::stream::Stream;
use crate::connections::{Permit, too_many};
use crate::deadlines::Wait;
use crate::dispatch::Dispatch;
use crate::ending::{Ending, Peer};
use crate::metrics::Stopwatch;
use crate::probe::{is_cut, is_unused};
#[cfg(feature = "proxy-protocol")]
use crate::proxy;
use crate::rate::limited;
use crate::server::Shared;
use crate::topics::Feeds;
use crate::wait::{Waker, after};
use crate::{Address, Conn};
use bellwire::{Error, ErrorKind, ServerConnection, blocking};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task;
use std::thread;
use std::time::Instant;

pub(super) struct Worker<App> {
    pub(super) conn: Conn,
    pub(super) permit: Permit,
    pub(super) shared: Arc<Shared<App>>,
}

impl<App: Send + 'static> Worker<App> {
    pub(super) fn start(self) -> io::Result<()> {
        let name = self.conn.peer_addr().to_string();
        let work = move || {
            let mut peer = self.conn.peer_addr().clone();
            tracing::debug!("{peer}: connected");
            match self.work(&mut peer) {
                Ok(()) => tracing::debug!("{peer}: ended"),
                Err(Error::Transport(error)) if is_unused(&error) => {
                    tracing::debug!("{peer}: {error}");
                }
                Err(error) => limited!(warn, "{peer}: {error}"),
            }
        };
        thread::Builder::new().name(name).spawn(work).map(drop)
    }

    /// Serves the connection. `peer` becomes the address from the PROXY header, if there is one.
    fn work(self, peer: &mut Address) -> Result<(), Error<io::Error>> {
        let Self {
            conn,
            mut permit,
            shared,
        } = self;
        let socket = Arc::clone(conn.socket());
        let mut stream = begin(conn, peer, &mut permit, &shared).map_err(Error::Transport)?;
        let limits = &shared.limits;
        let (mut rx, mut tx) = (
            vec![0; limits.receive_buffer],
            vec![0; limits.transmit_buffer],
        );
        let mut connection = ServerConnection::new(&mut rx, &mut tx)
            .with_topic_set(Feeds::new(&shared.endpoint.topics));
        let client = crate::Peer {
            address: peer.clone(),
            certificates: stream.peer_certificates(),
        };
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| (shared.app)(&client))) else {
            limited!(error, "{peer}: closed, since making its context panicked");
            return Ok(());
        };
        let mut service = Blocking {
            dispatch: Dispatch::new(&shared.endpoint, app, peer),
            socket,
            answer_timeout: limits.answer_timeout,
        };
        if permit.is_surplus() {
            connection.abort(ErrorKind::Busy, &mut service);
        }

        let mut wait = Wait::first();
        let mut stopwatch = None;
        // The bytes that may still be read after the server began to stop: one receive buffer.
        let mut left = None;
        let mut ended = false;
        let mut pushes = None;
        let at_end = loop {
            service.dispatch.refresh(&shared.endpoint);
            connection.topics().begin_turn();
            let open = blocking::answer(&mut stream, &mut service, &mut connection);
            shared.metrics.sent.increment(stream.take_sent());
            let now = Instant::now();
            if let Some(stopwatch) = stopwatch.take() {
                Stopwatch::stop(stopwatch, &shared.metrics.answering, now);
            }
            if !open? {
                break if ended { Peer::Ended } else { Peer::Sending };
            }
            let subscribed = connection.is_subscribed();
            wait = limits.wait(connection.partial_request(), subscribed, wait, now);
            stream.set_subscribed(subscribed);
            if subscribed {
                await_pushes(connection.topics(), &mut stream, &mut pushes)
                    .map_err(Error::Transport)?;
            }
            if left == Some(0) {
                // The requests that were read are answered. The sender of others gets an error line.
                if wait.partial_request.is_none()
                    && !matches!(stream.read(&mut [0], wait.deadline), Ok(1..))
                {
                    break Peer::Quiet;
                }
                connection.abort(ErrorKind::Busy, &mut service);
                continue;
            }
            if left.is_none() && shared.stop.is_given() {
                left = Some(limits.receive_buffer);
            }
            match stream.read(connection.space(), wait.deadline) {
                Ok(0) => {
                    ended = true;
                    connection.end();
                }
                // The server is stopping, and nothing more has arrived.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => left = Some(0),
                // A cut between requests costs nothing.
                Err(error) if is_cut(&error) && is_between_requests(&wait, &stream) => {
                    tracing::debug!("{peer}: {error}");
                    ended = true;
                    connection.end();
                }
                Ok(n) => {
                    stopwatch = Some(Stopwatch::start());
                    shared.metrics.received.increment(n as u64);
                    left = left.map(|left: usize| left.saturating_sub(n));
                    connection.received(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    if is_between_requests(&wait, &stream) {
                        limited!(info, "{peer}: idle for too long, closed");
                        break Peer::Quiet;
                    }
                    connection.abort(ErrorKind::TimedOut, &mut service);
                }
                Err(error) => return Err(Error::Transport(error)),
            }
        };
        // It ends the subscriptions. The close may take a while.
        drop(connection);
        let ending = Ending::new(limits, shared.stop.is_given(), at_end);
        stream.end(ending).map_err(Error::Transport)
    }
}

/// Returns whether no part of the next request has arrived.
fn is_between_requests(wait: &Wait, stream: &Stream) -> bool {
    wait.partial_request.is_none() && !stream.is_in_part()
}

/// Lets the next push end a waiting read. If a push is due, a read ends at once.
fn await_pushes(
    feeds: &Feeds<'_>,
    stream: &mut Stream,
    waker: &mut Option<Arc<Waker>>,
) -> io::Result<()> {
    let waker = if let Some(waker) = waker {
        waker
    } else {
        let new = Arc::new(Waker::new()?);
        stream.watch(Arc::clone(&new));
        waker.insert(new)
    };
    if !feeds.arm(&task::Waker::from(Arc::clone(waker))) {
        waker.wake();
    }
    Ok(())
}

/// Reads the PROXY header and performs the TLS handshake, if there are any.
fn begin<App>(
    mut conn: Conn,
    peer: &mut Address,
    permit: &mut Permit,
    shared: &Shared<App>,
) -> io::Result<Stream> {
    conn.serve(Arc::clone(&shared.stop));
    let deadline = after(Instant::now(), shared.limits.handshake_timeout);
    conn.set_deadline(Some(deadline));
    #[cfg(feature = "proxy-protocol")]
    if shared.proxy_protocol {
        let client = proxy::HeaderReader::default().read(&mut conn);
        let client = client.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => proxy::too_slow(),
            io::ErrorKind::WouldBlock => proxy::stopping(),
            _ => error,
        });
        if let Some(client) = client? {
            *peer = Address::Tcp(client);
        }
    }
    if !permit.count(peer) {
        return Err(too_many());
    }
    Stream::begin(conn, shared)
}
