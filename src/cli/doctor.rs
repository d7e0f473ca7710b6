//! `crmsync doctor`: what each server can do, and what follows for the user.

use serde::Serialize;

use crate::crm::{Capabilities, Crm as _, Profile};
use crate::engine::lock_of;
use crate::groupware::{Access, GroupwareError, MailConnector as _, MailStore as _};
use crate::journal::Change;
use crate::model::{AccountId, Area, CrmSettings, MailboxName};
use crate::settings::{MailMark, MailSelector, MailSettings, Settings};
use crate::sync::{MissingMailbox, SourceInputs, plan_sources};

use super::arguments::{Global, OneAccount};
use super::exit::{Exit, Failure, Outcome};
use super::output::plain;
use super::session::{Session, crm_settings};
use super::sign_in::lasts;
use super::{doctor_calendar, doctor_contacts};

#[derive(Serialize)]
struct Report {
    crm: Findings,
    accounts: Vec<(AccountId, Findings)>,
}

/// What was found out about one server.
#[derive(Default, Serialize)]
pub(super) struct Findings {
    /// Facts.
    pub facts: Vec<String>,
    /// What follows, or what is to be done.
    pub advice: Vec<String>,
    /// What keeps it from working.
    pub problems: Vec<String>,
}

pub(super) async fn run(global: &Global, arguments: &OneAccount) -> Outcome {
    let session = Session::offline(global)?;
    let (crm, capabilities, record) = examine_crm(&session).await;
    // No password is tried that a run would not try either (R62, R63, R121).
    let refused = record.and_then(|record| session.permit_by(&record).err()).map(|refusal| refusal.message);
    let mut accounts = Vec::new();
    for account in session.accounts(arguments.account.as_deref())? {
        let findings = examine_account(&session, &account, capabilities.as_ref(), refused.as_deref()).await;
        accounts.push((account, findings));
    }
    let report = Report { crm, accounts };
    let sound = report.crm.problems.is_empty() && report.accounts.iter().all(|(_, findings)| findings.problems.is_empty());
    session.output.answer(&report, |out| {
        write_findings(out, "CRM", &report.crm)?;
        for (account, findings) in &report.accounts {
            write_findings(out, &format!("account {account}"), findings)?;
        }
        Ok(())
    })?;
    Ok(if sound { Exit::Ok } else { Exit::Findings })
}

fn write_findings(out: &mut dyn std::io::Write, title: &str, findings: &Findings) -> std::io::Result<()> {
    writeln!(out, "{title}")?;
    for fact in &findings.facts {
        writeln!(out, "    {fact}")?;
    }
    for advice in &findings.advice {
        writeln!(out, "  > {advice}")?;
    }
    for problem in &findings.problems {
        writeln!(out, "  ! {problem}")?;
    }
    writeln!(out)
}

async fn examine_crm(session: &Session) -> (Findings, Option<Capabilities>, Option<CrmSettings>) {
    let (mut findings, mut record) = (Findings::default(), None);
    let crm = match session.connect_crm().await {
        Ok(crm) => crm,
        Err(failure) => {
            findings.problems.push(failure.message);
            return (findings, None, None);
        }
    };
    let capabilities = match crm.capabilities().await {
        Ok(capabilities) => capabilities,
        Err(error) => {
            findings.problems.push(error.to_string());
            return (findings, None, None);
        }
    };
    describe_crm(&capabilities, &mut findings);
    match crm_settings(crm).await {
        Ok(Some(settings)) => {
            findings.facts.push(format!("signed in as {}", settings.employee));
            if settings.password_locked {
                findings.problems.push(
                    "the employee's record says \"groupware password locked\": ask your administrator, then run `crmsync unlock`"
                        .to_owned(),
                );
            }
            if !settings.interactive {
                findings.problems.push("the employee's record does not allow interactive use: ask your administrator".to_owned());
            }
            if !settings.auto_sync {
                findings.advice.push("automatic synchronisation is off in the employee's record: runs are started by hand".to_owned());
            }
            record = Some(settings);
        }
        Ok(None) => {}
        Err(failure) => findings.problems.push(failure.message),
    }
    (findings, Some(capabilities), record)
}

fn describe_crm(capabilities: &Capabilities, findings: &mut Findings) {
    let profiles: Vec<String> = capabilities.profiles.iter().map(|profile| format!("{profile:?}").to_lowercase()).collect();
    let keys: Vec<&str> = capabilities.statuses.iter().map(|status| status.key.as_str()).collect();
    findings.facts.push(format!("{}, contract {}", capabilities.product, capabilities.contract));
    findings.facts.push(format!("profiles: {}", profiles.join(", ")));
    findings.facts.push(format!("batches of {} mails, {} bytes", capabilities.limits.max_items, capabilities.limits.max_bytes));
    findings.facts.push(format!("status keys for folder names: {}", keys.join(", ")));
    if !capabilities.profiles.contains(&Profile::Mail) {
        findings.problems.push("the CRM does not offer the profile \"mail\": mails cannot be imported".to_owned());
    }
    for (profile, loss) in [
        (Profile::Settings, "settings come from this computer alone"),
        (Profile::Activities, "`crmsync imported` shows only runs of this computer"),
        (Profile::Audit, "`crmsync audit mail` is not possible"),
    ] {
        if !capabilities.profiles.contains(&profile) {
            findings.advice.push(format!("without the profile \"{}\", {loss}", format!("{profile:?}").to_lowercase()));
        }
    }
    if let Some(time) = capabilities.server_time {
        let skew = (chrono::Utc::now() - time).num_seconds().abs();
        if skew > 120 {
            findings.advice.push(format!("the clocks of the CRM and of this computer differ by {skew} s; crmsync does not depend on them"));
        }
    }
}

async fn examine_account(session: &Session, account: &AccountId, capabilities: Option<&Capabilities>, refused: Option<&str>) -> Findings {
    let mut findings = Findings::default();
    match session.journal.lock(account) {
        Ok(Some(lock)) => {
            let repair = if lock.sign_in { "sign-in --account" } else { "unlock" };
            let first = if lock.sign_in { "" } else { "correct the password, then " };
            findings.problems.push(format!("locked since a rejected login ({}): {first}`crmsync {repair} {account}`", lock.cause));
            return findings;
        }
        Ok(None) => {}
        Err(error) => findings.problems.push(error.to_string()),
    }
    if let Some(refused) = refused {
        findings.problems.push(refused.to_owned());
        return findings;
    }
    if !examine_sign_in(session, account, &mut findings).await {
        return findings;
    }
    if let Err(failure) = examine_mailbox(session, account, capabilities, &mut findings).await {
        findings.problems.push(failure.message);
        // A password that was rejected once is not tried at another server (V11).
        if session.journal.lock(account).ok().flatten().is_some() {
            return findings;
        }
    }
    if session.settings.accounts.get(account).is_some_and(|account| account.dav.is_some())
        && let Err(failure) = doctor_calendar::examine(session, account, &mut findings).await
    {
        findings.problems.push(failure.message);
        if session.journal.lock(account).ok().flatten().is_some() {
            return findings;
        }
    }
    if session.settings.areas.contains(&Area::Contacts)
        && session.settings.accounts.get(account).is_some_and(|account| account.carddav.is_some())
        && let Err(failure) = doctor_contacts::examine(session, account, &mut findings).await
    {
        findings.problems.push(failure.message);
    }
    findings
}

/// How the account's sign-in by OAuth 2 stands; whether a login makes sense.
async fn examine_sign_in(session: &Session, account: &AccountId, findings: &mut Findings) -> bool {
    let standing = match session.settings.accounts.get(account).map(|account| session.sign_ins.of(account)) {
        None | Some(Ok(None)) => return true,
        Some(Ok(Some(sign_in))) => sign_in.standing().await,
        Some(Err(error)) => Err(error),
    };
    match standing {
        Ok(standing) => {
            findings.facts.push(format!("signed in at {} as {}", standing.provider, plain(&standing.user)));
            findings.facts.push(lasts(standing.expires, standing.renews));
            if !standing.renews {
                findings
                    .advice
                    .push("the sign-in does not renew itself: ask for offline_access in scopes, where the provider knows it".to_owned());
            }
            true
        }
        Err(error) => {
            findings.problems.push(error.to_string());
            false
        }
    }
}

/// A rejected login counts here as anywhere (V11); any other failure does not.
pub(super) async fn lock_if_rejected(session: &Session, account: &AccountId, error: GroupwareError) -> Failure {
    if let Some(lock) = lock_of(&error, chrono::Utc::now())
        && let Err(error) = session.journal.commit(vec![Change::LockAccount { account: account.clone(), lock }]).await
    {
        return error.into();
    }
    error.into()
}

async fn examine_mailbox(
    session: &Session,
    account: &AccountId,
    capabilities: Option<&Capabilities>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let connector = session.connector(account)?;
    let mut store = match connector.connect().await {
        Ok(store) => store,
        Err(error) => return Err(lock_if_rejected(session, account, error).await),
    };
    let features = store.features().clone();
    findings.facts.push(format!("signed in to {}", features.server));
    let yes = |name: &str, has: bool| format!("{name} {}", if has { "yes" } else { "no" });
    findings.facts.push(
        [
            yes("MOVE", features.can_move),
            yes("UIDPLUS", features.uid_plus),
            yes("CONDSTORE", features.condstore),
            yes("IDLE", features.idle),
        ]
        .join(", "),
    );
    if !features.can_move {
        findings.advice.push("the server cannot move mails: they are copied, checked and removed instead".to_owned());
    }
    if !features.idle {
        findings.advice.push("the server does not announce new mails: they are found at the interval".to_owned());
    }
    let inbox = store.select(&MailboxName::from("INBOX"), Access::ReadWrite).await?;
    advise_marks(inbox.keywords_allowed, &session.settings, findings);
    let mailboxes = store.mailboxes().await?;
    findings.facts.push(format!(
        "{} mailboxes, separator {}",
        mailboxes.len(),
        features.separator.map_or("none".to_owned(), |c| c.to_string())
    ));
    let (import, archive) = (session.journal.binding(account, "import")?, session.journal.binding(account, "archive")?);
    let plan = plan_sources(&SourceInputs {
        mailboxes: &mailboxes,
        features: &features,
        settings: &session.settings.mail,
        statuses: capabilities.map_or(&[], |capabilities| &capabilities.statuses),
        import_binding: import.as_ref(),
        archive_binding: archive.as_ref(),
    });
    for source in &plan.sources {
        findings.facts.push(format!("imports from \"{}\" ({:?}) as status {}", source.mailbox, source.selector, source.status));
    }
    for missing in &plan.missing {
        findings.advice.push(match missing {
            MissingMailbox::ImportFolder(name) => format!("the import folder \"{name}\" is created at the first run"),
            MissingMailbox::ArchiveFolder(name) => format!("the archive folder \"{name}\" is created with the first mail"),
            MissingMailbox::CategoryFolder(name) => format!("the folder \"{name}\" of mail.category_folders does not exist"),
        });
    }
    if capabilities.is_some() {
        for (mailbox, reason) in &plan.parked {
            findings.problems.push(format!("\"{mailbox}\" waits: {reason}; {}", reason.code.repair()));
        }
    }
    store.close().await;
    Ok(())
}

/// Whether marks by keyword will work (R21), and what to do if not.
fn advise_marks(keywords_allowed: bool, settings: &Settings, findings: &mut Findings) {
    let MailSettings { selectors, marks, .. } = &settings.mail;
    if keywords_allowed {
        findings.facts.push("keeps keywords (categories)".to_owned());
        return;
    }
    findings.facts.push("keeps no keywords (categories)".to_owned());
    if selectors.contains(&MailSelector::Category) {
        findings.problems.push("mails cannot be selected by category on this server: use mail.selectors = [\"folder\"]".to_owned());
    }
    if marks.contains(&MailMark::Keyword) {
        findings.problems.push("mails cannot be marked on this server: use mail.marks = [\"move\"] or [\"subfolders\"]".to_owned());
    }
}
