//! The bytes that arrive before a conversation.

use crate::SerialAddress;
use bellwire::Printable;

/// The longest line that is logged whole.
const LINE: usize = 160;

/// Logs the text that a board prints when it starts, line by line. Opening a port resets some boards.
#[derive(Debug)]
pub(super) struct Banner<'a> {
    address: &'a SerialAddress,
    line: Vec<u8>,
}

impl<'a> Banner<'a> {
    pub(super) fn new(address: &'a SerialAddress) -> Self {
        Self {
            address,
            line: Vec::new(),
        }
    }

    /// Takes a byte. A zero ends a line too, because it begins or ends a frame.
    pub(super) fn push(&mut self, byte: u8) {
        if !matches!(byte, b'\n' | b'\0') {
            self.line.push(byte);
        }
        if matches!(byte, b'\n' | b'\0') || self.line.len() == LINE {
            self.log();
        }
    }

    /// Logs the last line.
    pub(super) fn log(&mut self) {
        let text = self.line.trim_ascii();
        if !text.is_empty() {
            tracing::debug!("{}: discarded {}", self.address, Printable::new(text));
        }
        self.line.clear();
    }
}
