//! When something is tried again (X20, I4, I5).

use std::time::Duration;

use chrono::TimeDelta;

use crate::model::Instant;

/// Shortest wait.
pub const MIN_DELAY: Duration = Duration::from_secs(60);
/// Longest wait.
pub const MAX_DELAY: Duration = Duration::from_secs(6 * 60 * 60);

/// How long to wait after `tries` failed attempts: anything between one minute and a bound that doubles with each attempt up to six
/// hours. `jitter` is a random number: agents that failed together do not come back together.
#[must_use]
pub fn next_delay(tries: u32, jitter: u64) -> Duration {
    let least = MIN_DELAY.as_secs();
    let most = least.checked_shl(tries.min(16)).unwrap_or(u64::MAX).min(MAX_DELAY.as_secs());
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
