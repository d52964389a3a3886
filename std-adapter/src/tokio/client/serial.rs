//! A serial port under an async client.

use crate::Conn;
use crate::serial::Line;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// The socket of a serial port's thread, which knows why the line failed.
pub(super) struct SerialStream {
    socket: UnixStream,
    line: Arc<Line>,
}

impl SerialStream {
    /// Hands the socket to the runtime. Dropping it does not wait for the thread.
    pub(super) fn new(conn: &Conn, line: &Arc<Line>) -> io::Result<Self> {
        line.detach();
        Ok(Self {
            socket: UnixStream::from_std(conn.as_fd().try_clone_to_owned()?.into())?,
            line: Arc::clone(line),
        })
    }

    fn failed<T>(&self, ended: io::Result<T>) -> Poll<io::Result<T>> {
        Poll::Ready(self.line.failure().map_or(ended, Err))
    }
}

impl AsyncRead for SerialStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match ready!(Pin::new(&mut self.socket).poll_read(context, buf)) {
            Ok(()) if buf.filled().len() > before => Poll::Ready(Ok(())),
            ended => self.failed(ended),
        }
    }
}

impl AsyncWrite for SerialStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.socket).poll_write(context, buf)) {
            Ok(n) => Poll::Ready(Ok(n)),
            ended => self.failed(ended),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
