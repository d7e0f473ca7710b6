//! The one model of writes that every area shares: a decided [`Operation`], and the [`Intent`] it becomes on disk before it is sent.

use serde::{Deserialize, Serialize};

use super::{AccountId, Area, FieldChanges, Fields, Instant, ItemKey, Moment, OpId, RunId};

/// A mailbox (folder) name as the user sees it: decoded from modified UTF-7, with the server's own separator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailboxName(pub String);

impl std::fmt::Display for MailboxName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for MailboxName {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Where a mail lies on an IMAP server. Valid only while the mailbox keeps its UIDVALIDITY (RFC 9051 §2.3.1.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailLocation {
    /// The account.
    pub account: AccountId,
    /// The mailbox.
    pub mailbox: MailboxName,
    /// UIDVALIDITY of the mailbox when the UID was seen.
    pub uid_validity: u32,
    /// The UID.
    pub uid: u32,
}

/// One write that a run has decided on. Decided purely, printed by a dry run, journalled as an [`Intent`] before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Identity of the write: the same for every attempt.
    pub id: OpId,
    /// The area it belongs to.
    pub area: Area,
    /// The groupware account it concerns.
    pub account: AccountId,
    /// The item it concerns.
    pub item: ItemKey,
    /// What is written, and where.
    pub action: Action,
}

/// What an operation writes, apart from the posting of mails: that goes in batches, and a batch's intent is the journal's `PendingBatch`.
/// Later areas add theirs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Mark a mail and, if asked, move it. After a crash the mailbox is looked at first.
    PlaceMail {
        /// Where the mail lies.
        location: MailLocation,
        /// Keywords to set.
        add: Vec<String>,
        /// Keywords to clear.
        remove: Vec<String>,
        /// Mailbox to move it to, after the keywords.
        move_to: Option<MailboxName>,
        /// Normalised Message-ID, by which a copy is found again on servers without MOVE.
        message_id: Option<String>,
        /// Size in bytes as the server stated it, the second trait by which a copy is found again.
        size: u64,
        /// `UIDNEXT` of the target before the first COPY was sent; set only where the server lacks MOVE. A copy can only be at or above it.
        target_uid_next: Option<u32>,
    },
    /// Create an item in the groupware. After a crash it is found by its UID.
    CreateItem {
        /// The collection.
        collection: String,
        /// Its create identity.
        create_id: String,
        /// The CRM records it is made of.
        records: Vec<String>,
    },
    /// Edit an item in place. After a crash it is read and compared.
    EditItem {
        /// The collection.
        collection: String,
        /// The item.
        item: String,
        /// Only if it has this version.
        version: Option<String>,
        /// What changes, by component.
        edits: Vec<ItemEdit>,
    },
    /// Remove an item. After a crash it is asked for.
    RemoveItem {
        /// The collection.
        collection: String,
        /// The item.
        item: String,
        /// Only if it has this version.
        version: Option<String>,
    },
    /// Create a record in the CRM. After a crash it is sent again under the same id, or joined by its UID.
    CreateRecord {
        /// Type.
        activity_type: String,
        /// What it says.
        fields: Fields,
    },
    /// Change a record in the CRM. After a crash it is read and compared.
    UpdateRecord {
        /// The record.
        record: String,
        /// Only if it has this version.
        if_version: String,
        /// The type it becomes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activity_type: Option<String>,
        /// It is bound to the item by this write.
        bind: bool,
        /// The fields.
        changes: FieldChanges,
    },
}

/// What an edit changes in one component of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemEdit {
    /// The component or occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence_id: Option<Moment>,
    /// The occurrence is taken out of its series.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub excluded: bool,
    /// The record it is linked to by this edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The fields.
    #[serde(default, skip_serializing_if = "FieldChanges::is_empty")]
    pub changes: FieldChanges,
}

/// An operation on disk. It is removed in the same transaction that records its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is to be written.
    pub operation: Operation,
    /// The run that decided it.
    pub run: RunId,
    /// When it was decided.
    pub decided_at: Instant,
}
