//! The fake CRM behind the port: durable, idempotent by item key and by batch key, as the contract demands.

use crmsync::crm::{
    ActivityQuery, ActivitySummary, BatchAnswer, Capabilities, CheckVerdict, Crm, CrmError, ItemResult, Limits, MailBatch, MailIdentity,
    MailTypes, MailVerdict, OnUnmatched, Profile, RecordLink, StatusKey,
};
use crmsync::model::{BatchKey, CrmSettings, ItemKey};

use crate::world::{CrmMail, Fate, State, World};

/// The CRM as one employee sees it.
pub(crate) struct FakeCrm(pub World);

pub(crate) fn capabilities() -> Capabilities {
    let status = |key: &str| StatusKey { key: key.into(), name: key.into() };
    Capabilities {
        product: "Fake".into(),
        contract: "1.0".into(),
        profiles: vec![Profile::Mail],
        limits: Limits { max_items: 4, ..Limits::DEFAULT },
        mail_types: MailTypes { received: "MAILIN".into(), sent: "MAILOUT".into() },
        activity_types: Vec::new(),
        series_taken: true,
        statuses: vec![status("I"), status("E")],
        document_categories: Vec::new(),
        document_keywords: Vec::new(),
        accepts_zstd: false,
        accepts_gzip: false,
        activity_link: None,
        contacts: crmsync::crm::ContactRules::default(),
        server_time: None,
    }
}

fn offline() -> CrmError {
    CrmError::Offline { cause: "cut off".into() }
}

impl FakeCrm {
    fn request<T>(&self, work: impl FnOnce(&mut State) -> Result<T, CrmError>) -> Result<T, CrmError> {
        let fate = self.0.step();
        match fate {
            Fate::LostBefore => return Err(offline()),
            Fate::Busy => return Err(CrmError::Busy { retry_after: None, detail: "later".into() }),
            Fate::Done | Fate::LostAfter => {}
        }
        let result = work(&mut self.0.state());
        if fate == Fate::LostAfter { Err(offline()) } else { result }
    }
}

fn import(state: &mut State, batch: &MailBatch) -> Result<BatchAnswer, CrmError> {
    assert!(batch.items.len() <= 4, "a batch larger than the CRM allows");
    if let Some(answer) = state.answers.get(&batch.key) {
        return Ok(answer.clone());
    }
    if let Some(error) = state.crm_errors.pop() {
        return Err(error());
    }
    if batch.items.iter().any(|item| state.poison.contains(item.raw.digest())) {
        return Err(CrmError::Failed { status: 500, title: "Internal error".into(), detail: String::new() });
    }
    let mut results = Vec::new();
    for item in &batch.items {
        let position = state.crm.iter().position(|mail| mail.key == item.key);
        let known = item.external.iter().any(|address| state.known.contains(address));
        let (verdict, record, replayed) = match position {
            Some(position) => (MailVerdict::Created, Some(position), true),
            None if !known && item.on_unmatched == OnUnmatched::Refuse => (MailVerdict::Unmatched, None, false),
            None => {
                state.writes += 1;
                state.crm.push(CrmMail {
                    key: item.key.clone(),
                    raw_digest: item.raw.digest().clone(),
                    status: item.status.clone(),
                    external: item.external.clone(),
                    on_unmatched: item.on_unmatched,
                });
                (MailVerdict::Created, Some(state.crm.len() - 1), false)
            }
        };
        results.push(ItemResult {
            key: item.key.clone(),
            verdict,
            record: record.map(|position| RecordLink { id: format!("A{position}"), version: "1".into(), link: None }),
            linked: Vec::new(),
            customer_folder: None,
            reason: String::new(),
            replayed,
        });
    }
    let answer = BatchAnswer { results };
    state.answers.insert(batch.key.clone(), answer.clone());
    Ok(answer)
}

impl Crm for FakeCrm {
    async fn capabilities(&self) -> Result<Capabilities, CrmError> {
        self.request(|_| Ok(capabilities()))
    }

    async fn settings(&self) -> Result<CrmSettings, CrmError> {
        Err(CrmError::NotOffered { what: "settings".into() })
    }

    async fn mirror_lock(&self, _: bool) -> Result<(), CrmError> {
        Err(CrmError::NotOffered { what: "settings".into() })
    }

    async fn check_mails(&self, _: &[MailIdentity]) -> Result<Vec<CheckVerdict>, CrmError> {
        Err(CrmError::NotOffered { what: "check".into() })
    }

    async fn import_mails(&self, batch: &MailBatch) -> Result<BatchAnswer, CrmError> {
        self.request(|state| import(state, batch))
    }

    async fn batch_answer(&self, key: &BatchKey) -> Result<Option<BatchAnswer>, CrmError> {
        self.request(|state| Ok(state.answers.get(key).cloned()))
    }

    async fn activities(&self, _: &ActivityQuery) -> Result<Vec<ActivitySummary>, CrmError> {
        Err(CrmError::NotOffered { what: "activities".into() })
    }

    async fn missing_mails(&self, mails: &[MailIdentity]) -> Result<Vec<ItemKey>, CrmError> {
        let has = |state: &State, key: &ItemKey| state.crm.iter().any(|mail| mail.key == *key);
        self.request(|state| Ok(mails.iter().filter(|mail| !has(state, &mail.key)).map(|mail| mail.key.clone()).collect()))
    }
}
