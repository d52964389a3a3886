//! Looking up a name within a limit.

use super::Resolver;
use super::limit::Limit;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

/// Looks up `name` with `resolver` within `limit`.
///
/// The system's lookup cannot be interrupted. So it runs on its own thread, and that thread goes on
/// after the limit. Go does the same.
pub(super) fn look_up(
    resolver: &Resolver,
    name: &str,
    limit: Limit<'_>,
) -> io::Result<Vec<IpAddr>> {
    let (done, over) = UnixStream::pair()?;
    let (sender, receiver) = mpsc::channel();
    let resolver = Arc::clone(resolver);
    let owned = name.to_owned();
    thread::Builder::new()
        .name(format!("looks up {}", name.replace('\0', "")))
        .spawn(move || {
            // Dropping it after the answer, or in a panic, ends the wait below.
            let _done = done;
            let _ = sender.send(resolver(&owned));
        })?;
    loop {
        match receiver.try_recv() {
            Ok(answer) => return answer,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(io::Error::other("the resolver panicked"));
            }
        }
        limit.check()?;
        limit.wait(vec![PollFd::new(&over, PollFlags::IN)], None)?;
    }
}
