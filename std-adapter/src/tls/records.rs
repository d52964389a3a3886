//! Where records of TLS begin and end.

use std::io::{self, Read};

/// Bytes in front of a record: its type, its version, and its length in the last two.
const HEADER: usize = 5;

/// Follows what is read of a connection, to know of a record that has arrived in part: rustls
/// keeps it, and does not tell.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// How many bytes of the header have arrived.
    header: usize,
    /// The last two of them.
    length: u16,
    /// How many bytes are missing behind the header.
    missing: usize,
}

impl Records {
    /// How many bytes the record takes that has arrived in part, as far as is known; 0 if there is
    /// none.
    pub(crate) fn in_part(&self) -> usize {
        match self.header {
            HEADER => HEADER + usize::from(self.length),
            begun => begun.min(1) * HEADER,
        }
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
}
