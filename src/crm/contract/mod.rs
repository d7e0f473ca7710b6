//! The published HTTP contract, version 1: its documents and its OpenAPI text.
//!
//! A document type a file, the same type for both directions: the adapter writes requests and reads answers with them, the sandbox
//! the other way round. Readers ignore fields they do not know; [`schema`] judges documents by the published text.

mod activities;
mod addresses;
mod audit;
mod capabilities;
mod contacts;
mod fields;
mod items;
mod mail_imports;
mod moments;
pub mod openapi;
mod problem;
mod records;
pub mod schema;
mod settings;

pub use activities::{ActivityDocument, ActivityPage, Origin};
pub use addresses::{AddressMatch, ResolveAnswer, ResolveRequest};
pub use audit::{AuditAnswer, AuditRequest};
pub use capabilities::{ActivityType, CapabilitiesDocument, LimitsDocument, Links, MailTypesDocument, StatusDocument};
pub use contacts::{
    AddressWrite, CandidateDocument, ContactPageDocument, ContactRulesDocument, GroupList, MAX_CANDIDATES, MAX_QUERIES,
    MatchAnswerDocument, MatchRequest, MatchResultDocument, PartnerPage, SwitchWrite,
};
pub use fields::{FieldFault, FieldsDocument, field_name, field_named};
pub use items::{
    ChangeDocument, ChangesDocument, ItemAction, ItemBatch, ItemBatchAnswer, ItemDocument, ItemOrigin, ItemResultDocument, ItemVerdict,
    ItemWriteDocument, kind_name, kind_named,
};
pub use mail_imports::{
    CheckAnswer, CheckAnswerItem, CheckRequest, CheckVerdictName, IdentityDocument, ImportAnswer, ImportResult, Manifest, ManifestAddress,
    ManifestAttachment, ManifestBody, ManifestItem,
};
pub use moments::MomentDocument;
pub use problem::{Problem, ProblemKind};
pub use records::RecordList;
pub use settings::{EmployeeDocument, SettingDocument, SettingsDocument, SettingsPatch};

pub use super::port::{LinkedRecord, MailVerdict, OnUnmatched, Profile, RecordLink};
pub use crate::model::SettingLevel;

/// Version of the contract this crate publishes and speaks.
pub const CONTRACT_VERSION: &str = "1.2";

/// Media type of error answers (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Request header that names a batch.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Name of the multipart part that holds the manifest. It stands before the mails.
pub const MANIFEST_PART: &str = "manifest";

/// Most mails in a batch (R23, C16).
pub const MAX_ITEMS: usize = 150;

/// Most keys in one `check` or `audit` request.
pub const MAX_KEYS: usize = 1000;
