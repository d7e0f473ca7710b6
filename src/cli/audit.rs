//! `crmsync audit mail`: proves that every mail the journal calls imported is in the CRM.

use serde::Serialize;

use crate::crm::{Crm as _, MailIdentity, MailVerdict};
use crate::journal::SettledMail;
use crate::model::{Fingerprint, ItemKey};

use super::arguments::{Audit, AuditWhat, Global};
use super::exit::{Exit, Outcome};
use super::session::Session;

/// Keys asked for in one request.
const PAGE: usize = 500;

#[derive(Default, Serialize)]
struct Report {
    checked: usize,
    missing: Vec<Missing>,
}

#[derive(Serialize)]
struct Missing {
    key: ItemKey,
    title: String,
    date: Option<String>,
    message_id: Option<String>,
}

pub(super) async fn run(global: &Global, arguments: &Audit) -> Outcome {
    let AuditWhat::Mail = arguments.what;
    let session = Session::online(global).await?;
    let crm = session.crm()?;
    let mut report = Report::default();
    for account in session.settings.accounts.keys() {
        let mut after: Option<ItemKey> = None;
        loop {
            let page = session.journal.settled_mails_page(account, after.as_ref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let stored: Vec<&(ItemKey, SettledMail)> = page
                .iter()
                .filter(|(_, mail)| matches!(mail.verdict, MailVerdict::Created | MailVerdict::Duplicate | MailVerdict::Merged))
                .collect();
            let asked: Vec<MailIdentity> = stored.iter().map(|(key, mail)| identity(key, mail)).collect();
            report.checked += asked.len();
            if asked.is_empty() {
                continue;
            }
            for key in crm.missing_mails(&asked).await? {
                let mail = stored.iter().find(|(stored, _)| *stored == key).map(|(_, mail)| mail);
                report.missing.push(Missing {
                    key,
                    title: mail.map(|mail| mail.subject.clone()).unwrap_or_default(),
                    date: mail.and_then(|mail| mail.date.clone()),
                    message_id: mail.and_then(|mail| mail.message_id.clone()),
                });
            }
        }
    }
    session.output.answer(&report, |out| {
        writeln!(out, "{} imported mails checked, {} missing in the CRM.", report.checked, report.missing.len())?;
        for mail in &report.missing {
            writeln!(out, "  {}  {}  <{}>", mail.date.as_deref().unwrap_or("-"), mail.title, mail.message_id.as_deref().unwrap_or("-"))?;
        }
        Ok(())
    })?;
    Ok(if report.missing.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn identity(key: &ItemKey, mail: &SettledMail) -> MailIdentity {
    MailIdentity {
        key: key.clone(),
        fingerprint: Fingerprint::of_key(key),
        message_id: mail.message_id.clone(),
        raw_digest: mail.raw_digest.clone(),
    }
}
