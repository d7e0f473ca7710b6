//! What the engine asks of a CRM, whatever its protocol.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{BatchKey, CrmSettings, Digest, Direction, Fingerprint, Instant, ItemKey, Mail, RawMail, RunId};

use super::{ContactRules, CrmError, RecordKind};

/// A CRM with the signed-in employee's rights.
pub trait Crm: Send + Sync {
    /// What the CRM offers.
    fn capabilities(&self) -> impl Future<Output = Result<Capabilities, CrmError>> + Send;

    /// The signed-in employee and the settings that concern him. [`CrmError::NotOffered`] without the profile `settings`.
    fn settings(&self) -> impl Future<Output = Result<CrmSettings, CrmError>> + Send;

    /// Mirrors "groupware password locked" to the employee's record.
    fn mirror_lock(&self, locked: bool) -> impl Future<Output = Result<(), CrmError>> + Send;

    /// Advice which mails need to be sent, in the order asked. Never authority.
    fn check_mails(&self, mails: &[MailIdentity]) -> impl Future<Output = Result<Vec<CheckVerdict>, CrmError>> + Send;

    /// Posts a batch of 1 to 150 mails. An `Ok` holds exactly one result per item, in the order of the batch; the CRM has committed them.
    fn import_mails(&self, batch: &MailBatch) -> impl Future<Output = Result<BatchAnswer, CrmError>> + Send;

    /// The answer to a batch that was posted before; `None` when the CRM never processed it.
    fn batch_answer(&self, key: &BatchKey) -> impl Future<Output = Result<Option<BatchAnswer>, CrmError>> + Send;

    /// Activities by origin: the quick searches (R34).
    fn activities(&self, query: &ActivityQuery) -> impl Future<Output = Result<Vec<ActivitySummary>, CrmError>> + Send;

    /// Which of these mails the CRM does not have: proves that nothing was lost.
    fn missing_mails(&self, mails: &[MailIdentity]) -> impl Future<Output = Result<Vec<ItemKey>, CrmError>> + Send;
}

/// Groups of endpoints a CRM may implement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are those of the contract")]
pub enum Profile {
    Mail,
    Activities,
    Contacts,
    Settings,
    Events,
    Audit,
}

/// What a CRM offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Name and version of the CRM, for people.
    pub product: String,
    /// Version of the contract it implements, `1.0` or later.
    pub contract: String,
    /// Implemented profiles.
    pub profiles: Vec<Profile>,
    /// Bounds of a batch.
    pub limits: Limits,
    /// Activity types that received and sent mails become.
    pub mail_types: MailTypes,
    /// Activity types.
    pub activity_types: Vec<ActivityTypeInfo>,
    /// The CRM takes a series whole, with its exceptions; else its occurrences go one by one.
    pub series_taken: bool,
    /// Status keys with their names; the key `I` stands for "imported".
    pub statuses: Vec<StatusKey>,
    /// Document categories for attachments (R35); empty when the step is switched off (R36).
    pub document_categories: Vec<String>,
    /// Document keywords for attachments (R35).
    pub document_keywords: Vec<String>,
    /// The CRM takes zstd-compressed requests.
    pub accepts_zstd: bool,
    /// The CRM takes gzip-compressed requests.
    pub accepts_gzip: bool,
    /// Address of an activity's page with `{id}` in it, if there is one.
    pub activity_link: Option<String>,
    /// What it asks of contacts.
    pub contacts: ContactRules,
    /// The CRM's clock, to show a skew; never to judge a change.
    pub server_time: Option<Instant>,
}

/// An activity type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTypeInfo {
    /// Its key.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Names in the contract of the fields that must not be empty.
    pub mandatory: Vec<String>,
    /// What such an activity is to the groupware; [`RecordKind::Other`] for a type that goes there only when the user sends it.
    pub kind: RecordKind,
    /// New activities of this type are made; the legacy type follow-up is kept, not made (R69).
    pub selectable: bool,
}

/// Bounds the CRM sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Mails in a batch, at most 150.
    pub max_items: usize,
    /// Bytes of a request, uncompressed.
    pub max_bytes: u64,
    /// Bytes of one mail.
    pub max_item_bytes: u64,
    /// Requests at the same time.
    pub parallelism: usize,
}

/// Activity types of imported mails (C1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTypes {
    /// Type of a received mail, `MAILIN` by default.
    pub received: String,
    /// Type of a sent mail; the same as `received` where the CRM has none of its own.
    pub sent: String,
}

/// A status of activities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusKey {
    /// The key that stands in brackets in a folder's name.
    pub key: String,
    /// Its name for people.
    pub name: String,
}

/// What identifies a mail without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailIdentity {
    /// Item key.
    pub key: ItemKey,
    /// Fingerprint.
    pub fingerprint: Fingerprint,
    /// Normalised Message-ID.
    pub message_id: Option<String>,
    /// SHA-256 of the bytes.
    pub raw_digest: Digest,
}

/// Advice on one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Send it.
    Needed,
    /// The CRM has it for this employee, as this record.
    Have(RecordLink),
    /// The CRM would refuse it, for this reason.
    Refused(String),
}

/// A batch of mails on its way to the CRM. Its content never changes under the same key.
#[derive(Debug, Clone)]
pub struct MailBatch {
    /// The `Idempotency-Key`.
    pub key: BatchKey,
    /// The run it belongs to: part of the origin mark (R34).
    pub run: RunId,
    /// 1 to 150 mails.
    pub items: Vec<MailImport>,
    manifest: WrittenManifest,
}

impl MailBatch {
    /// A batch of 1 to 150 mails.
    #[must_use]
    pub fn new(key: BatchKey, run: RunId, items: Vec<MailImport>) -> Self {
        Self { key, run, items, manifest: WrittenManifest::default() }
    }

    /// The batch's manifest, written by `write` when it is asked for first: it is hashed, sent, and perhaps sent again.
    pub(super) fn manifest<E>(&self, write: impl FnOnce(&Self) -> Result<Vec<u8>, E>) -> Result<Bytes, E> {
        if let Some(written) = self.manifest.0.get() {
            return Ok(written.clone());
        }
        let written = Bytes::from(write(self)?);
        Ok(self.manifest.0.get_or_init(|| written).clone())
    }
}

/// What was written of a batch. A clone has none, because it may become another batch.
#[derive(Debug, Default)]
struct WrittenManifest(OnceLock<Bytes>);

impl Clone for WrittenManifest {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// One mail on its way to the CRM.
#[derive(Debug, Clone)]
pub struct MailImport {
    /// Authoritative for idempotency.
    pub key: ItemKey,
    /// What was read of it, already reduced to what may leave the machine.
    pub mail: Arc<Mail>,
    /// The bytes to send: the original, or reduced (header-only, no body, no attachments).
    pub raw: RawMail,
    /// Activity type.
    pub activity_type: String,
    /// Status key (`I`, or the folder's).
    pub status: String,
    /// Mailbox it came from.
    pub folder: String,
    /// Which way it went.
    pub direction: Direction,
    /// Addresses outside of the organisation, lower case, in order of the headers: those to match.
    pub external: Vec<String>,
    /// What the CRM shall do when no address is known.
    pub on_unmatched: OnUnmatched,
    /// Document category and keyword by attachment index (R35).
    pub filings: BTreeMap<usize, AttachmentFiling>,
}

/// Category and keyword of an attachment (R35).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentFiling {
    /// Document category.
    pub category: Option<String>,
    /// Document keyword.
    pub keyword: Option<String>,
}

/// What the CRM shall do with a mail of which it knows no address (C12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnmatched {
    /// Store it unassigned, after the domain search.
    Store,
    /// Store nothing and answer `unmatched`.
    Refuse,
}

/// Answer to a batch: one result per item, in the order of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchAnswer {
    /// The results with the item keys they belong to.
    pub results: Vec<ItemResult>,
}

/// Result of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResult {
    /// The item.
    pub key: ItemKey,
    /// What became of it.
    pub verdict: MailVerdict,
    /// The record, when there is one.
    pub record: Option<RecordLink>,
    /// What it was linked to: contact persons, business partners.
    pub linked: Vec<LinkedRecord>,
    /// Folder of the customer for attachments (R37), relative to the web folder.
    pub customer_folder: Option<String>,
    /// The CRM's words, for `skipped`, `rejected` and `retry`.
    pub reason: String,
    /// The result was given before, to an earlier request with this item key.
    pub replayed: bool,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailVerdict {
    /// A new activity.
    Created,
    /// The employee had it already.
    Duplicate,
    /// Another employee had it; this one joined.
    Merged,
    /// No address is known; nothing was stored.
    Unmatched,
    /// Skipped by a rule of the CRM.
    Skipped,
    /// Refused for good.
    Rejected,
    /// Not now.
    Retry,
}

/// A record of the CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLink {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A record something was linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedRecord {
    /// `contact` or `business-partner`, or what else the CRM names.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// A quick search over imported activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Only this run.
    pub run: Option<RunId>,
    /// Only those imported at or after this instant.
    pub imported_since: Option<Instant>,
    /// Only unassigned ones.
    pub unassigned: bool,
    /// Only those an agent brought (`true`) or made in the CRM (`false`).
    pub from_agent: Option<bool>,
    /// Only those of this day: when the mail was sent, the appointment starts or the task is due, as written.
    pub day: Option<chrono::NaiveDate>,
    /// Only this activity type.
    pub activity_type: Option<String>,
    /// Only those whose subject contains this, in any case.
    pub text: Option<String>,
    /// At most so many, newest first.
    pub limit: usize,
}

/// One activity in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivitySummary {
    /// Record id.
    pub id: String,
    /// Activity type.
    #[serde(rename = "type")]
    pub activity_type: String,
    /// Status key.
    pub status: String,
    /// Subject.
    pub subject: String,
    /// When the mail was sent.
    pub date: Option<String>,
    /// When it was imported.
    pub imported_at: Option<Instant>,
    /// What it is linked to.
    pub linked: Vec<LinkedRecord>,
    /// Address of its page.
    pub link: Option<String>,
}

impl Limits {
    /// Bounds assumed of a CRM that states none.
    pub const DEFAULT: Self = Self { max_items: 150, max_bytes: 64 * 1024 * 1024, max_item_bytes: 64 * 1024 * 1024, parallelism: 1 };

    /// How long a request of so many bytes may take before it counts as lost.
    #[must_use]
    pub const fn request_timeout(bytes: u64) -> Duration {
        Duration::from_secs(60 + bytes / (64 * 1024))
    }
}
