//! A server for many connections on few threads, on tokio. Needs the feature `tokio`.
//!
//! It keeps system calls few and idle connections small: at each wake-up it reads once, into a
//! buffer that all connections of a thread share, answers the requests that arrived together, up to
//! 128 of them before others have their turn, and writes once. A connection keeps bytes of its own
//! only while a request has arrived in part or waits for the next turn, or a reply has not been
//! taken.
//!
//! It reports to the recorder that the process has installed for the [`metrics`](::metrics) crate,
//! if any, before it made the endpoint: `bellwire_connections`, `bellwire_connections_total`,
//! `bellwire_requests_total` by command, `bellwire_errors_total` by code,
//! `bellwire_received_bytes_total`, `bellwire_sent_bytes_total` and `bellwire_answer_seconds`; with the
//! feature `tls` also `bellwire_tls_handshake_failures_total`.

mod accepting;
mod conversation;
mod crowd;
mod ending;
mod in_flight;
mod metrics;
mod proxy;
#[cfg(feature = "tls")]
mod secure;
mod stream;
mod tally;
mod task;

use crate::addresses::Addresses;
use crate::limits::{Pause, ServerLimits};
use crate::rate::limited;
use crate::resolve::explain;
use crate::wait::after;
use crate::{Address, Endpoint, Listener, Network, Peer};
use accepting::Accepting;
use crowd::{Crowd, Member};
use in_flight::InFlight;
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

/// How many connections a server takes unless told otherwise: many, as each is small.
const CONNECTIONS: usize = 16384;

/// The most threads that a server runs on, more than machines have processors.
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
    /// What it allows; set it before [`run`](Self::run).
    pub limits: ServerLimits,
    /// Whether each connection begins with a header of the PROXY protocol, version 2, which tells
    /// the client's address, as load balancers such as `HAProxy` send it; off unless set. A
    /// connection without one is then closed, since whoever may connect directly could claim
    /// any address.
    pub proxy_protocol: bool,
    /// Has each connection begin TLS, behind the header of the PROXY protocol if there is one; none
    /// unless set. It has [a time limit](ServerLimits::handshake). A client that
    /// begins without TLS gets an error line in clear, and the end.
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
    /// Stops accepting at once, and has [`Server::run`] return after the requests that have arrived
    /// are answered and the clients have received the replies, within [`ServerLimits::stop`]. What has
    /// not ended by then goes on until the runtime ends.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl<App: Send + 'static> Server<App> {
    /// A server on the TCP address `address`, as [`crate::Server::bind`].
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(address: &str, endpoint: impl Into<Arc<Endpoint<App>>>) -> io::Result<Self> {
        Listener::bind(Network::Tcp, address)
            .map(|listener| Self::from_listener(listener, endpoint))
    }

    /// A server for those who connect to `listener`, as [`crate::Server::from_listener`]. By
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

    /// The address it listens on.
    pub fn local_addr(&self) -> &Address {
        self.listener.local_addr()
    }

    /// What stops it.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(&self.crowd))
    }

    /// Serves until it is stopped, each connection with an `App` of its own, made by its `Default`.
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

    /// Serves until it is stopped, each connection with the `App` that `app` makes for its peer, after the
    /// header of the PROXY protocol and the TLS handshake, if there are any. A connection for which it panics
    /// is closed.
    ///
    /// After a failing accept, for instance when no file descriptor is left, it pauses a little,
    /// up to a second, and tries again.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for [limits](ServerLimits) that serve nobody;
    /// [`NotConnected`](io::ErrorKind::NotConnected) for a listener that is closed already.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting; the connections there are go on until they end.
    pub async fn run_with(
        self,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.limits.check()?;
        let accepting = Accepting::new(&self.listener)?;
        let (shared, listener) = self.share(app);
        accept(&shared, &listener, accepting, Vec::new()).await;
        Ok(())
    }

    /// As [`run_on_threads_with`](Self::run_on_threads_with), with contexts made by their `Default`.
    ///
    /// # Errors
    /// As [`run_on_threads_with`](Self::run_on_threads_with).
    pub fn run_on_threads(self, threads: usize) -> io::Result<()>
    where
        App: Default,
    {
        self.run_on_threads_with(threads, |_peer| App::default())
    }

    /// As [`run_with`](Self::run_with), on `threads` threads of its own, 1 to 1024, each with a tokio runtime of its own, until
    /// it is stopped. Connections go to the threads in turn and stay there, which saves handing over: this
    /// is the faster way where handlers are quick, and the other where some take long.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with), also for another number of threads, and those of the operating system,
    /// such as [`WouldBlock`](io::ErrorKind::WouldBlock) when it has no more threads.
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
        // All that can fail comes first, before connections use up what the system has.
        let runtime = || Builder::new_current_thread().enable_all().build();
        let first = runtime()?;
        let others = (1..threads).map(|_| runtime());
        let others = others.collect::<io::Result<Vec<_>>>()?;
        let entered = first.enter();
        let accepting = Accepting::new(&self.listener)?;
        drop(entered);
        let (shared, listener) = &self.share(app);
        thread::scope(|scope| {
            let give = |runtime: Runtime| {
                let (sender, receiver) = unbounded_channel();
                let serve = move || runtime.block_on(serve_given(shared, receiver));
                // Without the last of the threads, the others end as their senders are dropped.
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

/// What all connections of a server have in common.
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

/// Accepts until the server is stopped, has connections served here and by `others`
/// in turn, and waits until all have ended.
async fn accept<App: Send + 'static>(
    shared: &Arc<Shared<App>>,
    listener: &Listener,
    accepting: Accepting,
    others: Vec<UnboundedSender<Given>>,
) {
    let Shared { crowd, limits, .. } = &**shared;
    let mut pause = Pause::default();
    let mut turns = (0..=others.len()).cycle();
    while !crowd.is_stopping() {
        let accepted = tokio::select! {
            accepted = accepting.accept() => accepted,
            () = crowd.stopped() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause.reset();
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
                if let Some(time) = pause.after(&error) {
                    let _ = timeout(time, crowd.stopped()).await;
                }
            }
        }
    }
    listener.close();
    drop(accepting);
    let deadline = after(Instant::now(), limits.stop).into();
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
