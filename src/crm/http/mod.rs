//! The HTTP adapter to a CRM that implements the published contract.
//!
//! It never retries by itself: every failure is typed, and the engine decides. After [`CrmError::Offline`], [`CrmError::Timeout`] or
//! [`CrmError::Contract`] it is unknown whether a batch was processed; [`Crm::batch_answer`] tells.

mod activities;
mod answer;
mod capabilities;
mod client;
mod events;
mod import;
mod keys;
mod manifest;
mod multipart;
mod records;
mod request;
mod settings;
mod tls;
mod traffic;
mod writes;

pub use client::{CompressRequests, HttpCrm, HttpOptions};
pub use manifest::manifest_digest;
pub use traffic::{Traffic, TrafficCount};

use std::collections::BTreeSet;

use super::{
    ActivityQuery, ActivitySummary, BatchAnswer, Capabilities, ChangePage, CheckVerdict, Crm, CrmError, CrmRecords, CrmSettings,
    LinkedRecord, MailBatch, MailIdentity, MainLink, RecordKind, RecordState, RecordWrite, WriteResult,
};
use crate::model::{BatchKey, ItemKey};

impl Crm for HttpCrm {
    async fn capabilities(&self) -> Result<Capabilities, CrmError> {
        capabilities::get(self).await
    }

    async fn settings(&self) -> Result<CrmSettings, CrmError> {
        settings::get(self).await
    }

    async fn mirror_lock(&self, locked: bool) -> Result<(), CrmError> {
        settings::mirror_lock(self, locked).await
    }

    async fn check_mails(&self, mails: &[MailIdentity]) -> Result<Vec<CheckVerdict>, CrmError> {
        keys::check(self, mails).await
    }

    async fn import_mails(&self, batch: &MailBatch) -> Result<BatchAnswer, CrmError> {
        import::post(self, batch).await
    }

    async fn batch_answer(&self, key: &BatchKey) -> Result<Option<BatchAnswer>, CrmError> {
        import::recover(self, key).await
    }

    async fn activities(&self, query: &ActivityQuery) -> Result<Vec<ActivitySummary>, CrmError> {
        activities::find(self, query).await
    }

    async fn missing_mails(&self, mails: &[MailIdentity]) -> Result<Vec<ItemKey>, CrmError> {
        keys::missing(self, mails).await
    }
}

impl CrmRecords for HttpCrm {
    async fn changes(&self, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
        records::changes(self, kinds, cursor).await
    }

    async fn record(&self, id: &str) -> Result<RecordState, CrmError> {
        records::record(self, id).await
    }

    async fn write_records(&self, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
        writes::write(self, writes).await
    }
}

impl HttpCrm {
    /// Records for a main link of an activity (R32) whose name or id contains `text`, in the order of their names, at most 500.
    pub async fn find_records(&self, link: MainLink, text: &str, limit: usize) -> Result<Vec<LinkedRecord>, CrmError> {
        records::find(self, link, text, limit).await
    }
}
