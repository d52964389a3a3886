//! Moves bytes between a line and the socket of its connection.

use super::wire::{CHUNK, Wire, failure};
use crate::conn::send;
use crate::wait::{after, wait};
use bellwire::link::{Ended, State};
use rustix::event::{PollFd, PollFlags};
use socket2::Socket;
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

/// The quiet time on the line after the last request before the conversation ends. It leaves time for the error line of
/// a request without reply: a serial line cannot signal an end of sending for the server to answer.
const FAREWELL: Duration = Duration::from_millis(200);
/// The time to send the remaining bytes after the connection was dropped.
const GRACE: Duration = Duration::from_millis(100);

/// The bytes between a line and a socket.
#[derive(Debug)]
pub(super) struct Pump {
    wire: Wire,
    socket: Socket,
    /// Bytes for the socket.
    arrived: Vec<u8>,
    /// Bytes for the line.
    queued: Vec<u8>,
    /// Whether the connection has ended its sending.
    ended: bool,
    /// The time to stop, once the connection was dropped.
    dropped: Option<Instant>,
    /// The last time at which there were bytes to send or to deliver.
    active: Instant,
}

impl Pump {
    pub(super) fn new(wire: Wire, socket: Socket) -> Self {
        Self {
            wire,
            socket,
            arrived: Vec::new(),
            queued: Vec::new(),
            ended: false,
            dropped: None,
            active: Instant::now(),
        }
    }

    /// Moves bytes until either end has ended the conversation.
    ///
    /// # Errors
    /// The conversation did not end in order.
    pub(super) fn run(&mut self) -> io::Result<()> {
        loop {
            self.wire.receive()?;
            if self.deliver()? {
                return Ok(());
            }
            let moved = self.accept()?;
            self.wire.transmit()?;
            let now = Instant::now();
            let is_busy = !self.queued.is_empty() || !self.wire.is_delivered();
            if is_busy {
                self.active = now;
            }
            if let Some(until) = self.dropped {
                if !is_busy || now >= until {
                    return self.wire.close(now + GRACE);
                }
            } else if self.ended && now >= after(self.active, FAREWELL) {
                return self.wire.close(now + GRACE);
            }
            // After bytes have moved, the line may have room for more. After sending, the link may have found the other
            // end dead.
            if !moved && self.wire.mode.state() == State::Open {
                self.wait()?;
            }
        }
    }

    /// Returns the time of the last byte that was sent.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.wire.last_sent()
    }

    /// Returns whether the last bytes have no reply, and the connection did not wait for one.
    pub(super) fn is_unanswered(&self) -> bool {
        let in_order = self.ended && self.dropped.is_none();
        !in_order && self.wire.is_unanswered()
    }

    /// Moves bytes from the line to the socket. Returns whether the other end has closed the conversation.
    fn deliver(&mut self) -> io::Result<bool> {
        loop {
            if self.arrived.is_empty() {
                let mut bytes = [0; CHUNK];
                match self.wire.mode.read(&mut bytes) {
                    Ok(0) => return Ok(false),
                    Ok(n) => self.arrived.extend(&bytes[..n]),
                    Err(Ended::Closed) => return Ok(true),
                    Err(ended) => return Err(failure(ended)),
                }
                self.active = Instant::now();
            }
            if self.dropped.is_some() {
                self.arrived.clear();
                continue;
            }
            match send(&self.socket, &self.arrived) {
                Ok(n) => drop(self.arrived.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(_) => self.drop_connection(),
            }
        }
    }

    /// Moves bytes from the socket to the line. Returns whether it has moved any.
    fn accept(&mut self) -> io::Result<bool> {
        let mut moved = false;
        loop {
            if self.queued.is_empty() && !self.ended {
                let mut bytes = [0; CHUNK];
                match self.socket.read(&mut bytes) {
                    Ok(0) => self.ended = true,
                    Ok(n) => self.queued.extend(&bytes[..n]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
                    // The connection was dropped with unread bytes.
                    Err(_) => {
                        self.ended = true;
                        self.drop_connection();
                    }
                }
            }
            let n = self.wire.mode.write(&self.queued);
            self.queued.drain(..n);
            if n == 0 {
                return Ok(moved);
            }
            moved = true;
        }
    }

    fn drop_connection(&mut self) {
        self.dropped.get_or_insert(Instant::now() + GRACE);
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> io::Result<()> {
        let mut until = self.wire.poll_at();
        if self.dropped.is_some() {
            until = until.into_iter().chain(self.dropped).min();
            return wait(self.wire.poll().as_mut_slice(), until);
        }
        if self.ended {
            until = until
                .into_iter()
                .chain([after(self.active, FAREWELL)])
                .min();
        }
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, self.queued.is_empty() && !self.ended);
        events.set(PollFlags::OUT, !self.arrived.is_empty());
        let mut waits = vec![PollFd::new(&self.socket, events)];
        waits.extend(self.wire.poll());
        wait(&mut waits, until)?;
        // The system reports HUP even without a request for it.
        let gone = waits[0].revents().contains(PollFlags::HUP);
        drop(waits);
        if gone {
            self.drop_connection();
        }
        Ok(())
    }
}
