//! What a run tells while it goes on. The progress bar, the status table and the log are listeners.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::journal::{AreaCount, RunEnd, RunItem};
use crate::model::{AccountId, Area, RunId};

/// One thing that happened in a run.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The run began.
    Started {
        /// Its id.
        run: RunId,
        /// The account.
        account: AccountId,
    },
    /// A mailbox or collection was surveyed.
    Surveyed {
        /// The area.
        area: Area,
        /// Its name.
        collection: String,
        /// Items to deal with.
        found: u64,
    },
    /// An item got its outcome.
    Item(RunItem),
    /// Counts after a batch.
    Progress {
        /// The area.
        area: Area,
        /// Its counts so far; `left` is what remains to be dealt with.
        count: AreaCount,
    },
    /// The run waits because a server asked for it.
    Waiting {
        /// Why, in plain words without names.
        why: String,
        /// How long.
        delay: Duration,
    },
    /// The run ended.
    Ended {
        /// How.
        end: RunEnd,
        /// What was done in each area.
        areas: BTreeMap<Area, AreaCount>,
    },
}

/// Listens to a run.
pub trait Observer: Send + Sync {
    /// Takes one event. Must return at once.
    fn event(&self, event: &RunEvent);

    /// Whether [`go_on`](Self::go_on) is to be asked at all.
    fn asks(&self) -> bool {
        false
    }

    /// Asked at a batch border while `left` items remain (R23). May block for the user's answer; `false` ends the run there.
    fn go_on(&self, left: u64) -> bool {
        let _ = left;
        true
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &RunEvent) {}
}
