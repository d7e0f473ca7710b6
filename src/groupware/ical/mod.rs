//! iCalendar (RFC 5545): an object becomes an [`Item`], a change of fields becomes an edit of the object's own text.
//!
//! [`read`] maps, [`edit`] changes in place, [`build`] makes new objects, [`occurrences`] expands a series in a window. All are pure.

mod build;
mod dates;
mod edit;
mod fault;
mod object;
mod properties;
mod read;
mod rules;
mod series;
mod source;

use std::collections::BTreeSet;

use crate::model::{Instant, Moment, Slot};

use super::{Draft, Item, PartEdit};

pub use fault::IcalFault;

/// What the mapping has to know besides the object.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Mail addresses of the account's owner in lower case; they tell whether the owner declined.
    pub own_addresses: BTreeSet<String>,
    /// ORGANIZER and ATTENDEE may be written (V9); off by default.
    pub allow_attendees: bool,
}

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
    /// False where the limit or the bound on work cut the list: absence from it proves nothing then.
    pub complete: bool,
}

/// Reads an object: all appointments or tasks of one UID (RFC 4791 §4.1). A property without which the item would be misunderstood (times,
/// rules) makes the whole unreadable where it cannot be read; others are then absent.
pub fn read(text: &str, context: &Context) -> Result<Item, IcalFault> {
    read::read(text, context)
}

/// The object's text after the edits. Only lines of changed fields differ from `item.original`; without a change it is the same byte for byte.
///
/// - Edits name occurrences by the RECURRENCE-ID they have in `item`, also where the same edits move the series.
/// - When the start of a series moves, its EXDATE and the RECURRENCE-ID of its overrides move by as much on the clock: they name occurrences
///   by the start these would have (RFC 5545 §3.8.4.4, §3.8.5.1), and would else name none. RDATE and its overrides stay, and so do the times
///   an override has of its own. When a series stops repeating, its overrides go.
/// - DTSTAMP, LAST-MODIFIED and SEQUENCE stay as they are: RFC 5545 (§3.8.7) obliges the calendar program that revises an object, servers that
///   schedule raise SEQUENCE by themselves, and every line that differs is one that could echo.
/// - ORGANIZER, ATTENDEE and SCHEDULE-* are never written unless the context allows it (V9). Making an override of a series that has them
///   would write them once more, so that too is [`IcalFault::AttendeesNotAllowed`].
pub fn edit(item: &Item, edits: &[PartEdit], context: &Context) -> Result<String, IcalFault> {
    edit::edit(item, edits, context)
}

/// The text of a new object. `now` becomes its DTSTAMP. Participants are left out unless the context allows them (V9): the link's lines
/// name them.
pub fn build(draft: &Draft, now: Instant, context: &Context) -> Result<String, IcalFault> {
    build::build(draft, now, context)
}

/// The occurrences that overlap `from` (inclusive) to `to` (exclusive), at most `limit`. A cancelled override is among them: its part says so.
#[must_use]
pub fn occurrences(item: &Item, from: Instant, to: Instant, limit: usize) -> Occurrences {
    series::occurrences(item, from, to, limit)
}

#[cfg(test)]
mod tests;
