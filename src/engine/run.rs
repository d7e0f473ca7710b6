//! One run: its record, its sign-in, its areas, its end.

use std::collections::BTreeMap;

use crate::crm::{Crm, CrmContacts, CrmRecords, Profile};
use crate::groupware::{GroupwareError, ItemConnector, MailConnector};
use crate::journal::{AreaCount, Change, Consent, Journal, Lock, RunEnd, RunRecord};
use crate::model::{AccountId, Area, Instant};
use crate::sync::items::Guard;

use super::contacts::{self, ContactJob};
use super::items::{self, ItemJob};
use super::mail::{self, MailJob};
use super::{Context, EngineError, RunEvent};

/// What a run covers.
#[derive(Clone)]
pub struct RunPlan {
    /// The mail import, if it is part of the run.
    pub mail: Option<MailJob>,
    /// The areas of items that are part of the run, in order.
    pub items: Vec<ItemJob>,
    /// The user has agreed, now or in the configuration; recorded if it was not before.
    pub consent: Option<Consent>,
}

impl RunPlan {
    fn areas(&self) -> impl Iterator<Item = Area> {
        self.mail.iter().map(|_| Area::Mail).chain(self.items.iter().map(|job| job.area))
    }
}

/// What a run did.
#[derive(Debug)]
pub struct RunReport {
    /// The record as it stands in the journal.
    pub record: RunRecord,
    /// What stopped it.
    pub error: Option<EngineError>,
}

/// Whether the user has agreed that crmsync writes to this account in this area (R55).
pub fn consent_given(journal: &Journal, account: &AccountId, area: Area) -> Result<bool, EngineError> {
    Ok(journal.consent(account, area)?.is_some())
}

/// Runs the mail import, and nothing else, for one account. `connector` is asked to sign in only when the account is not locked.
/// Fails only when the run could not even be recorded; what stopped it later stands in the report.
pub async fn run<N: MailConnector, C: Crm>(connector: &N, crm: &C, plan: &RunPlan, ctx: &Context) -> Result<RunReport, EngineError> {
    let mut record = begin(plan, ctx).await?;
    let result = match &plan.mail {
        Some(job) => run_mail(connector, crm, job, ctx, &mut record).await,
        None => Ok(false),
    };
    end(record, result, ctx).await
}

/// Runs every planned area for one account: mail, then each area of items. An area that fails does not stop the others, unless the
/// account is locked or the user stopped the run; the first failure stands in the report.
pub async fn run_all<N: MailConnector, I: ItemConnector, C: Crm + CrmRecords>(
    mail: &N,
    items: &I,
    crm: &C,
    plan: &RunPlan,
    ctx: &Context,
) -> Result<RunReport, EngineError> {
    let mut record = begin(plan, ctx).await?;
    let result = run_areas(mail, items, crm, plan, ctx, &mut record).await;
    end(record, result, ctx).await
}

/// The same, then the contacts, which have a server of their own.
pub async fn run_with_contacts<N: MailConnector, I: ItemConnector, K: ItemConnector, C: Crm + CrmRecords + CrmContacts>(
    mail: &N,
    items: &I,
    (connector, job): (&K, &ContactJob),
    crm: &C,
    plan: &RunPlan,
    ctx: &Context,
) -> Result<RunReport, EngineError> {
    let mut record = begin_with(plan.areas().chain([Area::Contacts]), plan, ctx).await?;
    let before = run_areas(mail, items, crm, plan, ctx, &mut record).await;
    let result = match before {
        Ok(true) => Ok(true),
        Err(error) if ends_the_run(&error) => Err(error),
        // The first failure is the one that is told.
        before => before.and(run_contacts(connector, crm, job, ctx, &mut record).await),
    };
    end(record, result, ctx).await
}

/// Signs in and synchronises contacts. Returns whether the user stopped it.
async fn run_contacts<K: ItemConnector, C: Crm + CrmRecords + CrmContacts>(
    connector: &K,
    crm: &C,
    job: &ContactJob,
    ctx: &Context,
    record: &mut RunRecord,
) -> Result<bool, EngineError> {
    let store = sign_in_items(connector, crm, ctx).await?;
    let mut count = AreaCount::default();
    let result = contacts::synchronise(&store, crm, job, ctx, &mut count).await;
    record.areas.insert(Area::Contacts, count);
    match result {
        Err(EngineError::Groupware(error)) => Err(lock_if_rejected(error, crm, ctx).await),
        other => other,
    }
}

/// Records that the run began.
async fn begin(plan: &RunPlan, ctx: &Context) -> Result<RunRecord, EngineError> {
    begin_with(plan.areas(), plan, ctx).await
}

async fn begin_with(areas: impl Iterator<Item = Area>, plan: &RunPlan, ctx: &Context) -> Result<RunRecord, EngineError> {
    if let Some(lock) = ctx.journal.lock(&ctx.account)? {
        return Err(EngineError::locked(&ctx.account, lock));
    }
    let record = RunRecord {
        id: ctx.run.clone(),
        account: ctx.account.clone(),
        started_at: ctx.now(),
        ended_at: None,
        end: RunEnd::Running,
        areas: BTreeMap::new(),
    };
    let mut changes = vec![Change::PutRun(record.clone())];
    for area in areas {
        if !consent_given(&ctx.journal, &ctx.account, area)? {
            let Some(consent) = plan.consent.clone() else { return Err(EngineError::ConsentNeeded { account: ctx.account.clone() }) };
            changes.push(Change::RecordConsent { account: ctx.account.clone(), area, consent });
        }
    }
    ctx.commit(changes).await?;
    ctx.tell(&RunEvent::Started { run: ctx.run.clone(), account: ctx.account.clone() });
    Ok(record)
}

/// Records how the run ended.
async fn end(mut record: RunRecord, result: Result<bool, EngineError>, ctx: &Context) -> Result<RunReport, EngineError> {
    record.ended_at = Some(ctx.now());
    record.end = match &result {
        Ok(true) => RunEnd::Cancelled,
        Ok(false) => RunEnd::Completed,
        Err(error) => RunEnd::Stopped { cause: error.to_string() },
    };
    let mut changes = vec![Change::PutRun(record.clone())];
    if result.is_ok() {
        changes.push(Change::Succeeded { account: ctx.account.clone(), at: ctx.now() });
    }
    let recorded = ctx.commit(changes).await;
    ctx.tell(&RunEvent::Ended { end: record.end.clone(), areas: record.areas.clone() });
    // The first failure is the cause; that the end could not be recorded matters only if nothing failed before.
    let error = result.err().or(recorded.err());
    Ok(RunReport { record, error })
}

/// Runs each area. Returns whether the user stopped it.
async fn run_areas<N: MailConnector, I: ItemConnector, C: Crm + CrmRecords>(
    mail: &N,
    items: &I,
    crm: &C,
    plan: &RunPlan,
    ctx: &Context,
    record: &mut RunRecord,
) -> Result<bool, EngineError> {
    let mut first = None;
    if let Some(job) = &plan.mail {
        match run_mail(mail, crm, job, ctx, record).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if ends_the_run(&error) => return Err(error),
            Err(error) => first = Some(error),
        }
    }
    if !plan.items.is_empty() {
        let locks = plan.items.iter().all(|job| job.guards.on(Guard::LockOnRejection));
        let signed_in = if locks { sign_in_items(items, crm, ctx).await } else { items.connect().await.map_err(EngineError::from) };
        let store = match signed_in {
            Ok(store) => store,
            Err(error) => return Err(first.unwrap_or(error)),
        };
        for job in &plan.items {
            let mut count = AreaCount::default();
            let result = items::synchronise(&store, crm, job, ctx, &mut count).await;
            record.areas.insert(job.area, count);
            let result = match result {
                // A server without sessions may reject the password at any request.
                Err(EngineError::Groupware(error)) => Err(lock_if_rejected(error, crm, ctx).await),
                other => other,
            };
            match result {
                Ok(true) => return first.map_or(Ok(true), Err),
                Ok(false) => {}
                Err(error) if ends_the_run(&error) => return Err(first.unwrap_or(error)),
                Err(error) => first = first.or(Some(error)),
            }
        }
    }
    first.map_or(Ok(false), Err)
}

/// Whether the other areas would only fail in the same way.
const fn ends_the_run(error: &EngineError) -> bool {
    matches!(error, EngineError::Locked { .. } | EngineError::Journal(_))
}

/// Signs in and imports mail. Returns whether the user stopped it.
async fn run_mail<N: MailConnector, C: Crm>(
    connector: &N,
    crm: &C,
    job: &MailJob,
    ctx: &Context,
    record: &mut RunRecord,
) -> Result<bool, EngineError> {
    if !job.capabilities.profiles.contains(&Profile::Mail) {
        return Err(EngineError::ProfileMissing { profile: "mail", area: Area::Mail });
    }
    let store = sign_in(connector, crm, ctx).await?;
    let mut count = AreaCount::default();
    let cancelled = mail::import(connector, store, crm, job, ctx, &mut count).await;
    record.areas.insert(Area::Mail, count);
    cancelled
}

/// Signs in to the mail server. A rejection locks the account, here and, where the CRM takes it, at the employee's record (R63, V11).
pub async fn sign_in<N: MailConnector, C: Crm>(connector: &N, crm: &C, ctx: &Context) -> Result<N::Store, EngineError> {
    match connector.connect().await {
        Ok(store) => Ok(store),
        Err(error) => Err(lock_if_rejected(error, crm, ctx).await),
    }
}

/// As [`sign_in`], to the server of items.
pub async fn sign_in_items<I: ItemConnector, C: Crm>(connector: &I, crm: &C, ctx: &Context) -> Result<I::Store, EngineError> {
    match connector.connect().await {
        Ok(store) => Ok(store),
        Err(error) => Err(lock_if_rejected(error, crm, ctx).await),
    }
}

/// A rejected login locks the account; any other failure does not.
async fn lock_if_rejected<C: Crm>(error: GroupwareError, crm: &C, ctx: &Context) -> EngineError {
    let Some(mut lock) = lock_of(&error, ctx.now()) else { return error.into() };
    // First on disk, then at the CRM: a crash in between must not allow a second attempt.
    if let Err(error) = ctx.commit(vec![Change::LockAccount { account: ctx.account.clone(), lock: lock.clone() }]).await {
        return error;
    }
    if crm.mirror_lock(true).await.is_ok() {
        lock.mirrored = true;
        if let Err(error) = ctx.commit(vec![Change::LockAccount { account: ctx.account.clone(), lock: lock.clone() }]).await {
            return error;
        }
    }
    EngineError::locked(&ctx.account, lock)
}

/// The lock that an error sets, if it sets one.
#[must_use]
pub fn lock_of(error: &GroupwareError, since: Instant) -> Option<Lock> {
    let (cause, sign_in) = match error {
        GroupwareError::LoginRejected { refusal, .. } => (&refusal.text, false),
        GroupwareError::SignInEnded { text, .. } => (text, true),
        _ => return None,
    };
    Some(Lock { since, cause: cause.clone(), mirrored: false, sign_in })
}
