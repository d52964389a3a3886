//! The lag of a client that receives its replies too slowly.

use std::time::Duration;

/// Bytes that give back the whole time limit.
const WORTH_ALL: u32 = 65536;

/// The time that the server has waited to send replies, minus the time that sent bytes give back.
///
/// Each sent byte gives back 1/65536 of the limit,
/// [`ServerLimits::reply_timeout`](crate::ServerLimits::reply_timeout). The connection ends when the lag exceeds the
/// limit. So a client cannot hold a connection by reading a few bytes now and then.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag(Duration);

impl Lag {
    /// Returns how long the server may still wait.
    pub(crate) fn remaining(self, limit: Duration) -> Duration {
        limit.saturating_sub(self.0)
    }

    /// Adds a wait. The lag never exceeds the limit: a successful wait that took longer was delayed
    /// by the server itself.
    pub(crate) fn waited(&mut self, time: Duration, limit: Duration) {
        self.0 = self.0.saturating_add(time).min(limit);
    }

    /// Reduces the lag for `bytes` sent bytes. Any sent byte clears the lag of a subscriber, which may be slower than
    /// the publisher.
    pub(crate) fn took(&mut self, bytes: usize, subscribed: bool, limit: Duration) {
        if subscribed && bytes > 0 {
            return *self = Self::default();
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let worth = (limit / WORTH_ALL).saturating_mul(bytes);
        self.0 = self.0.saturating_sub(worth);
    }
}

#[cfg(test)]
mod tests {
    use super::Lag;
    use std::time::Duration;

    /// One microsecond for each byte.
    const LIMIT: Duration = Duration::from_micros(65_536);

    #[test]
    fn each_sent_byte_gives_back_its_part_of_the_limit() {
        let mut lag = Lag::default();
        lag.waited(Duration::from_millis(65), LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::from_micros(536));
        lag.took(1, false, LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::from_micros(537));
        lag.waited(Duration::from_secs(1), LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::ZERO);
        lag.took(10, false, LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::from_micros(10));
    }

    #[test]
    fn a_subscriber_gets_the_whole_limit_back_with_each_byte() {
        let mut lag = Lag::default();
        lag.waited(LIMIT, LIMIT);
        lag.took(0, true, LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::ZERO);
        lag.took(1, true, LIMIT);
        assert_eq!(lag, Lag::default());
    }

    #[test]
    fn bytes_sent_before_a_wait_give_no_credit() {
        let mut lag = Lag::default();
        lag.took(1 << 20, false, LIMIT);
        lag.waited(LIMIT, LIMIT);
        assert_eq!(lag.remaining(LIMIT), Duration::ZERO);
    }

    #[test]
    fn without_a_limit_the_server_waits_forever() {
        let mut lag = Lag::default();
        lag.waited(Duration::from_hours(24), Duration::MAX);
        assert!(lag.remaining(Duration::MAX) > Duration::from_hours(24 * 365));
        lag.took(usize::MAX, false, Duration::MAX);
        assert_eq!(lag, Lag::default());
    }
}
