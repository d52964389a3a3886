//! One connection under load.

use super::called::Judge;
use super::counts::Counts;
use super::load::{Failure, Load, name};
use super::stream::Stream;
use bellwire::ClientSession;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// One connection and its outstanding requests.
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// The times of sending, each with its number of outstanding requests; oldest first.
    flights: VecDeque<(Instant, usize)>,
    in_flight: usize,
    /// Bytes of requests that the stream has not accepted yet.
    unsent: usize,
    /// The number of bytes of the next reply that have arrived, all as expected.
    read: usize,
    /// The received bytes from an unexpected one on, kept until their replies are complete. While there are any, `read`
    /// is 0.
    held: Vec<u8>,
    /// Finds the end of the first held reply.
    session: ClientSession,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            flights: VecDeque::new(),
            in_flight: 0,
            unsent: 0,
            read: 0,
            held: Vec::new(),
            session: ClientSession::default(),
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
        match self.stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(failure(&error)),
            _ => Ok(()),
        }
    }

    /// Reads and checks the replies that have arrived, and returns their number. With `to_end`, the
    /// stream is known to end after them.
    pub(super) fn receive(
        &mut self,
        to_end: bool,
        load: &Load,
        buffer: &mut [u8],
        counts: &mut Counts,
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
            replies += self.take(load, &buffer[..n], Instant::now(), counts)?;
            if self.stream.is_emptied(n, buffer.len()) && !to_end {
                return Ok(replies);
            }
        }
    }

    /// Checks bytes that have arrived, and returns the number of replies that they complete.
    fn take(
        &mut self,
        load: &Load,
        arrived: &[u8],
        now: Instant,
        counts: &mut Counts,
    ) -> Result<usize, Failure> {
        let mut replies = 0;
        if self.held.is_empty() {
            let checked = load.check(self.read, arrived);
            let right = match checked {
                Ok((right, _)) | Err((right, _)) => right,
            };
            replies += self.answered(right, now, |latency, replies| {
                counts.record(latency, replies);
            })?;
            match (checked, &load.judge) {
                (Ok((_, into)), _) => {
                    self.read = into;
                    return Ok(replies);
                }
                (Err((_, instead)), None) => return Err(name(instead)),
                (Err((right, instead)), Some(_)) => {
                    let begun = if right == 0 { self.read } else { 0 };
                    self.held = [&load.reply()[..begun], instead].concat();
                    self.read = 0;
                }
            }
        } else {
            self.held.extend_from_slice(arrived);
        }
        match &load.judge {
            Some(judge) => Ok(replies + self.judge(load, judge, now, counts)?),
            None => Ok(replies),
        }
    }

    /// Judges the held replies one by one, and returns the number of whole ones.
    fn judge(
        &mut self,
        load: &Load,
        judge: &Judge,
        now: Instant,
        counts: &mut Counts,
    ) -> Result<usize, Failure> {
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        let mut replies = 0;
        // The rest of a reply that has begun as expected is compared as it arrives.
        while !load.reply().starts_with(rest) || rest.len() == load.reply().len() {
            let Some(judged) = judge.judge(&mut self.session, rest)? else {
                self.held = rest.to_vec();
                return Ok(replies);
            };
            replies += self.answered(1, now, |latency, replies| match &judged.wrong {
                Some(name) => counts.fail(name.clone(), replies),
                None => counts.record(latency, replies),
            })?;
            rest = rest.get(judged.size..).unwrap_or(&[]);
        }
        self.session.next();
        self.read = rest.len();
        Ok(replies)
    }

    /// Counts the oldest requests as answered, calls `count` with their latencies, and returns their number.
    fn answered(
        &mut self,
        replies: usize,
        now: Instant,
        mut count: impl FnMut(Duration, usize),
    ) -> Result<usize, Failure> {
        let left = self.in_flight.checked_sub(replies);
        self.in_flight = left.ok_or("reply without a request")?;
        let mut uncounted = replies;
        while let Some((sent, requests)) = self.flights.front_mut() {
            let of_these = uncounted.min(*requests);
            count(now.saturating_duration_since(*sent), of_these);
            *requests -= of_these;
            uncounted -= of_these;
            if *requests > 0 {
                break;
            }
            self.flights.pop_front();
        }
        Ok(replies)
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "closed by the server".to_owned()
        }
        _ => error.to_string(),
    }
}
