//! `crmsync demo`: sandbox servers with samples, one run, the table, and the CRM's page.

use std::path::Path;

use crate::model::AccountId;
use crate::sandbox::crm::{RunningCrm, SandboxCrm, SandboxCrmOptions};
use crate::sandbox::dav::{RunningDav, SandboxDav, SandboxDavOptions};
use crate::sandbox::imap::{RunningImap, SandboxImap, SandboxImapOptions, User};
use crate::sandbox::samples;
use crate::system::{Clock as _, SystemClock};

use super::arguments::{Demo, Global, Sync};
use super::exit::{Exit, Failure, Outcome};
use super::session::Session;
use super::sync::{show, sync_account};

pub(super) async fn run(global: &Global, arguments: Demo) -> Outcome {
    let crm = SandboxCrm::start(SandboxCrmOptions { port: arguments.port, ..SandboxCrmOptions::default() }).await?;
    let imap = SandboxImap::start(SandboxImapOptions { users: vec![User::new("anna", "demo")], ..SandboxImapOptions::default() }).await?;
    samples::populate(&imap.handle());
    let dav = SandboxDav::start(SandboxDavOptions::default()).await?;
    samples::calendar::populate(&dav.handle(), SystemClock.now().date_naive());
    crm.seed_records(SystemClock.now())?;
    let home = tempfile::tempdir()?;
    let outcome = synchronise(global, home.path(), &configuration(&crm, &imap, &dav)).await;
    if matches!(outcome, Ok(Exit::Ok)) && !arguments.once {
        wait_for_the_user(&crm).await?;
    }
    imap.shutdown().await;
    dav.shutdown().await;
    crm.shutdown().await;
    outcome
}

/// The same run as `crmsync sync` makes, with a configuration of its own.
async fn synchronise(global: &Global, home: &Path, configuration: &str) -> Outcome {
    let config = home.join("config.toml");
    std::fs::write(&config, configuration)?;
    let demo = Global { config: Some(config), data_dir: Some(home.join("data")), ..global.clone() };
    let session = Session::online(&demo).await?;
    let sync = Sync { area: Vec::new(), account: None, dry_run: false, all: true, yes: true };
    let (answer, error) = sync_account(&session, &AccountId::from("demo"), &session.settings.areas, &sync).await?;
    show(&session, &answer)?;
    if session.output.json {
        session.output.answer(&answer, |_| Ok(()))?;
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
areas = ["mail", "calendar", "tasks"]

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
