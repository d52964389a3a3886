//! Waiting for connections.

use crate::address::Network;
use crate::keep_alive::KeepAlive;
use crate::resolve::{explain, resolve_with, system};
use crate::wait::{Waker, has_passed, wait};
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

/// How many connections the system keeps until they are accepted, unless its own limit is lower:
/// what Linux allows by default.
const BACKLOG: i32 = 4096;

/// A socket that others connect to: Go's `net.Listener`.
///
/// A clone is a second handle to the same, for another thread. It closes with its last handle.
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
    /// None once it is closed; who accepts then has the last hold on it, and lets go when woken.
    socket: Mutex<Option<Arc<Socket>>>,
    address: Address,
    /// The Unix socket's file, if it is ours to remove.
    file: Option<File>,
    closed: Waker,
}

/// The file of a Unix socket that this process has bound.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Its device and inode, which no other file has while the socket is open.
    id: (u64, u64),
}

impl Listener {
    /// Listens on `address`: `"127.0.0.1:61000"`, `"[::1]:61000"`, `"localhost:http"`, or
    /// `":61000"` for all interfaces, of both families unless `network` names one. Port 0 picks a
    /// free one. For [`Network::Unix`] it is the path of a file, which this creates, and removes
    /// when it closes, unless another file has taken its place. (Go: `net.Listen`.)
    ///
    /// Of a name with several addresses it uses one. Accepted connections have a keep-alive of
    /// 15 seconds, as in Go.
    ///
    /// # Errors
    /// Those of the operating system, such as [`ErrorKind::AddrInUse`] for a port that is taken,
    /// or a path that exists; and those of [`resolve`](crate::resolve()).
    pub fn bind(network: Network, address: &str) -> io::Result<Self> {
        Self::listen(network, address, false)
    }

    /// The same, on a port that other processes of this user may share, each by such a call: the
    /// system spreads the connections over them (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// As [`bind`](Self::bind), also when the port is held without sharing.
    pub fn bind_shared(network: Network, address: &str) -> io::Result<Self> {
        Self::listen(network, address, true)
    }

    fn listen(network: Network, address: &str, shared: bool) -> io::Result<Self> {
        let bound = match network {
            Network::Unix => bind_file(address),
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
            closed: Waker::new()?,
        })))
    }

    /// Waits for the next connection. Several threads may wait at a time. (Go: `Listener.Accept`.)
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] when it is closed, before or meanwhile; those of the operating
    /// system, of which a lack of file descriptors passes.
    pub fn accept(&self) -> io::Result<Conn> {
        loop {
            let Some(socket) = self.0.socket().clone() else {
                return Err(closed());
            };
            match socket.accept() {
                Ok((socket, peer)) => return Conn::new(socket, peer.into()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        let socket = PollFd::new(&*socket, PollFlags::IN);
                        wait(&mut [socket, self.closing()], None)?;
                    }
                    // The peer has gone already; the next may not have.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Stops listening: who waits in [`accept`](Self::accept) gets an error that says so, and who
    /// connects is refused. Connections that were accepted stay. (Go: `Listener.Close`.)
    pub fn close(&self) {
        self.0.close();
    }

    /// Is ready to be read once the listener is closed.
    pub(crate) fn closing(&self) -> PollFd<'_> {
        self.0.closed.poll()
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.socket().is_none()
    }

    /// Does nothing until that time, or until it is closed.
    pub(crate) fn pause(&self, until: Instant) -> io::Result<()> {
        while !self.is_closed() && !has_passed(Some(until)) {
            wait(&mut [self.closing()], Some(until))?;
        }
        Ok(())
    }

    /// A second handle to the socket, which does not block.
    #[cfg(feature = "tokio")]
    pub(crate) fn socket(&self) -> io::Result<Socket> {
        let socket = self.0.socket().clone();
        socket.ok_or_else(closed)?.try_clone()
    }

    /// The address it listens on, also when it is closed. (Go: `Listener.Addr`.)
    pub fn local_addr(&self) -> &Address {
        &self.0.address
    }
}

impl Inner {
    fn close(&self) {
        let socket = self.socket().take();
        if socket.is_some() {
            // The socket is still open, so the file's id is still its own.
            self.file.iter().for_each(File::remove);
            drop(socket);
            self.closed.wake();
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

    /// Removes it, unless somebody has done so before, and perhaps listens there now.
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
        self.close();
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

/// Listens on the first of these addresses that can be used.
fn bind_first(network: Network, addresses: &[SocketAddr], shared: bool) -> io::Result<Listener> {
    let mut failure = None;
    for address in addresses {
        match bind_one(network, *address, shared) {
            // To take the next would hide that others hold this one.
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            Err(error) => failure = failure.or(Some(error)),
            listener => return listener,
        }
    }
    Err(failure.unwrap_or_else(|| ErrorKind::NotFound.into()))
}

fn bind_one(network: Network, address: SocketAddr, shared: bool) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Connections of an earlier run that linger do not bar this one from listening.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(network == Network::Tcp6)?;
    }
    // What is accepted inherits it, so it costs nothing for each.
    KeepAlive::default().apply(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Listener::new(socket, None)
}

impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    /// Takes over the listener, for instance one that a supervisor passed on, and makes it
    /// non-blocking, for all who share it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn try_from(listener: TcpListener) -> io::Result<Self> {
        Self::new(listener.into(), None)
    }
}

impl TryFrom<UnixListener> for Listener {
    type Error = io::Error;

    /// Takes over the listener, as from a [`TcpListener`]. Its file is not removed.
    ///
    /// # Errors
    /// Those of the operating system.
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
