//! A server with a thread for each connection.

mod crowd;
mod stream;
mod worker;

use crate::limits::{Backoff, ServerLimits};
use crate::rate::limited;
use crate::wait::after;
use crate::{Address, Conn, Endpoint, Listener, Network, Peer};
use crowd::Crowd;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;
use worker::{MakeApp, Worker};

/// A server with a thread for each connection.
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
    /// The limits. Set them before [`run`](Self::run).
    pub limits: ServerLimits,
    /// Begins TLS on each connection. The default is no TLS. The handshake has
    /// [a time limit](ServerLimits::handshake_timeout). A client that begins without TLS gets an error line in clear, then
    /// the end.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::Acceptor>,
    listener: Listener,
    endpoint: Arc<Endpoint<App>>,
}

/// Stops a running [`Server`], from any thread.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(Listener);

impl ShutdownHandle {
    /// Stops accepting at once. [`Server::run`] returns after the requests that have arrived are answered and
    /// the clients have received the replies, at the latest after [`ServerLimits::stop_timeout`].
    pub fn stop(&self) {
        self.0.close();
    }
}

impl<App: Send + 'static> Server<App> {
    /// Makes a server on a TCP address: `"127.0.0.1:61000"`, `"[::1]:61000"`,
    /// `"localhost:61000"`, or `":61000"` for all interfaces. Port 0 picks a free one.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(address: &str, endpoint: impl Into<Arc<Endpoint<App>>>) -> io::Result<Self> {
        Listener::bind(Network::Tcp, address)
            .map(|listener| Self::from_listener(listener, endpoint))
    }

    /// Makes a server for the clients that connect to `listener`, for example over a Unix socket. Several
    /// servers may share an endpoint.
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

    /// Returns the address that the server listens on.
    pub fn local_addr(&self) -> &Address {
        self.listener.local_addr()
    }

    /// Returns a handle that stops the server.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.listener.clone())
    }

    /// Serves until it is stopped. Each connection has a default `App` as its context.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with).
    pub fn run(self) -> io::Result<()>
    where
        App: Default,
    {
        self.run_with(|_peer| App::default())
    }

    /// Serves until it is stopped. `app` makes each connection's context from its peer, after the TLS handshake if
    /// there is one. If `app` panics, the connection is closed.
    ///
    /// After an accept fails, for example because no file descriptor is left, the server pauses for up to a
    /// second and tries again.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for [limits](ServerLimits) that serve nobody, and when the
    /// listener's socket no longer listens.
    pub fn run_with(self, app: impl Fn(&Peer) -> App + Send + Sync + 'static) -> io::Result<()> {
        self.limits.check()?;
        let app: Arc<MakeApp<App>> = Arc::new(app);
        let crowd = Crowd::new(&self.limits);
        let mut backoff = Backoff::default();
        loop {
            match self.listener.accept() {
                Ok(conn) => {
                    backoff.reset();
                    self.serve(conn, &app, &crowd);
                }
                Err(_) if self.listener.is_closed() => break,
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error),
                Err(error) => {
                    if let Some(time) = backoff.after(&error) {
                        self.listener.pause(after(Instant::now(), time))?;
                    }
                }
            }
        }
        crowd.dismiss(after(Instant::now(), self.limits.stop_timeout));
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
