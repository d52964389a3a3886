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

/// What `resolver` answers for `name`, unless the limit ends first.
///
/// The system's lookup cannot be interrupted. So it runs on a thread, which the end of the limit
/// leaves to itself, as Go does.
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
            // Its end is what the wait sees; it comes after the answer, and even after a panic.
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
