//! TLS on the socket of a task.

use super::in_flight::Reservation;
use super::stream::{Socket, Stream, receive_now};
use crate::tls::{Acceptor, Driver, no_room, stopping, too_slow};
use std::io::{self, ErrorKind, Read};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// The longest plaintext that is encrypted at a time: one record. So at most one record waits to be
/// sent.
const RECORD: usize = 16384;

/// The TLS of a task's connection.
pub(super) struct Secure {
    pub(super) driver: Driver,
    /// The partial bytes when the last read ended.
    last_partial: usize,
    /// Bytes of the last write that are encrypted but not sent. They count as written once sent.
    waiting: usize,
}

/// Performs the TLS handshake on `stream`. Fails at `deadline`, if the server has no room for the
/// handshake's bytes, or when the server is `stopped`.
pub(super) async fn handshake(
    stream: &mut Stream,
    acceptor: &Acceptor,
    deadline: Instant,
    reservation: Reservation<'_>,
    stopped: impl Future<Output = ()>,
) -> io::Result<()> {
    let secure = stream.secure.insert(Box::new(Secure {
        driver: acceptor.driver()?,
        last_partial: 0,
        waiting: 0,
    }));
    tokio::select! {
        result = timeout_at(deadline, secure.handshake(&stream.socket, reservation)) => {
            result.unwrap_or_else(|_| Err(too_slow()))
        }
        () = stopped => Err(stopping()),
    }
}

impl Secure {
    async fn handshake(
        &mut self,
        socket: &TcpStream,
        mut reservation: Reservation<'_>,
    ) -> io::Result<()> {
        loop {
            match self.driver.handshake(&mut Socket(socket)) {
                Ok(true) => return Ok(()),
                Ok(false) if reservation.resize(self.driver.partial_len()) => {}
                Ok(false) => return Err(no_room()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.driver.wants_write() => socket.writable().await?,
                Err(_) => socket.readable().await?,
            }
        }
    }

    /// Waits until decrypted bytes are available. Fails with [`WouldBlock`](ErrorKind::WouldBlock) if
    /// only the partial bytes changed, because the time of a request starts at the first byte of its
    /// record.
    pub(super) fn poll_read(
        &mut self,
        socket: &TcpStream,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(read) = self.driver.read(buf) {
                self.last_partial = self.driver.partial_len();
                return Poll::Ready(read);
            }
            let Poll::Ready(ready) = socket.poll_read_ready(context) else {
                if self.last_partial == self.driver.partial_len() {
                    return Poll::Pending;
                }
                self.last_partial = self.driver.partial_len();
                return Poll::Ready(Err(ErrorKind::WouldBlock.into()));
            };
            ready?;
            match self.receive(&mut Socket(socket), socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
    }

    /// Reads available records until `buf` is full.
    pub(super) fn read_now(&mut self, socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let read = match self.driver.read(&mut buf[filled..]) {
                Some(read) => read,
                None => match self.receive(&mut NonBlocking(socket), socket) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            match read {
                Ok(n @ 1..) => filled += n,
                // Requests before an error are still answered.
                _ if filled > 0 => return Ok(filled),
                ended => return ended,
            }
        }
    }

    /// Encrypts and sends some of `buf`. After an error, the next call must begin with the same bytes.
    pub(super) fn try_write(&mut self, socket: &TcpStream, buf: &[u8]) -> io::Result<usize> {
        let mut socket = Socket(socket);
        if self.waiting == 0 {
            // TLS's own messages go first.
            self.driver.send(&mut socket)?;
            self.waiting = self.driver.encrypt(&buf[..buf.len().min(RECORD)])?;
        }
        self.driver.send(&mut socket)?;
        Ok(std::mem::take(&mut self.waiting))
    }

    /// Receives available bytes and decrypts them.
    fn receive(&mut self, from: &mut dyn Read, socket: &TcpStream) -> io::Result<()> {
        let received = self.driver.receive(from);
        if received.is_err() {
            // The alert, which tells the client the reason.
            let _ = self.driver.send(&mut Socket(socket));
        }
        received
    }
}

/// A socket as a reader that does not wait for tokio's readiness.
struct NonBlocking<'a>(&'a TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        receive_now(self.0, buf)
    }
}
