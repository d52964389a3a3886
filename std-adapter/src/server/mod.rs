//! A server with a thread for each connection.

mod crowd;
mod stream;
mod worker;

use crate::limits::{Pause, ServerLimits};
use crate::rate::limited;
use crate::wait::after;
use crate::{Address, Conn, Endpoint, Listener, Network, Peer};
use crowd::Crowd;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;
use worker::{MakeApp, Worker};

/// A server that serves each connection on a thread of its own.
///
/// ```no_run
/// # let endpoint = bellwire_std::Endpoint::new();
/// let mut server = bellwire_std::Server::bind("127.0.0.1:0", endpoint)?;
/// server.limits.connections = 50;
/// println!("listening on {}", server.local_addr());
/// let stopper = server.shutdown_handle();
/// std::thread::spawn(move || server.run());
/// stopper.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server<App: 'static> {
    /// What it allows; set it before [`run`](Self::run).
    pub limits: ServerLimits,
    /// Has each connection begin TLS, as [`tokio::Server::tls`](crate::tokio::Server::tls); none
    /// unless set.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::Acceptor>,
    listener: Listener,
    endpoint: Arc<Endpoint<App>>,
}

/// Stops a running [`Server`], from any thread.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(Listener);

impl ShutdownHandle {
    /// Stops accepting at once, and has [`Server::run`] return after the requests that have arrived
    /// are answered and the clients have received the replies, within [`ServerLimits::stop`].
    pub fn stop(&self) {
        self.0.close();
    }
}

impl<App: Send + 'static> Server<App> {
    /// A server on the TCP address `address`: `"127.0.0.1:61000"`, `"[::1]:61000"`,
    /// `"localhost:61000"`, or `":61000"` for all interfaces. Port 0 picks a free one.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(address: &str, endpoint: impl Into<Arc<Endpoint<App>>>) -> io::Result<Self> {
        Listener::bind(Network::Tcp, address)
            .map(|listener| Self::from_listener(listener, endpoint))
    }

    /// A server for those who connect to `listener`, say over a Unix socket. Several servers may
    /// share an endpoint.
    ///
    /// ```no_run
    /// use bellwire_std::{Endpoint, Listener, Network, Server};
    ///
    /// let listener = Listener::bind(Network::Unix, "/run/bellwire")?;
    /// Server::from_listener(listener, Endpoint::new()).run()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_listener(listener: Listener, endpoint: impl Into<Arc<Endpoint<App>>>) -> Self {
        Self {
            limits: ServerLimits::default(),
            #[cfg(feature = "tls")]
            tls: None,
            listener,
            endpoint: endpoint.into(),
        }
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> &Address {
        self.listener.local_addr()
    }

    /// What stops it.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.listener.clone())
    }

    /// Serves until it is stopped, each connection with an `App` of its own, made by its `Default`.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with).
    pub fn run(self) -> io::Result<()>
    where
        App: Default,
    {
        self.run_with(|_peer| App::default())
    }

    /// Serves until it is stopped, each connection with the `App` that `app` makes for its peer, after the TLS
    /// handshake if there is one. A connection for which it panics is closed.
    ///
    /// After a failing accept, for instance when no file descriptor is left, it pauses a little,
    /// up to a second, and tries again.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for [limits](ServerLimits) that serve nobody, and when the
    /// listener's socket no longer listens.
    pub fn run_with(self, app: impl Fn(&Peer) -> App + Send + Sync + 'static) -> io::Result<()> {
        self.limits.check()?;
        let app: Arc<MakeApp<App>> = Arc::new(app);
        let crowd = Crowd::new(&self.limits);
        let mut pause = Pause::default();
        loop {
            match self.listener.accept() {
                Ok(conn) => {
                    pause.reset();
                    self.serve(conn, &app, &crowd);
                }
                Err(_) if self.listener.is_closed() => break,
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error),
                Err(error) => {
                    if let Some(time) = pause.after(&error) {
                        self.listener.pause(after(Instant::now(), time))?;
                    }
                }
            }
        }
        crowd.dismiss(after(Instant::now(), self.limits.stop));
        Ok(())
    }

    fn serve(&self, conn: Conn, app: &Arc<MakeApp<App>>, crowd: &Crowd) {
        let peer = conn.peer_addr().clone();
        let Some(member) = crowd.join(&conn) else {
            return limited!(warn, "{peer}: dropped, far too many connections");
        };
        let worker = Worker {
            conn,
            member,
            endpoint: Arc::clone(&self.endpoint),
            app: Arc::clone(app),
            limits: self.limits,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
            listener: self.listener.clone(),
        };
        if let Err(error) = worker.start() {
            limited!(error, "{peer}: no thread for the connection: {error}");
        }
    }
}
