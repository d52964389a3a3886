//! Opening connections.
//!
//! A dial runs on the caller's thread. It connects a non-blocking socket for each address, and
//! polls these sockets together with its timers and the cancellation. The published crates for Happy
//! Eyeballs connect each address on a thread or task that cannot be stopped. They support neither
//! deadlines nor cancellation nor a local address.

mod limit;
mod lookup;
mod race;

use crate::keep_alive::KeepAlive;
use crate::resolve::{explain, resolve_with, system};
use crate::wait::after;
use crate::{Conn, Network, serial};
use race::{Failure, Race};
use socket2::SockAddr;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use limit::Cancel;
pub(crate) use limit::Limit;

/// Go's default.
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

type Resolver = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// Opens a TCP connection to `address` within `timeout`. (Go: `net.DialTimeout`.)
///
/// `address` is anything that displays as an address: `"localhost:61000"`, a [`SocketAddr`], or a
/// listener's [`Address`](crate::Address). A timeout of zero fails at once, and `Duration::MAX` never
/// expires. [`Dialer`] has more options.
///
/// ```no_run
/// let conn = bellwire_std::dial("localhost:61000", std::time::Duration::from_secs(5))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The errors of [`Dialer::dial`].
pub fn dial(address: impl fmt::Display, timeout: Duration) -> io::Result<Conn> {
    let dialer = Dialer::new().timeout(timeout);
    dialer.dial(Network::Tcp, &address.to_string())
}

/// Options for opening connections: Go's `net.Dialer`. It can be reused and shared between threads.
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
    /// Creates a dialer with a keep-alive of 15 seconds, with Happy Eyeballs, and without a timeout.
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

    /// Sets the time limit of a dial, including the name lookup. (Go: `Dialer.Timeout`.)
    ///
    /// Zero fails every dial, and `Duration::MAX` never expires. Without a timeout, the system's
    /// limit for each address applies, often about two minutes.
    ///
    /// If a name has several addresses, they share the timeout. With Happy Eyeballs, the next address
    /// starts after the [fallback delay](Self::fallback_delay), or earlier if the timeout leaves less
    /// time for each. Without Happy Eyeballs, each address has an equal part of the remaining time,
    /// but at least 2 seconds if that much remains.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the point in time at which a dial fails. If there is also a [timeout](Self::timeout), the
    /// earlier one applies. (Go: `Dialer.Deadline`.)
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the address of this end; port 0 picks a free port. The dialer then tries only addresses
    /// of the same family. Ignored for Unix sockets. (Go: `Dialer.LocalAddr`.)
    #[must_use]
    pub fn local_addr(mut self, local: SocketAddr) -> Self {
        self.local_addr = Some(local);
        self
    }

    /// Sets the delay before the next address is tried in parallel. Default: 300 ms. `None` tries
    /// one address after the other, zero all at once. (Go: `Dialer.FallbackDelay`; RFC 8305,
    /// section 5.)
    ///
    /// IPv6 and IPv4 addresses alternate, beginning with the family that the system prefers. If an
    /// address fails, the next one starts at once. The first established connection is used.
    ///
    /// RFC 8305 recommends between 100 ms and 2 seconds.
    #[must_use]
    pub fn fallback_delay(mut self, delay: Option<Duration>) -> Self {
        self.fallback_delay = delay;
        self
    }

    /// Sets one time for both: the idle time before the first TCP keep-alive probe, and the interval between
    /// probes. Default: 15 seconds; `None` disables them. (Go: `Dialer.KeepAlive`.)
    ///
    /// Nine probes without an answer end the connection. The time is clamped to 1 to 32767 seconds,
    /// and a fraction of a second is ignored.
    #[must_use]
    pub fn keep_alive(mut self, time: Option<Duration>) -> Self {
        self.keep_alive = KeepAlive(time);
        self
    }

    /// Sets a function that looks up names instead of the system. It is not called for IP addresses.
    /// (Go: `Dialer.Resolver`.)
    ///
    /// It runs on its own thread. If the dial times out first, that thread goes on until the function
    /// returns.
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

    /// Lets `cancel` end dials from another thread. (Go: the context of `Dialer.DialContext`.)
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Opens a connection. (Go: `Dialer.Dial`.)
    ///
    /// `address` is an address for [`resolve`](crate::resolve()), the path of a Unix socket, or a
    /// [`SerialAddress`](crate::SerialAddress). An empty host, `0.0.0.0` and `[::]` mean this machine.
    ///
    /// # Errors
    /// The error's text names the address and the cause.
    /// - [`TimedOut`](io::ErrorKind::TimedOut) if the time is over.
    /// - [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) if the dial was cancelled.
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock) if the accept queue of a Unix socket is full. As
    ///   in Go, the dial does not wait for it.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) and [`NotFound`](io::ErrorKind::NotFound), as
    ///   in [`resolve`](crate::resolve()).
    /// - [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another program uses the serial port;
    ///   [`Unsupported`](io::ErrorKind::Unsupported) without the feature `serial`.
    /// - Otherwise the error of the address that failed first.
    pub fn dial(&self, network: Network, address: &str) -> io::Result<Conn> {
        let given = self.timeout.map(|time| after(Instant::now(), time));
        let limit = Limit {
            until: given.into_iter().chain(self.deadline).min(),
            cancel: self.cancel.as_ref(),
        };
        let result = match network {
            Network::Serial => serial::dial(address, limit).map_err(Failure::from),
            _ => self
                .addresses(network, address, limit)
                .map_err(Failure::from)
                .and_then(|addresses| Race::new(self, limit, addresses).run()),
        };
        result.map_err(|Failure { to, cause }| match to.map(|to| to.to_string()) {
            Some(to) if to != address => {
                explain(format_args!("cannot connect to {address} ({to})"), &cause)
            }
            _ => explain(format_args!("cannot connect to {address}"), &cause),
        })
    }

    /// Returns the addresses to try, in order.
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
                let what = format!("no address of the same family as {local}");
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

/// Replaces the unspecified address by the loopback address; the former cannot be dialed.
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
