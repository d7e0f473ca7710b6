//! The CRM: the port, the published HTTP contract ([`contract`]) and its adapter ([`http`]).

mod contacts;
pub mod contract;
mod error;
pub mod http;
mod port;
mod records;

pub use error::CrmError;
pub use port::{
    ActivityQuery, ActivitySummary, ActivityTypeInfo, AttachmentFiling, BatchAnswer, Capabilities, CheckVerdict, Crm, ItemResult, Limits,
    LinkedRecord, MailBatch, MailIdentity, MailImport, MailTypes, MailVerdict, OnUnmatched, Profile, RecordLink, StatusKey,
};

pub use contacts::{
    Candidate, ContactFacts, ContactGroup, ContactPage, ContactQuery, ContactRules, CrmContacts, MAX_PHOTO, MatchAnswer, MatchQuery,
    MatchedBy, Partner, PartnerName, PartnerQuery, Switch,
};

pub use records::{
    ChangePage, CrmHint, CrmRecords, MainLink, RecordAction, RecordChange, RecordKind, RecordOrigin, RecordState, RecordView, RecordWrite,
    WriteResult, WriteVerdict,
};

pub use crate::model::{CrmSettings, KeyedSetting, SettingLevel};
