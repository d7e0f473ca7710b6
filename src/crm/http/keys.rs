//! Requests that hold keys only: the check before an import, and the audit after it.

use super::client::HttpCrm;
use crate::crm::contract::{
    AuditAnswer, AuditRequest, CheckAnswer, CheckAnswerItem, CheckRequest, CheckVerdictName, IdentityDocument, MAX_KEYS,
};
use crate::crm::{CheckVerdict, CrmError, MailIdentity};
use crate::model::ItemKey;

pub(super) async fn check(crm: &HttpCrm, mails: &[MailIdentity]) -> Result<Vec<CheckVerdict>, CrmError> {
    let mut verdicts = Vec::with_capacity(mails.len());
    for chunk in mails.chunks(MAX_KEYS) {
        let request = CheckRequest { items: documents(chunk) };
        let answer: CheckAnswer = crm.post(crm.address(&["v1", "mail-imports", "check"]), &request).await?;
        let in_order =
            answer.results.len() == chunk.len() && answer.results.iter().zip(chunk).all(|(result, mail)| result.item_key == mail.key);
        if !in_order {
            return Err(CrmError::Contract("the check does not answer the keys in the order asked".to_owned()));
        }
        for result in answer.results {
            verdicts.push(verdict(result)?);
        }
    }
    Ok(verdicts)
}

fn verdict(item: CheckAnswerItem) -> Result<CheckVerdict, CrmError> {
    Ok(match item.verdict {
        CheckVerdictName::Needed => CheckVerdict::Needed,
        CheckVerdictName::Refused => CheckVerdict::Refused(item.reason),
        CheckVerdictName::Have => {
            CheckVerdict::Have(item.record.ok_or_else(|| CrmError::Contract("a check says \"have\" without a record".to_owned()))?)
        }
    })
}

pub(super) async fn missing(crm: &HttpCrm, mails: &[MailIdentity]) -> Result<Vec<ItemKey>, CrmError> {
    let mut missing = Vec::new();
    for chunk in mails.chunks(MAX_KEYS) {
        let request = AuditRequest { items: documents(chunk) };
        let answer: AuditAnswer = crm.post(crm.address(&["v1", "audit", "mail"]), &request).await?;
        let asked: std::collections::BTreeSet<&ItemKey> = chunk.iter().map(|mail| &mail.key).collect();
        if answer.missing.iter().any(|key| !asked.contains(key)) {
            return Err(CrmError::Contract("the audit names a key that was not asked for".to_owned()));
        }
        missing.extend(answer.missing);
    }
    Ok(missing)
}

fn documents(mails: &[MailIdentity]) -> Vec<IdentityDocument> {
    mails
        .iter()
        .map(|mail| IdentityDocument {
            item_key: mail.key.clone(),
            fingerprint: mail.fingerprint.clone(),
            message_id: mail.message_id.clone(),
            raw_digest: mail.raw_digest.clone(),
        })
        .collect()
}
