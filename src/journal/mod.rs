//! The embedded key-value journal: what belongs to what, what was written, what waits.
//!
//! One process holds it (redb locks the file). One owner thread takes [`Change`]s over a channel and groups them into commits; a vector
//! of changes is one transaction. Reads see the last commit. Nothing outside of this room knows the tables.

mod change;
mod records;

pub use change::Change;
pub use records::{
    AreaCount, Consent, Cursor, HistoryEntry, ItemOutcome, Located, LocatedState, Lock, Parked, PendingBatch, RunEnd, RunItem, RunRecord,
    SettledMail,
};
