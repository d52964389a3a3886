//! The pause after a failed accept.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// The wait after a failed accept. It doubles with each failure in a row, from 5 ms up to 1 second.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    /// Returns the wait after `error`, or `None` if only the peer was gone already.
    pub(crate) fn after(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::Interrupted
        ) {
            return None;
        }
        self.0 = (self.0 * 2).clamp(Duration::from_millis(5), Duration::from_secs(1));
        tracing::error!("accept failed, next try in {:?}: {error}", self.0);
        Some(self.0)
    }

    /// Resets the wait after a successful accept.
    pub(crate) fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::io::{self, ErrorKind};
    use std::time::Duration;

    #[test]
    fn the_wait_after_failed_accepts_doubles_up_to_a_second_and_a_success_resets_it() {
        let mut backoff = Backoff::default();
        for _ in 0..2 {
            let mut fail = |kind: ErrorKind| backoff.after(&io::Error::from(kind));
            assert_eq!(fail(ErrorKind::ConnectionAborted), None);
            assert_eq!(fail(ErrorKind::Interrupted), None);
            for wait in [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000] {
                let expected = Duration::from_millis(wait);
                assert_eq!(fail(ErrorKind::Other), Some(expected));
            }
            backoff.reset();
        }
    }
}
