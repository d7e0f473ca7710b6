//! The HTTP adapter to a CRM that implements the published contract.
//!
//! It never retries by itself: every failure is typed, and the engine decides. After [`CrmError::Offline`], [`CrmError::Timeout`] or
//! [`CrmError::Contract`] it is unknown whether a batch was processed; [`Crm::batch_answer`] tells.

mod activities;
mod answer;
mod capabilities;
mod client;
mod contacts;
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
    ActivityQuery, ActivitySummary, BatchAnswer, Capabilities, ChangePage, CheckVerdict, ContactGroup, ContactPage, ContactQuery, Crm,
    CrmContacts, CrmError, CrmRecords, CrmSettings, LinkedRecord, MailBatch, MailIdentity, MainLink, MatchAnswer, MatchQuery, Partner,
    PartnerQuery, RecordKind, RecordState, RecordWrite, Switch, WriteResult, WriteVerdict,
};
use crate::model::contact::{ContactAddress, Photo};
use crate::model::{BatchKey, ItemKey, OpId};

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

impl CrmContacts for HttpCrm {
    async fn find_contacts(&self, query: &ContactQuery) -> Result<ContactPage, CrmError> {
        contacts::find(self, query).await
    }

    async fn match_contacts(&self, queries: &[MatchQuery]) -> Result<Vec<MatchAnswer>, CrmError> {
        contacts::find_matches(self, queries).await
    }

    async fn photo(&self, id: &str) -> Result<Option<Photo>, CrmError> {
        contacts::photo(self, id).await
    }

    async fn put_photo(&self, op: &OpId, id: &str, if_version: Option<&str>, photo: Option<&Photo>) -> Result<WriteVerdict, CrmError> {
        contacts::put_photo(self, op, id, if_version, photo).await
    }

    async fn add_address(&self, op: &OpId, id: &str, address: &ContactAddress) -> Result<WriteVerdict, CrmError> {
        contacts::add_address(self, op, id, address).await
    }

    async fn set_switch(&self, op: &OpId, id: &str, switch: Switch) -> Result<WriteVerdict, CrmError> {
        contacts::set_switch(self, op, id, switch).await
    }

    async fn partners(&self, query: &PartnerQuery) -> Result<Vec<Partner>, CrmError> {
        contacts::partners(self, query).await
    }

    async fn groups(&self) -> Result<Vec<ContactGroup>, CrmError> {
        contacts::groups(self).await
    }
}

impl HttpCrm {
    /// Records for a main link of an activity (R32) whose name or id contains `text`, in the order of their names, at most 500.
    pub async fn find_records(&self, link: MainLink, text: &str, limit: usize) -> Result<Vec<LinkedRecord>, CrmError> {
        records::find(self, link, text, limit).await
    }
}
