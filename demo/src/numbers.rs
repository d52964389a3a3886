//! Bounded numbers on the command line.

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest time that can be given: 11 days.
const MOST_SECONDS: u32 = 1_000_000;

/// Returns a parser for whole numbers in `range`.
pub(crate) fn number(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::new().range(range)
}

/// Reads a number of seconds from 0 to 1 000 000, with an optional fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| (0.0..=MOST_SECONDS.into()).contains(seconds));
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| format!("not a number of seconds from 0 to {MOST_SECONDS}"))
}

/// Reads a number of seconds as [`seconds`] does, but from 0.001 on.
pub(crate) fn time_limit(text: &str) -> Result<Duration, String> {
    let time = seconds(text).ok();
    let time = time.filter(|time| *time >= Duration::from_millis(1));
    time.ok_or_else(|| format!("not a number of seconds from 0.001 to {MOST_SECONDS}"))
}

#[cfg(test)]
mod tests {
    use super::{seconds, time_limit};
    use std::time::Duration;

    #[test]
    fn seconds_are_finite_and_bounded() {
        for (text, time) in [
            ("0", Some(Duration::ZERO)),
            ("0.25", Some(Duration::from_millis(250))),
            ("1e6", Some(Duration::from_secs(1_000_000))),
            ("1000000.1", None),
            ("1e19", None),
            ("1e999", None),
            ("inf", None),
            ("NaN", None),
            ("-1", None),
            ("-0.0", Some(Duration::ZERO)),
            ("", None),
            ("1s", None),
        ] {
            assert_eq!(seconds(text).ok(), time, "{text}");
        }
    }

    #[test]
    fn time_limits_below_a_millisecond_are_errors() {
        assert!(time_limit("0").is_err() && time_limit("1e-9").is_err());
        assert_eq!(time_limit("0.001"), Ok(Duration::from_millis(1)));
    }
}
