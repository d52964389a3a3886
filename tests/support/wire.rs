//! Scripted streams, blocking and async.

use crate::server::Setup;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use embedded_io::ErrorKind;

/// A stream in memory. Written bytes arrive when they are flushed.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // the flags are independent
pub struct Wire {
    /// The source of the bytes to read.
    pub source: Source,
    /// The number of bytes read from the source.
    pub read: usize,
    /// The bytes written and flushed.
    pub written: Vec<u8>,
    /// The bytes written and not flushed.
    pub held: Vec<u8>,
    /// The most bytes of one read or write; 0 for no limit.
    pub short: usize,
    /// The number of an operation, counted from 0, and its fault. The fault hits this operation, or the
    /// next one of a kind that it can hit. It occurs once unless it `lasts`.
    pub trouble: Option<(usize, Trouble)>,
    /// Whether the fault hits all later operations, too.
    pub lasts: bool,
    /// Whether each operation is pending once before it is ready.
    pub pends: bool,
    /// Whether the next operation has been pending already.
    pub pending: bool,
    /// Whether a read has returned the end of the stream.
    pub ended: bool,
    /// The number of operations so far.
    pub operations: usize,
}

/// The source of the bytes that a [`Wire`] reads.
#[derive(Debug)]
pub enum Source {
    /// These bytes, then the end of the stream.
    Bytes(Vec<u8>),
    /// The replies of the server in [`crate::server`] to the flushed bytes. This source never ends the
    /// stream. A read without a reply to come fails the test.
    Server,
}

/// A fault of an operation of a [`Wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The operation fails with this kind of error.
    Fails(ErrorKind),
    /// A write returns 0. Other operations are not affected.
    TakesNothing,
    /// A read returns the end of the stream. Other operations are not affected.
    Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    Flush,
}

/// The error of a [`Wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed(pub ErrorKind);

impl Default for Source {
    fn default() -> Self {
        Source::Bytes(Vec::new())
    }
}

impl Wire {
    /// Creates a stream that delivers these bytes and then ends.
    pub fn with(input: impl Into<Vec<u8>>) -> Self {
        Self {
            source: Source::Bytes(input.into()),
            ..Self::default()
        }
    }

    /// Creates a stream to the server in [`crate::server`].
    pub fn to_server() -> Self {
        Self {
            source: Source::Server,
            ..Self::default()
        }
    }

    /// Counts an operation and returns its fault, if any.
    fn operate(&mut self, operation: Operation) -> Option<Trouble> {
        let number = self.operations;
        self.operations += 1;
        let (_, trouble) = self.trouble.filter(|(at, trouble)| {
            let concerned = match trouble {
                Trouble::Fails(_) => true,
                Trouble::TakesNothing => operation == Operation::Write,
                Trouble::Ends => operation == Operation::Read,
            };
            *at <= number && concerned
        })?;
        if !self.lasts {
            self.trouble = None;
        }
        Some(trouble)
    }

    fn carried(&self, size: usize) -> usize {
        if self.short == 0 {
            size
        } else {
            size.min(self.short)
        }
    }

    fn do_read(&mut self, space: &mut [u8]) -> Result<usize, Failed> {
        assert!(!space.is_empty(), "a read into no space");
        match self.operate(Operation::Read) {
            Some(Trouble::Fails(kind)) => return Err(Failed(kind)),
            Some(_) => {
                assert!(!self.ended, "a read after the end of the stream");
                self.ended = true;
                return Ok(0);
            }
            None => {}
        }
        let replies;
        let bytes = match &self.source {
            Source::Bytes(bytes) => bytes,
            Source::Server => {
                replies = Setup::default().hears([self.written.as_slice()]).sent;
                assert!(self.read < replies.len(), "a read without a reply to come");
                &replies
            }
        };
        let rest = bytes.get(self.read..).unwrap_or(&[]);
        let size = self.carried(rest.len().min(space.len()));
        space[..size].copy_from_slice(&rest[..size]);
        assert!(
            size > 0 || !self.ended,
            "a read after the end of the stream"
        );
        self.ended = size == 0;
        self.read += size;
        Ok(size)
    }

    fn do_write(&mut self, bytes: &[u8]) -> Result<usize, Failed> {
        assert!(!bytes.is_empty(), "a write of no bytes");
        match self.operate(Operation::Write) {
            Some(Trouble::Fails(kind)) => return Err(Failed(kind)),
            Some(_) => return Ok(0),
            None => {}
        }
        let size = self.carried(bytes.len());
        self.held.extend(&bytes[..size]);
        Ok(size)
    }

    fn do_flush(&mut self) -> Result<(), Failed> {
        if let Some(Trouble::Fails(kind)) = self.operate(Operation::Flush) {
            return Err(Failed(kind));
        }
        self.written.append(&mut self.held);
        Ok(())
    }

    /// Returns pending once before each operation if `pends`, even if the first future was dropped.
    async fn wait(&mut self) {
        poll_fn(|_| {
            self.pending = self.pends && !self.pending;
            if self.pending {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl embedded_io::ErrorType for Wire {
    type Error = Failed;
}

impl embedded_io::Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Failed> {
        self.do_read(space)
    }
}

impl embedded_io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Failed> {
        self.do_write(bytes)
    }

    fn flush(&mut self) -> Result<(), Failed> {
        self.do_flush()
    }
}

impl embedded_io_async::Read for Wire {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Failed> {
        self.wait().await;
        self.do_read(space)
    }
}

impl embedded_io_async::Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Failed> {
        self.wait().await;
        self.do_write(bytes)
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        self.wait().await;
        self.do_flush()
    }
}

impl embedded_io::Error for Failed {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl core::error::Error for Failed {}
