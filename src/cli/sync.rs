//! `crmsync sync`: one run for each account.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::crm::Profile;
use crate::engine::{self, Context, EngineError, RunPlan, mail, new_run_id};
use crate::journal::{Consent, RunItem, RunRecord};
use crate::model::{AccountId, Area};
use crate::settings::{MailSelector, ResultDisplay};
use crate::sync::{MailPlan, PlannedMail};
use crate::system::{Clock as _, SystemClock, SystemRandom};

use super::arguments::{Global, Sync};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::progress::{Progress, ask};
use super::session::Session;
use super::status::{end, write_areas};

/// Mails a preview reads.
const PREVIEW: usize = 1_000;

/// Mails the question for consent shows.
const SHOWN_FOR_CONSENT: usize = 20;

/// Lines of a finished run shown to a person.
const SHOWN_ITEMS: usize = 200;

/// What a run did, for programs.
#[derive(Serialize)]
pub(super) struct RunAnswer {
    #[serde(flatten)]
    pub record: RunRecord,
    pub items: Vec<RunItem>,
    pub traffic: Traffic,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a run cost.
#[derive(Debug, Default, Serialize)]
pub(super) struct Traffic {
    pub imap: crate::groupware::imap::TrafficSnapshot,
    pub crm: crate::crm::http::TrafficCount,
    /// Durable commits of the journal.
    pub commits: u64,
}

/// What became of one account, for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Part {
    Run(Box<RunAnswer>),
    Preview {
        account: AccountId,
        #[serde(flatten)]
        preview: mail::MailPreview,
    },
    Failed {
        account: AccountId,
        error: String,
    },
}

pub(super) async fn run(global: &Global, arguments: &Sync) -> Outcome {
    let session = Session::online(global).await?;
    session.permit()?;
    let areas = areas(&session, arguments)?;
    let accounts = session.accounts(arguments.account.as_deref())?;
    let alone = accounts.len() == 1;
    let mut exit = Exit::Ok;
    let mut parts = Vec::new();
    for account in accounts {
        let (part, failure) = match one(&session, &account, &areas, arguments).await {
            Ok(done) => done,
            Err(failure) if alone => return Err(failure),
            // One account that cannot go on does not hold up the others.
            Err(failure) => (Part::Failed { account, error: failure.message.clone() }, Some(failure)),
        };
        parts.push(part);
        if let Some(failure) = failure {
            super::eprint_lines(&failure.message);
            if exit == Exit::Ok {
                exit = failure.exit;
            }
        }
    }
    if session.output.json {
        match parts.as_slice() {
            [part] => session.output.answer(part, |_| Ok(()))?,
            several => session.output.answer(&serde_json::json!({ "accounts": several }), |_| Ok(()))?,
        }
    }
    Ok(exit)
}

/// Synchronises or previews one account, and shows it to a person.
async fn one(session: &Session, account: &AccountId, areas: &BTreeSet<Area>, arguments: &Sync) -> Result<(Part, Option<Failure>), Failure> {
    if arguments.dry_run {
        let preview = preview_of(session, account, PREVIEW).await?;
        if !session.output.json {
            session.output.answer(&preview, |out| write_preview(out, &preview))?;
        }
        return Ok((Part::Preview { account: account.clone(), preview }, None));
    }
    let (answer, error) = sync_account(session, account, areas, arguments).await?;
    show(session, &answer)?;
    Ok((Part::Run(Box::new(answer)), error.map(Failure::from)))
}

/// The areas of this run. What a later version brings is refused now rather than skipped in silence.
fn areas(session: &Session, arguments: &Sync) -> Result<BTreeSet<Area>, Failure> {
    if arguments.area.is_empty() {
        for area in session.settings.areas.iter().filter(|area| **area != Area::Mail) {
            super::eprint_lines(&format!("this version synchronises mail only: {area} is left alone"));
        }
        return Ok(session.settings.areas.clone());
    }
    match arguments.area.iter().find(|area| **area != Area::Mail) {
        Some(other) => Err(Failure::new(Exit::Unavailable, format!("this version synchronises mail only, not {other}"))),
        None => Ok(arguments.area.iter().copied().collect()),
    }
}

/// One run, with its consent (R55).
pub(super) async fn sync_account(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
) -> Result<(RunAnswer, Option<EngineError>), Failure> {
    let consent = consent(session, account, arguments).await?;
    let progress = Arc::new(Progress::new(session.output, arguments.all || !session.output.interactive()));
    let ctx = context(session, account, Arc::clone(&progress) as _);
    stop_on_ctrl_c(ctx.cancel.clone());
    let mail = if areas.contains(&Area::Mail) { Some(session.mail_job(account).await?) } else { None };
    let plan = RunPlan { mail, items: Vec::new(), consent };
    let connector = session.connector(account)?;
    let commits = session.journal.commits();
    let report = engine::run(&connector, session.crm()?, &plan, &ctx).await;
    progress.finish();
    let report = report?;
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = session.journal.run_items(&report.record.id, after, 1_000)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        items.extend(page.into_iter().map(|(_, item)| item));
    }
    let traffic =
        Traffic { imap: connector.traffic(), crm: session.crm()?.traffic().count(), commits: session.journal.commits() - commits };
    let error = report.error;
    Ok((RunAnswer { record: report.record, items, traffic, error: error.as_ref().map(ToString::to_string) }, error))
}

/// Surroundings of a run of this computer.
pub(super) fn context(session: &Session, account: &AccountId, observer: Arc<dyn engine::Observer>) -> Context {
    Context {
        account: account.clone(),
        run: new_run_id(SystemClock.now(), &SystemRandom),
        journal: session.journal.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        observer,
        cancel: CancellationToken::new(),
        spool: session.spool.clone(),
    }
}

/// The first Ctrl-C stops the run at a batch border, the second one at once; either way the next run takes up what is left.
fn stop_on_ctrl_c(cancel: CancellationToken) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            super::eprint_lines("stopping after this batch; press Ctrl-C again to stop at once");
            cancel.cancel();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}

/// The user's agreement, if it was not given before: by `--yes`, by the configuration, or asked for with a preview.
async fn consent(session: &Session, account: &AccountId, arguments: &Sync) -> Result<Option<Consent>, Failure> {
    if engine::consent_given(&session.journal, account, Area::Mail)? {
        return Ok(None);
    }
    let shown = promise(session);
    let given = |how: &str| Ok(Some(Consent { at: SystemClock.now(), how: how.to_owned(), shown: shown.clone() }));
    if arguments.yes {
        return given("--yes");
    }
    if session.settings.sync.consent {
        return given("configuration");
    }
    if !session.output.interactive() {
        return Ok(None);
    }
    let preview = preview_of(session, account, SHOWN_FOR_CONSENT).await?;
    super::eprint_lines(&shown);
    write_preview(&mut std::io::stderr().lock(), &preview)?;
    if ask(session.output, "Is that what you want?")? { given("prompt") } else { Ok(None) }
}

/// What a run writes, in words.
fn promise(session: &Session) -> String {
    let mail = &session.settings.mail;
    let mut words = Vec::new();
    for selector in &mail.selectors {
        words.push(match selector {
            MailSelector::Folder => format!("Mails in the folder \"{}\" and below it are copied into the CRM.", mail.import_folder),
            MailSelector::Category => format!("Mails with the category \"{}\" are copied into the CRM.", mail.category),
            MailSelector::Inbox => "All mails of the inbox are copied into the CRM; the first time this may take long.".to_owned(),
        });
    }
    for mark in &mail.marks {
        words.push(match mark {
            crate::settings::MailMark::Move => format!("Imported mails are moved to the folder \"{}\".", mail.archive_folder),
            crate::settings::MailMark::Keyword => format!("Imported mails are marked \"{}\".", mail.processed_keyword),
            crate::settings::MailMark::Subfolders => "Imported mails are moved to sub-folders by their result.".to_owned(),
        });
    }
    words.push("Nothing is deleted, and no mail is sent.".to_owned());
    words.join("\n")
}

async fn preview_of(session: &Session, account: &AccountId, limit: usize) -> Result<mail::MailPreview, Failure> {
    let ctx = context(session, account, Arc::new(engine::Silent));
    if let Some(lock) = session.journal.lock(account)? {
        return Err(EngineError::Locked { account: account.clone(), cause: lock.cause }.into());
    }
    let job = session.mail_job(account).await?;
    if !job.capabilities.profiles.contains(&Profile::Mail) {
        return Err(EngineError::ProfileMissing { profile: "mail", area: Area::Mail }.into());
    }
    let connector = session.connector(account)?;
    let store = engine::sign_in(&connector, session.crm()?, &ctx).await?;
    Ok(mail::plan(&connector, store, session.crm()?, &job, &ctx, limit).await?)
}

fn write_preview(out: &mut dyn std::io::Write, preview: &mail::MailPreview) -> std::io::Result<()> {
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
    writeln!(out, "Nothing was written.")
}

fn what(mail: &PlannedMail, archive: &str) -> String {
    let place = |placement: &crate::sync::Placement| {
        let mut words = Vec::new();
        words.extend(placement.add.iter().map(|keyword| format!("mark {keyword}")));
        words.extend(placement.remove.iter().map(|keyword| format!("clear {keyword}")));
        words.extend(placement.move_to.iter().map(|target| match target {
            crate::sync::Target::Archive => format!("move to {archive}"),
            crate::sync::Target::Subfolder(name) => format!("move to {name}"),
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

/// The end of a run, for people: the table, then this run's items or where to find today's (R51).
pub(super) fn show(session: &Session, answer: &RunAnswer) -> Result<(), Failure> {
    if session.output.json {
        return Ok(());
    }
    session.output.answer(answer, |out| {
        writeln!(out, "Run {} for {}: {}", answer.record.id, answer.record.account, end(&answer.record.end))?;
        write_areas(out, &answer.record.areas)?;
        if session.settings.sync.result_display == ResultDisplay::Today {
            return writeln!(out, "\nToday's activities: crmsync imported --today");
        }
        if answer.items.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let rows: Vec<Vec<String>> = answer
            .items
            .iter()
            .take(SHOWN_ITEMS)
            .map(|item| {
                vec![
                    format!("{:?}", item.outcome),
                    item.date.clone().unwrap_or_default().chars().take(16).collect(),
                    item.title.chars().take(60).collect(),
                    item.reason.as_ref().map_or_else(
                        || item.record.as_ref().map_or_else(String::new, |record| format!("as {}", record.id)),
                        ToString::to_string,
                    ),
                ]
            })
            .collect();
        table(out, &["OUTCOME", "DATE", "SUBJECT", ""], &rows)?;
        if answer.items.len() > SHOWN_ITEMS {
            writeln!(out, "… and {} more: crmsync imported --run {}", answer.items.len() - SHOWN_ITEMS, answer.record.id)?;
        }
        Ok(())
    })
}
