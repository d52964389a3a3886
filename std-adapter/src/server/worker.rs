//! One connection on its thread.

use super::crowd::Member;
use crate::limits::{LINGER, ServerLimits, Wait, replies_not_taken};
use crate::serving::Serving;
use crate::{Conn, Endpoint, Listener};
use bellwire::{Connection, Error, Fault, blocking};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

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
        let mut stream = Batched {
            conn: self.conn,
            limit: self.limits.reply,
            begun: None,
        };
        let mut rx = vec![0; self.limits.receive_buffer];
        let mut tx = vec![0; self.limits.transmit_buffer];
        let mut connection = Connection::new(&mut rx, &mut tx);
        let peer = stream.conn.peer_addr().clone();
        let mut service = Serving::new(&self.endpoint, self.app, &peer);
        if self.member.surplus {
            connection.abort(Fault::Busy, &mut service);
        }

        let mut wait = Wait::first();
        let mut last_read = false;
        loop {
            service.refresh(&self.endpoint);
            if !blocking::answer(&mut stream, &mut service, &mut connection)? {
                break;
            }
            wait = self.limits.wait(connection.begun(), wait, Instant::now());
            if last_read {
                // The server is stopping, and what had arrived is answered.
                if wait.begun.is_none() {
                    break;
                }
                connection.abort(Fault::Busy, &mut service);
                continue;
            }
            last_read = self.listener.is_closed();
            stream.conn.set_read_deadline(Some(wait.deadline));
            match embedded_io::Read::read(&mut stream.conn, connection.space()) {
                // The end is this server's own doing.
                Ok(0) if self.listener.is_closed() => last_read = true,
                Ok(0) => connection.end(),
                Ok(n) => connection.received(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    if wait.begun.is_none() {
                        tracing::info!("{}: idle for too long, closed", stream.conn.peer_addr());
                        break;
                    }
                    connection.abort(Fault::TimedOut, &mut service);
                }
                Err(error) => return Err(Error::Transport(error)),
            }
        }
        let (time, bytes) = LINGER;
        stream.conn.linger(bytes, Instant::now() + time);
        Ok(())
    }
}

/// A connection whose peer has a certain time to make room for each batch of replies, from its
/// first byte to the flush behind its last. The time that handlers take does not count.
struct Batched {
    conn: Conn,
    limit: Duration,
    begun: Option<Instant>,
}

impl embedded_io::ErrorType for Batched {
    type Error = io::Error;
}

impl embedded_io::Write for Batched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.conn.set_write_deadline(Some(begun + self.limit));
        let written = embedded_io::Write::write(&mut self.conn, bytes);
        written.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => replies_not_taken(),
            _ => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begun = None;
        embedded_io::Write::flush(&mut self.conn)
    }
}
