//! How late a peer is with taking its replies.

use std::time::Duration;

/// The bytes that are worth the whole time that a peer has.
const WORTH_ALL: u32 = 65536;

/// The time that a server has waited for room for replies, less the time that the bytes taken since
/// are worth. The connection ends when it exceeds the limit,
/// [`ServerLimits::reply`](crate::ServerLimits::reply). A peer that takes a few bytes now and then
/// gains no more than those bytes are worth.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag(Duration);

impl Lag {
    /// How long the server may wait now.
    pub(crate) fn patience(self, limit: Duration) -> Duration {
        limit.saturating_sub(self.0)
    }

    /// Counts a wait. One that was longer than the limit and still ended with room was the server's
    /// own delay in part.
    pub(crate) fn waited(&mut self, time: Duration, limit: Duration) {
        self.0 = self.0.saturating_add(time).min(limit);
    }

    /// Counts the bytes that the connection has taken.
    pub(crate) fn took(&mut self, bytes: usize, limit: Duration) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let worth = (limit / WORTH_ALL).saturating_mul(bytes);
        self.0 = self.0.saturating_sub(worth);
    }
}

#[cfg(test)]
mod tests {
    use super::Lag;
    use std::time::Duration;

    /// A microsecond for each byte.
    const LIMIT: Duration = Duration::from_micros(65_536);

    #[test]
    fn a_byte_gives_back_its_part_of_the_time_and_no_more() {
        let mut lag = Lag::default();
        lag.waited(Duration::from_millis(65), LIMIT);
        assert_eq!(lag.patience(LIMIT), Duration::from_micros(536));
        lag.took(1, LIMIT);
        assert_eq!(lag.patience(LIMIT), Duration::from_micros(537));
        lag.waited(Duration::from_secs(1), LIMIT);
        assert_eq!(lag.patience(LIMIT), Duration::ZERO);
        lag.took(10, LIMIT);
        assert_eq!(lag.patience(LIMIT), Duration::from_micros(10));
    }

    #[test]
    fn bytes_that_come_early_are_not_saved_up() {
        let mut lag = Lag::default();
        lag.took(1 << 20, LIMIT);
        lag.waited(LIMIT, LIMIT);
        assert_eq!(lag.patience(LIMIT), Duration::ZERO);
    }

    #[test]
    fn no_limit_is_never_used_up() {
        let mut lag = Lag::default();
        lag.waited(Duration::from_hours(24), Duration::MAX);
        assert!(lag.patience(Duration::MAX) > Duration::from_hours(24 * 365));
        lag.took(usize::MAX, Duration::MAX);
        assert_eq!(lag, Lag::default());
    }
}
