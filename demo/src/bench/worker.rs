//! One thread of the load generator.

use super::connection::Connection;
use super::counts::Counts;
use super::load::{Failure, Load, READ};
use super::stream::Stream;
use bellwire_std::{Conn, Dialer, Network, tls};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The interval of checks for overdue replies and for a stop.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// The parameters that all threads share.
pub(super) struct Plan<'a> {
    pub(super) load: &'a Load,
    pub(super) timeout: Duration,
    /// The time after which no request is sent.
    pub(super) end: Instant,
    /// Whether to end now, without waiting for outstanding replies.
    pub(super) stop: &'a AtomicBool,
    /// The correct replies so far.
    pub(super) replies: &'a AtomicU64,
}

/// The server to open connections to.
pub(super) struct Target<'a> {
    pub(super) address: Address,
    /// How to use TLS, and the name in the server's certificate.
    pub(super) tls: Option<(tls::Connector, &'a str)>,
}

pub(super) enum Address {
    /// The first of these that accepts a connection is used.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
    Serial(String),
}

/// Opens `count` connections, or fewer if `stop` is set.
pub(super) fn open(
    count: usize,
    target: &Target<'_>,
    timeout: Duration,
    stop: &AtomicBool,
) -> (Vec<Connection>, Counts) {
    let mut counts = Counts::default();
    let wanted = (0..count).take_while(|_| !stop.load(Ordering::Relaxed));
    let connections = wanted.filter_map(|_| match connect(target, timeout) {
        Ok(stream) => Some(Connection::new(stream)),
        Err(error) => {
            counts.fail(error.to_string(), 1);
            None
        }
    });
    (connections.collect(), counts)
}

fn connect(target: &Target<'_>, timeout: Duration) -> io::Result<Stream> {
    let deadline = Instant::now() + timeout;
    let (socket, port) = dial(&target.address, timeout)?;
    let session = match &target.tls {
        None => None,
        Some((connector, name)) => {
            let mut conn = Conn::try_from(socket.try_clone()?)?;
            conn.set_deadline(Some(deadline));
            Some(connector.handshake(&mut conn, name)?)
        }
    };
    let socket = mio::net::TcpStream::from_std(socket);
    Ok(Stream::new(socket, session, port))
}

/// Returns a connection, and the serial port that it needs.
fn dial(address: &Address, timeout: Duration) -> io::Result<(TcpStream, Option<Conn>)> {
    let addresses = match address {
        Address::Tcp(addresses) => addresses,
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            // Reading and writing a Unix socket works as for TCP.
            return Ok((OwnedFd::from(stream).into(), None));
        }
        Address::Serial(address) => {
            let port = Dialer::new().timeout(timeout);
            let port = port.dial(Network::Serial, address)?;
            return Ok((port.as_fd().try_clone_to_owned()?.into(), Some(port)));
        }
    };
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok((stream, None));
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The connections that did not fail, still open, and the counts.
pub(super) type Done = (Vec<Connection>, Counts);

/// Loads the connections until the plan ends and every reply has arrived or is overdue.
pub(super) fn run(plan: &Plan<'_>, connections: Vec<Connection>) -> io::Result<Done> {
    let mut poll = Poll::new()?;
    let mut connections: Vec<_> = connections.into_iter().map(Some).collect();
    for (index, connection) in connections.iter_mut().flatten().enumerate() {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = poll.registry();
        registry.register(connection.stream.socket(), Token(index), interest)?;
    }
    let mut worker = Worker {
        plan,
        buffer: vec![0; READ],
        counts: Counts::default(),
        waiting: 0,
    };
    for slot in &mut connections {
        worker.turn(slot, |worker, connection| {
            worker.waiting += plan.load.pipeline.min(1);
            connection.send(plan.load, plan.load.pipeline, Instant::now())
        });
    }
    let mut events = Events::with_capacity(1024);
    let mut next_tick = Instant::now() + TICK;
    while worker.waiting > 0 && !plan.stop.load(Ordering::Relaxed) {
        match poll.poll(&mut events, Some(TICK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            worker.turn(&mut connections[event.token().0], |worker, connection| {
                worker.wake(connection, event.is_read_closed())
            });
        }
        let now = Instant::now();
        if now > next_tick {
            next_tick = now + TICK;
            for slot in &mut connections {
                worker.turn(slot, |_, connection| {
                    if connection.is_late(now, plan.timeout) {
                        Err(format!("no reply within {:?}", plan.timeout))
                    } else {
                        Ok(())
                    }
                });
            }
        }
    }
    Ok((connections.into_iter().flatten().collect(), worker.counts))
}

struct Worker<'a> {
    plan: &'a Plan<'a>,
    buffer: Vec<u8>,
    counts: Counts,
    /// The connections with requests in flight.
    waiting: usize,
}

impl Worker<'_> {
    /// Calls `action` for a connection, and closes the connection if that fails.
    fn turn(
        &mut self,
        slot: &mut Option<Connection>,
        action: impl FnOnce(&mut Self, &mut Connection) -> Result<(), Failure>,
    ) {
        let Some(connection) = slot else { return };
        let waited = connection.in_flight() > 0;
        if let Err(name) = action(self, connection) {
            self.counts.fail(name, connection.in_flight());
            self.waiting -= usize::from(waited || connection.in_flight() > 0);
            *slot = None;
        }
    }

    /// Reads the replies that have arrived, and sends as many new requests.
    fn wake(&mut self, connection: &mut Connection, to_end: bool) -> Result<(), Failure> {
        let replies =
            connection.receive(to_end, self.plan.load, &mut self.buffer, &mut self.counts)?;
        self.plan
            .replies
            .fetch_add(replies as u64, Ordering::Relaxed);
        let now = Instant::now();
        let more = if now < self.plan.end { replies } else { 0 };
        connection.send(self.plan.load, more, now)?;
        if replies > 0 && connection.in_flight() == 0 {
            self.waiting -= 1;
        }
        Ok(())
    }
}
