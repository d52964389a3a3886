//! TLS on one connection of any kind, as server or client, without I/O of its own.

use super::error::{NOT_TLS, begins_tls, cut, failed, gone, handshake_failed, not_tls, unused};
use super::records::Records;
use rustls::Connection;
use std::io::{self, ErrorKind, Read, Write};

/// The state of TLS on one connection.
///
/// Each call reads from or writes to a stream that the caller lends. If that stream fails with
/// [`WouldBlock`](ErrorKind::WouldBlock) or another temporary error, the call can be repeated.
#[derive(Debug)]
pub(crate) struct Driver {
    session: Connection,
    records: Records,
    /// Whether a client's first byte is still to come.
    unknown: bool,
    /// Bytes received since the last [`take_received`](Self::take_received).
    received: usize,
}

impl Driver {
    pub(crate) fn new(session: impl Into<Connection>) -> Self {
        let session = session.into();
        Self {
            unknown: matches!(session, Connection::Server(_)),
            session,
            records: Records::default(),
            received: 0,
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self.session, Connection::Server(_))
    }

    /// Does one step of the handshake: sends, then receives once. Returns whether it is complete.
    ///
    /// After an error it has sent the alert that tells the peer the reason, if the stream took it. A
    /// client without TLS gets an error line in plain text.
    pub(crate) fn handshake(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        self.send(stream)?;
        if self.unknown {
            self.expect_tls(stream)?;
            self.unknown = false;
        }
        if self.session.is_handshaking() {
            let received = self.receive(stream);
            if received.is_err() {
                let _ = self.send(stream);
            }
            received?;
        }
        self.send(stream)?;
        Ok(!self.session.is_handshaking())
    }

    /// Does the whole handshake over a blocking stream.
    pub(super) fn handshake_over(&mut self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        while !self.handshake(stream)? {}
        Ok(())
    }

    /// Returns the state of TLS itself.
    pub(super) fn into_session(self) -> Connection {
        self.session
    }

    /// Reads the first byte, which shows whether the client speaks TLS.
    fn expect_tls(&mut self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let mut first = [0];
        match stream.read(&mut first) {
            Ok(0) => Err(unused()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(unused()),
            Err(error) => Err(error),
            Ok(_) if begins_tls(first) => {
                let mut first = &first[..];
                let mut first = self.records.track(&mut first);
                self.session.read_tls(&mut first).map(drop)
            }
            Ok(_) => {
                let _ = stream.write(NOT_TLS);
                Err(not_tls())
            }
        }
    }

    /// Returns the peer's certificate chain in DER, its own certificate first.
    pub(crate) fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        let chain = self.session.peer_certificates().unwrap_or_default();
        chain.iter().map(AsRef::as_ref)
    }

    /// Returns the size in bytes of the partial record and the partial handshake message, or 0 if both
    /// are complete.
    pub(crate) fn partial_len(&self) -> usize {
        self.records.partial_len()
    }

    /// Returns the bytes received since the last call.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }

    /// Returns whether encrypted bytes are to be sent.
    #[cfg(feature = "tokio")]
    pub(crate) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Reads decrypted bytes, the end of the stream or a cut. Returns `None` if nothing is decrypted
    /// yet; then [`receive`](Self::receive).
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.session.reader().read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(cut())),
            read => Some(read),
        }
    }

    /// Receives bytes once and decrypts them. After an error, [`send`](Self::send) the alert, which
    /// tells the peer the reason.
    pub(crate) fn receive(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let handshaking = self.session.is_handshaking();
        let n = self.session.read_tls(&mut self.records.track(from))?;
        if n == 0 && handshaking {
            return Err(gone());
        }
        self.received += n;
        match self.session.process_new_packets() {
            Ok(state) => {
                // TLS replies only to complete messages.
                let replies = handshaking && self.session.wants_write();
                let completed = handshaking && !self.session.is_handshaking();
                if replies || completed || state.plaintext_bytes_to_read() > 0 {
                    self.records.mark_complete();
                }
                Ok(())
            }
            Err(error) if handshaking => Err(handshake_failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Encrypts bytes of `buf` and returns how many. They leave with the next [`send`](Self::send).
    pub(crate) fn encrypt(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.session.writer().write(buf)
    }

    /// Sends all encrypted bytes.
    pub(crate) fn send(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let mut to = to;
        while self.session.wants_write() {
            self.session.write_tls(&mut to)?;
        }
        Ok(())
    }

    /// Sends `close_notify`, except after a failed handshake, whose alert has told the peer the end.
    pub(crate) fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if !self.session.is_handshaking() {
            self.session.send_close_notify();
        }
        self.send(to)
    }
}
