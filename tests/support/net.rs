//! Ends to connect to, for tests of the network itself.

use crate::running::PATIENCE;
use bellwire_std::{Conn, dial};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A time to wait where a test must wait.
pub const SHORT: Duration = Duration::from_millis(200);

/// A time that no test waits for.
pub const LONG: Duration = Duration::from_hours(1);

/// Two ends of one connection.
pub fn pair() -> (Conn, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = dial(listener.local_addr().unwrap(), PATIENCE).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    (conn, peer)
}

/// A connection from this IP address of the machine, on which reads and writes fail after
/// [`PATIENCE`].
pub fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let from = SocketAddr::new(ip.parse().unwrap(), 0);
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Closes so that the peer sees a reset instead of an end.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// What `wait` returns, which waits until `act`, in another thread, does something about it.
pub fn while_waiting<T: Send>(wait: impl FnOnce() -> T + Send, act: impl FnOnce()) -> T {
    thread::scope(|scope| {
        let waiting = scope.spawn(wait);
        thread::sleep(SHORT);
        assert!(!waiting.is_finished());
        act();
        waiting.join().unwrap()
    })
}

/// Reads once.
///
/// # Errors
/// Those of the connection.
pub fn read(conn: &mut Conn) -> io::Result<usize> {
    conn.read(&mut [0; 16])
}

/// Writes until that fails.
pub fn fill(conn: &mut Conn) -> io::Error {
    loop {
        if let Err(error) = conn.write(&[0; 10_000]) {
            break error;
        }
    }
}

/// How an address behaves towards those who connect to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It connects.
    Answers,
    /// It says that nobody listens.
    Refuses,
    /// It says nothing, as behind a firewall.
    Ignores,
}

/// Several addresses of this machine with one port, as if they were those of one name.
#[derive(Debug)]
pub struct Host {
    /// Their port.
    pub port: u16,
    /// The addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// What listens, and what fills the queues: both must live as long as the addresses behave so.
    pub kept: (Vec<Socket>, Vec<TcpStream>),
}

/// A host whose addresses behave like this.
pub fn host(addresses: &[(&str, Manner)]) -> Host {
    // The port that is free at the first address may be taken at another.
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
                // A listener whose queue is full ignores further connections.
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
