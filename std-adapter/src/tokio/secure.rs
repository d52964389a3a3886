//! TLS over the socket of a task.

use super::in_flight::Share;
use super::stream::{Stream, receive_now};
use crate::tls::{
    Acceptor, NOT_TLS, Records, begins_tls, cut, failed, gone, handshake_failed, no_room, not_tls,
    stopping, too_slow, unused,
};
use rustls::ServerConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// The most that is encrypted at a time, which is a record, and so the most that waits encrypted.
const RECORD: usize = 16384;

/// TLS, as the side that was connected to.
pub(super) struct Secure {
    session: ServerConnection,
    records: Records,
    /// What `held` was when the last read ended.
    told: usize,
    /// How many bytes have been decrypted since that was last asked.
    worked: usize,
    /// How many bytes of the last write wait encrypted. They count as written once they are sent.
    waiting: usize,
    /// Whether this end has nothing more to say.
    finished: bool,
}

/// Begins TLS on `stream`, unless that takes until `deadline`, or more bytes than the server has room
/// for, or the server is `stopped`.
pub(super) async fn greet(
    stream: &mut Stream,
    acceptor: &Acceptor,
    deadline: Instant,
    share: Share<'_>,
    stopped: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut secure = Box::new(Secure {
        session: acceptor.session()?,
        records: Records::default(),
        told: 0,
        worked: 0,
        waiting: 0,
        finished: false,
    });
    let greeted = tokio::select! {
        greeted = timeout_at(deadline, secure.greet(&stream.socket, share)) => {
            greeted.unwrap_or_else(|_| Err(too_slow()))
        }
        () = stopped => Err(stopping()),
    };
    if greeted.is_err() {
        // The client knows as much as it can know.
        secure.finished = true;
    }
    stream.secure = Some(secure);
    greeted
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

    async fn greet(&mut self, socket: &TcpStream, mut share: Share<'_>) -> io::Result<()> {
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
            let read = self.session.read_tls(&mut self.records.follow(&mut from));
            match read {
                Ok(0) => return Err(gone()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.readable().await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let taken = self.session.process_new_packets();
            if self.session.wants_write() {
                // It answers a message that has come whole.
                self.records.brought();
            }
            while let Err(error) = self.send(socket) {
                if error.kind() != ErrorKind::WouldBlock {
                    return Err(error);
                }
                socket.writable().await?;
            }
            taken.map_err(|error| handshake_failed(&error))?;
            if self.session.is_handshaking() && !share.keep(self.held()) {
                return Err(no_room());
            }
        }
        self.records.brought();
        Ok(())
    }

    /// How many bytes the record and the message of TLS itself take that were received in part; 0 if
    /// there are none.
    pub(super) fn held(&self) -> usize {
        self.records.in_part()
    }

    /// How many bytes were decrypted since the last call.
    pub(super) fn worked(&mut self) -> usize {
        std::mem::take(&mut self.worked)
    }

    /// Waits until a record brings bytes, or fails with [`WouldBlock`](ErrorKind::WouldBlock) where
    /// [`held`](Self::held) changed: the time of a request runs from the first byte of its record.
    pub(super) fn poll_read(
        &mut self,
        socket: &TcpStream,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(read) = self.decrypted(buf) {
                self.told = self.held();
                return Poll::Ready(read);
            }
            let Poll::Ready(ready) = socket.poll_read_ready(context) else {
                if self.told == self.held() {
                    return Poll::Pending;
                }
                self.told = self.held();
                return Poll::Ready(Err(ErrorKind::WouldBlock.into()));
            };
            ready?;
            match self.take_in(&mut Socket(socket), socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
    }

    /// Reads as many records as there are and `buf` has room for.
    pub(super) fn read_now(&mut self, socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let read = match self.decrypted(&mut buf[filled..]) {
                Some(read) => read,
                None => match self.take_in(&mut Now(socket), socket) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            match read {
                Ok(n @ 1..) => filled += n,
                // What came before is worth its answer.
                _ if filled > 0 => return Ok(filled),
                ended => return ended,
            }
        }
    }

    pub(super) fn try_write(&mut self, socket: &TcpStream, buf: &[u8]) -> io::Result<usize> {
        if self.waiting == 0 {
            // What TLS has to say of itself goes first.
            self.send(socket)?;
            let record = &buf[..buf.len().min(RECORD)];
            self.waiting = self.session.writer().write(record)?;
        }
        self.send(socket)?;
        Ok(std::mem::take(&mut self.waiting))
    }

    /// Says that this end has finished, or fails with [`WouldBlock`](ErrorKind::WouldBlock), then to be
    /// called again.
    pub(super) fn finish(&mut self, socket: &TcpStream) -> io::Result<()> {
        if !self.finished {
            self.finished = true;
            self.session.send_close_notify();
        }
        self.send(socket)
    }

    /// What has been decrypted: bytes, the end, or that there is no more; or nothing yet.
    fn decrypted(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(cut())),
            read => Some(read),
        }
    }

    /// Takes in what is there, and decrypts it.
    fn take_in(&mut self, from: &mut dyn Read, socket: &TcpStream) -> io::Result<()> {
        self.worked += self.session.read_tls(&mut self.records.follow(from))?;
        match self.session.process_new_packets() {
            Ok(state) => {
                if state.plaintext_bytes_to_read() > 0 {
                    self.records.brought();
                }
                Ok(())
            }
            Err(error) => {
                // It tells the client why, where that still listens.
                let _ = self.send(socket);
                Err(failed(&error))
            }
        }
    }

    /// Sends what is encrypted.
    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Socket(socket))?;
        }
        Ok(())
    }
}

/// A socket as rustls wants it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same, whether or not the runtime has heard of what is there.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        receive_now(self.0, buf)
    }
}
