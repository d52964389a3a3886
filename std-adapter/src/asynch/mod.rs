//! A server for many connections on few threads, on tokio. Needs the feature `tokio`.
//!
//! It keeps system calls few and idle connections small: at each wake-up it reads once, into a
//! buffer that all connections of a thread share, answers all the requests that arrived
//! together, and writes once. A connection keeps bytes of its own only while a request has arrived
//! in part, or a reply has not been taken.

mod conversation;
mod task;

use crate::serving::Serving;
use crate::{Endpoint, ServerLimits};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A TCP server that serves each connection as a tokio task.
///
/// ```no_run
/// # let endpoint = std::sync::Arc::new(bellwire_std::Endpoint::<()>::new());
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = bellwire_std::asynch::Server::bind("127.0.0.1:0", endpoint).await?;
/// println!("listening on {}", server.local_addr()?);
/// let stopper = server.stopper();
/// let running = tokio::spawn(server.run(|_peer| ()));
/// stopper.stop();
/// running.await?;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server<App: 'static> {
    /// What it allows; set it before [`run`](Self::run).
    pub limits: ServerLimits,
    listener: TcpListener,
    endpoint: Arc<Endpoint<App>>,
    stop: Arc<watch::Sender<bool>>,
}

/// Stops a running [`Server`], from any task or thread.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    /// Stops accepting at once, and has [`Server::run`] return after the requests that are running
    /// have been answered, within [`ServerLimits::stop`].
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl<App: Send + 'static> Server<App> {
    /// Listens on `address`, as [`crate::Server::bind`].
    ///
    /// # Errors
    /// As [`crate::Server::bind`].
    pub async fn bind(address: &str, endpoint: Arc<Endpoint<App>>) -> io::Result<Self> {
        let listener = match address.strip_prefix(':') {
            Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind(format!("0.0.0.0:{port}")).await?
                }
                listener => listener?,
            },
            None => TcpListener::bind(address).await?,
        };
        Ok(Self {
            limits: ServerLimits::default(),
            listener,
            endpoint,
            stop: Arc::new(watch::Sender::new(false)),
        })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Serves until it is stopped, each connection with the `App` that `app` makes for its peer.
    ///
    /// After a failing accept, for instance when no file descriptor is left, it pauses a little,
    /// up to a second, and tries again.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting; the connections there are go on until they end.
    pub async fn run(self, mut app: impl FnMut(SocketAddr) -> App) {
        // Each task holds a receiver, so the sender knows how many there are, and when all have gone.
        let mut stopped = self.stop.subscribe();
        let mut pause = Duration::ZERO;
        let limits = Arc::new(self.limits);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = Duration::ZERO;
                    self.start(stream, peer, &limits, &mut app);
                }
                Err(error) => {
                    pause = (pause * 2).clamp(Duration::from_millis(5), Duration::from_secs(1));
                    tracing::error!("accept failed, next try in {pause:?}: {error}");
                    sleep(pause).await;
                }
            }
        }
        let Self {
            limits,
            listener,
            stop,
            ..
        } = self;
        drop((listener, stopped));
        if timeout(limits.stop, stop.closed()).await.is_err() {
            tracing::warn!("{} connections did not end in time", stop.receiver_count());
        }
    }

    fn start(
        &self,
        stream: TcpStream,
        mut peer: SocketAddr,
        limits: &Arc<ServerLimits>,
        app: &mut impl FnMut(SocketAddr) -> App,
    ) {
        // An IPv4 peer of a socket for both families is shown as one.
        peer.set_ip(peer.ip().to_canonical());
        // One receiver is this server's own.
        let connections = self.stop.receiver_count() - 1;
        let mut task = Task::new(
            stream,
            Serving::new(Arc::clone(&self.endpoint), app(peer), peer),
            Arc::clone(limits),
            self.stop.subscribe(),
        );
        if connections >= self.limits.connections + crate::server::SURPLUS {
            return tracing::warn!("{peer}: dropped, far too many connections");
        }
        if connections >= self.limits.connections {
            task.turn_away();
        }
        // The block holds the task once; a future that took it over would have room for two.
        tokio::spawn(async move { task.run().await });
    }
}
