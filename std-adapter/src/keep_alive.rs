//! Having the system ask whether a silent peer is still there.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// How many questions without an answer end a connection: Go's default.
const QUESTIONS: u32 = 9;

/// The most seconds that Linux takes.
const LONGEST: Duration = Duration::from_secs(32767);

/// After how much silence it asks, and how often then; none for never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive(pub(crate) Option<Duration>);

impl Default for KeepAlive {
    /// Go's: 15 seconds.
    fn default() -> Self {
        Self(Some(Duration::from_secs(15)))
    }
}

impl KeepAlive {
    pub(crate) fn apply(self, socket: &Socket) -> io::Result<()> {
        let Some(silence) = self.0 else {
            return Ok(());
        };
        let silence = silence.clamp(Duration::from_secs(1), LONGEST);
        let keep_alive = TcpKeepalive::new()
            .with_time(silence)
            .with_interval(silence)
            .with_retries(QUESTIONS);
        socket.set_tcp_keepalive(&keep_alive)
    }
}
