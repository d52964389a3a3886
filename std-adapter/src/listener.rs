//! Accepting connections.

use crate::address::Network;
use crate::keep_alive::KeepAlive;
use crate::resolve::{explain, resolve_with, system};
use crate::stop::StopSignal;
use crate::wait::{has_passed, wait};
use crate::{Address, Conn};
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Connections that the system queues until they are accepted: Linux's default upper limit. The
/// system may have a lower one.
const BACKLOG: i32 = 4096;

/// A listening socket over TCP or a Unix socket: Go's `net.Listener`.
///
/// A clone is a second handle to the same listener, for another thread. The listener closes when
/// the last handle is dropped.
///
/// ```
/// use bellwire_std::{Listener, Network};
///
/// let listener = Listener::bind(Network::Tcp, "127.0.0.1:0")?;
/// let closer = listener.clone();
/// let accepting = std::thread::spawn(move || listener.accept());
/// closer.close();
/// let error = accepting.join().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "the listener is closed");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Listener(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` once closed. Threads that wait in `accept` still hold it; they release it when woken.
    socket: Mutex<Option<Arc<Socket>>>,
    address: Address,
    /// The Unix socket's file, if this listener created it and must remove it.
    file: Option<File>,
    /// Given when the listener is closed, or its server is stopped.
    stop: Arc<StopSignal>,
}

/// The file of a Unix socket that this process bound.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Its device and inode. They are unique while the socket is open.
    id: (u64, u64),
}

impl Listener {
    /// Listens on `address`. (Go: `net.Listen`.)
    ///
    /// For TCP, `address` is for example `"127.0.0.1:61000"`, `"[::1]:61000"` or `"localhost:http"`.
    /// `":61000"` is all interfaces, over IPv4 and IPv6 unless `network` names one of them. Port 0
    /// picks a free port. If a name has several addresses, the listener uses one of them. Accepted
    /// connections have a keep-alive of 15 seconds, as in Go.
    ///
    /// For [`Network::Unix`], `address` is the path of a file. The listener creates the file, and
    /// removes it when it closes, unless another file has replaced it.
    ///
    /// # Errors
    /// Any error of the operating system, such as [`ErrorKind::AddrInUse`] if the port is taken or
    /// the path exists; the errors of [`resolve`](crate::resolve()); [`ErrorKind::Unsupported`] for
    /// [`Network::Serial`].
    pub fn bind(network: Network, address: &str) -> io::Result<Self> {
        Self::listen(network, address, false)
    }

    /// Listens like [`bind`](Self::bind), on a port that several processes of one user share.
    ///
    /// Each of them must call `bind_shared`. The system spreads the connections over them
    /// (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// The errors of [`bind`](Self::bind), also if another socket holds the port without sharing.
    pub fn bind_shared(network: Network, address: &str) -> io::Result<Self> {
        Self::listen(network, address, true)
    }

    fn listen(network: Network, address: &str, shared: bool) -> io::Result<Self> {
        let bound = match network {
            Network::Unix => bind_file(address),
            Network::Serial => {
                let what = "a serial port has no listener; see bellwire::serial and bellwire::link";
                Err(io::Error::new(ErrorKind::Unsupported, what))
            }
            _ => resolve_with(network, address, system)
                .and_then(|addresses| bind_first(network, &addresses, shared)),
        };
        bound.map_err(|error| explain(format_args!("cannot listen on {address}"), &error))
    }

    fn new(socket: Socket, file: Option<File>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self(Arc::new(Inner {
            address: socket.local_addr()?.into(),
            socket: Mutex::new(Some(Arc::new(socket))),
            file,
            stop: Arc::new(StopSignal::new()?),
        })))
    }

    /// Waits for the next connection. Several threads may wait at a time. (Go: `Listener.Accept`.)
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] if the listener is closed, before the call or during it. Any
    /// error of the operating system; a lack of file descriptors is temporary.
    pub fn accept(&self) -> io::Result<Conn> {
        loop {
            if self.is_closed() {
                return Err(closed());
            }
            let socket = self.0.socket().clone().ok_or_else(closed)?;
            match socket.accept() {
                Ok((socket, peer)) => return Conn::new(socket, peer.into()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        let socket = PollFd::new(&*socket, PollFlags::IN);
                        wait(&mut [socket, self.0.stop.poll()], None)?;
                    }
                    // This peer is already gone; try the next one.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Stops listening. Threads that wait in [`accept`](Self::accept) get an error, and new
    /// connections are refused. Accepted connections stay open.
    /// A server on this listener stops. (Go: `Listener.Close`.)
    pub fn close(&self) {
        self.0.release();
        self.0.stop.give();
    }

    /// Returns the signal that also stops the listener's servers.
    pub(crate) fn stop_signal(&self) -> &Arc<StopSignal> {
        &self.0.stop
    }

    /// Returns whether the listener is closed, or its server is stopped.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.stop.is_given()
    }

    /// Sleeps until `until` or until the listener is closed.
    pub(crate) fn pause(&self, until: Instant) -> io::Result<()> {
        while !self.is_closed() && !has_passed(Some(until)) {
            wait(&mut [self.0.stop.poll()], Some(until))?;
        }
        Ok(())
    }

    /// Returns a second handle to the non-blocking socket.
    #[cfg(feature = "tokio")]
    pub(crate) fn socket(&self) -> io::Result<Socket> {
        let socket = self.0.socket().clone();
        socket.ok_or_else(closed)?.try_clone()
    }

    /// Returns the address it listens on, even after it is closed. (Go: `Listener.Addr`.)
    pub fn local_addr(&self) -> &Address {
        &self.0.address
    }
}

impl Inner {
    /// Closes the socket.
    fn release(&self) {
        let socket = self.socket().take();
        if socket.is_some() {
            // While the socket is open, no other file can have this id.
            self.file.iter().for_each(File::remove);
        }
    }

    fn socket(&self) -> MutexGuard<'_, Option<Arc<Socket>>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    fn at(path: PathBuf) -> Option<Self> {
        let id = id(&path)?;
        Some(Self { path, id })
    }

    /// Removes the file, unless another file is at its path now.
    fn remove(&self) {
        if id(&self.path) == Some(self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id(path: &Path) -> Option<(u64, u64)> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Not a stop: a server's connections go on if its `run` is dropped.
        self.release();
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "the listener is closed")
}

fn bind_file(path: &str) -> io::Result<Listener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = File::at(path.into());
    socket.listen(BACKLOG)?;
    Listener::new(socket, file)
}

/// Listens on the first usable address.
fn bind_first(network: Network, addresses: &[SocketAddr], shared: bool) -> io::Result<Listener> {
    let mut failure = None;
    for address in addresses {
        match bind_one(network, *address, shared) {
            // Trying the next address would hide that another process holds this one.
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            Err(error) => failure = failure.or(Some(error)),
            listener => return listener,
        }
    }
    Err(failure.unwrap_or_else(|| ErrorKind::NotFound.into()))
}

fn bind_one(network: Network, address: SocketAddr, shared: bool) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Allows a restart while connections of an earlier run are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(network == Network::Tcp6)?;
    }
    // Accepted sockets inherit the option, which saves a system call for each.
    KeepAlive::default().apply(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Listener::new(socket, None)
}

impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    /// Takes over the listener, for example one inherited from a supervisor. Makes it non-blocking,
    /// also for other handles to it.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn try_from(listener: TcpListener) -> io::Result<Self> {
        Self::new(listener.into(), None)
    }
}

impl TryFrom<UnixListener> for Listener {
    type Error = io::Error;

    /// Takes over the listener, like a [`TcpListener`]. Its file is not removed on close.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn try_from(listener: UnixListener) -> io::Result<Self> {
        Self::new(listener.into(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::{Listener, bind_first};
    use crate::Network;
    use crate::wait::has_passed;
    use std::io::ErrorKind;
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    /// An address for documentation, which no machine has.
    fn elsewhere() -> SocketAddr {
        ([192, 0, 2, 1], 0).into()
    }

    #[test]
    fn an_address_that_this_machine_does_not_have_leaves_the_next_one_to_listen_on() {
        let here = ([127, 0, 0, 1], 0).into();
        let listener = bind_first(Network::Tcp, &[elsewhere(), here], false).unwrap();
        assert_eq!(listener.local_addr().tcp().unwrap().ip(), here.ip());
    }

    #[test]
    fn when_no_address_can_be_used_the_first_failure_is_told() {
        let without_zone = "[fe80::1]:0".parse().unwrap();
        for (addresses, kind) in [
            (
                &[elsewhere(), without_zone][..],
                ErrorKind::AddrNotAvailable,
            ),
            (&[without_zone, elsewhere()], ErrorKind::InvalidInput),
            (&[], ErrorKind::NotFound),
        ] {
            let error = bind_first(Network::Tcp, addresses, false).unwrap_err();
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn a_pause_lasts_until_its_end_or_until_the_listener_is_closed() {
        let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
        let until = Instant::now() + Duration::from_millis(50);
        listener.pause(until).unwrap();
        assert!(has_passed(Some(until)));
        listener.close();
        listener.pause(until + Duration::from_hours(1)).unwrap();
    }
}
