//! What a run would do: `crmsync sync --dry-run`, and the question for consent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::crm::Profile;
use crate::engine::items::{self, ItemPlan};
use crate::engine::{self, EngineError, contacts, mail};
use crate::model::{AccountId, Area};
use crate::sync::{MailPlan, Placement, PlannedMail, Target};

use super::arguments::Sync;
use super::exit::Failure;
use super::item_plan::write_plan;
use super::output::table;
use super::session::Session;
use super::sync::{contact_job, context, item_jobs};

/// What a run would do, by area.
#[derive(Default, Serialize)]
pub(super) struct Preview {
    #[serde(flatten)]
    mail: Option<mail::MailPreview>,
    #[serde(flatten)]
    items: BTreeMap<Area, ItemPlan>,
}

/// Looks at everything a run would look at, and writes nothing.
pub(super) async fn preview_of(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
    limit: usize,
) -> Result<Preview, Failure> {
    let ctx = context(session, account, Arc::new(engine::Silent));
    if let Some(lock) = session.journal.lock(account)? {
        return Err(EngineError::locked(account, lock).into());
    }
    let mut preview = Preview::default();
    if areas.contains(&Area::Mail) {
        let job = session.mail_job(account).await?;
        if !job.capabilities.profiles.contains(&Profile::Mail) {
            return Err(EngineError::ProfileMissing { profile: "mail", area: Area::Mail }.into());
        }
        let connector = session.connector(account)?;
        let store = engine::sign_in(&connector, session.crm()?, &ctx).await?;
        preview.mail = Some(mail::plan(&connector, store, session.crm()?, &job, &ctx, limit).await?);
    }
    if let Some((connector, jobs)) = item_jobs(session, account, areas, arguments).await? {
        let store = engine::sign_in_items(&connector, session.crm()?, &ctx).await?;
        for job in jobs {
            preview.items.insert(job.area, items::plan(&store, session.crm()?, &job, &ctx, limit).await?);
        }
    }
    if let Some((connector, job)) = contact_job(session, account, areas, arguments).await? {
        let store = engine::sign_in_items(&connector, session.crm()?, &ctx).await?;
        preview.items.insert(Area::Contacts, contacts::plan(&store, session.crm()?, &job, &ctx, limit).await?);
    }
    Ok(preview)
}

pub(super) fn write_preview(out: &mut dyn std::io::Write, preview: &Preview) -> std::io::Result<()> {
    if let Some(mail) = &preview.mail {
        write_mails(out, mail)?;
    }
    for (area, plan) in &preview.items {
        writeln!(out, "\n{area}")?;
        write_plan(out, plan)?;
    }
    writeln!(out, "Nothing was written.")
}

fn write_mails(out: &mut dyn std::io::Write, preview: &mail::MailPreview) -> std::io::Result<()> {
    if preview.mails.is_empty() {
        return writeln!(out, "There is nothing to import.");
    }
    let rows: Vec<Vec<String>> = preview
        .mails
        .iter()
        .map(|mail| {
            vec![
                mail.mailbox.0.clone(),
                mail.date.clone().unwrap_or_default().chars().take(16).collect(),
                mail.subject.chars().take(50).collect(),
                what(mail, &preview.archive),
            ]
        })
        .collect();
    table(out, &["FOLDER", "DATE", "SUBJECT", "WHAT WOULD BE DONE"], &rows)?;
    if preview.left > 0 {
        writeln!(out, "… and {} more.", preview.left)?;
    }
    Ok(())
}

fn what(mail: &PlannedMail, archive: &str) -> String {
    let place = |placement: &Placement| {
        let mut words = Vec::new();
        words.extend(placement.add.iter().map(|keyword| format!("mark {keyword}")));
        words.extend(placement.remove.iter().map(|keyword| format!("clear {keyword}")));
        words.extend(placement.move_to.iter().map(|target| match target {
            Target::Archive => format!("move to {archive}"),
            Target::Subfolder(name) => format!("move to {name}"),
        }));
        words
    };
    match &mail.plan {
        MailPlan::Import { placement, .. } => {
            let whom = if mail.external.is_empty() { "nobody".to_owned() } else { mail.external.join(", ") };
            let mut words = vec![format!("import as {} for {whom}", mail.status)];
            words.extend(place(placement));
            words.join("; ")
        }
        MailPlan::Place { placement } => {
            let mut words = vec!["in the CRM already".to_owned()];
            words.extend(place(placement));
            words.join("; ")
        }
        MailPlan::LeaveOut { reason } => format!("leave out: {reason}"),
        MailPlan::Park { reason } => format!("wait for you: {reason}"),
    }
}
