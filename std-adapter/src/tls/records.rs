//! Tracking the boundaries of TLS records.

use std::io::{self, Read};

/// Bytes of a record's header: one for its type, two for its version, two for its length.
const HEADER: usize = 5;

/// Bytes of complete records without content that do not yet count as a partial message. Enough for
/// key updates and empty records.
const QUIET: usize = 512;

/// Tracks the records that a connection receives.
///
/// Rustls buffers partial records, and partial handshake messages of several records, up to 64 KiB.
/// It does not report how many bytes it holds, so this type counts them.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Bytes of complete records without content, which rustls may still hold.
    quiet: usize,
    /// Bytes of the current header that have arrived.
    header: usize,
    /// The last two of these bytes: the record's length.
    length: u16,
    /// Bytes of the current record's body that have not arrived.
    missing: usize,
}

impl Records {
    /// Returns the size in bytes of the partial record and the partial handshake message, as far as
    /// it is known, or 0 if both are complete.
    pub(crate) fn partial_len(&self) -> usize {
        let message = if self.quiet > QUIET { self.quiet } else { 0 };
        message + self.record()
    }

    fn record(&self) -> usize {
        match self.header {
            HEADER => HEADER + usize::from(self.length),
            begun => begun.min(1) * HEADER,
        }
    }

    /// Notes that the last read had content or completed the handshake.
    ///
    /// No handshake message can then be partial, except for a few bytes from the same read: TLS
    /// forbids other records between the parts of a handshake message.
    pub(crate) fn mark_complete(&mut self) {
        self.quiet = 0;
    }

    /// Returns a reader that tracks the records of `from`.
    pub(crate) fn track<'a>(&'a mut self, from: &'a mut dyn Read) -> TrackedReader<'a> {
        TrackedReader {
            from,
            records: self,
        }
    }

    fn advance(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if self.header < HEADER {
                self.header += 1;
                self.length = self.length << 8 | u16::from(*first);
                self.missing = usize::from(self.length);
                bytes = rest;
            } else {
                let n = self.missing.min(bytes.len());
                self.missing -= n;
                bytes = &bytes[n..];
            }
            if self.header == HEADER && self.missing == 0 {
                self.quiet = self.quiet.saturating_add(self.record());
                self.header = 0;
            }
        }
    }
}

/// A reader whose records are tracked by [`Records`].
pub(crate) struct TrackedReader<'a> {
    from: &'a mut dyn Read,
    records: &'a mut Records,
}

impl Read for TrackedReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.records.advance(&buf[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn records_are_found_at_every_read_size() {
        // A record of 3 bytes, an empty one, and one of 258 that lacks its last byte.
        let mut bytes = b"\x17\x03\x03\0\x03abc\x17\x03\x03\0\0\x17\x03\x03\x01\x02".to_vec();
        bytes.extend([0; 257]);
        for step in 1..bytes.len() {
            let mut records = Records::default();
            for piece in bytes.chunks(step) {
                records.advance(piece);
            }
            assert_eq!(records.partial_len(), 263, "{step}");
            records.advance(&[0]);
            assert_eq!(records.partial_len(), 0, "{step}");
            records.advance(&[23]);
            assert_eq!(records.partial_len(), 5, "{step}");
        }
    }

    #[test]
    fn records_without_content_count_as_a_partial_message_beyond_512_bytes() {
        let key_update = [&b"\x17\x03\x03\0\x16"[..], &[0; 22]].concat();
        let mut records = Records::default();
        for _ in 0..512 / key_update.len() {
            records.advance(&key_update);
            assert_eq!(records.partial_len(), 0);
        }
        records.advance(&key_update);
        assert_eq!(records.partial_len(), 513);
        records.advance(&key_update[..1]);
        assert_eq!(records.partial_len(), 518);
        records.mark_complete();
        assert_eq!(records.partial_len(), 5);
    }
}
