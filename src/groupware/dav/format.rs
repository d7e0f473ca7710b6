//! The format of the items, which the wire below does not know.

use std::sync::Arc;

use crate::groupware::{Draft, Item, PartEdit, ical};
use crate::system::Clock;

/// Reads, edits and builds the text of items: iCalendar for CalDAV, vCard for CardDAV. Pure but for the time a new item is stamped with.
pub trait Format: Send + Sync {
    /// What a text says.
    fn read(&self, text: &str) -> Result<Item, FormatFault>;

    /// The item's text after the edits; all else stays byte for byte (V7).
    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault>;

    /// The text of a new item.
    fn build(&self, draft: &Draft) -> Result<String, FormatFault>;
}

/// Why a text cannot be read or written, in plain words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatFault(pub String);

/// iCalendar.
pub(super) struct Calendars {
    pub(super) context: ical::Context,
    pub(super) clock: Arc<dyn Clock>,
}

impl Format for Calendars {
    fn read(&self, text: &str) -> Result<Item, FormatFault> {
        ical::read(text, &self.context).map_err(fault)
    }

    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault> {
        ical::edit(item, edits, &self.context).map_err(fault)
    }

    fn build(&self, draft: &Draft) -> Result<String, FormatFault> {
        ical::build(draft, self.clock.now(), &self.context).map_err(fault)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form map_err wants")]
fn fault(fault: ical::IcalFault) -> FormatFault {
    FormatFault(fault.to_string())
}
