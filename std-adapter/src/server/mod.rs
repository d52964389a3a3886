//! A server with a thread for each connection.

mod accept;
mod crowd;
mod worker;

use crate::Endpoint;
use accept::Acceptor;
use crowd::Crowd;
pub(crate) use crowd::SURPLUS;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use worker::Worker;

/// What a [`Server`] allows its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time; 1000. A further one is told that the server is busy.
    pub connections: usize,
    /// How long a connection may wait between requests; 5 minutes. Then it is closed.
    pub idle: Duration,
    /// How long a request may take to arrive once it has begun; 10 seconds. Then its sender is told
    /// that it timed out, and the connection closed.
    pub request: Duration,
    /// How long a client may take to make room for a batch of replies; 10 seconds. Then the
    /// connection is closed.
    pub reply: Duration,
    /// How long [`Stopper::stop`] lets running requests finish; 5 seconds.
    pub stop: Duration,
    /// Bytes of the receive buffer of each connection, and so of the longest payload; 64 KiB.
    pub receive_buffer: usize,
    /// Bytes of the transmit buffer of each connection, twice the longest reply; 64 KiB.
    pub transmit_buffer: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1000,
            idle: Duration::from_mins(5),
            request: Duration::from_secs(10),
            reply: Duration::from_secs(10),
            stop: Duration::from_secs(5),
            receive_buffer: 65536,
            transmit_buffer: 65536,
        }
    }
}

/// A TCP server that serves each connection on a thread of its own.
///
/// ```no_run
/// # let endpoint = std::sync::Arc::new(bellwire_std::Endpoint::<()>::new());
/// let mut server = bellwire_std::Server::bind("127.0.0.1:0", endpoint)?;
/// server.limits.connections = 50;
/// println!("listening on {}", server.local_addr()?);
/// let stopper = server.stopper();
/// std::thread::spawn(move || server.run(|_peer| ()));
/// stopper.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server<App: 'static> {
    /// What it allows; set it before [`run`](Self::run).
    pub limits: ServerLimits,
    acceptor: Acceptor,
    endpoint: Arc<Endpoint<App>>,
}

/// Stops a running [`Server`], from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(accept::Stop);

impl Stopper {
    /// Stops accepting at once, and has [`Server::run`] return after the requests that are running
    /// have been answered, within [`ServerLimits::stop`].
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl<App: Send + 'static> Server<App> {
    /// Listens on `address`: `"127.0.0.1:61000"`, `"[::1]:61000"`, `"localhost:61000"`, or
    /// `":61000"` for all interfaces. Port 0 picks a free one.
    ///
    /// # Errors
    /// Those of the operating system, such as [`AddrInUse`](io::ErrorKind::AddrInUse), and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no address.
    pub fn bind(address: &str, endpoint: Arc<Endpoint<App>>) -> io::Result<Self> {
        Ok(Self {
            limits: ServerLimits::default(),
            acceptor: Acceptor::bind(address)?,
            endpoint,
        })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.local_addr()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.acceptor.stop())
    }

    /// Serves until it is stopped, each connection with the `App` that `app` makes for its peer.
    ///
    /// After a failing accept, for instance when no file descriptor is left, it pauses a little,
    /// up to a second, and tries again.
    ///
    /// # Errors
    /// When the operating system can no longer tell it of new connections.
    pub fn run(self, mut app: impl FnMut(SocketAddr) -> App) -> io::Result<()> {
        let Self {
            limits,
            acceptor,
            endpoint,
        } = self;
        let stop = acceptor.stop();
        let crowd = Crowd::new(limits.connections);
        acceptor.run(|stream, peer| {
            let Some(member) = crowd.join(stream) else {
                return tracing::warn!("{peer}: dropped, far too many connections");
            };
            let worker = Worker {
                member,
                peer,
                endpoint: Arc::clone(&endpoint),
                app: app(peer),
                limits,
                stop: stop.clone(),
            };
            if let Err(error) = worker.start() {
                tracing::error!("{peer}: no thread for the connection: {error}");
            }
        })?;
        crowd.dismiss(Instant::now() + limits.stop);
        Ok(())
    }
}
