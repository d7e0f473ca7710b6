//! When something is tried again (X20, I4, I5).

use std::time::Duration;

use chrono::TimeDelta;

use crate::model::Instant;

/// Shortest wait.
pub const MIN_DELAY: Duration = Duration::from_mins(1);
/// Longest wait.
pub const MAX_DELAY: Duration = Duration::from_hours(6);

/// How long to wait after `tries` failed attempts: anything between one minute and a bound that doubles with each attempt up to six
/// hours. `jitter` is a random number: agents that failed together do not come back together.
#[must_use]
pub fn next_delay(tries: u32, jitter: u64) -> Duration {
    let least = MIN_DELAY.as_secs();
    let most = (least << tries.min(16)).min(MAX_DELAY.as_secs());
    Duration::from_secs(least + jitter % (most - least + 1))
}

/// When a mail of which the CRM knows no address is tried again: after `hours`, later by up to a tenth of that (`jitter`, a random
/// number) so that many mails do not fall due at once. A mail tried seven times waits twice as long, from fourteen on four times.
#[must_use]
pub fn next_not_found_try(tries: u32, hours: u32, now: Instant, jitter: u64) -> Instant {
    let factor = match tries {
        0..7 => 1,
        7..14 => 2,
        _ => 4,
    };
    let seconds = u64::from(hours) * 3600 * factor;
    let seconds = seconds + jitter % (seconds / 10 + 1);
    let wait = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(wait).unwrap_or(Instant::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Instant {
        "2026-03-01T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn x20_the_bound_of_the_wait_doubles_with_each_attempt_up_to_six_hours() {
        let bound = |tries| (0..4 * 60 * 60 * 2).map(|jitter| next_delay(tries, jitter)).max().unwrap();
        assert_eq!(bound(0), MIN_DELAY);
        assert_eq!(bound(1), MIN_DELAY * 2);
        assert_eq!(bound(5), MIN_DELAY * 32);
        assert_eq!(next_delay(u32::MAX, MAX_DELAY.as_secs() - MIN_DELAY.as_secs()), MAX_DELAY);
    }

    #[test]
    fn i5_a_mail_without_match_waits_the_set_hours_and_longer_when_it_was_tried_often() {
        let hours = |tries| (next_not_found_try(tries, 24, now(), 0) - now()).num_hours();
        assert_eq!([hours(0), hours(6), hours(7), hours(13), hours(14), hours(u32::MAX)], [24, 24, 48, 48, 96, 96]);
        assert_eq!(next_not_found_try(99, 0, now(), u64::MAX), now(), "zero hours: every run");
    }

    #[test]
    fn an_absurd_interval_ends_at_the_end_of_time() {
        assert!(next_not_found_try(99, u32::MAX, now(), u64::MAX) > now());
        assert_eq!(next_not_found_try(0, 1, Instant::MAX_UTC, 7), Instant::MAX_UTC);
    }

    proptest! {
        #[test]
        fn x20_every_wait_is_between_one_minute_and_six_hours(tries: u32, jitter: u64) {
            let delay = next_delay(tries, jitter);
            prop_assert!(delay >= MIN_DELAY && delay <= MAX_DELAY);
        }

        #[test]
        fn i5_the_jitter_adds_at_most_a_tenth(hours in 0..10_000_u32, jitter: u64) {
            let wait = (next_not_found_try(0, hours, now(), jitter) - now()).num_seconds();
            let plain = i64::from(hours) * 3600;
            prop_assert!(wait >= plain && wait <= plain + plain / 10);
        }
    }
}
