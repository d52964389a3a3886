//! TCP keep-alive.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// Probes without an answer that end a connection: Go's default.
const PROBES: u32 = 9;

/// The longest time that Linux accepts.
const LONGEST: Duration = Duration::from_secs(32767);

/// The idle time before the first probe, and the interval of probes; `None` disables them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive(pub(crate) Option<Duration>);

impl Default for KeepAlive {
    /// Go's default: 15 seconds.
    fn default() -> Self {
        Self(Some(Duration::from_secs(15)))
    }
}

impl KeepAlive {
    pub(crate) fn apply(self, socket: &Socket) -> io::Result<()> {
        let Some(time) = self.0 else {
            return Ok(());
        };
        let time = time.clamp(Duration::from_secs(1), LONGEST);
        let keep_alive = TcpKeepalive::new()
            .with_time(time)
            .with_interval(time)
            .with_retries(PROBES);
        socket.set_tcp_keepalive(&keep_alive)
    }
}
