//! `crmsync sync`: one run for each account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _, Serializer};
use tokio_util::sync::CancellationToken;

use crate::crm::Profile;
use crate::engine::contacts::{self, ContactJob};
use crate::engine::items::{self, ItemJob, ItemPlan};
use crate::engine::{self, Context, EngineError, RunPlan, mail, new_run_id};
use crate::groupware::TrafficSnapshot;
use crate::groupware::dav::{CalDavConnector, CardDavConnector};
use crate::journal::{Consent, Journal, JournalError, RunItem, RunRecord};
use crate::model::{AccountId, Area, RunId};
use crate::settings::{ContactSettings, MailSelector, MailSettings, ResultDisplay, SyncDirection};
use crate::sync::{MailPlan, PlannedMail};
use crate::system::{Clock as _, SystemClock, SystemRandom};

use super::arguments::{Global, Sync};
use super::exit::{Exit, Failure, Outcome};
use super::item_plan::write_plan;
use super::output::table;
use super::progress::{Progress, ask};
use super::session::Session;
use super::sign_in;
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

/// What a run would do, by area.
#[derive(Default, Serialize)]
struct Preview {
    #[serde(flatten)]
    mail: Option<mail::MailPreview>,
    #[serde(flatten)]
    items: BTreeMap<Area, ItemPlan>,
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
async fn contact_job(
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
async fn item_jobs(
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

/// The user's agreement, if it was not given before: by `--yes`, by the configuration, or asked for with a preview.
async fn consent(session: &Session, account: &AccountId, areas: &BTreeSet<Area>, arguments: &Sync) -> Result<Option<Consent>, Failure> {
    let mut new = BTreeSet::new();
    for area in areas {
        if !engine::consent_given(&session.journal, account, *area)? {
            new.insert(*area);
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    let shown = promise(session, &new);
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
    let preview = preview_of(session, account, &new, arguments, SHOWN_FOR_CONSENT).await?;
    super::eprint_lines(&shown);
    write_preview(&mut std::io::stderr().lock(), &preview)?;
    if ask(session.output, "Is that what you want?")? { given("prompt") } else { Ok(None) }
}

/// What a run writes, in words.
fn promise(session: &Session, areas: &BTreeSet<Area>) -> String {
    let mut words = Vec::new();
    if areas.contains(&Area::Mail) {
        promise_mail(&session.settings.mail, &mut words);
    }
    for (area, items, settings) in
        [(Area::Calendar, "Appointments", &session.settings.calendar), (Area::Tasks, "Tasks", &session.settings.tasks)]
    {
        if areas.contains(&area) {
            words.push(match settings.direction {
                SyncDirection::Both => format!("{items} are kept the same in the groupware and in the CRM."),
                SyncDirection::ToCrm => format!("{items} of the groupware are copied into the CRM and kept up to date there."),
                SyncDirection::ToGroupware => format!("{items} of the CRM are copied into the groupware and kept up to date there."),
            });
            if settings.link_back && settings.direction != SyncDirection::ToCrm {
                words.push("Each gets a link to the other in its text.".to_owned());
            }
            if !settings.invitations {
                words.push("No invitation, update or cancellation is ever sent to anybody.".to_owned());
            }
        }
    }
    if areas.contains(&Area::Contacts) {
        promise_contacts(&session.settings.contacts, &mut words);
    }
    words.push("Nothing is deleted that nobody deleted, and no mail is sent.".to_owned());
    words.join("\n")
}

fn promise_contacts(contacts: &ContactSettings, words: &mut Vec<String>) {
    words.push(match contacts.items.direction {
        SyncDirection::Both | SyncDirection::ToGroupware => {
            format!(
                "Contacts that the rules choose are copied into the address book \"{}\" and kept up to date there.",
                contacts.address_book
            )
        }
        SyncDirection::ToCrm => "Changes of linked cards are carried into the CRM.".to_owned(),
    });
    if contacts.items.direction == SyncDirection::Both {
        words.push("What you change in such a card is changed in the CRM; what you delete is not.".to_owned());
    }
    words.push(format!("Cards without the category \"{}\" are never read into the CRM.", contacts.category));
}

fn promise_mail(mail: &MailSettings, words: &mut Vec<String>) {
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
}

async fn preview_of(
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

fn write_preview(out: &mut dyn std::io::Write, preview: &Preview) -> std::io::Result<()> {
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
