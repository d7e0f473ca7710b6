//! `GET /v1/capabilities`: what a CRM offers.

use serde::{Deserialize, Serialize};

use super::{CONTRACT_VERSION, ContactRulesDocument, MAX_ITEMS};

/// What a CRM offers. Only `product`, `contract` and `profiles` must be stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilitiesDocument {
    /// Name and version of the CRM, for people.
    pub product: String,
    /// Version of the contract.
    pub contract: String,
    /// Names of the implemented profiles; later versions may add some.
    pub profiles: Vec<String>,
    /// Bounds of a batch.
    #[serde(default)]
    pub limits: LimitsDocument,
    /// Activity types with their mandatory fields.
    #[serde(default)]
    pub activity_types: Vec<ActivityType>,
    /// Which types mails become.
    #[serde(default)]
    pub mail_types: MailTypesDocument,
    /// Status keys.
    #[serde(default)]
    pub statuses: Vec<StatusDocument>,
    /// Document categories for attachments.
    #[serde(default)]
    pub document_categories: Vec<String>,
    /// Document keywords for attachments.
    #[serde(default)]
    pub document_keywords: Vec<String>,
    /// Content codings taken in requests: `zstd`, `gzip`.
    #[serde(default)]
    pub compression: Vec<String>,
    /// Templates of deep links.
    #[serde(default)]
    pub links: Links,
    /// The CRM takes recurring appointments as series.
    #[serde(default)]
    pub series: bool,
    /// The CRM has the legacy type "follow-up".
    #[serde(default)]
    pub follow_ups: bool,
    /// What the CRM asks of contacts; for the profile `contacts`.
    #[serde(default)]
    pub contacts: ContactRulesDocument,
    /// The CRM's clock, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<chrono::DateTime<chrono::Utc>>,
}

impl Default for CapabilitiesDocument {
    fn default() -> Self {
        Self {
            product: String::new(),
            contract: CONTRACT_VERSION.to_owned(),
            profiles: vec!["mail".to_owned()],
            limits: LimitsDocument::default(),
            activity_types: Vec::new(),
            mail_types: MailTypesDocument::default(),
            statuses: Vec::new(),
            document_categories: Vec::new(),
            document_keywords: Vec::new(),
            compression: Vec::new(),
            links: Links::default(),
            series: false,
            follow_ups: false,
            contacts: ContactRulesDocument::default(),
            server_time: None,
        }
    }
}

/// Bounds of a batch. What is absent has the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitsDocument {
    /// Mails in a batch.
    pub max_items: usize,
    /// Bytes of a request, uncompressed.
    pub max_bytes: u64,
    /// Bytes of one mail.
    pub max_item_bytes: u64,
    /// Requests at the same time.
    pub parallelism: usize,
}

impl Default for LimitsDocument {
    fn default() -> Self {
        let default = crate::crm::Limits::DEFAULT;
        Self {
            max_items: MAX_ITEMS,
            max_bytes: default.max_bytes,
            max_item_bytes: default.max_item_bytes,
            parallelism: default.parallelism,
        }
    }
}

/// An activity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityType {
    /// Its key.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Fields that must not be empty.
    #[serde(default)]
    pub mandatory: Vec<String>,
    /// What such an activity is to the groupware: `appointment` or `task` for native types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// New activities of this type are made; follow-ups are not (R69).
    #[serde(default = "yes")]
    pub selectable: bool,
}

const fn yes() -> bool {
    true
}

/// Types of imported mails (C1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailTypesDocument {
    /// Type of a received mail.
    pub received: String,
    /// Type of a sent mail; absent where it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
}

impl Default for MailTypesDocument {
    fn default() -> Self {
        Self { received: "MAILIN".to_owned(), sent: None }
    }
}

/// A status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDocument {
    /// The key in brackets of a folder's name (R15).
    pub key: String,
    /// Its name for people.
    pub name: String,
}

/// Templates of deep links, with `{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Links {
    /// Page of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// Page of a contact person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Page of a business partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_partner: Option<String>,
}
