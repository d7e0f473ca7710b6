//! The embedded key-value journal: what belongs to what, what was written, what waits.
//!
//! One process holds it (redb locks the file). One owner thread takes [`Change`]s over a channel and groups them into commits; a vector
//! of changes is one transaction. Reads see the last commit. Nothing outside of this room knows the tables.

mod apply;
mod apply_items;
mod change;
mod check;
mod error;
mod export;
pub mod fault;
mod file;
mod forget;
mod handle;
mod items;
mod migrations;
mod read;
mod read_items;
mod records;
mod seal;
mod store;
mod tables;

pub use change::Change;
pub use check::{Compacted, JournalReport};
pub use error::JournalError;
pub use handle::Journal;
pub use items::{AreaTally, Base, ConflictLoser, ConflictSide, ItemPlace, KnownItem, KnownRecord, LinkState, Pair, PairState, Wish};
pub use records::{
    AreaCount, Consent, Cursor, HistoryEntry, ItemOutcome, Located, LocatedState, Lock, Parked, PendingBatch, RunEnd, RunItem, RunRecord,
    SettledMail,
};

#[cfg(test)]
mod tests;
