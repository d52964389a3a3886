//! Opening connections.
//!
//! One thread does it all: each address has a non-blocking socket that is connecting, and one poll
//! waits for all of them, the next point in time that matters, and the wish to cancel. The published
//! crates for Happy Eyeballs connect each address on a thread, or task, that cannot be called back,
//! and know neither deadlines nor cancellation nor a local address.

mod limit;
mod lookup;
mod race;

use crate::keep_alive::KeepAlive;
use crate::resolve::{explain, resolve_with, system};
use crate::wait::after;
use crate::{Conn, Network};
use limit::Limit;
use race::{Failure, Race};
use socket2::SockAddr;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use limit::Cancel;

/// Go's.
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

type Resolver = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// Opens a connection over TCP to `address`, within `timeout`: [`Dialer`] in one line. A time-out of
/// zero fails at once; `Duration::MAX` never expires.
///
/// `address` is anything that is written as an address: `"localhost:61000"`, a [`SocketAddr`], the
/// [`Address`](crate::Address) of a listener. (Go: `net.DialTimeout`.)
///
/// ```no_run
/// let conn = bellwire_std::dial("localhost:61000", std::time::Duration::from_secs(5))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`Dialer::dial`].
pub fn dial(address: impl fmt::Display, timeout: Duration) -> io::Result<Conn> {
    let dialer = Dialer::new().timeout(timeout);
    dialer.dial(Network::Tcp, &address.to_string())
}

/// How to open a connection: Go's `net.Dialer`. It can be used again, and from several threads.
///
/// ```
/// use bellwire_std::{Dialer, Listener, Network};
/// use std::time::{Duration, Instant};
///
/// let listener = Listener::bind(Network::Tcp4, ":0")?;
/// let dialer = Dialer::new()
///     .timeout(Duration::from_secs(5))
///     .deadline(Instant::now() + Duration::from_secs(60))
///     .local_addr(([127, 0, 0, 1], 0).into())
///     .fallback_delay(Some(Duration::from_millis(250)))
///     .keep_alive(Some(Duration::from_secs(60)));
/// let port = listener.local_addr().tcp().unwrap().port();
/// let conn = dialer.dial(Network::Tcp, &format!("localhost:{port}"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Dialer {
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    local_addr: Option<SocketAddr>,
    fallback_delay: Option<Duration>,
    keep_alive: KeepAlive,
    resolver: Resolver,
    cancel: Option<Cancel>,
}

impl Dialer {
    /// One without time limits of its own, with keep-alive after 15 seconds, and with Happy Eyeballs.
    pub fn new() -> Self {
        Self {
            timeout: None,
            deadline: None,
            local_addr: None,
            fallback_delay: Some(FALLBACK_DELAY),
            keep_alive: KeepAlive::default(),
            resolver: Arc::new(system),
            cancel: None,
        }
    }

    /// How long a dialing may take, the lookup of the name included. Unless it is set, the system's
    /// limit for each address holds, often about two minutes. Zero fails every dialing, and
    /// `Duration::MAX` never expires. (Go: `Dialer.Timeout`.)
    ///
    /// Several addresses share it. With Happy Eyeballs, the next one starts after the
    /// [fallback delay](Self::fallback_delay), or earlier, so that all of them start in time.
    /// Without, each has an equal share of the time that is left, but at least 2 seconds of it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The point in time at which a dialing ends, if the [timeout](Self::timeout) does not end it
    /// earlier. (Go: `Dialer.Deadline`.)
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The address of this end; port 0 for any. Only addresses of its family are dialed. Unix
    /// sockets do not use it. (Go: `Dialer.LocalAddr`.)
    #[must_use]
    pub fn local_addr(mut self, local: SocketAddr) -> Self {
        self.local_addr = Some(local);
        self
    }

    /// How long an address may leave others waiting before the next is tried as well; 300 ms.
    /// `None`: one after the other. Zero tries all at once. (Go: `Dialer.FallbackDelay`, RFC 8305,
    /// section 5.)
    ///
    /// IPv6 and IPv4 take turns, beginning with the family that the system prefers. An address that
    /// fails lets the next one start at once. The first connection that stands is used.
    ///
    /// RFC 8305 would have it between 100 ms and 2 seconds.
    #[must_use]
    pub fn fallback_delay(mut self, delay: Option<Duration>) -> Self {
        self.fallback_delay = delay;
        self
    }

    /// After how much silence, and then how often, the system asks whether the other end is still
    /// there; 15 seconds. Nine questions without an answer end the connection. `None` for never.
    /// It counts in whole seconds; a shorter time than 1 second is 1 second, and a longer one than
    /// 32767 seconds is 32767. (Go: `Dialer.KeepAlive`.)
    #[must_use]
    pub fn keep_alive(mut self, silence: Option<Duration>) -> Self {
        self.keep_alive = KeepAlive(silence);
        self
    }

    /// What looks up a name, in place of the system. It is not asked about IP addresses.
    /// (Go: `Dialer.Resolver`.)
    ///
    /// It runs on a thread of its own, which outlives a dialing whose time is over.
    ///
    /// ```
    /// use bellwire_std::{Dialer, Listener, Network};
    ///
    /// let listener = Listener::bind(Network::Tcp, "127.0.0.1:0")?;
    /// let port = listener.local_addr().tcp().unwrap().port();
    /// let dialer = Dialer::new().resolver(|name| {
    ///     assert_eq!(name, "bell.example");
    ///     Ok(vec!["127.0.0.1".parse().unwrap()])
    /// });
    /// dialer.dial(Network::Tcp, &format!("bell.example:{port}"))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn resolver(
        mut self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// What another thread ends a dialing with. (Go: the context of `Dialer.DialContext`.)
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Opens a connection: Go's `Dialer.Dial`.
    ///
    /// `address` is as [`resolve`](crate::resolve()) takes it, or the path of a Unix socket. Without
    /// a host, or with `0.0.0.0` or `[::]`, it stands for this machine.
    ///
    /// # Errors
    /// Each is one sentence that says what was tried and why it failed:
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over;
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) when it was cancelled;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) and [`NotFound`](io::ErrorKind::NotFound) as
    /// [`resolve`](crate::resolve()); [`WouldBlock`](io::ErrorKind::WouldBlock) for a Unix socket
    /// with a full queue, which, as in Go, is not waited for; else that of the first address to fail.
    pub fn dial(&self, network: Network, address: &str) -> io::Result<Conn> {
        let given = self.timeout.map(|time| after(Instant::now(), time));
        let limit = Limit {
            until: given.into_iter().chain(self.deadline).min(),
            cancel: self.cancel.as_ref(),
        };
        let result = self.addresses(network, address, limit);
        let result = result
            .map_err(Failure::from)
            .and_then(|addresses| Race::new(self, limit, addresses).run());
        result.map_err(|Failure { to, cause }| match to.map(|to| to.to_string()) {
            Some(to) if to != address => {
                explain(format_args!("cannot connect to {address} ({to})"), &cause)
            }
            _ => explain(format_args!("cannot connect to {address}"), &cause),
        })
    }

    /// What to try, in this order.
    fn addresses(
        &self,
        network: Network,
        address: &str,
        limit: Limit<'_>,
    ) -> io::Result<Vec<SockAddr>> {
        if network == Network::Unix {
            return Ok(vec![SockAddr::unix(address)?]);
        }
        let mut found = resolve_with(network, address, |name| {
            lookup::look_up(&self.resolver, name, limit)
        })?;
        if let Some(local) = self.local_addr {
            found.retain(|address| address.is_ipv4() == local.is_ipv4());
            if found.is_empty() {
                let what = format!("it has no address of the family of {local}");
                return Err(io::Error::new(io::ErrorKind::NotFound, what));
            }
        }
        for address in &mut found {
            address.set_ip(reachable(address.ip()));
        }
        if self.fallback_delay.is_some() {
            found = race::alternate(found);
        }
        Ok(found.into_iter().map(SockAddr::from).collect())
    }
}

/// This machine in place of all its interfaces, which can be listened on but not dialed.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("local_addr", &self.local_addr)
            .field("fallback_delay", &self.fallback_delay)
            .field("keep_alive", &self.keep_alive)
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}
