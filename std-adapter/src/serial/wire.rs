//! A port and the mode of its bytes, without waiting.

use super::banner::Banner;
use super::cut;
use super::mode::Mode;
use super::port::Port;
use crate::SerialAddress;
use crate::dial::Limit;
use crate::wait::{after, wait};
use bellwire::link::{Ended, State};
use rustix::event::{PollFd, PollFlags};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The most bytes that one read or write moves.
pub(super) const CHUNK: usize = 512;
/// The silence before plain text: a server that discards the rest of a request needs 100 ms.
const QUIET: Duration = Duration::from_millis(150);

/// One end of a line.
#[derive(Debug)]
pub(super) struct Wire {
    port: Port,
    pub(super) mode: Mode,
    start: Instant,
    /// Bytes that the port has not taken yet.
    unsent: Vec<u8>,
    /// The time of the last byte that was sent.
    last_sent: Option<Instant>,
    /// Whether no byte has arrived since.
    unanswered: bool,
}

impl Wire {
    /// Opens a port and begins a conversation. Logs and discards the bytes that arrive before.
    pub(super) fn open(address: &SerialAddress, limit: Limit<'_>) -> io::Result<Self> {
        let mut wire = Self {
            port: Port::open(address, limit)?,
            mode: Mode::new(address, 0),
            start: Instant::now(),
            unsent: Vec::new(),
            last_sent: None,
            unanswered: false,
        };
        let mut banner = Banner::new(address);
        if address.is_plain() {
            wire.wait_for_quiet(&mut banner, cut::given_up(address.path()), limit)?;
            cut::clear(address.path());
        } else {
            wire.wait_for_the_peer(&mut banner, limit)?;
        }
        Ok(wire)
    }

    /// Waits for a quiet line. If a request may be incomplete, first waits until `given_up`, or until the server has
    /// sent its error line.
    fn wait_for_quiet(
        &self,
        banner: &mut Banner<'_>,
        given_up: Option<Instant>,
        limit: Limit<'_>,
    ) -> io::Result<()> {
        let mut until = given_up.unwrap_or(Instant::now()).max(Instant::now()) + QUIET;
        let mut bytes = [0; CHUNK];
        while Instant::now() < until {
            let n = self.port.read(&mut bytes)?;
            if n > 0 {
                bytes[..n].iter().for_each(|byte| banner.push(*byte));
                until = Instant::now() + QUIET;
            }
            limit.check()?;
            limit.wait(vec![self.port.poll(PollFlags::IN)], Some(until))?;
        }
        banner.log();
        Ok(())
    }

    fn wait_for_the_peer(&mut self, banner: &mut Banner<'_>, limit: Limit<'_>) -> io::Result<()> {
        loop {
            let mut bytes = [0; CHUNK];
            let n = self.port.read(&mut bytes)?;
            for byte in &bytes[..n] {
                self.mode.receive(self.now(), &[*byte]);
                // The byte that opens the link ends a frame, so it is not text.
                if self.mode.state() != State::Open {
                    banner.push(*byte);
                }
            }
            self.transmit()?;
            match self.mode.state() {
                State::Open => return Ok(()),
                State::Over(ended) => return Err(io::Error::new(ErrorKind::TimedOut, ended)),
                State::Opening => {}
            }
            limit.check()?;
            limit.wait(self.poll().into_iter().collect(), self.poll_at())?;
        }
    }

    /// Takes bytes that have arrived.
    pub(super) fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; CHUNK];
        if !self.mode.has_room() {
            return Ok(());
        }
        let n = self.port.read(&mut bytes)?;
        self.mode.receive(self.now(), &bytes[..n]);
        if n > 0 {
            self.unanswered = false;
        }
        Ok(())
    }

    /// Sends as many of the due bytes as the port takes.
    pub(super) fn transmit(&mut self) -> io::Result<()> {
        loop {
            if self.unsent.is_empty() {
                let mut bytes = [0; CHUNK];
                let n = self.mode.transmit(self.now(), &mut bytes);
                self.unsent.extend(&bytes[..n]);
            }
            match self.unsent.len() {
                0 => return Ok(()),
                _ => match self.port.write(&self.unsent)? {
                    0 => return Ok(()),
                    n => {
                        self.unsent.drain(..n);
                        self.last_sent = Some(Instant::now());
                        self.unanswered = true;
                    }
                },
            }
        }
    }

    /// Returns whether the other end has all bytes; in plain text, whether the port has them.
    pub(super) fn is_delivered(&self) -> bool {
        self.unsent.is_empty() && self.mode.is_delivered()
    }

    /// Returns the time of the last byte that was sent.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.last_sent
    }

    /// Returns whether bytes were sent and none has arrived since.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// Ends the conversation, and sends the due bytes until `until`.
    pub(super) fn close(&mut self, until: Instant) -> io::Result<()> {
        self.mode.close();
        loop {
            self.transmit()?;
            if self.unsent.is_empty() || Instant::now() >= until {
                return Ok(());
            }
            wait(self.poll().as_mut_slice(), Some(until))?;
        }
    }

    /// Returns the descriptor to wait for, if any.
    pub(super) fn poll(&self) -> Option<PollFd<'_>> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, self.mode.has_room());
        events.set(PollFlags::OUT, !self.unsent.is_empty());
        (!events.is_empty()).then(|| self.port.poll(events))
    }

    /// Returns the time of the link's next attempt.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        let left = until(self.mode.poll_at()?, self.now());
        Some(after(Instant::now(), left))
    }

    /// Returns the milliseconds since the start, on a clock that wraps.
    fn now(&self) -> u32 {
        let [a, b, c, d, ..] = self.start.elapsed().as_millis().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// Returns the time until `at`, in milliseconds on a clock that wraps.
fn until(at: u32, now: u32) -> Duration {
    let left = at.wrapping_sub(now);
    // A time that has passed wraps around.
    let left = if left > u32::MAX / 2 { 0 } else { left };
    Duration::from_millis(left.into())
}

/// Returns the error of a conversation that did not end in order.
pub(super) fn failure(ended: Ended) -> io::Error {
    let kind = match ended {
        Ended::Closed => ErrorKind::UnexpectedEof,
        Ended::Reset => ErrorKind::ConnectionReset,
        // Not `TimedOut`, which is the error of a deadline.
        Ended::Dead => ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, ended)
}

#[cfg(test)]
mod tests {
    use super::until;
    use std::time::Duration;

    #[test]
    fn the_time_left_is_right_after_the_clock_has_wrapped() {
        for (at, now, left) in [
            (8, 5, 3),
            (5, 5, 0),
            (5, 8, 0),
            (2, u32::MAX, 3),
            (u32::MAX, 2, 0),
        ] {
            assert_eq!(until(at, now), Duration::from_millis(left), "{at} {now}");
        }
    }
}
