//! One connection on its thread.

use super::ServerLimits;
use super::crowd::Member;
use crate::serving::Serving;
use crate::{Conn, Endpoint, Listener};
use bellwire::{Connection, Error, Fault, blocking};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long, and for how many bytes, a connection that the server ends is still read, so that the
/// last error line arrives.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 1 << 20);

pub(super) struct Worker<App> {
    pub(super) conn: Conn,
    pub(super) member: Member,
    pub(super) endpoint: Arc<Endpoint<App>>,
    pub(super) app: App,
    pub(super) limits: ServerLimits,
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
                Err(error) => tracing::warn!("{peer}: {error}"),
            }
        };
        thread::Builder::new().name(name).spawn(work).map(drop)
    }

    fn work(self) -> Result<(), Error<io::Error>> {
        let mut conn = self.conn;
        let mut rx = vec![0; self.limits.receive_buffer];
        let mut tx = vec![0; self.limits.transmit_buffer];
        let mut connection = Connection::new(&mut rx, &mut tx);
        let peer = conn.peer_addr().clone();
        let mut service = Serving::new(self.endpoint, self.app, peer);
        if self.member.surplus {
            connection.abort(Fault::Busy, &mut service);
        }

        let mut begun = None;
        loop {
            service.refresh();
            conn.set_write_deadline(Some(Instant::now() + self.limits.reply));
            if !blocking::answer(&mut conn, &mut service, &mut connection)? {
                break;
            }
            // A request that has begun keeps its deadline, however its bytes trickle in.
            begun = connection.begun().map(|number| match begun {
                Some((same, deadline)) if same == number => (number, deadline),
                _ => (number, Instant::now() + self.limits.request),
            });
            let idle = Instant::now() + self.limits.idle;
            conn.set_read_deadline(Some(begun.map_or(idle, |(_, deadline)| deadline)));
            match embedded_io::Read::read(&mut conn, connection.space()) {
                Ok(0) if self.listener.is_closed() && begun.is_some() => {
                    connection.abort(Fault::Busy, &mut service);
                }
                Ok(0) => connection.end(),
                Ok(n) => connection.received(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    if begun.is_none() {
                        tracing::info!("{}: idle for too long, closed", conn.peer_addr());
                        break;
                    }
                    connection.abort(Fault::TimedOut, &mut service);
                }
                Err(error) => return Err(Error::Transport(error)),
            }
        }
        let (time, bytes) = LINGER;
        conn.linger(bytes, Instant::now() + time);
        Ok(())
    }
}
