//! What an import would do, without doing it: mailboxes are examined, mails are read, nothing is written anywhere (R50, X1).

use serde::Serialize;

use crate::crm::{CheckVerdict, Crm, MailIdentity};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::groupware::{Access, MailConnector, MailStore as _};
use crate::sync::{MailPlan, Placed, PlannedMail, placement, plan_sets};

use super::read::{self, ReadMail};
use super::survey::Survey;
use super::{BATCH_BYTES, Import, MailJob};

/// What a run would do.
#[derive(Debug, Default, Serialize)]
pub struct MailPreview {
    /// Mails in the order of the run.
    pub mails: Vec<PlannedMail>,
    /// Mails beyond these.
    pub left: u64,
    /// Where imported mails would be moved.
    pub archive: String,
}

/// Previews the import of at most `limit` mails.
pub async fn plan<N: MailConnector, C: Crm>(
    connector: &N,
    store: N::Store,
    crm: &C,
    job: &MailJob,
    ctx: &Context,
    limit: usize,
) -> Result<MailPreview, EngineError> {
    let mut import = Import::new(connector, store, crm, job, ctx);
    let surveys = import.survey_all(Access::ReadOnly).await?;
    let mut preview = MailPreview { archive: import.archive.0.clone(), ..MailPreview::default() };
    for survey in surveys {
        let room = limit.saturating_sub(preview.mails.len());
        let uids: Vec<u32> = survey.uids.iter().copied().collect();
        let (now, later) = uids.split_at(room.min(uids.len()));
        preview.left += later.len() as u64;
        import.preview_mailbox(&survey, now, &mut preview.mails).await?;
    }
    import.store.close().await;
    Ok(preview)
}

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    async fn preview_mailbox(&mut self, survey: &Survey, uids: &[u32], mails: &mut Vec<PlannedMail>) -> Result<(), EngineError> {
        if uids.is_empty() {
            return Ok(());
        }
        self.store.select(&survey.source.mailbox, Access::ReadOnly).await?;
        let traits = self.store.traits(&uids.iter().copied().collect()).await?;
        for set in plan_sets(&traits, &self.job.capabilities.limits, BATCH_BYTES) {
            let set = set.into_iter().filter_map(|uid| Some((uid, traits.get(&uid)?.clone()))).collect();
            let fetched = read::fetch(&mut self.store, self.job, &set).await?;
            let mut prepared = read::read(fetched, self.job, self.ctx, survey).await?;
            read::sort(&mut prepared, self.job, self.ctx, survey)?;
            let identities: Vec<MailIdentity> = prepared.imports.iter().map(|(read, _)| identity(read)).collect();
            // Advice only; a CRM without the endpoint leaves the forecast out.
            let forecasts = if identities.is_empty() { Vec::new() } else { self.crm.check_mails(&identities).await.unwrap_or_default() };
            for (index, (read, _)) in prepared.imports.iter().enumerate() {
                let mut line = self.line(survey, read);
                if let Some(CheckVerdict::Have(_)) = forecasts.get(index) {
                    line.plan = self.place_only(survey, read);
                }
                mails.push(line);
            }
            let placed = prepared.copies.iter().chain(prepared.known.iter().map(|(read, _)| read));
            for read in placed {
                mails.push(PlannedMail { plan: self.place_only(survey, read), ..self.line(survey, read) });
            }
            mails.extend(prepared.left_out.iter().map(|(read, _)| self.line(survey, read)));
            for (uid, traits, reason) in prepared.too_large {
                mails.push(PlannedMail {
                    mailbox: survey.source.mailbox.clone(),
                    uid,
                    subject: String::new(),
                    date: traits.internal_date.map(|date| date.to_rfc3339()),
                    direction: None,
                    external: Vec::new(),
                    status: survey.source.status.clone(),
                    plan: MailPlan::Park { reason },
                });
            }
        }
        Ok(())
    }

    fn line(&self, survey: &Survey, read: &ReadMail) -> PlannedMail {
        let (addresses, settings) = (&self.job.addresses, &self.job.settings);
        PlannedMail::of(&read.mail, read.location.uid, &read.traits.keywords, &survey.source, addresses, settings)
    }

    fn place_only(&self, survey: &Survey, read: &ReadMail) -> MailPlan {
        MailPlan::Place { placement: placement(Placed::Imported, &survey.source, &read.traits.keywords, &self.job.settings) }
    }
}

fn identity(read: &ReadMail) -> MailIdentity {
    MailIdentity {
        key: read.key(),
        fingerprint: read.mail.fingerprint.clone(),
        message_id: read.mail.message_id.clone(),
        raw_digest: read.mail.raw_digest.clone(),
    }
}
