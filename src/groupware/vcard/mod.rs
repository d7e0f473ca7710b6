//! vCard (2.1, RFC 2426, RFC 6350): a card becomes an [`Item`], a change of fields becomes an edit of the card's own text.
//!
//! [`read`] maps all three versions by what stands in them and not by what they call themselves: SOGo 5.8 relabels 4.0 as 3.0, Cyrus 3.6 turns
//! the one into the other. [`edit`] changes in place, in the version of the card; [`build`] makes new cards in 3.0 or 4.0. All are pure.
//!
//! - Of several lines that say the same (two notes, two addresses at work) the first is ours; the others are left as they are.
//! - The display name of a mail address stands in the parameter `X-DISPLAY-NAME`, because no version has a place for it. Where a server drops
//!   it, the address has none.
//! - The link to the CRM stands in `X-CRMSYNC-RECORD` and, for people and for gateways that keep known properties only (`DavMail`), in the
//!   delimited block at the end of NOTE. URL stays the contact's own.
//! - A picture is one that lies in the card itself; one at an address is left alone.
//! - REV and PRODID stay as they are: each line that differs is one that could echo.

mod build;
mod country;
mod edit;
mod fault;
mod labels;
mod line;
mod picture;
mod properties;
mod read;
mod source;
mod transfer;

use super::{Draft, Item, PartEdit};

pub use fault::VcardFault;
pub use picture::MAX_PICTURE;

/// The version a new card is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 2426, which every server and every phone takes.
    #[default]
    V3,
    /// RFC 6350.
    V4,
}

/// Reads a card. What cannot be read of it is absent from the fields and stays in the text. [`Item::uid`] is empty where the card has no UID,
/// which no version demands (RFC 6350 §6.7.6).
pub fn read(text: &str) -> Result<Item, VcardFault> {
    read::read(text)
}

/// The card's text after the edits. Only lines of changed fields differ from `item.original`; without a change it is the same byte for byte.
pub fn edit(item: &Item, edits: &[PartEdit]) -> Result<String, VcardFault> {
    edit::edit(item, edits)
}

/// The text of a new card.
pub fn build(draft: &Draft, version: Version) -> Result<String, VcardFault> {
    build::build(draft, version)
}

#[cfg(test)]
mod tests;
