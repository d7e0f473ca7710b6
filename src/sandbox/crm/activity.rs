//! A mail as an activity: what is kept of it.

use serde::{Deserialize, Serialize};

use crate::crm::contract::{LinkedRecord, ManifestAddress, ManifestAttachment, Origin};
use crate::model::{Digest, Direction, Fingerprint, ItemKey};

/// An activity as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredActivity {
    /// Consecutive number.
    pub number: u64,
    /// Rises with every change.
    pub version: u32,
    /// Activity type.
    pub activity_type: String,
    /// Status key.
    pub status: String,
    /// Subject.
    pub subject: String,
    /// `Date` header, RFC 3339.
    pub date: Option<String>,
    /// Which way the mail went.
    pub direction: Direction,
    /// `From`.
    pub from: Vec<ManifestAddress>,
    /// `To` and `Cc`.
    pub to: Vec<ManifestAddress>,
    /// Message-ID.
    pub message_id: Option<String>,
    /// Identity of the mail.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the kept bytes.
    pub raw_digest: Digest,
    /// Segment file, offset and length of the kept bytes.
    pub raw: (String, u64, u64),
    /// External addresses of the mail.
    pub external: Vec<String>,
    /// What it is linked to.
    pub linked: Vec<LinkedRecord>,
    /// Folder of the customer.
    pub customer_folder: Option<String>,
    /// Attachments.
    pub attachments: Vec<ManifestAttachment>,
    /// Who imported it, the first one first.
    pub owners: Vec<Owner>,
}

impl StoredActivity {
    /// The record id: `A` and the number.
    #[must_use]
    pub fn id(&self) -> String {
        format!("A{:06}", self.number)
    }
}

/// An employee who imported an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Employee id.
    pub employee: String,
    /// Item key.
    pub item_key: ItemKey,
    /// Mailbox the mail was in.
    pub folder: String,
    /// The immutable origin mark.
    pub origin: Origin,
}

/// Text and HTML of an activity, kept apart because lists do not need them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredContent {
    pub(super) text: String,
    pub(super) html: Option<String>,
}
