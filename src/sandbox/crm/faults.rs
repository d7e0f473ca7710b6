//! Switches for faults.

use serde::{Deserialize, Serialize};

/// What goes wrong. Numbers count down with every batch they spoil, of mails or of records; texts stay until they are cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Faults {
    /// The next so many requests get 429.
    pub too_many_requests: u32,
    /// The next so many requests get 503.
    pub unavailable: u32,
    /// The next so many requests get 502, as from a gateway: HTML, no problem document.
    pub bad_gateway: u32,
    /// The next so many requests get 500.
    pub internal: u32,
    /// `Retry-After` of those, in seconds.
    pub retry_after: u64,
    /// State `Retry-After` as a date.
    pub retry_after_date: bool,
    /// The next so many requests get 401; any request counts.
    pub unauthorized: u32,
    /// The next so many batches are committed, then the connection is closed without an answer.
    pub lost_answers: u32,
    /// The next so many batches are committed, then half of the answer is sent.
    pub half_answers: u32,
    /// The next so many batches are committed, then answered with something else than JSON.
    pub garbage: u32,
    /// The next so many batches are committed, then answered with one result too few.
    pub missing_results: u32,
    /// The next so many batches are committed, then answered with one result twice and one not at all.
    pub doubled_results: u32,
    /// The next so many batches are read, not committed, and never answered.
    pub silent: u32,
    /// Results stand in reverse order.
    pub reverse_order: bool,
    /// Every request waits so many milliseconds first.
    pub slow_ms: u64,
    /// Batches wait so many milliseconds after their manifest was read, or until this is set to less: their key is in flight.
    pub hold_ms: u64,
    /// Batches above so many bytes get 413; 0 for the stated limit alone.
    pub max_bytes: u64,
    /// Mails whose subject contains this are rejected.
    pub reject_subject: String,
    /// Mails whose subject contains this get `retry`.
    pub retry_subject: String,
    /// Mails whose subject contains this get `skipped`.
    pub skip_subject: String,
    /// Every batch with a mail whose subject contains this gets 500.
    pub poison_subject: String,
    /// The next so many updates and deletions of records come too late: somebody changes the record just before.
    pub conflicts: u32,
    /// The next so many requests for changes get 503.
    pub changes_unavailable: u32,
    /// The next so many cursors are too old.
    pub expired_cursors: u32,
    /// Changes begin so many steps before their cursor: they come again.
    pub repeat_changes: u64,
    /// Records are kept without the field of this name, and nothing is said of it.
    pub drop_field: String,
}

impl Faults {
    /// Whether a switch text is set and in `subject`.
    #[must_use]
    pub fn hits(switch: &str, subject: &str) -> bool {
        !switch.is_empty() && subject.contains(switch)
    }

    /// Counts one of a counter down; true when it was above zero.
    pub(super) const fn take(counter: &mut u32) -> bool {
        if *counter == 0 {
            return false;
        }
        *counter -= 1;
        true
    }
}
