//! A port in memory, for one end of a test.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use std::collections::VecDeque;

/// Bytes that have arrived, and bytes that were written.
#[derive(Debug, Default)]
pub(crate) struct Port {
    pub(crate) input: VecDeque<u8>,
    pub(crate) output: Vec<u8>,
    /// Whether the next read reports a framing error.
    pub(crate) noise: bool,
}

impl ErrorType for Port {
    type Error = ErrorKind;
}

impl Read for Port {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        if std::mem::take(&mut self.noise) {
            return Err(ErrorKind::InvalidData);
        }
        let n = space.len().min(self.input.len());
        for (slot, byte) in space.iter_mut().zip(self.input.drain(..n)) {
            *slot = byte;
        }
        Ok(n)
    }
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(self.noise || !self.input.is_empty())
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.output.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
