//! A server for many connections on few threads, on tokio. Needs the feature `tokio`.
//!
//! At each wake-up a connection reads once, into a buffer that all connections of a thread share. It answers
//! the requests that arrived together, then writes once. After 128 requests it is another connection's turn. A
//! connection keeps bytes of its own only for a partial request, for requests that wait for the next turn,
//! and for replies that the client has not taken.
//!
//! The server reports to the recorder of the [`metrics`](::metrics) crate, if the process installs one before it
//! makes the endpoint: `bellwire_connections`, `bellwire_connections_total`,
//! `bellwire_requests_total` by command, `bellwire_errors_total` by code,
//! `bellwire_received_bytes_total`, `bellwire_sent_bytes_total` and `bellwire_answer_seconds`; with the
//! feature `tls` also `bellwire_tls_handshake_failures_total`.

mod conversation;
mod counts;
mod crowd;
mod ending;
mod in_flight;
mod listener;
mod metrics;
mod proxy;
#[cfg(feature = "tls")]
mod secure;
mod stream;
mod task;

use crate::addresses::Addresses;
use crate::limits::{Backoff, ServerLimits};
use crate::rate::limited;
use crate::resolve::explain;
use crate::wait::after;
use crate::{Address, Endpoint, Listener, Network, Peer};
use crowd::{Crowd, Member};
use in_flight::InFlight;
use listener::AsyncListener;
use metrics::Metrics;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use stream::Stream;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{timeout, timeout_at};

/// The default limit of connections. It is high because a connection is small.
const CONNECTIONS: usize = 16384;

/// The highest number of threads.
const MOST_THREADS: usize = 1024;

/// A server that serves each connection as a tokio task, by default up to 16384.
///
/// ```no_run
/// # let endpoint = bellwire_std::Endpoint::new();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint)?;
/// println!("listening on {}", server.local_addr());
/// let stopper = server.shutdown_handle();
/// let running = tokio::spawn(server.run());
/// stopper.stop();
/// running.await??;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server<App: 'static> {
    /// The limits. Set them before [`run`](Self::run).
    pub limits: ServerLimits,
    /// Whether each connection begins with a header of the PROXY protocol, version 2. Load balancers such as
    /// `HAProxy` send it to tell the client's address. The default is `false`.
    ///
    /// If it is `true`, a connection without a header is closed. Make sure that only the load balancer can
    /// connect: a client could claim any address.
    pub proxy_protocol: bool,
    /// Begins TLS on each connection, after the header of the PROXY protocol if there is one. The default is no
    /// TLS. The handshake has [a time limit](ServerLimits::handshake_timeout). A client that begins without TLS gets an
    /// error line in clear, then the end.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::Acceptor>,
    listener: Listener,
    endpoint: Arc<Endpoint<App>>,
    crowd: Arc<Crowd>,
}

/// Stops a running [`Server`], from any task or thread.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(Arc<Crowd>);

impl ShutdownHandle {
    /// Stops accepting at once. [`Server::run`] returns after the requests that have arrived are answered and
    /// the clients have received the replies, at the latest after [`ServerLimits::stop_timeout`]. Connections that have
    /// not ended by then go on until the runtime ends.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl<App: Send + 'static> Server<App> {
    /// Makes a server on a TCP address, as [`crate::Server::bind`] does.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(address: &str, endpoint: impl Into<Arc<Endpoint<App>>>) -> io::Result<Self> {
        Listener::bind(Network::Tcp, address)
            .map(|listener| Self::from_listener(listener, endpoint))
    }

    /// Makes a server for the clients that connect to `listener`, as [`crate::Server::from_listener`] does. With
    /// [`Listener::bind_shared`], several processes may share a port.
    pub fn from_listener(listener: Listener, endpoint: impl Into<Arc<Endpoint<App>>>) -> Self {
        Self {
            limits: ServerLimits {
                connections: CONNECTIONS,
                ..ServerLimits::default()
            },
            proxy_protocol: false,
            #[cfg(feature = "tls")]
            tls: None,
            listener,
            endpoint: endpoint.into(),
            crowd: Arc::new(Crowd::new()),
        }
    }

    /// Returns the address that the server listens on.
    pub fn local_addr(&self) -> &Address {
        self.listener.local_addr()
    }

    /// Returns a handle that stops the server.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(&self.crowd))
    }

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
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for [limits](ServerLimits) that serve nobody;
    /// [`NotConnected`](io::ErrorKind::NotConnected) for a listener that is closed already.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting. Existing connections go on until they end.
    pub async fn run_with(
        self,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.limits.check()?;
        let accepting = AsyncListener::new(&self.listener)?;
        let (shared, listener) = self.share(app);
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
        self.limits.check()?;
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
        let accepting = AsyncListener::new(&self.listener)?;
        drop(entered);
        let (shared, listener) = &self.share(app);
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

    fn share(
        self,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> (Arc<Shared<App>>, Listener) {
        let shared = Shared {
            crowd: self.crowd,
            addresses: Addresses::new(self.limits.connections_per_address),
            in_flight: InFlight::new(&self.limits),
            limits: self.limits,
            proxy_protocol: self.proxy_protocol,
            #[cfg(feature = "tls")]
            tls: self.tls,
            metrics: Metrics::new(),
            endpoint: self.endpoint,
            app: Box::new(app),
        };
        (Arc::new(shared), self.listener)
    }
}

/// The state that all connections of a server share.
struct Shared<App> {
    crowd: Arc<Crowd>,
    addresses: Addresses,
    in_flight: InFlight,
    limits: ServerLimits,
    proxy_protocol: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Acceptor>,
    metrics: Metrics,
    endpoint: Arc<Endpoint<App>>,
    /// Makes the `App` of a connection.
    app: Box<dyn Fn(&Peer) -> App + Send + Sync>,
}

/// An accepted connection on its way to another thread.
struct Given {
    stream: std::net::TcpStream,
    peer: Address,
    member: Member,
}

/// Accepts until the server is stopped, gives connections to this thread and to `others` in turn, and waits
/// until all have ended.
async fn accept<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    listener: &Listener,
    accepting: AsyncListener,
    others: Vec<UnboundedSender<Given>>,
) {
    let Shared { crowd, limits, .. } = &**shared;
    let mut backoff = Backoff::default();
    let mut turns = (0..=others.len()).cycle();
    while !crowd.is_stopping() {
        let accepted = tokio::select! {
            accepted = accepting.accept() => accepted,
            () = crowd.stopped() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let Some(member) = crowd.join(limits.connections) else {
                    limited!(warn, "{peer}: dropped, far too many connections");
                    continue;
                };
                let turn = turns.next().unwrap_or(0);
                match turn.checked_sub(1).map(|other| &others[other]) {
                    None => spawn(shared, stream, peer, member),
                    Some(other) => give(other, stream, peer, member),
                }
            }
            Err(error) => {
                if let Some(time) = backoff.after(&error) {
                    let _ = timeout(time, crowd.stopped()).await;
                }
            }
        }
    }
    listener.close();
    drop(accepting);
    let deadline = after(Instant::now(), limits.stop_timeout).into();
    if timeout_at(deadline, crowd.emptied()).await.is_err() {
        tracing::warn!("{} connections did not end in time", crowd.len());
    }
}

fn spawn<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    stream: TcpStream,
    peer: Address,
    member: Member,
) {
    let (stream, shared) = (Stream::new(stream), Arc::clone(shared));
    tokio::spawn(task::serve(stream, peer, member, shared));
}

fn give(other: &UnboundedSender<Given>, stream: TcpStream, peer: Address, member: Member) {
    match stream.into_std() {
        Ok(stream) => {
            let given = Given {
                stream,
                peer,
                member,
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
        member,
    }) = connections.recv().await
    {
        match TcpStream::from_std(stream) {
            Ok(stream) => spawn(shared, stream, peer, member),
            Err(error) => limited!(error, "{peer}: {error}"),
        }
    }
}
