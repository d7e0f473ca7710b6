//! Occurrences of a series, for a CRM that takes none.

use crate::groupware::Item;
use crate::model::{Instant, Moment, Slot};

/// Expands an item: the occurrences that overlap `from` (inclusive) to `to` (exclusive), at most `limit`. Pure.
pub type Expander = fn(&Item, Instant, Instant, usize) -> Occurrences;

/// One occurrence of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Its RECURRENCE-ID; `None` for an item that does not repeat.
    pub recurrence_id: Option<Moment>,
    /// When it takes place, moves by overrides included.
    pub slot: Slot,
    /// The part of the item that says what it is: its override, else the master.
    pub part: usize,
}

/// The occurrences of an item in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// By start.
    pub list: Vec<Occurrence>,
    /// False where a limit cut the list: absence from it proves nothing then.
    pub complete: bool,
}
