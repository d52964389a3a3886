//! Noticing that a client is gone while its handler waits.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::time::Duration;

/// The time between two looks at a connection whose handler waits.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Returns whether the connection was reset, or both its directions have ended. An end of the client's sending alone
/// is not a hangup: it may still receive the reply.
pub(crate) fn is_gone(socket: &impl AsFd) -> bool {
    let mut socket = [PollFd::new(socket, PollFlags::empty())];
    // These two are reported even if they are not asked for.
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut socket, Some(&Timespec::default())).is_ok() && socket[0].revents().intersects(gone)
}
