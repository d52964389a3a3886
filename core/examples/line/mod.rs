//! A serial line in memory, in place of hardware.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// One end of a line. Its input ends after the other end is dropped.
pub(crate) struct Uart {
    to: Sender<u8>,
    from: Receiver<u8>,
    arrived: VecDeque<u8>,
}

/// Creates a line and returns its two ends.
pub(crate) fn line() -> (Uart, Uart) {
    let ((to_far, from_near), (to_near, from_far)) = (channel(), channel());
    let end = |to, from| Uart {
        to,
        from,
        arrived: VecDeque::new(),
    };
    (end(to_far, from_far), end(to_near, from_near))
}

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Read for Uart {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        if self.arrived.is_empty() {
            self.arrived.extend(self.from.recv());
        }
        self.arrived.read(buf).map_err(|never| match never {})
    }
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        loop {
            match self.from.try_recv() {
                Ok(byte) => self.arrived.push_back(byte),
                Err(TryRecvError::Empty) => return Ok(!self.arrived.is_empty()),
                Err(TryRecvError::Disconnected) => return Ok(true),
            }
        }
    }
}

impl Write for Uart {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let mut bytes = buf.iter();
        match bytes.try_for_each(|byte| self.to.send(*byte)) {
            Ok(()) => Ok(buf.len()),
            Err(_) => Err(ErrorKind::BrokenPipe),
        }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
