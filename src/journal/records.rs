//! What stands in the journal's tables. Values are JSON, so that an export is readable and a migration can see what it migrates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ItemPlace;
use crate::crm::{LinkedRecord, MailVerdict, RecordLink};
use crate::model::{AccountId, Area, BatchKey, Digest, Instant, Intent, ItemKey, MailLocation, MailboxName, Reason, RunId};

/// A mail with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledMail {
    /// What the CRM made of it. Never `Retry`.
    pub verdict: MailVerdict,
    /// The CRM's record, if there is one.
    pub record: Option<RecordLink>,
    /// What it was linked to.
    pub linked: Vec<LinkedRecord>,
    /// Folder of the customer for attachments, relative to the web folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_folder: Option<String>,
    /// Normalised Message-ID.
    pub message_id: Option<String>,
    /// SHA-256 of the original bytes.
    pub raw_digest: Digest,
    /// Subject, for the user's own lists.
    pub subject: String,
    /// `Date` header, RFC 3339.
    pub date: Option<String>,
    /// Mailbox it was imported from.
    pub mailbox: MailboxName,
    /// The run that settled it.
    pub run: RunId,
    /// When.
    pub settled_at: Instant,
}

/// What is known of a UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// The mail's key; `None` when it was never read (for example too large).
    pub key: Option<ItemKey>,
    /// Why it needs no fetch.
    pub state: LocatedState,
}

/// Why a UID needs no fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LocatedState {
    /// It is imported, and placed as far as it will be.
    Done,
    /// A rule of the settings left it out; looked at again when `rules` (a digest of those settings) differs.
    LeftOut {
        /// Which rule.
        reason: Reason,
        /// Digest of the settings that decided it.
        rules: String,
    },
    /// It is parked under this id; looked at again when that entry is due.
    Parked {
        /// Id of the parked entry.
        id: String,
    },
}

/// How far a collection has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cursor {
    /// An IMAP mailbox: everything below `uid_next` as of `highest_modseq` is settled.
    Mailbox {
        /// UIDVALIDITY.
        uid_validity: u32,
        /// UIDNEXT.
        uid_next: u32,
        /// HIGHESTMODSEQ, where there is one.
        highest_modseq: Option<u64>,
        /// Digest of the settings under which it was read: other rules, other selection.
        rules: String,
    },
    /// A token that only its server understands (sync-token, CTag, CRM cursor).
    Opaque {
        /// The token.
        token: String,
    },
    /// A collection of items, or the CRM's changes (collection `crm`).
    Items {
        /// The delta token; `None` where the server has none, so that listings are compared.
        token: Option<String>,
        /// State token of the collection: equal means nothing moved.
        state: Option<String>,
        /// Digest of the settings under which it was read: other rules, another look at everything.
        rules: String,
    },
}

/// A batch that is about to be posted or whose answer is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingBatch {
    /// Its idempotency key.
    pub key: BatchKey,
    /// The groupware account.
    pub account: AccountId,
    /// The run.
    pub run: RunId,
    /// SHA-256 of the manifest: the payload under this key never changes.
    pub manifest: Digest,
    /// Its members in order, with where each lies and what the journal needs to settle it.
    pub members: Vec<(MailLocation, ItemKey, SettledMail)>,
    /// When it was put together.
    pub created_at: Instant,
}

/// An item that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Id within its area and account: the item key, or the location where the item could not be read, or `folder:NAME`.
    pub id: String,
    /// Area.
    pub area: Area,
    /// Account.
    pub account: AccountId,
    /// Title for people: subject, or the folder's name.
    pub title: String,
    /// Date of the item, RFC 3339.
    pub date: Option<String>,
    /// Why it waits.
    pub reason: Reason,
    /// Since when.
    pub since: Instant,
    /// Attempts so far.
    pub tries: u32,
    /// Next attempt; `None` when it waits for the user.
    pub next_try: Option<Instant>,
    /// Where the mail lies.
    pub location: Option<MailLocation>,
    /// Normalised Message-ID.
    pub message_id: Option<String>,
    /// Unknown external addresses of the mail (R29).
    pub addresses: Vec<String>,
    /// Where the item lies, in the areas of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemPlace>,
    /// The CRM's record, in the areas of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// One pass over areas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The account it ran for.
    pub account: AccountId,
    /// When it began.
    pub started_at: Instant,
    /// When it ended; `None` while it runs, or when it was killed.
    pub ended_at: Option<Instant>,
    /// How it ended.
    pub end: RunEnd,
    /// What it did in each area.
    pub areas: BTreeMap<Area, AreaCount>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum RunEnd {
    /// It has not.
    Running,
    /// All was dealt with.
    Completed,
    /// The user stopped it at a batch border, or did not ask for more.
    Cancelled,
    /// Something stopped it.
    Stopped {
        /// What, in plain words.
        cause: String,
    },
}

/// What a run did in one area (R53).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaCount {
    /// Items looked at.
    pub count: u64,
    /// Items changed on either side: imported, joined, updated.
    pub changed: u64,
    /// Items that failed or were parked.
    pub errors: u64,
    /// Items known to be left for another batch.
    pub left: u64,
}

/// What a run did with one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunItem {
    /// Area.
    pub area: Area,
    /// Item key, where known.
    pub key: Option<ItemKey>,
    /// Title for people.
    pub title: String,
    /// Date of the item, RFC 3339.
    pub date: Option<String>,
    /// Mailbox or collection.
    pub collection: String,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Why, unless it simply succeeded.
    pub reason: Option<Reason>,
    /// The CRM's record.
    pub record: Option<RecordLink>,
    /// Normalised Message-ID of a mail.
    pub message_id: Option<String>,
}

/// What became of an item in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemOutcome {
    /// New in the CRM.
    Imported,
    /// In the CRM by a colleague; this employee joined.
    Joined,
    /// Was there already.
    AlreadyThere,
    /// Left out by a rule.
    LeftOut,
    /// No address is known to the CRM.
    NotFound,
    /// Waits for the user or a later try.
    Parked,
    /// Changed on one side or both.
    Updated,
    /// New in the groupware.
    Exported,
    /// Removed from the groupware, or its pair ended.
    Removed,
    /// The link to its record was written into it.
    Linked,
}

/// The state of something before a write, for history and undo (X8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The write, with its run.
    pub intent: Intent,
    /// When it succeeded.
    pub at: Instant,
    /// What stood there before; format by area.
    pub before: String,
}

/// The user's agreement to writes (R55).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// When it was given.
    pub at: Instant,
    /// How: `prompt`, `--yes` or `configuration`.
    pub how: String,
    /// What was shown.
    pub shown: String,
}

/// "Groupware password locked" (R63).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Since when.
    pub since: Instant,
    /// The server's words.
    pub cause: String,
    /// The CRM has it too.
    pub mirrored: bool,
    /// It is of a sign-in by OAuth 2: signing in anew clears it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
}
