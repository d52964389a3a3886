//! Streams that do as a script says, blocking and async alike.

use crate::server::Setup;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use embedded_io::ErrorKind;

/// A stream in memory. What is written counts only once it is flushed.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each of them stands for itself
pub struct Wire {
    /// Where what is read comes from.
    pub source: Source,
    /// How many bytes of the source have been read.
    pub read: usize,
    /// What was written and flushed.
    pub written: Vec<u8>,
    /// What was written and not flushed.
    pub held: Vec<u8>,
    /// The most bytes that one read or write carries; 0 for any number.
    pub short: usize,
    /// What goes wrong: in operation so many, counted from 0, or the next that it concerns, this.
    /// It goes wrong once, unless it `lasts`.
    pub trouble: Option<(usize, Trouble)>,
    /// Whether the trouble stays, so that the stream is dead for what it concerns.
    pub lasts: bool,
    /// Whether each operation is pending once before it is done.
    pub pends: bool,
    /// Whether the operation that comes has been pending.
    pub pending: bool,
    /// Whether the end of the stream was read.
    pub ended: bool,
    /// Operations done.
    pub operations: usize,
}

/// Where a [`Wire`] reads from.
#[derive(Debug)]
pub enum Source {
    /// These bytes, then the end of the stream.
    Bytes(Vec<u8>),
    /// The replies of the server in [`crate::server`] to what was written. It never ends the
    /// stream: to read where nothing comes is a failure of the test.
    Server,
}

/// What goes wrong with an operation of a [`Wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It fails with this kind of error.
    Fails(ErrorKind),
    /// A write takes nothing; other operations are not concerned.
    TakesNothing,
    /// A read finds the end of the stream; other operations are not concerned.
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
    /// A stream over which these bytes arrive.
    pub fn with(input: impl Into<Vec<u8>>) -> Self {
        Self {
            source: Source::Bytes(input.into()),
            ..Self::default()
        }
    }

    /// A stream to the server in [`crate::server`].
    pub fn to_server() -> Self {
        Self {
            source: Source::Server,
            ..Self::default()
        }
    }

    /// Counts an operation, and says what goes wrong with it.
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
        assert!(!space.is_empty(), "a read without room");
        match self.operate(Operation::Read) {
            Some(Trouble::Fails(kind)) => return Err(Failed(kind)),
            Some(_) => {
                assert!(!self.ended, "a read behind the end");
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
                assert!(self.read < replies.len(), "a read that waits for ever");
                &replies
            }
        };
        let rest = bytes.get(self.read..).unwrap_or(&[]);
        let size = self.carried(rest.len().min(space.len()));
        space[..size].copy_from_slice(&rest[..size]);
        assert!(size > 0 || !self.ended, "a read behind the end");
        self.ended = size == 0;
        self.read += size;
        Ok(size)
    }

    fn do_write(&mut self, bytes: &[u8]) -> Result<usize, Failed> {
        assert!(!bytes.is_empty(), "a write of nothing");
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

    /// Is pending once before each operation, whichever future it is that asks.
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
