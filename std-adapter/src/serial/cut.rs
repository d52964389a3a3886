//! Ports on which the last request in plain text may have lost its end.
//!
//! The server then takes the next request as that end. After its time limit for a request it answers with an error
//! line and waits for a quiet line. So if the last request of a conversation has no reply, the next conversation on
//! that port begins after that time.

use bellwire::serial::Server;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The time for the server's error line to arrive. A client that begins before it takes it for a reply.
const ERROR_LINE: Duration = Duration::from_millis(500);

/// The ports. A port stays until it is used again.
static PORTS: OnceLock<Mutex<HashMap<PathBuf, Port>>> = OnceLock::new();

/// The end of the last conversation on a port.
#[derive(Debug, Default)]
struct Port {
    /// The time of the last sent byte.
    last: Option<Instant>,
    /// Whether the last bytes may be a part of a request.
    is_cut: bool,
}

fn ports() -> MutexGuard<'static, HashMap<PathBuf, Port>> {
    let ports = PORTS.get_or_init(Mutex::default);
    ports.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that the last byte was sent at `last`. It may end a part of a request if no byte has arrived since.
pub(super) fn note(port: &Path, last: Instant, is_unanswered: bool) {
    let mut ports = ports();
    let port = ports.entry(port.to_owned()).or_default();
    port.last = Some(last);
    port.is_cut |= is_unanswered;
}

/// Notes that the last bytes may be a part of a request, because a client has given up its reply.
pub(super) fn suspect(port: &Path) {
    ports().entry(port.to_owned()).or_default().is_cut = true;
}

/// Notes that the next byte begins a request.
pub(super) fn clear(port: &Path) {
    ports().remove(port);
}

/// Returns the time at which the server gives up a request, if one may be incomplete.
pub(super) fn given_up(port: &Path) -> Option<Instant> {
    let ports = ports();
    let port = ports.get(port).filter(|port| port.is_cut)?;
    Some(port.last? + Duration::from_millis(Server::REQUEST_TIMEOUT.into()) + ERROR_LINE)
}
