//! `crmsync demo`: sandbox servers with samples, one run, the table, and the CRM's page.

use std::path::Path;

use serde::Serialize;

use crate::engine::EngineError;
use crate::model::{AccountId, Area, Field, Value};
use crate::sandbox::crm::{RunningCrm, SandboxCrm, SandboxCrmOptions};
use crate::sandbox::dav::{RunningDav, SandboxDav, SandboxDavOptions};
use crate::sandbox::imap::{RunningImap, SandboxImap, SandboxImapOptions, User};
use crate::sandbox::samples;
use crate::system::{Clock as _, SystemClock};

use super::arguments::{Demo, Global, Sync};
use super::exit::{Exit, Failure, Outcome};
use super::session::Session;
use super::sync::{RunAnswer, show, sync_account};
use super::{contacts_found, contacts_import};

/// Anna's address book at the sandbox.
const BOOK: &str = "contacts";

pub(super) async fn run(global: &Global, arguments: Demo) -> Outcome {
    let crm = SandboxCrm::start(SandboxCrmOptions { port: arguments.port, ..SandboxCrmOptions::default() }).await?;
    let imap = SandboxImap::start(SandboxImapOptions { users: vec![User::new("anna", "demo")], ..SandboxImapOptions::default() }).await?;
    samples::populate(&imap.handle());
    let dav = SandboxDav::start(SandboxDavOptions::default()).await?;
    samples::calendar::populate(&dav.handle(), SystemClock.now().date_naive());
    samples::contacts::populate(&dav.handle());
    crm.seed_records(SystemClock.now())?;
    let home = tempfile::tempdir()?;
    let outcome = synchronise(global, home.path(), &crm, &imap, &dav).await;
    if matches!(outcome, Ok(Exit::Ok)) && !arguments.once {
        wait_for_the_user(&crm).await?;
    }
    imap.shutdown().await;
    dav.shutdown().await;
    crm.shutdown().await;
    outcome
}

/// The same run as `crmsync sync` makes, with a configuration of its own.
async fn synchronise(global: &Global, home: &Path, crm: &RunningCrm, imap: &RunningImap, dav: &RunningDav) -> Outcome {
    let config = home.join("config.toml");
    std::fs::write(&config, configuration(crm, imap, dav))?;
    let demo = Global { config: Some(config), data_dir: Some(home.join("data")), ..global.clone() };
    let session = Session::online(&demo).await?;
    let sync = Sync { area: Vec::new(), account: None, dry_run: false, all: true, yes: true };
    let (answer, error) = sync_account(&session, &AccountId::from("demo"), &session.settings.areas, &sync).await?;
    show(&session, &answer)?;
    let (contacts, error) = match error {
        None => follow_contacts(&session, crm, dav).await?,
        error => (None, error),
    };
    if session.output.json {
        session.output.answer(&DemoAnswer { first: &answer, contacts: contacts.as_ref() }, |_| Ok(()))?;
    }
    match error {
        Some(error) => {
            // The answer is given already, with the error in it.
            let failure = Failure::from(error);
            super::eprint_lines(&failure.message);
            Ok(failure.exit)
        }
        None => Ok(Exit::Ok),
    }
}

/// What the demo did, for programs.
#[derive(Serialize)]
struct DemoAnswer<'a> {
    #[serde(flatten)]
    first: &'a RunAnswer,
    /// The second run, over contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<&'a RunAnswer>,
}

/// A change of a contact on each side, and an import; then the run that carries them over.
async fn follow_contacts(
    session: &Session,
    crm: &RunningCrm,
    dav: &RunningDav,
) -> Result<(Option<RunAnswer>, Option<EngineError>), Failure> {
    let account = AccountId::from("demo");
    crm.edit_contact("CP2002", |contact| drop(contact.fields.insert(Field::JobTitle, Value::Text("Technischer Leiter".to_owned()))))?;
    let books = dav.handle();
    if let Some((name, text)) =
        books.items(samples::USER, BOOK).into_iter().find(|(_, text)| text.contains("FN:Clara Hofmann") && text.contains("CP2001"))
    {
        books.put(samples::USER, BOOK, &name, &text.replace("END:VCARD", "ROLE:Entscheiderin\r\nEND:VCARD"));
    }
    let found = contacts_found::search(session, &account).await?;
    let ready = found.cards.iter().filter(|card| contacts_import::may_be_imported(card));
    session.journal.commit(ready.map(|card| contacts_import::wish(&account, card)).collect()).await?;
    if !session.output.json {
        super::eprint_lines("now a title is changed in the CRM, a role in the address book, and a card with the category is imported");
    }
    let sync = Sync { area: vec![Area::Contacts], account: None, dry_run: false, all: true, yes: true };
    let (answer, error) = sync_account(session, &account, &[Area::Contacts].into(), &sync).await?;
    show(session, &answer)?;
    Ok((Some(answer), error))
}

/// Secrets are where secrets belong even here: in the environment of a command, not in the file. Both are the sandbox's own.
fn configuration(crm: &RunningCrm, imap: &RunningImap, dav: &RunningDav) -> String {
    let echo = |text: &str| {
        if cfg!(windows) { format!("[\"cmd\", \"/C\", \"echo {text}\"]") } else { format!("[\"echo\", \"{text}\"]") }
    };
    format!(
        r#"
[crm]
url = "{url}"
auth = "bearer"
secret = {{ command = {token} }}

[sync]
areas = ["mail", "calendar", "tasks", "contacts"]

[mail]
internal = ["nordwind.example"]

[accounts.demo]
addresses = ["anna.berger@nordwind.example"]

[accounts.demo.imap]
host = "{host}"
port = {port}
security = "none"
user = "anna"
secret = {{ command = {password} }}

[accounts.demo.dav]
url = "{dav}"

[contacts]
address_book = "Contacts"
country = "DE"
"#,
        dav = dav.url(),
        url = crm.url,
        token = echo(&crm.token),
        host = imap.addr().ip(),
        port = imap.addr().port(),
        password = echo("demo"),
    )
}

/// Keeps the page open.
async fn wait_for_the_user(crm: &RunningCrm) -> Result<(), Failure> {
    super::eprint_lines(&format!("the sandbox CRM shows what arrived: {}\nCtrl-C ends the demo", crm.url));
    tokio::signal::ctrl_c().await?;
    Ok(())
}
