//! TLS on the socket of a task.

use super::in_flight::Reservation;
use super::stream::{Socket, Stream, receive_now};
use crate::tls::{
    Acceptor, NOT_TLS, Records, begins_tls, cut, failed, gone, handshake_failed, no_room, not_tls,
    stopping, too_slow, unused,
};
use rustls::ServerConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// The longest plaintext that is encrypted at a time: one record. So at most one record waits to be
/// sent.
const RECORD: usize = 16384;

/// The server's side of a TLS connection.
pub(super) struct Secure {
    session: ServerConnection,
    records: Records,
    /// The value of `held` when the last read ended.
    last_held: usize,
    /// Bytes received since the last call of `worked`.
    worked: usize,
    /// Bytes of the last write that are encrypted but not sent. They count as written once sent.
    waiting: usize,
    /// Whether `close_notify` was sent, or must not be sent.
    finished: bool,
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
    let mut secure = Box::new(Secure {
        session: acceptor.session()?,
        records: Records::default(),
        last_held: 0,
        worked: 0,
        waiting: 0,
        finished: false,
    });
    let result = tokio::select! {
        result = timeout_at(deadline, secure.handshake(&stream.socket, reservation)) => {
            result.unwrap_or_else(|_| Err(too_slow()))
        }
        () = stopped => Err(stopping()),
    };
    if result.is_err() {
        // An alert has told the client the reason, if possible. No `close_notify` follows.
        secure.finished = true;
    }
    stream.secure = Some(secure);
    result
}

impl Secure {
    /// The certificates that the client has shown, its own first, each in DER.
    pub(super) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let chain = self.session.peer_certificates().unwrap_or_default();
        chain
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect()
    }

    async fn handshake(
        &mut self,
        socket: &TcpStream,
        mut reservation: Reservation<'_>,
    ) -> io::Result<()> {
        socket.readable().await?;
        let mut first = [0];
        match socket.peek(&mut first).await {
            Ok(0) => return Err(unused()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(unused()),
            Err(error) => return Err(error),
            Ok(_) if begins_tls(first) => {}
            Ok(_) => {
                let _ = socket.try_write(NOT_TLS);
                return Err(not_tls());
            }
        }
        while self.session.is_handshaking() {
            let mut from = Socket(socket);
            let read = self.session.read_tls(&mut self.records.track(&mut from));
            match read {
                Ok(0) => return Err(gone()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.readable().await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let processed = self.session.process_new_packets();
            if self.session.wants_write() {
                // TLS replies only to complete messages.
                self.records.mark_complete();
            }
            while let Err(error) = self.send(socket) {
                if error.kind() != ErrorKind::WouldBlock {
                    return Err(error);
                }
                socket.writable().await?;
            }
            processed.map_err(|error| handshake_failed(&error))?;
            if self.session.is_handshaking() && !reservation.resize(self.held()) {
                return Err(no_room());
            }
        }
        self.records.mark_complete();
        Ok(())
    }

    /// Returns the size in bytes of the partial record and the partial handshake message, or 0 if both
    /// are complete.
    pub(super) fn held(&self) -> usize {
        self.records.partial_len()
    }

    /// Returns the bytes received since the last call.
    pub(super) fn worked(&mut self) -> usize {
        std::mem::take(&mut self.worked)
    }

    /// Waits until decrypted bytes are available. Fails with [`WouldBlock`](ErrorKind::WouldBlock) if
    /// only [`held`](Self::held) changed, because the time of a request starts at the first byte of its
    /// record.
    pub(super) fn poll_read(
        &mut self,
        socket: &TcpStream,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(read) = self.read_plaintext(buf) {
                self.last_held = self.held();
                return Poll::Ready(read);
            }
            let Poll::Ready(ready) = socket.poll_read_ready(context) else {
                if self.last_held == self.held() {
                    return Poll::Pending;
                }
                self.last_held = self.held();
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
            let read = match self.read_plaintext(&mut buf[filled..]) {
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

    pub(super) fn try_write(&mut self, socket: &TcpStream, buf: &[u8]) -> io::Result<usize> {
        if self.waiting == 0 {
            // TLS's own messages go first.
            self.send(socket)?;
            let record = &buf[..buf.len().min(RECORD)];
            self.waiting = self.session.writer().write(record)?;
        }
        self.send(socket)?;
        Ok(std::mem::take(&mut self.waiting))
    }

    /// Sends `close_notify`. After [`WouldBlock`](ErrorKind::WouldBlock), call it again.
    pub(super) fn finish(&mut self, socket: &TcpStream) -> io::Result<()> {
        if !self.finished {
            self.finished = true;
            self.session.send_close_notify();
        }
        self.send(socket)
    }

    /// Reads decrypted bytes, the end of the stream or a cut. Returns `None` if nothing is decrypted
    /// yet.
    fn read_plaintext(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(cut())),
            read => Some(read),
        }
    }

    /// Receives available bytes and decrypts them.
    fn receive(&mut self, from: &mut dyn Read, socket: &TcpStream) -> io::Result<()> {
        self.worked += self.session.read_tls(&mut self.records.track(from))?;
        match self.session.process_new_packets() {
            Ok(state) => {
                if state.plaintext_bytes_to_read() > 0 {
                    self.records.mark_complete();
                }
                Ok(())
            }
            Err(error) => {
                // Sends the alert, which tells the client the reason.
                let _ = self.send(socket);
                Err(failed(&error))
            }
        }
    }

    /// Sends all encrypted bytes.
    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Socket(socket))?;
        }
        Ok(())
    }
}

/// A socket as a reader that does not wait for tokio's readiness.
struct NonBlocking<'a>(&'a TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        receive_now(self.0, buf)
    }
}
