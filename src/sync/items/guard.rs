//! The guard against mass changes (V8): absence is often an error of a server, of a filter or of rights.

use crate::journal::AreaTally;
use crate::model::Instant;

/// So many deletions and emptied fields are never too many.
const FLOOR: u64 = 10;
/// So many always are.
const CEILING: u64 = 50;

/// How many of an area's pairs may be deleted, or have a field emptied, within 24 hours: max(10, min(20 %, 50)).
#[must_use]
pub const fn limit(pairs: u64) -> u64 {
    let fifth = pairs / 5;
    let bounded = if fifth < CEILING { fifth } else { CEILING };
    if bounded > FLOOR { bounded } else { FLOOR }
}

/// Whether so many more would be too many, beside what was carried out lately. `lately` counts in the pairs that were there before.
#[must_use]
pub fn trips(tally: &AreaTally, planned: u64, now: Instant) -> bool {
    let lately = tally.risky_lately(now);
    planned > 0 && lately.saturating_add(planned) > limit(tally.pairs.saturating_add(lately))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::now;
    use super::*;

    #[test]
    fn v8_the_limit_is_a_fifth_but_at_least_ten_and_at_most_fifty() {
        assert_eq!([0, 10, 50, 55, 100, 250, 255, 100_000].map(limit), [10, 10, 10, 11, 20, 50, 50, 50]);
    }

    #[test]
    fn v8_what_was_done_within_a_day_counts() {
        let tally = |risky| AreaTally { pairs: 30, risky: [(now().timestamp() / 3600, risky)].into() };
        assert!(!trips(&tally(0), 10, now()) && trips(&tally(0), 11, now()));
        assert!(!trips(&tally(9), 1, now()) && trips(&tally(10), 1, now()));
        assert!(!trips(&tally(10), 1, now() + chrono::TimeDelta::hours(26)));
        assert!(!trips(&tally(99), 0, now()), "nothing planned is never too much");
    }

    proptest! {
        #[test]
        fn v8_more_is_never_less(pairs in 0..10_000_u64, lately in 0..100_u64, planned in 0..100_u64) {
            let tally = AreaTally { pairs, risky: [(now().timestamp() / 3600, lately)].into() };
            prop_assert!(!trips(&tally, planned, now()) || trips(&tally, planned + 1, now()));
            prop_assert!(planned + lately <= 50 || planned == 0 || trips(&tally, planned, now()));
        }
    }
}
