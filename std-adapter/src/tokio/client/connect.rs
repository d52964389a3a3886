//! Opening the connection of an async client.

use crate::client::Target;
use crate::resolve::explain;
use crate::wait::after;
use crate::{Cancel, Conn, Network};
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::spawn_blocking;

/// The stream of a connection.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// Cancels a dial when it is dropped.
struct Cancels(Cancel);

impl Drop for Cancels {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Target {
    /// Opens a connection within the time limit, and checks the server's commands.
    pub(super) async fn open_async(&self) -> io::Result<Box<dyn Io>> {
        let deadline = after(Instant::now(), self.connect_timeout);
        let conn = self.dial().await?;
        let stream = into_stream(&conn, self.network)?;
        let late = |_| {
            let to = format_args!("cannot connect to {}", self.address);
            Err(explain(to, &io::ErrorKind::TimedOut.into()))
        };
        tokio::time::timeout_at(deadline.into(), self.prepare(stream))
            .await
            .unwrap_or_else(late)
    }

    /// Does all that comes before the first call on a new connection.
    async fn prepare(&self, stream: Box<dyn Io>) -> io::Result<Box<dyn Io>> {
        #[cfg(feature = "tls")]
        let stream = match &self.tls {
            Some((connector, name)) => super::tls::handshake(stream, connector, name).await?,
            None => stream,
        };
        match &self.commands {
            Some(commands) => super::check::checked(stream, commands).await,
            None => Ok(stream),
        }
    }

    /// Dials on a thread of its own, because the dialer is blocking.
    async fn dial(&self) -> io::Result<Conn> {
        let cancel = Cancel::new()?;
        let dialer = self.dialer.clone().timeout(self.connect_timeout);
        let dialer = dialer.cancelled_by(&cancel);
        let _cancels = Cancels(cancel);
        let (network, address) = (self.network, self.address.clone());
        let conn = spawn_blocking(move || dialer.dial(network, &address)).await;
        conn.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Hands the socket to the runtime.
fn into_stream(conn: &Conn, network: Network) -> io::Result<Box<dyn Io>> {
    #[cfg(feature = "serial")]
    if let Some(line) = conn.line() {
        return Ok(Box::new(super::serial::SerialStream::new(conn, line)?));
    }
    let socket = conn.as_fd().try_clone_to_owned()?;
    Ok(if network == Network::Unix {
        Box::new(UnixStream::from_std(socket.into())?)
    } else {
        Box::new(TcpStream::from_std(socket.into())?)
    })
}
