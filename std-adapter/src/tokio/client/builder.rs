//! The options of an async client.

use super::calls::Shared;
use super::connect::Io;
use super::{Client, Handle, task};
use crate::client::{Cause, Options, Target};
#[cfg(feature = "tls")]
use crate::tls;
use crate::{Dialer, Network};
use bellwire::schema::Description;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The default number of calls that wait at a time.
const WAITING: usize = 16384;

/// The default number of bytes in the queue.
const QUEUED: usize = 16 << 20;

/// Is told why each connection ended.
pub(super) type Listener = Arc<dyn Fn(&Cause) + Send + Sync>;

/// Options for a [`Client`].
///
/// ```no_run
/// use bellwire_std::{Network, tokio::Client};
/// use std::time::Duration;
///
/// # async fn example() -> std::io::Result<()> {
/// let client = Client::builder()
///     .network(Network::Unix)
///     .timeout(Some(Duration::from_secs(1)))
///     .on_disconnect(|cause| eprintln!("disconnected: {cause}"))
///     .connect("/run/bellwire.sock")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientBuilder {
    options: Options,
    target: Target,
    max_waiting: usize,
    max_queued: usize,
    listener: Option<Listener>,
}

impl ClientBuilder {
    /// Returns the default options.
    pub(super) fn new() -> Self {
        Self {
            options: Options::default(),
            target: Target::default(),
            max_waiting: WAITING,
            max_queued: QUEUED,
            listener: None,
        }
    }

    /// Sets the time limit of each call. It includes the time in the queue and a new connection. Default: 10 seconds.
    /// With `None` a call waits forever.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets the time limit for opening a connection, including the name lookup and the TLS handshake. Default: 10
    /// seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.target.connect_timeout = timeout;
        self
    }

    /// Sets the longest request in bytes, with its command line. Default: 1 MiB. A longer one fails with
    /// [`CallError::Request`](crate::CallError::Request).
    #[must_use]
    pub fn max_request(mut self, bytes: usize) -> Self {
        self.options.max_request = bytes;
        self
    }

    /// Sets the longest reply in bytes, and the longest value of a topic. Default: 1 MiB.
    ///
    /// A longer reply fails its call, and a longer value is lost. If its end is known and not farther than 64 KiB, the
    /// client skips it, and the conversation goes on.
    #[must_use]
    pub fn max_reply(mut self, bytes: usize) -> Self {
        self.options.max_reply = bytes;
        self
    }

    /// Sets how many values of topics a [subscription](super::Subscription) keeps until they are taken. Default: 1024.
    ///
    /// Further values are discarded and counted; see [`Event::Lost`](crate::Event::Lost).
    #[must_use]
    pub fn max_events(mut self, values: usize) -> Self {
        self.options.events.values = values;
        self
    }

    /// Sets how many bytes these values take at most. Default: 1 MiB. An empty queue has room for any value.
    #[must_use]
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.options.events.bytes = bytes;
        self
    }

    /// Sets how many calls wait at a time, sent or not. Default: 16384. One more fails at once with
    /// [`CallError::NotSent`](crate::CallError::NotSent) and [`Cause::Busy`].
    #[must_use]
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.max_waiting = calls;
        self
    }

    /// Sets how many bytes of requests the queue holds while the server does not read or no connection is open.
    /// Default: 16 MiB. If a call exceeds it, the call fails at once with
    /// [`CallError::NotSent`](crate::CallError::NotSent) and [`Cause::Busy`]. An empty queue takes any request.
    ///
    /// As many bytes again can be on their way to the system.
    #[must_use]
    pub fn max_queued(mut self, bytes: usize) -> Self {
        self.max_queued = bytes;
        self
    }

    /// Sets the kind of network. Default: TCP. For [`Network::Unix`] the address is a path, for [`Network::Serial`] a
    /// [`SerialAddress`](crate::SerialAddress).
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.target.network = network;
        self
    }

    /// Sets further options for connecting. Its timeout is replaced by [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.target.dialer = dialer;
        self
    }

    /// Uses TLS. The server's certificate must be for `server_name`, a name or an IP address.
    ///
    /// A server that requires a client certificate and rejects this client's fails the first call, not the
    /// connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, connector: tls::Connector, server_name: impl Into<String>) -> Self {
        self.target.tls = Some((connector, server_name.into()));
        self
    }

    /// Sets a listener that is told why each connection ended, and each time that connecting again failed.
    ///
    /// An error line that rejects an earlier command without reply arrives here as [`Cause::Remote`]. The listener
    /// runs on the client's task, so it must be quick. If it panics, the client is closed.
    #[must_use]
    pub fn on_disconnect(mut self, listener: impl Fn(&Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Compares these commands with the server's on each new connection, as [`Client::check`] does, before any call is
    /// sent on it. Default: no comparison.
    ///
    /// It costs one call for each connection, within the [`connect_timeout`](Self::connect_timeout). A difference is an
    /// error of [`connect`](Self::connect), with a [`CheckError`](crate::schema::CheckError) inside. When the
    /// client connects again, it counts as a failure to connect: the listener is told, and the client tries again while
    /// calls wait.
    #[must_use]
    pub fn check(mut self, commands: &[Description]) -> Self {
        self.target.commands = Some(commands.into());
        self
    }

    /// Connects to `address`: `HOST:PORT`, a path, or a [`SerialAddress`](crate::SerialAddress).
    ///
    /// # Errors
    /// The errors of [`Dialer::dial`], and with TLS of `tls::Connector::connect`. With a [check](Self::check) those of
    /// [`CheckError`](crate::schema::CheckError).
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if its I/O or time driver is off.
    pub async fn connect(mut self, address: &str) -> io::Result<Client> {
        address.clone_into(&mut self.target.address);
        let stream = self.target.open_async().await?;
        let target = self.target.clone();
        Ok(self.start(stream, Some(target)))
    }

    /// Creates a client over an open stream. It cannot connect again: after the conversation is over, each call fails
    /// with [`CallError::NotSent`](crate::CallError::NotSent). The options for connecting are ignored.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if its time driver is off.
    pub fn stream(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Client {
        self.start(Box::new(stream), None)
    }

    fn start(self, stream: Box<dyn Io>, target: Option<Target>) -> Client {
        let shared = Arc::new(Shared::new(self.max_waiting, self.max_queued));
        let task = task::Task {
            shared: Arc::clone(&shared),
            options: self.options,
            listener: self.listener,
            target,
        };
        tokio::spawn(task.run(stream));
        Client(Arc::new(Handle {
            shared,
            options: self.options,
        }))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("options", &self.options)
            .field("target", &self.target)
            .field("max_waiting", &self.max_waiting)
            .field("max_queued", &self.max_queued)
            .finish_non_exhaustive()
    }
}
