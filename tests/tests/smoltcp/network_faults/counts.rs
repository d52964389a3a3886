//! Counts the results of calls and prints them as a table.

use bellwire::smoltcp::ConnectionLost;
use bellwire::{Code, Error, ErrorKind};

/// The counts over all runs of a case.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) done: usize,
    pub(crate) timed_out: usize,
    /// Calls that could not begin because an earlier reply was outstanding.
    pub(crate) waiting: usize,
    /// Calls that the server refused because their bytes arrived too slowly.
    pub(crate) refused: usize,
    pub(crate) lost: usize,
    pub(crate) connections: usize,
    pub(crate) packets: usize,
    pub(crate) overtaken: usize,
    pub(crate) seconds: u64,
    /// The longest time from the end of all faults to an answered call, in seconds.
    pub(crate) recovery: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, result: &Result<(), Error<ConnectionLost>>) {
        let count = match result {
            Ok(()) => &mut self.done,
            Err(Error::Protocol(ErrorKind::TimedOut)) => &mut self.timed_out,
            Err(Error::Protocol(ErrorKind::ReplyPending)) => &mut self.waiting,
            Err(Error::Remote(refusal)) if refusal.code == Code::TimedOut => &mut self.refused,
            Err(Error::Closed | Error::Transport(ConnectionLost)) => &mut self.lost,
            Err(error) => panic!("an error that no network fault explains: {error}"),
        };
        *count += 1;
    }

    pub(crate) fn row(&self, name: &str) -> [String; 11] {
        [
            name.to_owned(),
            self.done.to_string(),
            self.timed_out.to_string(),
            self.waiting.to_string(),
            self.refused.to_string(),
            self.lost.to_string(),
            self.connections.to_string(),
            self.packets.to_string(),
            self.overtaken.to_string(),
            self.seconds.to_string(),
            self.recovery.to_string(),
        ]
    }
}

pub(crate) fn print_row(cells: [String; 11]) {
    let [name, rest @ ..] = cells;
    let rest = rest.map(|cell| format!("{cell:>11}"));
    println!("{name:<26}{}", rest.concat());
}
