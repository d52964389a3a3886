//! A packet capture for Wireshark.

use smoltcp::phy::PcapSink;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A file for smoltcp's packet writer.
///
/// smoltcp's trait cannot report an error such as a full disk, so this keeps the first error for
/// [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct Capture {
    file: BufWriter<File>,
    result: io::Result<()>,
}

impl Capture {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
            result: Ok(()),
        })
    }

    /// Flushes the buffer. Returns the first error of this or an earlier write.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.result?;
        Write::flush(&mut self.file)
    }
}

impl PcapSink for &mut Capture {
    fn write(&mut self, bytes: &[u8]) {
        if self.result.is_ok() {
            self.result = self.file.write_all(bytes);
        }
    }
}
