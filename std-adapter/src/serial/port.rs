//! A serial port of this machine, without waiting.

use crate::SerialAddress;
use crate::dial::Limit;
use crate::wait::after;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serial2::SerialPort;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The time to wait for another program's lock. A program that ends may hold it for a moment.
const BUSY: Duration = Duration::from_millis(500);
/// The time between two attempts to lock a port.
const AGAIN: Duration = Duration::from_millis(10);

/// A port that no other program uses, as long as they all lock it.
#[derive(Debug)]
pub(super) struct Port(SerialPort);

impl Port {
    /// Opens a port and sets it up: 8 data bits, no parity, one stop bit, no flow control.
    pub(super) fn open(address: &SerialAddress, limit: Limit<'_>) -> io::Result<Self> {
        let port = SerialPort::open(address.path(), address.baud())?;
        let give_up = after(Instant::now(), BUSY);
        // Unlike TIOCEXCL, a lock holds for root too.
        while let Err(error) = flock(&port, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(error.into());
            }
            limit.check()?;
            if Instant::now() >= give_up {
                let what = "another program uses the port";
                return Err(io::Error::new(ErrorKind::ResourceBusy, what));
            }
            limit.wait(Vec::new(), Some(Instant::now() + AGAIN))?;
        }
        Ok(Self(port))
    }

    /// Reads bytes that have arrived. Returns 0 if there are none.
    pub(super) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.0, space) {
            Ok(0) => Err(unplugged()),
            Ok(n) => Ok(n),
            Err(error) => none_yet(error),
        }
    }

    /// Writes as many bytes as the system takes without waiting.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.0, bytes) {
            Ok(n) => Ok(n),
            Err(error) => none_yet(error),
        }
    }

    /// Returns the descriptor to wait for.
    pub(super) fn poll(&self, events: PollFlags) -> PollFd<'_> {
        PollFd::new(&self.0, events)
    }
}

/// Returns 0 for an operation that would wait.
fn none_yet(error: Errno) -> io::Result<usize> {
    match error {
        Errno::WOULDBLOCK | Errno::INTR => Ok(0),
        // Linux reports a port that is gone, and the closed end of a pseudo-terminal, like this.
        Errno::IO | Errno::NXIO | Errno::NODEV => Err(unplugged()),
        error => Err(error.into()),
    }
}

fn unplugged() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "the serial port is gone")
}

#[cfg(test)]
mod tests {
    use super::none_yet;
    use rustix::io::Errno;
    use std::io::ErrorKind;

    #[test]
    fn a_port_that_would_wait_is_told_from_one_that_is_gone() {
        assert_eq!(none_yet(Errno::WOULDBLOCK).unwrap(), 0);
        assert_eq!(none_yet(Errno::INTR).unwrap(), 0);
        for gone in [Errno::IO, Errno::NXIO, Errno::NODEV] {
            let error = none_yet(gone).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        }
        let other = none_yet(Errno::BADF).unwrap_err();
        assert_eq!(other.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }
}
