//! A listening socket on tokio.

use crate::{Address, Listener};
use socket2::SockAddr;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::{TcpListener, TcpStream, UnixListener};

pub(super) enum AsyncListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl AsyncListener {
    /// Registers the socket of `listener` with the runtime of this thread. The socket stays open until
    /// both are closed.
    pub(super) fn new(listener: &Listener) -> io::Result<Self> {
        let socket = listener.socket()?;
        match listener.local_addr() {
            Address::Tcp(_) => TcpListener::from_std(socket.into()).map(Self::Tcp),
            _ => UnixListener::from_std(socket.into()).map(Self::Unix),
        }
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, Address)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((stream, SockAddr::from(peer).into()))
            }
            Self::Unix(listener) => {
                let (stream, peer) = listener.accept().await?;
                let path = peer.as_pathname().map(Into::into);
                // A `TcpStream` also works on a Unix socket, except for TCP's options and addresses.
                let socket = OwnedFd::from(stream.into_std()?);
                let stream = TcpStream::from_std(socket.into())?;
                Ok((stream, Address::Unix(path)))
            }
        }
    }
}
