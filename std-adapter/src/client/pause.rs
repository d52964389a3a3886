//! The pause between two tries to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The pause after the first failure to connect. It doubles with each further one.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause. A connection that lasted longer is not a failure.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// Returns the pause after this many failures: exponential, with jitter, so that many clients spread.
pub(crate) fn pause(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        return Duration::ZERO;
    };
    let longest = FIRST.saturating_mul(1 << doublings.min(10)).min(LONGEST);
    // Each state has random keys of its own.
    let [.., a, b] = RandomState::new().hash_one(failures).to_ne_bytes();
    let random = f64::from(u16::from_ne_bytes([a, b])) / f64::from(u16::MAX);
    longest.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_a_half_and_the_whole_of_a_doubling_time_up_to_5_s() {
        assert_eq!(pause(0), Duration::ZERO);
        for (failures, longest) in [(1, 50), (2, 100), (7, 3200), (8, 5000), (u32::MAX, 5000)] {
            let longest = Duration::from_millis(longest);
            let pauses: Vec<_> = (0..100).map(|_| pause(failures)).collect();
            let range = longest / 2..=longest;
            assert!(pauses.iter().all(|pause| range.contains(pause)));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
