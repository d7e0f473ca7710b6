//! Plain data that every room speaks. No I/O but the bytes of a [`RawMail`], which may lie in a spool file.

mod area;
pub mod contact;
mod crm_settings;
pub mod dialling;
mod digest;
mod fields;
pub mod folding;
mod ids;
mod mail;
mod operation;
mod raw_mail;
mod reason;
mod values;

pub use area::Area;
pub use crm_settings::{CrmSettings, KeyedSetting, SettingLevel};
pub use digest::{Digest, Fingerprint};
pub use fields::{Field, FieldChanges, Fields};
pub use ids::{AccountId, BatchKey, ItemKey, OpId, RunId};
pub use mail::{Attachment, AttachmentSource, Body, Direction, Mail, MailAddress, Protection, Sensitivity};
pub use operation::{Action, Intent, ItemEdit, MailLocation, MailboxName, Operation};
pub use raw_mail::{RawMail, RawMailReader, RawMailWriter, SPOOL_THRESHOLD};
pub use reason::{Reason, ReasonCode};
pub use values::{Moment, Note, Person, Recurrence, Slot, Value};

/// An instant. Always UTC; local time and zone travel beside it where they matter.
pub type Instant = chrono::DateTime<chrono::Utc>;
