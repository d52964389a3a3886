//! What a task reads and writes: a socket, and over it perhaps TLS.

#[cfg(feature = "tls")]
use super::secure::Secure;
use crate::{Address, Peer};
use rustix::net::{RecvFlags, recv};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// A connection's byte stream. Plain ones keep nothing for TLS but a null pointer.
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

    /// Reads once there is something to read, and says how much; 0 is the end. It fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where nothing came but [`held`](Self::held) changed.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.poll_read(&self.socket, context, buf);
        }
        // Unlike `try_read`, it takes a read that does not fill the buffer for the last, and so
        // saves one that would find nothing.
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Reads what the system holds, whether or not the runtime has heard of it, or fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    pub(super) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.read_now(&self.socket, buf);
        }
        receive_now(&self.socket, buf)
    }

    /// Whether more bytes have arrived, of which it discards one.
    pub(super) fn has_more(&mut self) -> bool {
        matches!(self.read_now(&mut [0]), Ok(1..))
    }

    /// How many bytes TLS has decrypted since the last call. Records may hold a byte each.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS decrypts any")
    )]
    pub(super) fn worked(&mut self) -> usize {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.worked();
        }
        0
    }

    /// How many bytes the record and the message of TLS itself take that were received in part; 0 if
    /// there are none.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS holds any")
    )]
    pub(super) fn held(&self) -> usize {
        #[cfg(feature = "tls")]
        if let Some(secure) = &self.secure {
            return secure.held();
        }
        0
    }

    /// The client, whose address this is.
    pub(super) fn peer(&self, address: &Address) -> Peer {
        #[cfg(feature = "tls")]
        let certificates = self
            .secure
            .as_ref()
            .map(|secure| secure.peer_certificates());
        #[cfg(not(feature = "tls"))]
        let certificates = None;
        Peer {
            address: address.clone(),
            certificates: certificates.unwrap_or_default(),
        }
    }

    /// Whether the system holds bytes that nobody has read, whether or not the runtime has heard of
    /// them.
    pub(super) fn is_unread(&self) -> bool {
        let peeked = recv(
            &self.socket,
            &mut [0],
            RecvFlags::DONTWAIT | RecvFlags::PEEK,
        );
        peeked.is_ok_and(|(_, arrived)| arrived > 0)
    }

    /// Writes some of `buf`, or fails with [`WouldBlock`](io::ErrorKind::WouldBlock). Then the next
    /// call must bring the same bytes, and may bring more behind them: TLS may have encrypted them.
    pub(super) fn try_write(&mut self, buf: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.try_write(&self.socket, buf);
        }
        self.socket.try_write(buf)
    }

    /// Waits until the socket takes bytes.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Says that this end has finished, before the sending is ended. The socket's bytes are only to be
    /// discarded from then on.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "only TLS says so")
    )]
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            while let Err(error) = secure.finish(&self.socket) {
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
