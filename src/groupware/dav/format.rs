//! The format of the items, which the wire below does not know.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::groupware::{Draft, Item, PartEdit, ical, vcard};
use crate::model::Area;
use crate::system::Clock;

/// Reads, edits and builds the text of items: iCalendar for CalDAV, vCard for CardDAV. Pure but for the time a new item is stamped with.
pub trait Format: Send + Sync {
    /// What a text says.
    fn read(&self, text: &str) -> Result<Item, FormatFault>;

    /// The item's text after the edits; all else stays byte for byte (V7).
    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault>;

    /// The text of a new item.
    fn build(&self, draft: &Draft) -> Result<String, FormatFault>;

    /// The same for a collection that takes these versions of the format (RFC 6352 §6.2.2); none where it does not say.
    fn build_for(&self, draft: &Draft, versions: &BTreeSet<String>) -> Result<String, FormatFault> {
        let _ = versions;
        self.build(draft)
    }
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
        ical::read(text, &self.context).map_err(|fault| FormatFault(fault.to_string()))
    }

    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault> {
        ical::edit(item, edits, &self.context).map_err(|fault| FormatFault(fault.to_string()))
    }

    fn build(&self, draft: &Draft) -> Result<String, FormatFault> {
        ical::build(draft, self.clock.now(), &self.context).map_err(|fault| FormatFault(fault.to_string()))
    }
}

/// vCard.
pub(super) struct Cards {
    /// The version of new cards, whatever a server says it takes.
    pub(super) version: Option<vcard::Version>,
}

impl Format for Cards {
    fn read(&self, text: &str) -> Result<Item, FormatFault> {
        match vcard::read(text) {
            // Lists of contacts lie beside them in every address book, and are nothing that could be broken.
            Err(vcard::VcardFault::NoContact { .. }) => {
                Ok(Item { uid: String::new(), area: Area::Contacts, parts: Vec::new(), scheduled: false, original: text.into() })
            }
            read => read.map_err(|fault| FormatFault(fault.to_string())),
        }
    }

    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault> {
        vcard::edit(item, edits).map_err(|fault| FormatFault(fault.to_string()))
    }

    fn build(&self, draft: &Draft) -> Result<String, FormatFault> {
        self.build_for(draft, &BTreeSet::new())
    }

    /// 3.0, unless a server takes 4.0 alone: who says nothing takes 3.0 (RFC 6352 §6.2.2); Radicale 3.9 says 3.0, Cyrus 3.6 says both and keeps 4.0
    /// as 3.0 (of a picture in 4.0 it then keeps but `data:image/gif`), SOGo 5.8 writes 3.0 above whatever comes.
    fn build_for(&self, draft: &Draft, versions: &BTreeSet<String>) -> Result<String, FormatFault> {
        let newest_alone = versions.contains("4.0") && !versions.contains("3.0");
        let version = self.version.unwrap_or(if newest_alone { vcard::Version::V4 } else { vcard::Version::V3 });
        vcard::build(draft, version).map_err(|fault| FormatFault(fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groupware::DraftPart;
    use crate::model::Area;

    #[test]
    fn a_new_card_has_the_version_that_the_address_book_takes() {
        let part = DraftPart { recurrence_id: None, fields: [].into(), link: None };
        let draft = Draft { create_id: "c".to_owned(), uid: "u".to_owned(), area: Area::Contacts, parts: vec![part] };
        let written = |version: Option<vcard::Version>, versions: &[&str]| {
            let versions = versions.iter().map(ToString::to_string).collect();
            let text = Cards { version }.build_for(&draft, &versions).unwrap();
            text.lines().nth(1).unwrap().to_owned()
        };
        for versions in [&[][..], &["3.0"], &["3.0", "4.0"], &["2.1"]] {
            assert_eq!(written(None, versions), "VERSION:3.0", "{versions:?}");
        }
        assert_eq!(written(None, &["4.0"]), "VERSION:4.0");
        assert_eq!(written(Some(vcard::Version::V4), &["3.0"]), "VERSION:4.0");
    }
}
