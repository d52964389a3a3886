//! Addresses and connections for tests of the network code.

use crate::running::{PATIENCE, until};
use bellwire_std::{Conn, dial};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

/// A short time to wait.
pub const SHORT: Duration = Duration::from_millis(200);

/// A time that no test waits for.
pub const LONG: Duration = Duration::from_hours(1);

/// Returns the two ends of a connection.
pub fn pair() -> (Conn, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = dial(listener.local_addr().unwrap(), PATIENCE).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    (conn, peer)
}

/// Connects from this machine's address `ip`. Reads and writes fail after [`PATIENCE`].
pub fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let from = SocketAddr::new(ip.parse().unwrap(), 0);
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Connects with a receive buffer of this size in bytes. The system may round it up. Reads and writes fail after
/// [`PATIENCE`].
pub fn connect_with_receive_buffer(to: SocketAddr, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Closes the connection with a reset.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// Runs `wait` in another thread, calls `act` while it waits, and returns the result of `wait`.
pub fn while_waiting<T: Send>(wait: impl FnOnce() -> T + Send, act: impl FnOnce()) -> T {
    thread::scope(|scope| {
        let waiting = waits(scope, wait);
        act();
        waiting.join().unwrap()
    })
}

/// Runs `wait` in another thread, and returns once that thread waits in the system.
///
/// # Panics
/// If `wait` returns instead.
pub fn waits<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    wait: impl FnOnce() -> T + Send + 's,
) -> ScopedJoinHandle<'s, T> {
    let (begins, began) = channel();
    let waiting = scope.spawn(move || {
        begins.send(this_thread()).expect("a test that waits");
        wait()
    });
    until_it_sleeps(&began.recv().expect("a thread that begins"));
    assert!(!waiting.is_finished(), "the call returned");
    waiting
}

/// Returns the system's folder for this thread.
#[cfg(target_os = "linux")]
fn this_thread() -> PathBuf {
    let path = std::fs::read_link("/proc/thread-self").expect("the proc file system");
    Path::new("/proc").join(path)
}

/// Waits until the thread sleeps. A thread that has ended counts too.
#[cfg(target_os = "linux")]
fn until_it_sleeps(thread: &Path) {
    let stat = thread.join("stat");
    until(|| {
        // The state follows the name, which is in parentheses.
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, fields)| &fields[..1]);
        matches!(state, None | Some("S"))
    });
}

/// Other systems do not say whether a thread sleeps.
#[cfg(not(target_os = "linux"))]
fn this_thread() {}

#[cfg(not(target_os = "linux"))]
fn until_it_sleeps((): &()) {
    thread::sleep(SHORT);
}

/// Reads once.
///
/// # Errors
/// If the connection returns an error.
pub fn read(conn: &mut Conn) -> io::Result<usize> {
    conn.read(&mut [0; 16])
}

/// Writes until an error occurs, and returns it.
pub fn fill(conn: &mut Conn) -> io::Error {
    loop {
        if let Err(error) = conn.write(&[0; 10_000]) {
            break error;
        }
    }
}

/// The response of an address to a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The connection succeeds.
    Answers,
    /// The connection is refused.
    Refuses,
    /// Nothing answers, as with a firewall.
    Ignores,
}

/// Several addresses of this machine, with one port, for one name.
#[derive(Debug)]
pub struct Host {
    /// The port of all addresses.
    pub port: u16,
    /// The addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// The listening sockets, and the connections that fill their queues. Dropping them ends the behaviour.
    pub kept: (Vec<Socket>, Vec<TcpStream>),
}

/// Returns a host whose addresses behave as given.
pub fn host(addresses: &[(&str, Manner)]) -> Host {
    // A port that is free at the first address may be taken at another.
    (0..100).find_map(|_| try_host(addresses)).unwrap()
}

fn try_host(addresses: &[(&str, Manner)]) -> Option<Host> {
    let mut host = Host {
        port: 0,
        addresses: Vec::new(),
        kept: (Vec::new(), Vec::new()),
    };
    for (ip, manner) in addresses {
        let ip: IpAddr = ip.parse().unwrap();
        let address = SocketAddr::new(ip, host.port);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&address.into()).ok()?;
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        match manner {
            Manner::Refuses => {}
            Manner::Answers => socket.listen(100).unwrap(),
            Manner::Ignores => {
                // A listener with a full queue ignores further connections.
                socket.listen(0).unwrap();
                while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
                    host.kept.1.push(stream);
                    assert!(host.kept.1.len() < 100);
                }
            }
        }
        host.port = address.port();
        host.addresses.push(ip);
        host.kept.0.push(socket);
    }
    Some(host)
}
