//! The HTTP adapter to a CRM that implements the published contract.
//!
//! It never retries by itself: every failure is typed, and the engine decides. After [`CrmError::Offline`], [`CrmError::Timeout`] or
//! [`CrmError::Contract`] it is unknown whether a batch was processed; [`Crm::batch_answer`] tells.

mod activities;
mod answer;
mod capabilities;
mod client;
mod import;
mod keys;
mod manifest;
mod multipart;
mod settings;
mod tls;
mod traffic;

pub use client::{CompressRequests, HttpCrm, HttpOptions};
pub use manifest::manifest_digest;
pub use traffic::{Traffic, TrafficCount};

use super::{ActivityQuery, ActivitySummary, BatchAnswer, Capabilities, CheckVerdict, Crm, CrmError, CrmSettings, MailBatch, MailIdentity};
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
