//! The groupware: port traits that know nothing of a protocol's wire, their adapters, and the formats.
//!
//! - [`MailStore`]: mailboxes, selection, bodies, marks, moves. Adapter: [`imap`].
//! - [`ItemStore`]: collections of appointments, tasks and contacts, changes by cursor, conditional writes.
//! - Formats: [`mime`].

mod error;
pub mod imap;
mod item_store;
mod mail_store;
pub mod mime;

pub use error::{GroupwareError, LoginRefusal, TlsFault};
pub use item_store::{
    Collection, CollectionId, CrmLink, Delta, Draft, DraftPart, Fetched, Item, ItemConnector, ItemId, ItemRef, ItemStore,
    ItemStoreFeatures, Part, PartEdit, Removed, StoredItem, Written,
};
pub use mail_store::{
    Access, Copied, FetchedMail, Known, MailConnector, MailStore, MailStoreFeatures, MailTraits, Mailbox, MailboxStatus, Moved, Query,
    Selected, SpecialUse, UidSet, Wakeup,
};
