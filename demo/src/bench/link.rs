//! One connection under load.

use super::load::Load;
use super::tally::Tally;
use bellwire::Printable;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// One connection, with the requests that it waits for.
pub(super) struct Link {
    pub(super) stream: TcpStream,
    /// When requests were sent, and how many of those are not answered, oldest first.
    flights: VecDeque<(Instant, usize)>,
    in_flight: usize,
    /// Bytes of those that the stream did not take.
    unsent: usize,
    /// Bytes of the next reply that have arrived.
    read: usize,
}

/// The most bytes of a server's code that are shown; the longest of Bellwire's has 15.
const CODE: usize = 32;

/// How a connection under load failed.
pub(super) type Failure = String;

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            flights: VecDeque::new(),
            in_flight: 0,
            unsent: 0,
            read: 0,
        }
    }

    /// The requests that are not answered.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether a reply is overdue.
    pub(super) fn is_late(&self, now: Instant, timeout: Duration) -> bool {
        let oldest = self.flights.front();
        oldest.is_some_and(|(sent, _)| now.saturating_duration_since(*sent) > timeout)
    }

    /// Sends so many requests more, and what of earlier ones was not taken.
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

    /// Takes and checks the replies that have arrived, and returns how many there were. With
    /// `to_end`, the stream is known to have ended behind them.
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
            // A read that leaves room has emptied the stream; only on Windows no further event comes
            // before a read that finds nothing.
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

/// What kind of error a reply is that is not the right one.
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
