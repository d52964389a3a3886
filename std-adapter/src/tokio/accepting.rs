//! A listening socket as tokio waits on it.

use crate::{Address, Listener};
use socket2::SockAddr;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::{TcpListener, TcpStream, UnixListener};

pub(super) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    /// The socket of `listener`, which stays open until both are closed, for the runtime of this
    /// thread to wait on.
    pub(super) fn new(listener: &Listener) -> io::Result<Self> {
        let socket = listener.socket()?;
        match listener.local_addr() {
            Address::Tcp(_) => TcpListener::from_std(socket.into()).map(Self::Tcp),
            Address::Unix(_) => UnixListener::from_std(socket.into()).map(Self::Unix),
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
                // What a stream of TCP does with its socket a Unix one does as well, but for the
                // options and addresses of TCP.
                let socket = OwnedFd::from(stream.into_std()?);
                let stream = TcpStream::from_std(socket.into())?;
                Ok((stream, Address::Unix(path)))
            }
        }
    }
}
