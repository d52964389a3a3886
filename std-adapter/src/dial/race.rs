//! Connecting to several addresses; the first that answers wins.

use super::Dialer;
use super::limit::{Limit, no_answer};
use crate::wait::after;
use crate::{Address, Conn};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The least time for an address if addresses are tried one after the other and that much time
/// remains. See Go's `partialDeadline`.
const LEAST_TURN: Duration = Duration::from_secs(2);

/// The attempts to connect to the addresses of one dial.
///
/// Each address has a turn. With Happy Eyeballs, an attempt goes on after its turn, parallel to the
/// next address (RFC 8305, section 5). Without, the attempt ends with its turn.
pub(super) struct Race<'a> {
    dialer: &'a Dialer,
    limit: Limit<'a>,
    waiting: VecDeque<SockAddr>,
    running: Vec<Attempt>,
    turn: Option<Instant>,
    failure: Option<Failure>,
}

/// A socket that is connecting.
struct Attempt {
    socket: Socket,
    to: SockAddr,
}

/// The error of a dial, and the address that failed, if known.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) to: Option<Address>,
    pub(super) cause: io::Error,
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        Self { to: None, cause }
    }
}

impl<'a> Race<'a> {
    pub(super) fn new(dialer: &'a Dialer, limit: Limit<'a>, addresses: Vec<SockAddr>) -> Self {
        Self {
            dialer,
            limit,
            waiting: addresses.into(),
            running: Vec::new(),
            turn: None,
            failure: None,
        }
    }

    /// Returns the first established connection and abandons the other attempts.
    ///
    /// If all fail, returns the first failure, as in Go. It is usually that of the address that the
    /// system prefers.
    pub(super) fn run(mut self) -> Result<Conn, Failure> {
        loop {
            self.limit.check()?;
            let over = self.turn.is_some_and(|end| end <= Instant::now());
            if over || self.running.is_empty() {
                self.next_turn();
            }
            if let Some(conn) = self.connected()? {
                return Ok(conn);
            }
            if self.running.is_empty() {
                if self.waiting.is_empty() {
                    return Err(self.failure.unwrap_or_else(|| no_answer().into()));
                }
            } else {
                let sockets = self.running.iter();
                let sockets = sockets.map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT));
                self.limit.wait(sockets.collect(), self.turn)?;
            }
        }
    }

    fn next_turn(&mut self) {
        if self.dialer.fallback_delay.is_none() {
            for attempt in std::mem::take(&mut self.running) {
                self.failed(attempt.to, no_answer());
            }
        }
        self.turn = self.turn_end();
        let Some(to) = self.waiting.pop_front() else {
            return;
        };
        match start_connecting(self.dialer, &to) {
            Ok(socket) => self.running.push(Attempt { socket, to }),
            Err(error) => self.failed(to, error),
        }
    }

    /// Returns the end of a turn that begins now. The last address has all the remaining time.
    fn turn_end(&self) -> Option<Instant> {
        let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        if count < 2 {
            return None;
        }
        let now = Instant::now();
        let left = self
            .limit
            .until
            .map(|until| until.saturating_duration_since(now));
        let part = left.map(|left| left / count);
        let turn = match self.dialer.fallback_delay {
            // Leaves some time for the last address, even if little remains.
            Some(delay) => Some(part.map_or(delay, |part| part.min(delay))),
            None => part.map(|part| part.max(LEAST_TURN)),
        };
        turn.map(|turn| after(now, turn))
    }

    /// Returns the first established connection, if any, and removes failed attempts.
    fn connected(&mut self) -> io::Result<Option<Conn>> {
        let mut index = 0;
        while let Some(attempt) = self.running.get(index) {
            match is_connected(&attempt.socket) {
                Ok(false) => index += 1,
                Ok(true) => {
                    let Attempt { socket, to } = self.running.swap_remove(index);
                    return Conn::new(socket, to.into()).map(Some);
                }
                Err(error) => {
                    // Keeps the order, because earlier attempts are preferred.
                    let attempt = self.running.remove(index);
                    self.failed(attempt.to, error);
                }
            }
        }
        Ok(None)
    }

    fn failed(&mut self, to: SockAddr, cause: io::Error) {
        let to = Some(to.into());
        self.failure.get_or_insert(Failure { to, cause });
        // The next address starts at once.
        self.turn = self.turn.map(|_| Instant::now());
    }
}

/// Starts to connect.
fn start_connecting(dialer: &Dialer, to: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(to.domain(), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    if to.domain() != Domain::UNIX {
        dialer.keep_alive.apply(&socket)?;
        if let Some(local) = dialer.local_addr {
            socket.bind(&local.into())?;
        }
    }
    match socket.connect(to) {
        Err(error) if is_in_progress(&error) => Ok(socket),
        Err(error) if error.kind() == ErrorKind::WouldBlock && to.is_unix() => {
            let what = "its accept queue is full";
            Err(io::Error::new(ErrorKind::WouldBlock, what))
        }
        result => result.map(|()| socket),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    let progress = [Errno::INPROGRESS, Errno::INTR].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|code| progress.contains(&code))
}

/// Returns whether the connection is established.
fn is_connected(socket: &Socket) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    let peer = match socket.peer_addr() {
        Ok(peer) => peer,
        Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
        Err(error) => return Err(error),
    };
    // If nobody listens on a port of this machine, the system may pick that port for this end and
    // connect the socket to itself. Go: `selfConnect`.
    let itself = socket.local_addr()?.as_socket();
    if itself.is_some() && itself == peer.as_socket() {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(true)
}

/// Reorders `addresses` so that the families alternate, beginning with the family of the first: RFC
/// 8305, section 4.
pub(super) fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let v4_first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == v4_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut alternating = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return alternating;
        }
        alternating.extend(pair.into_iter().flatten());
    }
}
