//! A server with a thread for each connection.

mod crowd;
mod stream;
mod worker;

use crate::limits::{Pause, ServerLimits};
use crate::rate::limited;
use crate::wait::after;
use crate::{Address, Conn, Endpoint, Listener, Network};
use crowd::Crowd;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use worker::Worker;

/// A server that serves each connection on a thread of its own.
///
/// ```no_run
/// # let endpoint = std::sync::Arc::new(bellwire_std::Endpoint::<()>::new());
/// let mut server = bellwire_std::Server::bind("127.0.0.1:0", endpoint)?;
/// server.limits.connections = 50;
/// println!("listening on {}", server.local_addr());
/// let stopper = server.shutdown_handle();
/// std::thread::spawn(move || server.run(|_peer| ()));
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
    pub fn bind(address: &str, endpoint: Arc<Endpoint<App>>) -> io::Result<Self> {
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
    /// Server::from_listener(listener, Endpoint::<()>::new().into()).run(|_peer| ())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_listener(listener: Listener, endpoint: Arc<Endpoint<App>>) -> Self {
        Self {
            limits: ServerLimits::default(),
            #[cfg(feature = "tls")]
            tls: None,
            listener,
            endpoint,
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

    /// Serves until it is stopped, each connection with the `App` that `app` makes for its peer.
    ///
    /// After a failing accept, for instance when no file descriptor is left, it pauses a little,
    /// up to a second, and tries again.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for [limits](ServerLimits) that serve nobody, and when the
    /// listener's socket no longer listens.
    pub fn run(self, mut app: impl FnMut(&Address) -> App) -> io::Result<()> {
        self.limits.check()?;
        let crowd = Crowd::new(&self.limits);
        let mut pause = Pause::default();
        loop {
            match self.listener.accept() {
                Ok(conn) => {
                    pause.reset();
                    self.serve(conn, &mut app, &crowd);
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

    fn serve(&self, conn: Conn, app: &mut impl FnMut(&Address) -> App, crowd: &Crowd) {
        let peer = conn.peer_addr().clone();
        let Some(member) = crowd.join(&conn) else {
            return limited!(warn, "{peer}: dropped, far too many connections");
        };
        // It is made here, as `app` may be for this thread only, on which all others depend.
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| app(&peer))) else {
            return limited!(error, "{peer}: dropped, as making its `App` panicked");
        };
        let worker = Worker {
            conn,
            member,
            endpoint: Arc::clone(&self.endpoint),
            app,
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
