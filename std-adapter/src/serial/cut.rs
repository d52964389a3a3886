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

/// The ports, each with the time of its last sent byte. A port stays until it is used again.
static CUT: OnceLock<Mutex<HashMap<PathBuf, Instant>>> = OnceLock::new();

fn cut() -> MutexGuard<'static, HashMap<PathBuf, Instant>> {
    let ports = CUT.get_or_init(Mutex::default);
    ports.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that the bytes sent at `last` may be an incomplete request.
pub(super) fn note(port: &Path, last: Instant) {
    cut().insert(port.to_owned(), last);
}

/// Notes that the next byte begins a request.
pub(super) fn clear(port: &Path) {
    cut().remove(port);
}

/// Returns the time at which the server gives up a request, if one may be incomplete.
pub(super) fn given_up(port: &Path) -> Option<Instant> {
    let last = *cut().get(port)?;
    Some(last + Duration::from_millis(Server::REQUEST_TIMEOUT.into()))
}
