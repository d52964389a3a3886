//! A server for many connections on few threads, and a client that many tasks share, on tokio. Requires the feature
//! `tokio`.
//!
//! At each wake-up a connection of the server reads once, into a buffer that all connections of a thread share. It
//! answers the requests that arrived together, then writes once. After 128 requests it is another
//! connection's turn. A connection keeps bytes of its own only for a partial request, for requests
//! that wait for the next turn, and for replies that the client has not taken.

mod client;
mod conversation;
mod counts;
mod ending;
mod in_flight;
mod listener;
#[cfg(feature = "tls")]
mod secure;
mod stream;
mod task;

pub use client::{Client, ClientBuilder, RawSubscription, Subscription};

use crate::backoff::Backoff;
use crate::connections::{Permit, TOO_MANY};
use crate::rate::limited;
use crate::resolve::explain;
use crate::server::{self, Mode, ServerOn};
use crate::wait::after;
use crate::{Address, Listener, Peer};
use in_flight::InFlight;
use listener::AsyncListener;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use stream::Stream;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{timeout, timeout_at};

/// The highest number of threads.
const MOST_THREADS: usize = 1024;

/// A tokio task for each connection: the mode of [`Server`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Tasks;

impl Mode for Tasks {
    // A connection is small.
    const CONNECTIONS: usize = 16384;
}

/// A server that serves each connection as a tokio task, by default up to 16384.
///
/// ```no_run
/// # let endpoint = bellwire_std::Endpoint::new();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint)?;
/// println!("listening on {}", server.local_addr());
/// let shutdown = server.shutdown_handle();
/// let running = tokio::spawn(server.run());
/// shutdown.stop();
/// running.await??;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Server<App> = ServerOn<Tasks, App>;

impl<App: Send + 'static> ServerOn<Tasks, App> {
    /// Serves until it is stopped. Each connection has a default `App` as its context.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with).
    ///
    /// # Cancel safety
    /// As [`run_with`](Self::run_with).
    pub async fn run(self) -> io::Result<()>
    where
        App: Default,
    {
        self.run_with(|_peer| App::default()).await
    }

    /// Serves until it is stopped. `app` makes each connection's context from its peer, after the header of the
    /// PROXY protocol and the TLS handshake, if there are any. If `app` panics, the connection is closed.
    ///
    /// After an accept fails, for example because no file descriptor is left, the server pauses for up to a
    /// second and tries again.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for [limits](crate::ServerLimits) that serve nobody;
    /// [`NotConnected`](io::ErrorKind::NotConnected) for a listener that is closed already.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting. Existing connections go on until they end.
    pub async fn run_with(
        self,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<()> {
        let (shared, listener) = Shared::new(self, app)?;
        let accepting = AsyncListener::new(&listener)?;
        accept(&shared, &listener, accepting, Vec::new()).await;
        Ok(())
    }

    /// Serves as [`run`](Self::run) does, on `threads` threads of its own.
    ///
    /// # Errors
    /// As [`run_on_threads_with`](Self::run_on_threads_with).
    pub fn run_on_threads(self, threads: usize) -> io::Result<()>
    where
        App: Default,
    {
        self.run_on_threads_with(threads, |_peer| App::default())
    }

    /// Serves as [`run_with`](Self::run_with) does, on `threads` threads of its own, 1 to 1024, each with its own
    /// tokio runtime. Connections go to the threads in turn and stay there. This is faster for quick handlers;
    /// [`run_with`](Self::run_with) is better if some handlers take long.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with). [`InvalidInput`](io::ErrorKind::InvalidInput) for another number of
    /// threads, and the errors of the operating system, such as [`WouldBlock`](io::ErrorKind::WouldBlock) if it
    /// has no more threads.
    pub fn run_on_threads_with(
        self,
        threads: usize,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<()> {
        let (shared, listener) = &Shared::new(self, app)?;
        if !(1..=MOST_THREADS).contains(&threads) {
            let what = format!("{threads} threads; a server runs on 1 to {MOST_THREADS}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        // Every step that can fail comes before connections use up descriptors.
        let runtime = || Builder::new_current_thread().enable_all().build();
        let first = runtime()?;
        let others = (1..threads).map(|_| runtime());
        let others = others.collect::<io::Result<Vec<_>>>()?;
        let entered = first.enter();
        let accepting = AsyncListener::new(listener)?;
        drop(entered);
        thread::scope(|scope| {
            let give = |runtime: Runtime| {
                let (sender, receiver) = unbounded_channel();
                let serve = move || runtime.block_on(serve_given(shared, receiver));
                // If a thread cannot start, dropping the senders ends the others.
                let started = thread::Builder::new().spawn_scoped(scope, serve);
                started.map_err(|error| explain(format_args!("cannot start a thread"), &error))?;
                Ok(sender)
            };
            let senders = others.into_iter().map(give);
            let senders = senders.collect::<io::Result<Vec<_>>>()?;
            first.block_on(accept(shared, listener, accepting, senders));
            Ok(())
        })
    }
}

/// The state that all connections of a server share.
struct Shared<App> {
    server: server::Shared<App>,
    in_flight: InFlight,
}

impl<App: Send + 'static> Shared<App> {
    fn new(
        server: Server<App>,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<(Arc<Self>, Listener)> {
        let (server, listener) = server.start(app)?;
        let in_flight = InFlight::new(&server.limits);
        Ok((Arc::new(Self { server, in_flight }), listener))
    }
}

/// An accepted connection on its way to another thread.
struct Given {
    stream: std::net::TcpStream,
    peer: Address,
    permit: Permit,
}

/// Accepts until the server is stopped, gives connections to this thread and to `others` in turn, and waits
/// until all have ended.
async fn accept<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    listener: &Listener,
    accepting: AsyncListener,
    others: Vec<UnboundedSender<Given>>,
) {
    let server = &shared.server;
    let (stop, connections) = (&server.stop, &server.connections);
    let mut backoff = Backoff::default();
    let mut turns = (0..=others.len()).cycle();
    while !stop.is_given() {
        let accepted = tokio::select! {
            accepted = accepting.accept() => accepted,
            () = stop.given() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let Some(permit) = connections.admit() else {
                    limited!(warn, "{peer}: {TOO_MANY}");
                    continue;
                };
                let turn = turns.next().unwrap_or(0);
                match turn.checked_sub(1).map(|other| &others[other]) {
                    None => spawn(shared, stream, peer, permit),
                    Some(other) => give(other, stream, peer, permit),
                }
            }
            Err(error) => {
                if let Some(time) = backoff.after(&error) {
                    let _ = timeout(time, stop.given()).await;
                }
            }
        }
    }
    listener.close();
    drop(accepting);
    let deadline = after(Instant::now(), server.limits.stop_timeout).into();
    let _ = timeout_at(deadline, connections.emptied()).await;
    connections.are_late();
}

fn spawn<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    stream: TcpStream,
    peer: Address,
    permit: Permit,
) {
    let (stream, shared) = (Stream::new(stream), Arc::clone(shared));
    tokio::spawn(task::serve(stream, peer, permit, shared));
}

fn give(other: &UnboundedSender<Given>, stream: TcpStream, peer: Address, permit: Permit) {
    match stream.into_std() {
        Ok(stream) => {
            let given = Given {
                stream,
                peer,
                permit,
            };
            // Its thread takes until this end is dropped.
            let _ = other.send(given);
        }
        Err(error) => limited!(error, "{peer}: {error}"),
    }
}

/// Serves the connections that are given, until no more will be. All that belongs to one is made
/// here, so that the allocator has it in one place.
async fn serve_given<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    mut connections: UnboundedReceiver<Given>,
) {
    while let Some(Given {
        stream,
        peer,
        permit,
    }) = connections.recv().await
    {
        match TcpStream::from_std(stream) {
            Ok(stream) => spawn(shared, stream, peer, permit),
            Err(error) => limited!(error, "{peer}: {error}"),
        }
    }
}
