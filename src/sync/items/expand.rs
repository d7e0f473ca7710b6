//! Occurrences of a series, for a CRM that takes none.

use crate::groupware::Item;
use crate::model::Instant;

pub use crate::groupware::ical::{Occurrence, Occurrences};

/// Expands an item: the occurrences that overlap `from` (inclusive) to `to` (exclusive), at most `limit`. Pure.
pub type Expander = fn(&Item, Instant, Instant, usize) -> Occurrences;
