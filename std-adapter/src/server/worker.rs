//! One connection on its thread.

use super::crowd::Member;
use super::stream::Stream;
use crate::dispatch::Dispatch;
use crate::ending::{Ending, Peer};
use crate::limits::{ServerLimits, Wait};
use crate::probe::{is_cut, is_unused};
use crate::rate::limited;
use crate::{Conn, Endpoint, Listener};
use bellwire::{Error, ErrorKind, ServerConnection, blocking};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Makes the `App` of a connection.
pub(super) type MakeApp<App> = dyn Fn(&crate::Peer) -> App + Send + Sync;

pub(super) struct Worker<App> {
    pub(super) conn: Conn,
    pub(super) member: Member,
    pub(super) endpoint: Arc<Endpoint<App>>,
    pub(super) app: Arc<MakeApp<App>>,
    pub(super) limits: ServerLimits,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<crate::tls::Acceptor>,
    pub(super) listener: Listener,
}

impl<App: Send + 'static> Worker<App> {
    pub(super) fn start(self) -> io::Result<()> {
        let name = self.conn.peer_addr().to_string();
        let work = move || {
            let peer = self.conn.peer_addr().clone();
            tracing::debug!("{peer}: connected");
            match self.work() {
                Ok(()) => tracing::debug!("{peer}: ended"),
                Err(Error::Transport(error)) if is_unused(&error) => {
                    tracing::debug!("{peer}: {error}");
                }
                Err(error) => limited!(warn, "{peer}: {error}"),
            }
        };
        thread::Builder::new().name(name).spawn(work).map(drop)
    }

    fn work(mut self) -> Result<(), Error<io::Error>> {
        let peer = self.conn.peer_addr().clone();
        self.conn.serve(self.listener.clone());
        #[cfg(feature = "tls")]
        let mut stream = match self.tls {
            None => Stream::plain(self.conn, self.limits),
            Some(acceptor) => {
                Stream::handshake(self.conn, &acceptor, self.limits).map_err(Error::Transport)?
            }
        };
        #[cfg(not(feature = "tls"))]
        let mut stream = Stream::plain(self.conn, self.limits);
        let mut rx = vec![0; self.limits.receive_buffer];
        let mut tx = vec![0; self.limits.transmit_buffer];
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        let client = stream.peer();
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| (self.app)(&client))) else {
            limited!(error, "{peer}: closed, since making its context panicked");
            return Ok(());
        };
        let mut service = Dispatch::new(&self.endpoint, app, &peer);
        if self.member.surplus {
            connection.abort(ErrorKind::Busy, &mut service);
        }

        let mut wait = Wait::first();
        // The bytes that may still be read after the server began to stop: one receive buffer.
        let mut left = None;
        let mut ended = false;
        let at_end = loop {
            service.refresh(&self.endpoint);
            if !blocking::answer(&mut stream, &mut service, &mut connection)? {
                break if ended { Peer::Ended } else { Peer::Sending };
            }
            wait = self.limits.wait(connection.begun(), wait, Instant::now());
            if left == Some(0) {
                // The requests that were read are answered. The sender of others gets an error line.
                if wait.begun.is_none() && !matches!(stream.read(&mut [0], wait.deadline), Ok(1..))
                {
                    break Peer::Quiet;
                }
                connection.abort(ErrorKind::Busy, &mut service);
                continue;
            }
            if left.is_none() && self.listener.is_closed() {
                left = Some(self.limits.receive_buffer);
            }
            match stream.read(connection.space(), wait.deadline) {
                Ok(0) => {
                    ended = true;
                    connection.end();
                }
                // The server is stopping, and nothing more has arrived.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => left = Some(0),
                // A cut between requests costs nothing.
                Err(error) if is_cut(&error) && wait.begun.is_none() && !stream.is_in_part() => {
                    tracing::debug!("{peer}: {error}");
                    ended = true;
                    connection.end();
                }
                Ok(n) => {
                    left = left.map(|left: usize| left.saturating_sub(n));
                    connection.received(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    if wait.begun.is_none() && !stream.is_in_part() {
                        limited!(
                            info,
                            "{}: idle for too long, closed",
                            stream.conn().peer_addr()
                        );
                        break Peer::Quiet;
                    }
                    connection.abort(ErrorKind::TimedOut, &mut service);
                }
                Err(error) => return Err(Error::Transport(error)),
            }
        };
        let ending = Ending::new(&self.limits, self.listener.is_closed(), at_end);
        stream.end(ending).map_err(Error::Transport)
    }
}
