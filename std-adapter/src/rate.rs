//! A bounded rate for the lines of the log that peers cause.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that may come at once.
const BURST: u32 = 20;

/// The time after which one more may come.
const EVERY: Duration = Duration::from_secs(1);

/// Logs a line as `tracing`'s macro of this level does, at most one a second in the long run. Each
/// place that uses it has a rate of its own, so that a flood of one kind hides no other.
macro_rules! limited {
    ($level:ident, $($line:tt)+) => {{
        static RATE: $crate::rate::Rate = $crate::rate::Rate::new();
        if let Some(left_out) = RATE.admit(std::time::Instant::now()) {
            tracing::$level!("{}{left_out}", format_args!($($line)+));
        }
    }};
}
pub(crate) use limited;

/// When the lines of one kind may come.
pub(crate) struct Rate(Mutex<State>);

struct State {
    /// When all of the burst may come again; each line that is written moves it on. None before the
    /// first.
    rested: Option<Instant>,
    left_out: LeftOut,
}

/// The number of lines that were not written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut(u64);

impl Rate {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State {
            rested: None,
            left_out: LeftOut(0),
        }))
    }

    /// Whether a line may be written now. If so, returns how many were left out before it.
    pub(crate) fn admit(&self, now: Instant) -> Option<LeftOut> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = state.rested.map_or(now, |rested| rested.max(now));
        if rested.saturating_duration_since(now) > EVERY * (BURST - 1) {
            state.left_out.0 = state.left_out.0.saturating_add(1);
            return None;
        }
        state.rested = Some(rested + EVERY);
        Some(mem::take(&mut state.left_out))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n => write!(f, " ({n} more such lines left out)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, EVERY, LeftOut, Rate};
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_is_written_and_then_one_line_a_second() {
        let rate = Rate::new();
        let begin = Instant::now();
        let written = (0..1000).filter(|_| rate.admit(begin).is_some());
        assert_eq!(written.count(), BURST as usize);
        let written: Vec<_> = (1..=1000u32)
            .filter_map(|step| rate.admit(begin + EVERY * step / 100))
            .collect();
        assert_eq!(written.len(), 10);
        assert_eq!(written[..2], [LeftOut(980 + 99), LeftOut(99)]);
    }

    #[test]
    fn after_a_rest_a_burst_is_written_again() {
        let rate = Rate::new();
        let begin = Instant::now();
        let mut now = begin;
        for rest in [EVERY * BURST, EVERY * 3, Duration::from_hours(1000)] {
            while rate.admit(now).is_some() {}
            now += rest;
            let expected = (rest.as_secs() / EVERY.as_secs()).min(BURST.into());
            let written = (0..1000).filter(|_| rate.admit(now).is_some()).count();
            assert_eq!(written as u64, expected);
        }
    }

    #[test]
    fn what_was_left_out_is_told_once() {
        let rate = Rate::new();
        let begin = Instant::now();
        let first: Vec<_> = (0..=BURST + 1).map(|_| rate.admit(begin)).collect();
        assert_eq!(first[0], Some(LeftOut(0)));
        assert_eq!(first[20..], [None, None]);
        let line = rate.admit(begin + EVERY).unwrap().to_string();
        assert_eq!(line, " (2 more such lines left out)");
        let line = rate.admit(begin + 2 * EVERY).unwrap().to_string();
        assert_eq!(line, "");
    }
}
