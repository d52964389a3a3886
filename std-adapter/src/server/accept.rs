//! Accepting connections until told to stop.

use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// A listening socket whose waiting can be ended.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// The same socket, as the poll knows it.
    _polled: mio::net::TcpListener,
    poll: Poll,
    stop: Stop,
}

/// The wish to stop, and the means to wake who should hear of it.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    wanted: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stop {
    pub(super) fn stop(&self) {
        self.wanted.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            tracing::error!("the server could not be woken to stop: {error}");
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }
}

impl Acceptor {
    pub(super) fn bind(address: &str) -> io::Result<Self> {
        let listener = match address.strip_prefix(':') {
            Some(port) => listen_on_all(port)?,
            None => TcpListener::bind(address)?,
        };
        listener.set_nonblocking(true)?;
        let mut polled = mio::net::TcpListener::from_std(listener.try_clone()?);
        let poll = Poll::new()?;
        let registry = poll.registry();
        registry.register(&mut polled, LISTENER, Interest::READABLE)?;
        let stop = Stop {
            wanted: Arc::default(),
            waker: Arc::new(Waker::new(registry, STOP)?),
        };
        Ok(Self {
            listener,
            _polled: polled,
            poll,
            stop,
        })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Hands each connection to `serve` until told to stop.
    pub(super) fn run(mut self, mut serve: impl FnMut(TcpStream, SocketAddr)) -> io::Result<()> {
        let mut pause = Pause::default();
        while !self.stop.is_wanted() {
            match self.listener.accept() {
                Ok((stream, mut peer)) => {
                    // An IPv4 peer of a socket for both families is shown as one.
                    peer.set_ip(peer.ip().to_canonical());
                    pause = Pause::default();
                    match stream.set_nonblocking(false) {
                        Ok(()) => serve(stream, peer),
                        Err(error) => tracing::warn!("{peer}: {error}"),
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => self.wait(None)?,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        let time = pause.next();
                        tracing::error!("accept failed, next try in {time:?}: {error}");
                        self.wait(Some(Instant::now() + time))?;
                    }
                },
            }
        }
        Ok(())
    }

    /// Waits for a connection, or, where a time is given, for that time; in any case no longer
    /// than for the wish to stop.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<()> {
        let mut events = Events::with_capacity(2);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, left) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let over = left.is_none_or(|left| left.is_zero());
            if over || self.stop.is_wanted() {
                return Ok(());
            }
        }
    }
}

/// Listens on all interfaces, of both address families where the system has both.
fn listen_on_all(port: &str) -> io::Result<TcpListener> {
    match TcpListener::bind(format!("[::]:{port}")) {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind(format!("0.0.0.0:{port}"))
        }
        listener => listener,
    }
}

/// How long to wait after a failing accept: the longer, the more fail in a row.
#[derive(Default)]
struct Pause(Duration);

impl Pause {
    fn next(&mut self) -> Duration {
        self.0 = (self.0 * 2).clamp(Duration::from_millis(5), Duration::from_secs(1));
        self.0
    }
}
