//! One run: its record, its sign-in, its areas, its end.

use std::collections::BTreeMap;

use crate::crm::{Crm, Profile};
use crate::groupware::{GroupwareError, MailConnector};
use crate::journal::{AreaCount, Change, Consent, Journal, Lock, RunEnd, RunRecord};
use crate::model::{AccountId, Area};

use super::mail::{self, MailJob};
use super::{Context, EngineError, RunEvent};

/// What a run covers.
#[derive(Clone)]
pub struct RunPlan {
    /// The mail import, if it is part of the run.
    pub mail: Option<MailJob>,
    /// The user has agreed, now or in the configuration; recorded if it was not before.
    pub consent: Option<Consent>,
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

/// Runs the planned areas for one account. `connector` is asked to sign in only when the account is not locked.
/// Fails only when the run could not even be recorded; what stopped it later stands in the report.
pub async fn run<N: MailConnector, C: Crm>(connector: &N, crm: &C, plan: &RunPlan, ctx: &Context) -> Result<RunReport, EngineError> {
    if let Some(lock) = ctx.journal.lock(&ctx.account)? {
        return Err(EngineError::Locked { account: ctx.account.clone(), cause: lock.cause });
    }
    let mut record = RunRecord {
        id: ctx.run.clone(),
        account: ctx.account.clone(),
        started_at: ctx.now(),
        ended_at: None,
        end: RunEnd::Running,
        areas: BTreeMap::new(),
    };
    let mut changes = vec![Change::PutRun(record.clone())];
    if plan.mail.is_some() && !consent_given(&ctx.journal, &ctx.account, Area::Mail)? {
        let Some(consent) = plan.consent.clone() else { return Err(EngineError::ConsentNeeded { account: ctx.account.clone() }) };
        changes.push(Change::RecordConsent { account: ctx.account.clone(), area: Area::Mail, consent });
    }
    ctx.commit(changes).await?;
    ctx.tell(&RunEvent::Started { run: ctx.run.clone(), account: ctx.account.clone() });
    let result = run_areas(connector, crm, plan, ctx, &mut record).await;
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

/// Signs in and runs each area. Returns whether the user stopped it.
async fn run_areas<N: MailConnector, C: Crm>(
    connector: &N,
    crm: &C,
    plan: &RunPlan,
    ctx: &Context,
    record: &mut RunRecord,
) -> Result<bool, EngineError> {
    let Some(job) = &plan.mail else { return Ok(false) };
    if !job.capabilities.profiles.contains(&Profile::Mail) {
        return Err(EngineError::ProfileMissing { profile: "mail", area: Area::Mail });
    }
    let store = sign_in(connector, crm, ctx).await?;
    let mut count = AreaCount::default();
    let cancelled = mail::import(connector, store, crm, job, ctx, &mut count).await;
    record.areas.insert(Area::Mail, count);
    cancelled
}

/// Signs in to the groupware. A rejection locks the account, here and, where the CRM takes it, at the employee's record (R63, V11).
pub async fn sign_in<N: MailConnector, C: Crm>(connector: &N, crm: &C, ctx: &Context) -> Result<N::Store, EngineError> {
    let error = match connector.connect().await {
        Ok(store) => return Ok(store),
        Err(error) => error,
    };
    let GroupwareError::LoginRejected { refusal, .. } = &error else { return Err(error.into()) };
    let mut lock = Lock { since: ctx.now(), cause: refusal.text.clone(), mirrored: false };
    // First on disk, then at the CRM: a crash in between must not allow a second attempt.
    ctx.commit(vec![Change::LockAccount { account: ctx.account.clone(), lock: lock.clone() }]).await?;
    if crm.mirror_lock(true).await.is_ok() {
        lock.mirrored = true;
        ctx.commit(vec![Change::LockAccount { account: ctx.account.clone(), lock: lock.clone() }]).await?;
    }
    Err(EngineError::Locked { account: ctx.account.clone(), cause: lock.cause })
}
