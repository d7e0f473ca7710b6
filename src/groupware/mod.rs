//! The groupware: port traits that know nothing of a protocol's wire, their adapters, and the formats.
//!
//! - [`MailStore`]: mailboxes, selection, bodies, marks, moves. Adapter: [`imap`].
//! - [`ItemStore`]: collections of appointments, tasks and contacts, changes by cursor, conditional writes. Adapter: [`dav`].
//! - Formats: [`mime`], [`ical`], [`vcard`] and what they stand on: [`lines`], [`zones`].

pub mod dav;
mod error;
pub mod ical;
pub mod imap;
mod item_store;
pub mod lines;
mod link;
mod login_gate;
mod login_secret;
mod mail_store;
pub mod mime;
mod sign_in;
mod tls;
mod traffic;
pub mod vcard;
pub mod zones;

pub use error::{GroupwareError, LoginRefusal, TlsFault};
pub use item_store::{
    Collection, CollectionId, CrmLink, Delta, Draft, DraftPart, Fetched, Item, ItemConnector, ItemId, ItemRef, ItemStore,
    ItemStoreFeatures, Part, PartEdit, Removed, StoredItem, Written,
};
pub use login_gate::LoginGate;
pub use login_secret::LoginSecret;
pub use mail_store::{
    Access, Copied, FetchedMail, Known, MailConnector, MailStore, MailStoreFeatures, MailTraits, Mailbox, MailboxStatus, Moved, Query,
    Selected, SpecialUse, UidSet, Wakeup,
};
use sign_in::{rejected_twice, sign_in_failed};
pub use traffic::{Traffic, TrafficSnapshot};
