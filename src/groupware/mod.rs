//! The groupware: port traits that know nothing of a protocol's wire, their adapters, and the formats.
//!
//! - [`MailStore`]: mailboxes, selection, bodies, marks, moves. Adapter: [`imap`].
//! - Formats: [`mime`].

mod error;
pub mod imap;
mod mail_store;
pub mod mime;

pub use error::{GroupwareError, LoginRefusal, TlsFault};
pub use mail_store::{
    Access, Copied, FetchedMail, Known, MailConnector, MailStore, MailStoreFeatures, MailTraits, Mailbox, MailboxStatus, Moved, Query,
    Selected, SpecialUse, UidSet, Wakeup,
};
