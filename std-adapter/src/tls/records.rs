//! Where records of TLS begin and end.

use std::io::{self, Read};

/// Bytes in front of a record: its type, its version, and its length in the last two.
const HEADER: usize = 5;

/// Bytes of whole records without content that a connection may have brought without being held to
/// have sent part of a message: enough for key updates and empty records.
const QUIET: usize = 512;

/// Follows what is read of a connection, to know of a record, or of a handshake message in several
/// records, that has arrived in part: rustls keeps both, up to 64 KiB, and does not tell.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// How many bytes have come in records that are whole, and that rustls may keep.
    quiet: usize,
    /// How many bytes of the header have arrived.
    header: usize,
    /// The last two of them.
    length: u16,
    /// How many bytes are missing behind the header.
    missing: usize,
}

impl Records {
    /// How many bytes the record and the handshake message take that have arrived in part, as far as
    /// is known; 0 if there are none.
    pub(crate) fn in_part(&self) -> usize {
        let message = if self.quiet > QUIET { self.quiet } else { 0 };
        message + self.record()
    }

    fn record(&self) -> usize {
        match self.header {
            HEADER => HEADER + usize::from(self.length),
            begun => begun.min(1) * HEADER,
        }
    }

    /// Notes that the last read had content, or completed the handshake. Then no message has
    /// arrived in part but for the few bytes of the same read, as TLS does not let a message of its own
    /// be interrupted.
    pub(crate) fn brought(&mut self) {
        self.quiet = 0;
    }

    /// `from`, followed.
    pub(crate) fn follow<'a>(&'a mut self, from: &'a mut dyn Read) -> Followed<'a> {
        Followed {
            from,
            records: self,
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
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

/// What is read, as [`Records`] follows it.
pub(crate) struct Followed<'a> {
    from: &'a mut dyn Read,
    records: &'a mut Records,
}

impl Read for Followed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.records.take(&buf[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn records_are_found_however_they_are_cut() {
        // A record of 3 bytes, an empty one, and one of 258 that lacks its last byte.
        let mut bytes = b"\x17\x03\x03\0\x03abc\x17\x03\x03\0\0\x17\x03\x03\x01\x02".to_vec();
        bytes.extend([0; 257]);
        for step in 1..bytes.len() {
            let mut records = Records::default();
            for piece in bytes.chunks(step) {
                records.take(piece);
            }
            assert_eq!(records.in_part(), 263, "{step}");
            records.take(&[0]);
            assert_eq!(records.in_part(), 0, "{step}");
            records.take(&[23]);
            assert_eq!(records.in_part(), 5, "{step}");
        }
    }

    #[test]
    fn records_without_content_count_as_a_message_in_part_beyond_512_bytes() {
        let key_update = [&b"\x17\x03\x03\0\x16"[..], &[0; 22]].concat();
        let mut records = Records::default();
        for _ in 0..512 / key_update.len() {
            records.take(&key_update);
            assert_eq!(records.in_part(), 0);
        }
        records.take(&key_update);
        assert_eq!(records.in_part(), 513);
        records.take(&key_update[..1]);
        assert_eq!(records.in_part(), 518);
        records.brought();
        assert_eq!(records.in_part(), 5);
    }
}
