//! The thread of a port.

use super::cut;
use super::pump::Pump;
use super::wire::Wire;
use crate::dial::Limit;
use crate::{Address, Conn, SerialAddress};
use socket2::{Domain, Socket, Type};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};

/// The thread of a connection over a serial port.
///
/// It ends when the connection's socket is closed. Dropping a `Line` waits for that, so drop the socket first.
#[derive(Debug)]
pub(crate) struct Line {
    failure: Arc<OnceLock<io::Error>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Opens a port, and begins a conversation within `limit`.
pub(crate) fn dial(address: &str, limit: Limit<'_>) -> io::Result<Conn> {
    let address: SerialAddress = address.parse()?;
    let (near, far) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
    far.set_nonblocking(true)?;
    let mut pump = Pump::new(Wire::open(&address, limit)?, far);
    let failure = Arc::new(OnceLock::new());
    let outcome = Arc::clone(&failure);
    let thread = Builder::new().name("bellwire-serial".to_owned());
    let port = address.is_plain().then(|| address.path().to_owned());
    let thread = thread.spawn(move || {
        // Set the failure first: the end of this closure drops the socket, and the connection then reads the end.
        if let Err(error) = pump.run() {
            let _ = outcome.set(error);
        }
        if let Some((port, last)) = port.zip(pump.last_sent()) {
            cut::note(&port, last, pump.is_unanswered());
        }
    })?;
    let line = Line {
        failure,
        thread: Mutex::new(Some(thread)),
    };
    Conn::over(near, Address::Serial(Box::new(address)), line)
}

/// Notes that a client gives up a conversation before the first byte of a due reply.
pub(crate) fn suspect(address: &str) {
    if let Ok(address) = address.parse::<SerialAddress>()
        && address.is_plain()
    {
        cut::suspect(address.path());
    }
}

impl Line {
    /// Returns why the conversation failed, if it did.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        let failure = self.failure.get()?;
        Some(io::Error::new(failure.kind(), failure.to_string()))
    }

    /// Lets the thread end by itself.
    #[cfg(feature = "tokio")]
    pub(crate) fn detach(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<JoinHandle<()>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(thread) = self.take() {
            // A panic has been reported already.
            let _ = thread.join();
        }
    }
}
