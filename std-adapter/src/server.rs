//! The configuration of both servers.

use crate::connections::Connections;
use crate::metrics::Metrics;
use crate::stop::StopSignal;
use crate::{Address, Endpoint, Listener, Network, Peer, ServerLimits, ShutdownHandle};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

/// A server, configured to run on `M`: [`Threads`](crate::Threads), or
/// [`Tasks`](crate::tokio::Tasks) with the feature `tokio`.
///
/// Its two kinds have names of their own, [`Server`](crate::Server) and
/// [`tokio::Server`](crate::tokio::Server).
#[derive(Debug)]
pub struct ServerOn<M, App: 'static> {
    /// The limits. Set them before the server runs.
    pub limits: ServerLimits,
    /// Whether each connection begins with a header of the PROXY protocol, version 2. Load balancers
    /// such as `HAProxy` send it to tell the client's address. The default is `false`.
    ///
    /// If it is `true`, a connection without a header is closed. Make sure that only the load balancer
    /// can connect: a client could claim any address.
    #[cfg(feature = "proxy-protocol")]
    pub proxy_protocol: bool,
    /// Begins TLS on each connection, after the header of the PROXY protocol if there is one. The
    /// default is no TLS. The handshake has [a time limit](ServerLimits::handshake_timeout). A client
    /// that begins without TLS gets an error line in clear, then the end.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::Acceptor>,
    listener: Listener,
    endpoint: Arc<Endpoint<App>>,
    mode: PhantomData<M>,
}

/// Threads or tasks. It is sealed: no other crate can name it.
pub trait Mode: fmt::Debug {
    /// The default limit of connections.
    const CONNECTIONS: usize;
}

impl<M: Mode, App: Send + 'static> ServerOn<M, App> {
    /// Makes a server on a TCP address: `"127.0.0.1:61000"`, `"[::1]:61000"`, `"localhost:61000"`, or
    /// `":61000"` for all interfaces. Port 0 picks a free one.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(address: &str, endpoint: impl Into<Arc<Endpoint<App>>>) -> io::Result<Self> {
        Listener::bind(Network::Tcp, address)
            .map(|listener| Self::from_listener(listener, endpoint))
    }

    /// Makes a server for the clients that connect to `listener`, for example over a Unix socket.
    /// Several servers may share an endpoint. With [`Listener::bind_shared`], several processes may
    /// share a port.
    ///
    /// ```no_run
    /// use bellwire_std::{Endpoint, Listener, Network, Server};
    ///
    /// let listener = Listener::bind(Network::Unix, "/run/bellwire")?;
    /// Server::from_listener(listener, Endpoint::new()).run()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_listener(listener: Listener, endpoint: impl Into<Arc<Endpoint<App>>>) -> Self {
        Self {
            limits: ServerLimits {
                connections: M::CONNECTIONS,
                ..ServerLimits::default()
            },
            #[cfg(feature = "proxy-protocol")]
            proxy_protocol: false,
            #[cfg(feature = "tls")]
            tls: None,
            listener,
            endpoint: endpoint.into(),
            mode: PhantomData,
        }
    }

    /// Returns the address that the server listens on.
    pub fn local_addr(&self) -> &Address {
        self.listener.local_addr()
    }

    /// Returns a handle that stops the server.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(self.listener.stop_signal()))
    }

    /// Checks the limits and begins to run. `app` makes the context of each connection.
    pub(crate) fn start(
        self,
        app: impl Fn(&Peer) -> App + Send + Sync + 'static,
    ) -> io::Result<(Shared<App>, Listener)> {
        self.limits.check()?;
        let shared = Shared {
            stop: Arc::clone(self.listener.stop_signal()),
            connections: Connections::new(&self.limits),
            limits: self.limits,
            #[cfg(feature = "proxy-protocol")]
            proxy_protocol: self.proxy_protocol,
            #[cfg(feature = "tls")]
            tls: self.tls,
            metrics: Metrics::new(),
            endpoint: self.endpoint,
            app: Box::new(app),
        };
        Ok((shared, self.listener))
    }
}

/// The state that all connections of a server share.
pub(crate) struct Shared<App> {
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: ServerLimits,
    #[cfg(feature = "proxy-protocol")]
    pub(crate) proxy_protocol: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Acceptor>,
    pub(crate) metrics: Metrics,
    pub(crate) endpoint: Arc<Endpoint<App>>,
    /// Makes the `App` of a connection.
    pub(crate) app: Box<dyn Fn(&Peer) -> App + Send + Sync>,
}
