//! TLS on the stream of an async client.

use super::connect::Io;
use crate::tls::{Connector, Driver};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest plaintext that is encrypted at a time: one record.
const RECORD: usize = 16384;

struct TlsStream {
    io: Box<dyn Io>,
    driver: Driver,
}

/// Performs the handshake with the server on `io`, whose certificate must be for `name`.
pub(super) async fn handshake(
    io: Box<dyn Io>,
    connector: &Connector,
    name: &str,
) -> io::Result<Box<dyn Io>> {
    let driver = connector.driver(name)?;
    let mut stream = TlsStream { io, driver };
    poll_fn(|context| {
        loop {
            let (driver, mut io) = stream.parts(context);
            if ready!(pending(driver.handshake(&mut io)))? {
                return Poll::Ready(io::Result::Ok(()));
            }
        }
    })
    .await?;
    Ok(Box::new(stream))
}

impl TlsStream {
    fn parts<'a, 'c>(
        &'a mut self,
        context: &'a mut Context<'c>,
    ) -> (&'a mut Driver, Polled<'a, 'c>) {
        let io = &mut *self.io;
        (&mut self.driver, Polled { io, context })
    }
}

/// Makes a result that would block pending. The stream has registered the waker then.
fn pending<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (driver, mut io) = self.parts(context);
        loop {
            if let Some(read) = driver.read(buf.initialize_unfilled()) {
                buf.advance(read?);
                return Poll::Ready(Ok(()));
            }
            let received = driver.receive(&mut io);
            // An answer of TLS itself, or the alert that tells the server the reason of an error.
            let _ = driver.send(&mut io);
            ready!(pending(received))?;
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (driver, mut io) = self.parts(context);
        // The last record goes first, so at most one waits.
        ready!(pending(driver.send(&mut io)))?;
        let n = driver.encrypt(&buf[..buf.len().min(RECORD)])?;
        // The bytes are accepted. If sending fails, the next call returns the error again.
        let _ = driver.send(&mut io);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (driver, mut io) = self.parts(context);
        pending(driver.send(&mut io))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (driver, mut io) = self.parts(context);
        ready!(pending(driver.finish(&mut io)))?;
        Pin::new(&mut *self.io).poll_shutdown(context)
    }
}

/// A stream as a blocking one that fails with [`WouldBlock`](ErrorKind::WouldBlock) instead of waiting.
struct Polled<'a, 'c> {
    io: &'a mut dyn Io,
    context: &'a mut Context<'c>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        match Pin::new(&mut *self.io).poll_read(self.context, &mut buf) {
            Poll::Ready(read) => read.map(|()| buf.filled().len()),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.io).poll_write(self.context, buf) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
