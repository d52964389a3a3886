//! One connection under load.

use super::load::Load;
use super::tally::Tally;
use bellwire::Printable;
use bellwire_std::Conn;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// One connection and its outstanding requests.
pub(super) struct Link {
    pub(super) stream: TcpStream,
    /// The times of sending, each with its number of outstanding requests; oldest first.
    flights: VecDeque<(Instant, usize)>,
    in_flight: usize,
    /// Bytes of requests that the stream has not accepted yet.
    unsent: usize,
    /// The bytes of the next reply that have arrived.
    read: usize,
    /// The serial port of the stream. It closes after the stream.
    _port: Option<Conn>,
}

/// The most bytes of an error code that are shown; Bellwire's longest code has 15.
const CODE: usize = 32;

/// The reason why a connection under load failed.
pub(super) type Failure = String;

impl Link {
    pub(super) fn new(stream: TcpStream, port: Option<Conn>) -> Self {
        Self {
            stream,
            flights: VecDeque::new(),
            in_flight: 0,
            unsent: 0,
            read: 0,
            _port: port,
        }
    }

    /// Returns the number of outstanding requests.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Returns whether the oldest request has waited longer than `timeout`.
    pub(super) fn is_late(&self, now: Instant, timeout: Duration) -> bool {
        let oldest = self.flights.front();
        oldest.is_some_and(|(sent, _)| now.saturating_duration_since(*sent) > timeout)
    }

    /// Sends `requests` more requests, after the unsent bytes of earlier ones.
    pub(super) fn send(
        &mut self,
        load: &Load,
        requests: usize,
        now: Instant,
    ) -> Result<(), Failure> {
        if requests > 0 {
            self.flights.push_back((now, requests));
            self.in_flight += requests;
            self.unsent += load.size(requests);
        }
        while self.unsent > 0 {
            match self.stream.write(load.unsent(self.unsent)) {
                Ok(n) => self.unsent -= n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(())
    }

    /// Reads and checks the replies that have arrived, and returns their number. With `to_end`, the
    /// stream is known to end after them.
    pub(super) fn receive(
        &mut self,
        to_end: bool,
        load: &Load,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> Result<usize, Failure> {
        let mut replies = 0;
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err("closed by the server".to_owned()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(replies),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failure(&error)),
            };
            let now = Instant::now();
            let checked = load.check(self.read, &buffer[..n]);
            let right = match checked {
                Ok((right, _)) | Err((right, _)) => right,
            };
            if right > self.in_flight {
                return Err("reply without a request".to_owned());
            }
            self.answered(right, now, tally);
            replies += right;
            match checked {
                Ok((_, into)) => self.read = into,
                Err((_, instead)) => return Err(name(instead)),
            }
            // A read that does not fill the buffer has emptied the stream. On Windows only, the next event
            // comes only after a read that finds nothing.
            if n < buffer.len() && !to_end && !cfg!(windows) {
                return Ok(replies);
            }
        }
    }

    fn answered(&mut self, mut replies: usize, now: Instant, tally: &mut Tally) {
        self.in_flight -= replies;
        while let Some((sent, requests)) = self.flights.front_mut() {
            let of_these = replies.min(*requests);
            tally.record(now.saturating_duration_since(*sent), of_these);
            *requests -= of_these;
            replies -= of_these;
            if *requests > 0 {
                return;
            }
            self.flights.pop_front();
        }
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "closed by the server".to_owned(),
        _ => error.to_string(),
    }
}

/// Returns the name under which a wrong reply is counted.
fn name(instead: &[u8]) -> Failure {
    match instead.strip_prefix(b"!") {
        Some(line) => {
            let code = line.split(|byte| b" \r\n".contains(byte)).next();
            let code = Printable::new(code.unwrap_or_default()).at_most(CODE);
            format!("refused: {code}")
        }
        None => "wrong reply".to_owned(),
    }
}
