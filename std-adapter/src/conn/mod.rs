//! A connection as a stream with deadlines.
//!
//! # How a read waits
//!
//! The socket is non-blocking. A read tries the socket first. If no bytes are there, it polls the
//! socket for the remaining time and tries again. A read that finds bytes costs one system call.
//! Setting a deadline costs none, because deadlines are kept in user space.
//!
//! A thread that moves the deadline of a waiting read must wake its poll. This takes a second file
//! descriptor in the poll. But a read borrows its [`Conn`] mutably, so another thread can only move
//! the deadline through a clone. Without clones, as in a server with a thread for each connection,
//! no waker is needed. With clones, a handle creates its waker when it first waits: one file descriptor
//! on Linux, two elsewhere.
//!
//! A server's connections also poll its stop signal, so that a stop wakes them. Shutting down
//! their sockets instead would lose replies; see [`ending`](crate::ending).

mod traits;

use crate::Address;
use crate::deadlines::{Deadlines, Direction};
use crate::ending::{Ending, LINGER, Peer, is_delivered, replies_not_taken, write_after_delivery};
#[cfg(feature = "serial")]
use crate::serial::Line;
use crate::stop::StopSignal;
use crate::wait::{Waker, has_passed, wait};
use rustix::event::{PollFd, PollFlags};
use socket2::Socket;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

/// A connection over TCP, a Unix socket or a serial port, with deadlines for reading and writing: Go's `net.Conn`.
///
/// A deadline is a point in time; activity does not extend it. Once it has passed, waiting and
/// later reads or writes fail with [`ErrorKind::TimedOut`] until another deadline is set.
///
/// A clone is a second handle to the same connection, so that one thread can read while another
/// writes. A deadline set through one handle holds for all. The connection closes when the last
/// handle is dropped.
///
/// ```
/// use bellwire_std::{Listener, Network, dial};
/// use std::io::{Read, Write};
/// use std::time::{Duration, Instant};
///
/// let listener = Listener::bind(Network::Tcp, "127.0.0.1:0")?;
/// let mut near = dial(listener.local_addr(), Duration::from_secs(5))?;
/// let mut far = listener.accept()?;
/// assert_eq!(near.peer_addr(), listener.local_addr());
/// assert_eq!(*far.peer_addr(), near.local_addr()?);
///
/// near.set_deadline(Some(Instant::now() + Duration::from_secs(5)));
/// near.write_all(b"hi")?;
/// near.close();
///
/// let mut text = String::new();
/// far.read_to_string(&mut text)?;
/// assert_eq!(text, "hi");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`AsFd`](std::os::fd::AsFd) gives access to other socket options, for example through
/// `socket2::SockRef::from(&conn)`.
#[derive(Debug)]
pub struct Conn {
    socket: Arc<Socket>,
    peer: Address,
    deadlines: Arc<Deadlines>,
    waker: Option<Arc<Waker>>,
    /// The server's stop signal. Once it is given, reads do not wait.
    stop: Option<Arc<StopSignal>>,
    /// Ends a server's waiting read when a push is due.
    pushes: Option<Arc<Waker>>,
    /// The thread of a serial port. It ends when the socket is dropped, which comes first.
    #[cfg(feature = "serial")]
    line: Option<Arc<Line>>,
}

impl Conn {
    pub(crate) fn new(socket: Socket, peer: Address) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        if peer.tcp().is_some() {
            // Each message is one write, so Nagle's algorithm would only delay it. This fails if the
            // peer is already gone; the first read reports that.
            let _ = socket.set_tcp_nodelay(true);
        }
        Ok(Self {
            socket: Arc::new(socket),
            peer,
            deadlines: Arc::default(),
            waker: None,
            stop: None,
            pushes: None,
            #[cfg(feature = "serial")]
            line: None,
        })
    }

    /// Creates the connection over a serial port, whose thread has the other end of `socket`.
    #[cfg(feature = "serial")]
    pub(crate) fn over(socket: Socket, peer: Address, line: Line) -> io::Result<Self> {
        let conn = Self::new(socket, peer)?;
        Ok(Self {
            line: Some(Arc::new(line)),
            ..conn
        })
    }

    /// Returns the thread of a serial port.
    #[cfg(all(feature = "serial", feature = "tokio"))]
    pub(crate) fn line(&self) -> Option<&Arc<Line>> {
        self.line.as_ref()
    }

    /// Makes reads fail with [`ErrorKind::WouldBlock`] instead of waiting once `stop` is given.
    pub(crate) fn serve(&mut self, stop: Arc<StopSignal>) {
        self.stop = Some(stop);
    }

    /// Makes a waiting read fail with [`ErrorKind::Interrupted`] when `pushes` wakes it.
    pub(crate) fn watch(&mut self, pushes: Arc<Waker>) {
        self.pushes = Some(pushes);
    }

    /// Returns the socket, so that the server can shut it down.
    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Writes as many bytes as the socket accepts without waiting. Ignores the deadline.
    pub(crate) fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        send(&self.socket, buf)
    }

    /// Sets the write deadline and waits until the socket is writable. May return early.
    pub(crate) fn wait_for_room(&mut self, deadline: Instant) -> io::Result<()> {
        self.set_write_deadline(Some(deadline));
        self.wait(Direction::Write)
    }

    /// Sets the deadline for reads, including a read that is waiting now; `None` for no deadline.
    /// A time in the past ends a waiting read at once. (Go: `Conn.SetReadDeadline`.)
    ///
    /// ```no_run
    /// use std::io::Read;
    /// use std::time::{Duration, Instant};
    ///
    /// let mut conn = bellwire_std::dial("localhost:61000", Duration::from_secs(5))?;
    /// let handle = conn.clone();
    /// std::thread::spawn(move || handle.set_read_deadline(Some(Instant::now())));
    /// let error = conn.read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_deadline(&self, deadline: Option<Instant>) {
        self.deadlines.set_read(deadline);
    }

    /// Sets the deadline for writes, including a write that is waiting now; `None` for no deadline.
    /// A `write_all` that fails may have sent some of its bytes. (Go: `Conn.SetWriteDeadline`.)
    pub fn set_write_deadline(&self, deadline: Option<Instant>) {
        self.deadlines.set_write(deadline);
    }

    /// Sets both deadlines. A client does this before a call that must not hang.
    /// (Go: `Conn.SetDeadline`.)
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.set_read_deadline(deadline);
        self.set_write_deadline(deadline);
    }

    /// Closes the connection for all its handles. Waiting and later reads and writes fail with
    /// [`ErrorKind::NotConnected`]. Bytes already written are still sent. (Go: `Conn.Close`.)
    pub fn close(&self) {
        self.deadlines.close();
        // Fails if the peer is already gone; then there is nothing to close.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Returns the address of this end; the port for a serial port. (Go: `Conn.LocalAddr`.)
    ///
    /// # Errors
    /// Any error of the operating system.
    pub fn local_addr(&self) -> io::Result<Address> {
        if let Address::Serial(_) = self.peer {
            return Ok(self.peer.clone());
        }
        self.socket.local_addr().map(Address::from)
    }

    /// Returns the peer's address, even after the peer is gone. (Go: `Conn.RemoteAddr`.)
    pub fn peer_addr(&self) -> &Address {
        &self.peer
    }

    /// Shuts down writing. The peer reads the end of the stream, and may still reply.
    /// (Go: `TCPConn.CloseWrite`.)
    ///
    /// # Errors
    /// Any error of the operating system.
    pub fn close_write(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Shuts down writing, then reads and discards at most `bytes` bytes until `deadline` or the
    /// end of the stream.
    ///
    /// Call it before closing, so that the peer receives the bytes sent last. If a connection is
    /// closed with bytes unread, the system resets it and discards unsent bytes.
    pub fn linger(&mut self, mut bytes: usize, deadline: Instant) {
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        self.set_read_deadline(Some(deadline));
        let mut dropped = [0; 4096];
        while let Ok(n @ 1..) = Read::read(self, &mut dropped) {
            match bytes.checked_sub(n) {
                Some(left) => bytes = left,
                None => return,
            }
        }
    }

    /// Ends the connection as described in [`ending`](crate::ending). The caller closes it next.
    pub(crate) fn end(&mut self, ending: Ending) -> io::Result<()> {
        if ending.peer == Peer::Ended {
            return Ok(());
        }
        // A stop no longer ends a wait.
        self.stop = None;
        let until = Instant::now().checked_add(ending.time);
        let mut sending = ending.peer == Peer::Sending;
        write_after_delivery(&*self.socket);
        loop {
            let ready = PollFlags::IN | PollFlags::OUT;
            let mut socket = [PollFd::new(&*self.socket, ready)];
            wait(&mut socket, until)?;
            let ready = socket[0].revents();
            sending |= ready.contains(PollFlags::IN);
            if is_delivered(ready) {
                break;
            }
            if has_passed(until) {
                return Err(replies_not_taken());
            }
            if ready.contains(PollFlags::IN) {
                match (&*self.socket).read(&mut [0; 4096]) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // The peer has ended its sending or is gone, so a close loses nothing.
                    _ => return Ok(()),
                }
            }
        }
        if sending {
            self.linger(usize::MAX, Instant::now() + LINGER);
        }
        Ok(())
    }

    /// Repeats `transfer` until it succeeds or fails, waiting while it would block.
    fn retry(
        &mut self,
        direction: Direction,
        mut transfer: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.deadlines.check(direction)?;
        loop {
            match transfer(&self.socket) {
                Ok(n @ 1..) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(direction)?,
                // If this end was closed meanwhile, report that instead.
                ended => {
                    self.deadlines.check(direction)?;
                    // The socket of a serial port does not know why the line failed.
                    #[cfg(feature = "serial")]
                    if let Some(failure) = self.line.as_ref().and_then(|line| line.failure()) {
                        return Err(failure);
                    }
                    return ended;
                }
            }
        }
    }

    /// Waits until the socket is ready, or the deadline passes or is changed.
    fn wait(&mut self, direction: Direction) -> io::Result<()> {
        let alone = Arc::get_mut(&mut self.deadlines).is_some();
        if !alone && self.waker.is_none() {
            self.waker = Some(self.deadlines.waker()?);
        }
        // Read the deadline only after the waker exists. Otherwise a change in between is missed.
        let deadline = self.deadlines.check(direction)?;
        let ready = match direction {
            Direction::Read => PollFlags::IN,
            Direction::Write => PollFlags::OUT,
        };
        let socket = PollFd::new(&*self.socket, ready);
        match (&self.waker, &self.stop) {
            (_, Some(stop)) if direction == Direction::Read => {
                if stop.is_given() {
                    return Err(ErrorKind::WouldBlock.into());
                }
                let Some(pushes) = &self.pushes else {
                    return wait(&mut [socket, stop.poll()], deadline);
                };
                let mut all = [socket, stop.poll(), pushes.poll()];
                wait(&mut all, deadline)?;
                if all[2].revents().is_empty() {
                    return Ok(());
                }
                pushes.reset();
                Err(ErrorKind::Interrupted.into())
            }
            (None, _) => wait(&mut [socket], deadline),
            (Some(waker), _) => {
                wait(&mut [socket, waker.poll()], deadline)?;
                waker.reset();
                Ok(())
            }
        }
    }
}

impl Clone for Conn {
    fn clone(&self) -> Self {
        Self {
            socket: Arc::clone(&self.socket),
            peer: self.peer.clone(),
            deadlines: Arc::clone(&self.deadlines),
            // Handles may wait at the same time, so each needs its own waker.
            waker: None,
            stop: self.stop.clone(),
            pushes: self.pushes.clone(),
            #[cfg(feature = "serial")]
            line: self.line.clone(),
        }
    }
}

/// Sends without raising `SIGPIPE`. Rust's runtime ignores that signal, but a host program that is
/// not written in Rust may not.
pub(crate) fn send(socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    #[cfg(target_vendor = "apple")]
    let flags = rustix::net::SendFlags::empty(); // socket2 sets the socket option instead
    #[cfg(not(target_vendor = "apple"))]
    let flags = rustix::net::SendFlags::NOSIGNAL;
    Ok(rustix::net::send(socket, buf, flags)?)
}

#[cfg(test)]
mod tests {
    use super::Conn;
    use crate::wait::has_passed;
    use std::io::{ErrorKind, Read};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    /// Fills `conn` and returns the number of bytes that it took.
    fn fill(conn: &Conn) -> usize {
        let mut written = 0;
        loop {
            match conn.write_now(&[0; 4096]) {
                Ok(n) => written += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return written;
                }
            }
        }
    }

    #[test]
    fn a_wait_for_room_lasts_until_there_is_room_or_its_deadline_has_come() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut conn = Conn::try_from(near).unwrap();
        let written = fill(&conn);
        let deadline = Instant::now() + Duration::from_millis(50);
        conn.wait_for_room(deadline).unwrap();
        assert!(has_passed(Some(deadline)));
        far.read_exact(&mut vec![0; written]).unwrap();
        conn.wait_for_room(Instant::now() + Duration::from_hours(1))
            .unwrap();
        assert!(fill(&conn) > 0);
    }
}
