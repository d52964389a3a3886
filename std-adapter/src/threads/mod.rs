//! A server with a thread for each connection.

mod blocking;
mod stream;
mod worker;

use crate::backoff::Backoff;
use crate::connections::TOO_MANY;
use crate::rate::limited;
use crate::server::{Mode, ServerOn, Shared};
use crate::wait::after;
use crate::{Conn, Peer};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::time::Instant;
use worker::Worker;

/// A thread for each connection: the mode of [`Server`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Threads;

impl Mode for Threads {
    const CONNECTIONS: usize = 1000;
}

/// A server with a thread for each connection, by default up to 1000.
///
/// ```no_run
/// # let endpoint = bellwire_std::Endpoint::new();
/// let mut server = bellwire_std::Server::bind("127.0.0.1:0", endpoint)?;
/// server.limits.connections = 50;
/// println!("listening on {}", server.local_addr());
/// let shutdown = server.shutdown_handle();
/// std::thread::spawn(move || server.run());
/// shutdown.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Server<App> = ServerOn<Threads, App>;

impl<App: Send + 'static> ServerOn<Threads, App> {
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

    /// Serves until it is stopped. `app` makes each connection's context from its peer, after the
    /// header of the PROXY protocol and the TLS handshake, if there are any. If `app` panics, the
    /// connection is closed.
    ///
    /// After an accept fails, for example because no file descriptor is left, the server pauses for
    /// up to a second and tries again.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for [limits](crate::ServerLimits) that serve nobody, and when the
    /// listener's socket no longer listens.
    pub fn run_with(self, app: impl Fn(&Peer) -> App + Send + Sync + 'static) -> io::Result<()> {
        let (shared, listener) = self.start(app)?;
        let shared = Arc::new(shared);
        let mut open = Sockets::default();
        let mut backoff = Backoff::default();
        loop {
            match listener.accept() {
                Ok(conn) => {
                    backoff.reset();
                    open.add(&conn, shared.connections.len());
                    serve(conn, &shared);
                }
                Err(_) if listener.is_closed() => break,
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error),
                Err(error) => {
                    if let Some(time) = backoff.after(&error) {
                        listener.pause(after(Instant::now(), time))?;
                    }
                }
            }
        }
        listener.close();
        let deadline = after(Instant::now(), shared.limits.stop_timeout);
        shared.connections.wait_until_empty(deadline);
        if shared.connections.are_late() {
            open.shut_down();
        }
        Ok(())
    }
}

/// Gives the connection a thread, if the server admits it.
fn serve<App: Send + 'static>(conn: Conn, shared: &Arc<Shared<App>>) {
    let peer = conn.peer_addr().clone();
    let Some(permit) = shared.connections.admit() else {
        return limited!(warn, "{peer}: {TOO_MANY}");
    };
    let worker = Worker {
        conn,
        permit,
        shared: Arc::clone(shared),
    };
    if let Err(error) = worker.start() {
        limited!(error, "{peer}: no thread for the connection: {error}");
    }
}

/// The sockets of the open connections.
#[derive(Default)]
struct Sockets(Vec<Weak<Socket>>);

impl Sockets {
    /// Adds a socket, after it has removed the closed ones if they are more than the `open` ones.
    fn add(&mut self, conn: &Conn, open: usize) {
        if self.0.len() > 2 * open + 64 {
            self.0.retain(|socket| socket.upgrade().is_some());
        }
        self.0.push(Arc::downgrade(conn.socket()));
    }

    fn shut_down(&self) {
        for socket in self.0.iter().filter_map(Weak::upgrade) {
            // Fails if the peer is already gone; then there is nothing to shut down.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
