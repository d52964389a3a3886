//! Packets in a file that Wireshark opens.

use smoltcp::phy::PcapSink;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A file for smoltcp's packet writer, which has no way to report that a disk is full: this keeps
/// the error for [`finish`](Self::finish).
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

    /// Writes out what is buffered, unless something failed before.
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
