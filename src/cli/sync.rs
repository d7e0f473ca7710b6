//! `crmsync sync`: one run for each account.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _, Serializer};
use tokio_util::sync::CancellationToken;

use crate::engine::contacts::ContactJob;
use crate::engine::items::ItemJob;
use crate::engine::{self, Context, EngineError, RunPlan, new_run_id};
use crate::groupware::TrafficSnapshot;
use crate::groupware::dav::{CalDavConnector, CardDavConnector};
use crate::journal::{Journal, JournalError, RunItem, RunRecord};
use crate::model::{AccountId, Area, RunId};
use crate::settings::ResultDisplay;
use crate::system::{Clock as _, SystemClock, SystemRandom};

use super::arguments::{Global, Sync};
use super::consent::consent;
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::preview::{Preview, preview_of, write_preview};
use super::progress::Progress;
use super::session::Session;
use super::sign_in;
use super::status::{end, write_areas};

/// Mails a preview reads.
const PREVIEW: usize = 1_000;

/// Lines of a finished run shown to a person.
const SHOWN_ITEMS: usize = 200;

/// What a run did, for programs.
#[derive(Serialize)]
pub(super) struct RunAnswer {
    #[serde(flatten)]
    pub record: RunRecord,
    pub items: RunItems,
    pub traffic: Traffic,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The items of a run, read from the journal page by page while they are written: a first import has as many as the mailbox has mails.
pub(super) struct RunItems {
    journal: Journal,
    run: RunId,
}

impl RunItems {
    /// Items read at once.
    const PAGE: usize = 1_000;

    /// At most the first `limit` of them, and how many there are.
    fn first(&self, limit: usize) -> Result<(Vec<RunItem>, u64), JournalError> {
        let first = self.journal.run_items(&self.run, None, limit)?;
        Ok((first.into_iter().map(|(_, item)| item).collect(), self.journal.run_item_count(&self.run)?))
    }
}

impl Serialize for RunItems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(None)?;
        let mut after = None;
        loop {
            let page = self.journal.run_items(&self.run, after, Self::PAGE).map_err(S::Error::custom)?;
            let Some((last, _)) = page.last() else { return items.end() };
            after = Some(*last);
            page.iter().try_for_each(|(_, item)| items.serialize_element(item))?;
        }
    }
}

/// What a run cost.
#[derive(Debug, Default, Serialize)]
pub(super) struct Traffic {
    pub imap: TrafficSnapshot,
    pub dav: TrafficSnapshot,
    pub carddav: TrafficSnapshot,
    pub crm: crate::crm::http::TrafficCount,
    /// Durable commits of the journal.
    pub commits: u64,
}

/// What became of several accounts, for programs.
#[derive(Serialize)]
struct Several<'a> {
    accounts: &'a [Part],
}

/// What became of one account, for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Part {
    Run(Box<RunAnswer>),
    Preview {
        account: AccountId,
        #[serde(flatten)]
        preview: Preview,
    },
    Failed {
        account: AccountId,
        error: String,
    },
}

pub(super) async fn run(global: &Global, arguments: &Sync) -> Outcome {
    let session = Session::online(global).await?;
    session.permit()?;
    run_in(&session, arguments).await
}

/// The same in a session that is open and permitted.
pub(super) async fn run_in(session: &Session, arguments: &Sync) -> Outcome {
    let areas = areas(session, arguments);
    let accounts = session.accounts(arguments.account.as_deref())?;
    let alone = accounts.len() == 1;
    let mut exit = Exit::Ok;
    let mut parts = Vec::new();
    for account in accounts {
        let (part, failure) = match one(session, &account, &areas, arguments).await {
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
            accounts => session.output.answer(&Several { accounts }, |_| Ok(()))?,
        }
    }
    Ok(exit)
}

/// Synchronises or previews one account, and shows it to a person.
async fn one(session: &Session, account: &AccountId, areas: &BTreeSet<Area>, arguments: &Sync) -> Result<(Part, Option<Failure>), Failure> {
    // Boxed: rare, and a run is a large future as it is.
    Box::pin(sign_in::ask_if_nobody_is(session, account)).await?;
    if arguments.dry_run {
        let preview = preview_of(session, account, areas, arguments, PREVIEW).await?;
        if !session.output.json {
            session.output.answer(&preview, |out| write_preview(out, &preview))?;
        }
        return Ok((Part::Preview { account: account.clone(), preview }, None));
    }
    let (answer, error) = sync_account(session, account, areas, arguments).await?;
    show(session, &answer)?;
    Ok((Part::Run(Box::new(answer)), error.map(Failure::from)))
}

/// The areas of this run.
fn areas(session: &Session, arguments: &Sync) -> BTreeSet<Area> {
    if arguments.area.is_empty() { session.settings.areas.clone() } else { arguments.area.iter().copied().collect() }
}

/// What is known of the server of contacts, and what to do there. As with the calendar, an account without one has none.
pub(super) async fn contact_job(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
) -> Result<Option<(CardDavConnector, ContactJob)>, Failure> {
    let without_server = session.settings.accounts.get(account).is_some_and(|account| account.carddav.is_none());
    if !areas.contains(&Area::Contacts) || (without_server && arguments.area.is_empty()) {
        return Ok(None);
    }
    Ok(Some((session.contact_connector(account)?, session.contact_job().await?)))
}

/// What is known of the calendar server, and what to do in each area of items. An account without such a server has none, unless the
/// area was asked for by name.
pub(super) async fn item_jobs(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
) -> Result<Option<(CalDavConnector, Vec<ItemJob>)>, Failure> {
    let wanted: Vec<Area> = areas.iter().copied().filter(|area| matches!(area, Area::Calendar | Area::Tasks)).collect();
    let without_server = session.settings.accounts.get(account).is_some_and(|account| account.dav.is_none());
    if wanted.is_empty() || (without_server && arguments.area.is_empty()) {
        return Ok(None);
    }
    let connector = session.item_connector(account)?;
    let mut jobs = Vec::new();
    for area in wanted {
        jobs.push(session.item_job(account, area).await?);
    }
    Ok(Some((connector, jobs)))
}

/// One run, with its consent (R55).
pub(super) async fn sync_account(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
) -> Result<(RunAnswer, Option<EngineError>), Failure> {
    let consent = consent(session, account, areas, arguments).await?;
    let progress = Arc::new(Progress::new(session.output, arguments.all || !session.output.interactive()));
    let ctx = context(session, account, Arc::clone(&progress) as _);
    stop_on_ctrl_c(ctx.cancel.clone());
    let mail = if areas.contains(&Area::Mail) { Some(session.mail_job(account).await?) } else { None };
    let items = item_jobs(session, account, areas, arguments).await?;
    let contacts = contact_job(session, account, areas, arguments).await?;
    let connector = session.connector(account)?;
    let commits = session.journal.commits();
    let (calendar, jobs) = items.map_or((None, Vec::new()), |(calendar, jobs)| (Some(calendar), jobs));
    let plan = RunPlan { mail, items: jobs, consent };
    let crm = session.crm()?;
    let report = match (&calendar, &contacts) {
        (Some(calendar), Some((cards, job))) => engine::run_with_contacts(&connector, calendar, (cards, job), crm, &plan, &ctx).await,
        (None, Some((cards, job))) => engine::run_with_contacts(&connector, cards, (cards, job), crm, &plan, &ctx).await,
        (Some(calendar), None) => engine::run_all(&connector, calendar, crm, &plan, &ctx).await,
        (None, None) => engine::run(&connector, crm, &plan, &ctx).await,
    };
    let dav = calendar.map(|calendar| calendar.traffic()).unwrap_or_default();
    let carddav = contacts.map(|(cards, _)| cards.traffic()).unwrap_or_default();
    progress.finish();
    let report = report?;
    let items = RunItems { journal: session.journal.clone(), run: report.record.id.clone() };
    let traffic = Traffic {
        imap: connector.traffic(),
        dav,
        carddav,
        crm: session.crm()?.traffic().count(),
        commits: session.journal.commits() - commits,
    };
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

/// The end of a run, for people: the table, then this run's items or where to find today's (R51).
pub(super) fn show(session: &Session, answer: &RunAnswer) -> Result<(), Failure> {
    if session.output.json {
        return Ok(());
    }
    let (items, count) = answer.items.first(SHOWN_ITEMS)?;
    session.output.answer(answer, |out| {
        writeln!(out, "Run {} for {}: {}", answer.record.id, answer.record.account, end(&answer.record.end))?;
        write_areas(out, &answer.record.areas)?;
        if session.settings.sync.result_display == ResultDisplay::Today {
            return writeln!(out, "\nToday's activities: crmsync imported --today");
        }
        if items.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let rows: Vec<Vec<String>> = items
            .iter()
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
        if count > items.len() as u64 {
            writeln!(out, "… and {} more: crmsync imported --run {}", count - items.len() as u64, answer.record.id)?;
        }
        Ok(())
    })
}
