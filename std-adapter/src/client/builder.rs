//! The options of a client.

use super::options::{Options, Target};
use super::{Client, ClientStream};
#[cfg(feature = "tls")]
use crate::tls;
use crate::wait::after;
use crate::{Dialer, Network};
use bellwire::schema::Description;
use std::io;
use std::time::{Duration, Instant};

/// Options for a [`Client`].
///
/// ```no_run
/// use bellwire_std::{Client, Network};
/// use std::time::Duration;
///
/// let client = Client::builder()
///     .network(Network::Unix)
///     .timeout(Some(Duration::from_secs(1)))
///     .connect("/run/bellwire.sock")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    options: Options,
    target: Target,
}

impl ClientBuilder {
    /// Returns the default options.
    pub(super) fn new() -> Self {
        Self {
            options: Options::default(),
            target: Target::default(),
        }
    }

    /// Sets the time limit for opening a connection, including the name lookup and the TLS handshake. Default: 10
    /// seconds. `Duration::MAX` never expires.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.target.connect_timeout = timeout;
        self
    }

    /// Sets the time limit of each call; see [`Client::set_timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets the longest request in bytes, with its command line. Default: 1 MiB. A longer one fails with
    /// [`CallError::Request`](super::CallError::Request).
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

    /// Sets how many values of topics the client keeps until they are taken. Default: 1024.
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

    /// Compares these commands with the server's on each new connection, as [`Client::check`] does, before any call is
    /// sent on it. Default: no comparison.
    ///
    /// It costs one call for each connection, within the [`connect_timeout`](Self::connect_timeout). A difference is an
    /// error of [`connect`](Self::connect), with a [`CheckError`](crate::schema::CheckError) inside. When the
    /// client connects again, it fails the call with [`CallError::NotSent`](super::CallError::NotSent).
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
    pub fn connect(mut self, address: &str) -> io::Result<Client> {
        address.clone_into(&mut self.target.address);
        let limit = after(Instant::now(), self.target.connect_timeout);
        let stream = self.target.open(limit)?;
        Ok(Client::new(Some(self.target), self.options, stream))
    }

    /// Creates a client over an open stream. It cannot connect again: after the conversation is over, each call
    /// fails with [`CallError::NotSent`](super::CallError::NotSent). The options for connecting are ignored.
    pub fn stream(self, stream: impl ClientStream + 'static) -> Client {
        Client::new(None, self.options, Box::new(stream))
    }
}
