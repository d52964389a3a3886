//! The byte stream of a task's connection, with or without TLS.

#[cfg(feature = "tls")]
use super::secure::Secure;
#[cfg(feature = "proxy-protocol")]
use crate::proxy::HeaderReader;
use rustix::net::{RecvFlags, recv};
use std::io;
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use std::io::Read;
#[cfg(feature = "tls")]
use std::io::Write;
#[cfg(feature = "proxy-protocol")]
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// The byte stream of a connection. Without TLS, it keeps only a null pointer for TLS.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    #[cfg(feature = "tls")]
    pub(super) secure: Option<Box<Secure>>,
}

impl Stream {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls")]
            secure: None,
        }
    }

    /// Reads the header of the PROXY protocol. Call it first.
    #[cfg(feature = "proxy-protocol")]
    pub(super) async fn read_header(&mut self) -> io::Result<Option<SocketAddr>> {
        let mut header = HeaderReader::default();
        loop {
            match header.read(&mut Socket(&self.socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket.readable().await?;
                }
                done => return done,
            }
        }
    }

    /// Waits for bytes, reads once and returns the number of bytes; 0 is the end. Fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if only [`held`](Self::held) changed.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.poll_read(&self.socket, context, buf);
        }
        // Unlike `try_read`, `poll_read` clears the readiness after a read that does not fill the
        // buffer. This saves a read that would find nothing.
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Reads bytes that the system has received, even if tokio does not know of them yet. Fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there are none.
    pub(super) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.read_now(&self.socket, buf);
        }
        receive_now(&self.socket, buf)
    }

    /// Returns whether more bytes have arrived. Discards one of them.
    pub(super) fn has_more(&mut self) -> bool {
        matches!(self.read_now(&mut [0]), Ok(1..))
    }

    /// Returns the bytes that TLS has received since the last call. A record may hold a single byte of
    /// content, so these can be many more than the bytes read.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS decrypts bytes")
    )]
    pub(super) fn worked(&mut self) -> usize {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.driver.take_received();
        }
        0
    }

    /// Returns the size in bytes of TLS's partial record and partial handshake message, or 0 if both
    /// are complete.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS holds bytes")
    )]
    pub(super) fn held(&self) -> usize {
        #[cfg(feature = "tls")]
        if let Some(secure) = &self.secure {
            return secure.driver.partial_len();
        }
        0
    }

    /// Returns the certificates that the client has shown, its own first, each in DER.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS shows any")
    )]
    pub(super) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &self.secure {
            return secure
                .driver
                .peer_certificates()
                .map(<[u8]>::to_vec)
                .collect();
        }
        Vec::new()
    }

    /// Writes some of `buf`, or fails with [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// After `WouldBlock`, the next call must begin with the same bytes, because TLS may already have
    /// encrypted them. More bytes may follow.
    pub(super) fn try_write(&mut self, buf: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.try_write(&self.socket, buf);
        }
        self.socket.try_write(buf)
    }

    /// Waits until the socket is writable.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Sends TLS's `close_notify`. Call it before shutting down the socket's writing. After it, bytes
    /// from the socket can only be discarded.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "only TLS waits here")
    )]
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            while let Err(error) = secure.driver.finish(&mut Socket(&self.socket)) {
                if error.kind() != io::ErrorKind::WouldBlock {
                    return Err(error);
                }
                self.socket.writable().await?;
            }
        }
        Ok(())
    }
}

pub(super) fn receive_now(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (_, arrived) = recv(socket, buf, RecvFlags::DONTWAIT)?;
    Ok(arrived)
}

/// A socket as a reader and writer that fails with [`WouldBlock`](io::ErrorKind::WouldBlock).
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
pub(super) struct Socket<'a>(pub(super) &'a TcpStream);

#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
impl Read for Socket<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

#[cfg(feature = "tls")]
impl Write for Socket<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
