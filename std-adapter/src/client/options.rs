//! The options that both clients share.

use super::inbox::InboxLimits;
use super::{Client, ClientStream};
#[cfg(feature = "tls")]
use crate::tls;
use crate::{Dialer, Network};
use bellwire::schema::Description;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The default time limit for connecting, and for a call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The default limit of a request, and of a reply.
const MESSAGE: usize = 1 << 20;

/// The limits of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// `None` for calls that wait forever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_request: usize,
    pub(crate) max_reply: usize,
    /// The limits of the events that a subscriber has not taken.
    pub(crate) events: InboxLimits,
}

impl Options {
    /// Returns the default limits, but with this time limit.
    pub(crate) fn with_timeout(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            max_request: MESSAGE,
            max_reply: MESSAGE,
            events: InboxLimits::default(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::with_timeout(Some(TIMEOUT))
    }
}

/// How to open a connection.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) dialer: Dialer,
    pub(crate) network: Network,
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<(tls::Connector, String)>,
    /// The commands to compare with the server's on each new connection.
    pub(crate) commands: Option<Arc<[Description]>>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            address: String::new(),
            dialer: Dialer::new(),
            network: Network::Tcp,
            connect_timeout: TIMEOUT,
            #[cfg(feature = "tls")]
            tls: None,
            commands: None,
        }
    }
}

impl Target {
    /// Opens a connection until `deadline`, and checks the server's commands.
    pub(super) fn open(&self, deadline: Instant) -> io::Result<Box<dyn ClientStream>> {
        let stream = self.connect(deadline)?;
        let Some(commands) = &self.commands else {
            return Ok(stream);
        };
        let mut client = Client::new(None, Options::default(), stream);
        client.check_until(commands, Some(deadline))?;
        std::mem::take(&mut client.conversation).into_stream()
    }

    /// Notes that the last connection ended before the first byte of a due reply. A server on a serial port may still
    /// wait for the end of that request.
    pub(crate) fn suspect(&self) {
        if self.network == Network::Serial {
            crate::serial::suspect(&self.address);
        }
    }

    fn connect(&self, deadline: Instant) -> io::Result<Box<dyn ClientStream>> {
        let left = deadline.saturating_duration_since(Instant::now());
        let dialer = self.dialer.clone().timeout(left);
        let conn = dialer.dial(self.network, &self.address)?;
        #[cfg(feature = "tls")]
        if let Some((connector, name)) = &self.tls {
            conn.set_deadline(Some(deadline));
            return Ok(Box::new(connector.connect(conn, name)?));
        }
        Ok(Box::new(conn))
    }
}
