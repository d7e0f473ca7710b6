//! `/v1/mail-imports`: the manifest of a batch, its results, and the check by keys.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::{LinkedRecord, MailVerdict, OnUnmatched, RecordLink};
use crate::model::{AttachmentSource, BatchKey, Digest, Direction, Fingerprint, ItemKey, Protection, RunId};

/// The JSON part of a batch. Texts are borrowed, because a batch may hold many MiB of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// The run the batch belongs to: part of the origin mark (R34).
    pub run: RunId,
    /// 1 to 150 mails.
    pub items: Vec<ManifestItem<'a>>,
}

/// One mail of a batch, apart from its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestItem<'a> {
    /// Names the item within this batch; the result bears it.
    pub client_id: String,
    /// Authoritative for idempotency, for each employee.
    pub item_key: ItemKey,
    /// Name of the multipart part with the bytes.
    pub part: String,
    /// Length of the bytes.
    pub size: u64,
    /// SHA-256 of the bytes in that part.
    pub raw_digest: Digest,
    /// Identity across copies, servers and employees.
    pub fingerprint: Fingerprint,
    /// Normalised Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Message-IDs this mail answers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_reply_to: Vec<String>,
    /// Message-IDs of the thread, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// `Date` header, RFC 3339 with its own offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<DateTime<FixedOffset>>,
    /// Decoded subject.
    #[serde(default)]
    pub subject: Cow<'a, str>,
    /// `From`.
    #[serde(default)]
    pub from: Vec<ManifestAddress>,
    /// `To`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<ManifestAddress>,
    /// `Cc`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<ManifestAddress>,
    /// `Bcc`, in sent copies only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<ManifestAddress>,
    /// Text to show and to search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ManifestBody<'a>>,
    /// HTML, sanitised by the agent. A CRM sanitises it again before it shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<ManifestBody<'a>>,
    /// Attachments in order of appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<ManifestAttachment>,
    /// Signed or encrypted.
    #[serde(default)]
    pub protection: Protection,
    /// Activity type it becomes.
    #[serde(rename = "type")]
    pub activity_type: String,
    /// Status key.
    pub status: String,
    /// Mailbox it came from.
    pub folder: String,
    /// Which way it went.
    pub direction: Direction,
    /// Addresses outside of the organisation, lower case: those to match.
    pub external_addresses: Vec<String>,
    /// What to do when no address is known (C12).
    pub on_unmatched: OnUnmatched,
}

/// A mailbox of RFC 5322: display name and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestAddress {
    /// Decoded display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `local@domain`.
    pub address: String,
}

/// Decoded text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestBody<'a> {
    /// UTF-8, `\n` line ends.
    pub content: Cow<'a, str>,
    /// It goes on in the original bytes.
    #[serde(default)]
    pub truncated: bool,
}

/// An attachment as the agent read it. Its bytes are in the original mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestAttachment {
    /// Position, from 0.
    pub index: usize,
    /// File name as the sender wrote it: never a path to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type.
    pub content_type: String,
    /// Length of the decoded content.
    pub size: u64,
    /// SHA-256 of the decoded content.
    pub digest: Digest,
    /// Shown inside the HTML.
    #[serde(default)]
    pub inline: bool,
    /// Where in the mail its bytes are.
    pub source: AttachmentSource,
    /// Document category (R35).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Document keyword (R35).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
}

/// Answer to a processed batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// The `Idempotency-Key` of the batch.
    pub key: BatchKey,
    /// Exactly one result per client id.
    pub results: Vec<ImportResult>,
}

/// Result of one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    /// The item within the batch.
    pub client_id: String,
    /// Its item key, repeated.
    pub item_key: ItemKey,
    /// What became of it.
    pub verdict: MailVerdict,
    /// Given before, to an earlier request with this item key.
    #[serde(default)]
    pub replayed: bool,
    /// The record, with `created`, `duplicate` and `merged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordLink>,
    /// What it was linked to.
    #[serde(default)]
    pub linked: Vec<LinkedRecord>,
    /// Folder of the customer, relative to the web folder (R37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_folder: Option<String>,
    /// Why, with `skipped`, `rejected` and `retry`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What identifies a mail without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityDocument {
    /// Item key.
    pub item_key: ItemKey,
    /// Fingerprint.
    pub fingerprint: Fingerprint,
    /// Normalised Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// SHA-256 of the bytes.
    pub raw_digest: Digest,
}

/// `POST /v1/mail-imports/check`: keys only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    /// 1 to 1000 mails.
    pub items: Vec<IdentityDocument>,
}

/// Advice, never authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// In the order asked.
    pub results: Vec<CheckAnswerItem>,
}

/// Advice on one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswerItem {
    /// Item key.
    pub item_key: ItemKey,
    /// The advice.
    pub verdict: CheckVerdictName,
    /// The record, with `have`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordLink>,
    /// Why, with `refused`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckVerdictName {
    /// Send it.
    Needed,
    /// The CRM has it for this employee.
    Have,
    /// The CRM would refuse it.
    Refused,
}
