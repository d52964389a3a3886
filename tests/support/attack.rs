//! Attacks on a server, and the service that honest clients get meanwhile.

use crate::running::PATIENCE;
use bellwire::blocking::Client;
use bellwire_std::dial;
use commands::{POSTCARD, STRING};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The kind of an attack, over loopback, with a bounded number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// A thousand connections that rarely send a byte.
    SlowSenders,
    /// A hundred connections that send requests and read no reply.
    NeverReaders,
    /// A thousand connections that send nothing, like those of clients that lost their network.
    Silent,
    /// Clients that reset the connection in the middle of a request.
    Vanishing,
    /// Four connections that send requests without pause.
    Floods,
    /// Clients that connect, send one request, and close.
    Churn,
    /// Clients that send garbage and keep their connections open.
    Noise,
}

const REQUEST: &[u8] = b"STRING\nhi\n";

/// The steps after which an attack counts as begun.
const FULL_SWING: u64 = 20;

/// The open connections of [`Attack::Noise`].
const NOISY: usize = 300;

impl Attack {
    /// Every attack.
    pub const ALL: [Self; 7] = [
        Self::SlowSenders,
        Self::NeverReaders,
        Self::Silent,
        Self::Vanishing,
        Self::Floods,
        Self::Churn,
        Self::Noise,
    ];

    /// Returns a short name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowSenders => "1000 slow senders",
            Self::NeverReaders => "100 that never read",
            Self::Silent => "1000 silent",
            Self::Vanishing => "resets in mid-request",
            Self::Floods => "4 floods",
            Self::Churn => "connection churn",
            Self::Noise => "noise",
        }
    }

    /// Returns the number of connections that the attack opens first.
    pub fn connections(self) -> usize {
        match self {
            Self::SlowSenders | Self::Silent => 1000,
            Self::NeverReaders => 100,
            Self::Floods => 4,
            Self::Vanishing | Self::Churn | Self::Noise => 0,
        }
    }

    /// Begins the attack with this many connections. Returns once they are open and 20 steps are done.
    pub fn begin(self, server: SocketAddr, connections: usize) -> Underway {
        let (ready, begun) = mpsc::channel();
        let going = Arc::new(AtomicBool::new(true));
        let goes = Arc::clone(&going);
        let thread =
            thread::spawn(move || Attackers::new(self, server, connections).work(&goes, &ready));
        let begun = begun.recv_timeout(2 * PATIENCE);
        begun.expect("an attack that begins in time");
        Underway { going, thread }
    }
}

/// An attack that has begun.
#[derive(Debug)]
pub struct Underway {
    going: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Underway {
    /// Ends the attack and returns the number of its steps.
    pub fn end(self) -> u64 {
        self.going.store(false, Ordering::Relaxed);
        self.thread.join().expect("attackers do not panic")
    }
}

struct Attackers {
    attack: Attack,
    server: SocketAddr,
    /// Each connection, with the number of bytes sent on it.
    connections: Vec<(TcpStream, usize)>,
    /// The index of the connection used last.
    at: usize,
}

impl Attackers {
    fn new(attack: Attack, server: SocketAddr, connections: usize) -> Self {
        let mut attackers = Self {
            attack,
            server,
            connections: Vec::new(),
            at: 0,
        };
        for _ in 0..connections {
            let stream = attackers.connect().expect("the server accepts");
            attackers.connections.push((stream, 0));
        }
        attackers
    }

    /// Opens a connection that never blocks and closes with a reset, so that no socket stays in TIME-WAIT.
    /// [`Attack::NeverReaders`] get small buffers.
    fn connect(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None)?;
        socket.set_linger(Some(Duration::ZERO))?;
        if self.attack == Attack::NeverReaders {
            socket.set_recv_buffer_size(4096)?;
            socket.set_send_buffer_size(4096)?;
        }
        socket.connect_timeout(&self.server.into(), PATIENCE)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    }

    fn work(mut self, going: &AtomicBool, ready: &Sender<()>) -> u64 {
        // The lowest priority keeps attackers from slowing the server down, as if they ran on another machine.
        let _ = rustix::process::nice(19);
        let mut done = 0;
        while going.load(Ordering::Relaxed) {
            // A server that is stopping refuses connections. The attack continues.
            done += self.step().unwrap_or(0);
            if done == FULL_SWING {
                let _ = ready.send(());
            }
        }
        done
    }

    /// Does one short step of the attack. Returns the number of steps done.
    fn step(&mut self) -> io::Result<u64> {
        match self.attack {
            Attack::SlowSenders => {
                for _ in 0..20 {
                    self.send(1)?;
                }
                thread::sleep(Duration::from_millis(1));
            }
            Attack::NeverReaders => {
                self.send(4096)?;
                thread::sleep(Duration::from_micros(100));
            }
            Attack::Silent => thread::sleep(Duration::from_millis(1)),
            Attack::Floods => {
                self.send(8192)?;
                let (stream, _) = &mut self.connections[self.at];
                while stream.read(&mut [0; 16384]).is_ok_and(|n| n > 0) {}
            }
            Attack::Vanishing => {
                thread::sleep(Duration::from_micros(100));
                let mut stream = self.connect()?;
                stream.write_all(b"STRING\nhalf a requ")?;
            }
            Attack::Churn => {
                thread::sleep(Duration::from_micros(100));
                let mut stream = self.connect()?;
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(REQUEST)?;
                stream.read_exact(&mut [0; 11])?;
            }
            Attack::Noise => {
                thread::sleep(Duration::from_micros(100));
                let mut stream = self.connect()?;
                stream.write_all(&[0xa5; 100])?;
                self.connections.push((stream, 0));
                if self.connections.len() > NOISY {
                    self.connections.swap_remove(0);
                }
            }
        }
        Ok(1)
    }

    /// Sends up to `size` bytes of requests on the next connection. Replaces the connection if the server
    /// has closed it.
    fn send(&mut self, size: usize) -> io::Result<()> {
        self.at = (self.at + 1) % self.connections.len();
        let (stream, sent) = &mut self.connections[self.at];
        let requests = REQUEST.repeat(size / REQUEST.len() + 2);
        match stream.write(&requests[*sent % REQUEST.len()..][..size]) {
            Ok(n) => *sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.connections[self.at] = (self.connect()?, 0),
        }
        Ok(())
    }
}

/// The service that honest clients got.
#[derive(Debug)]
pub struct Health {
    /// The number of correct replies.
    pub replies: usize,
    /// The errors of the other clients.
    pub lost: Vec<String>,
    /// The 99th percentile of the time to a reply.
    pub p99: Duration,
}

/// Runs honest clients that each make `requests` calls, 1 ms apart, and check each reply.
pub fn ask(server: SocketAddr, clients: usize, requests: usize) -> Health {
    let mut latencies = Vec::new();
    let mut lost = Vec::new();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| client(server, requests)))
            .collect();
        for client in clients {
            let (took, error) = client.join().expect("clients do not panic");
            latencies.extend(took);
            lost.extend(error);
        }
    });
    latencies.sort_unstable();
    Health {
        replies: latencies.len(),
        lost,
        p99: latencies
            .get(latencies.len() * 99 / 100)
            .copied()
            .unwrap_or_default(),
    }
}

/// Returns the time to each reply, and the error that ended the client, if any.
fn client(server: SocketAddr, requests: usize) -> (Vec<Duration>, Option<String>) {
    let mut latencies = Vec::new();
    let mut converse = || -> Result<(), String> {
        let conn = dial(server, PATIENCE).map_err(|error| error.to_string())?;
        let (mut rx, mut tx) = ([0; 256], [0; 256]);
        let mut client = Client::new(conn, &mut rx, &mut tx);
        for number in 0..requests {
            let begin = Instant::now();
            client.stream().set_deadline(Some(begin + PATIENCE));
            let (reply, right) = if number % 2 == 0 {
                (client.call(STRING, commands::TEXT), "Thank you.")
            } else {
                (client.call(POSTCARD, &commands::value()), "Received.")
            };
            match reply {
                Ok(reply) if reply == right => latencies.push(begin.elapsed()),
                Ok(reply) => return Err(format!("{reply:?} instead of {right:?}")),
                Err(error) => return Err(error.to_string()),
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    };
    let error = converse().err();
    (latencies, error)
}
