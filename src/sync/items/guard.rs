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
