//! `crmsync sandbox`: the sandbox servers, each alone.

use std::io::Write as _;

use crate::sandbox::crm::{SandboxCrm, SandboxCrmOptions};
use crate::sandbox::dav::{SandboxDav, SandboxDavOptions};
use crate::sandbox::imap::{SandboxImap, SandboxImapOptions, User};
use crate::sandbox::samples;
use crate::system::{Clock as _, SystemClock};

use super::arguments::{Global, Sandbox, SandboxServer};
use super::exit::{Exit, Outcome};

pub(super) async fn run(global: &Global, arguments: Sandbox) -> Outcome {
    match arguments.server {
        SandboxServer::Crm { port, dir, token, discard } => {
            let options = SandboxCrmOptions { dir, port, token, discard, ..SandboxCrmOptions::default() };
            let crm = SandboxCrm::start(options).await?;
            let value = serde_json::json!({ "url": crm.url, "token": crm.token });
            announce(global, &value, &format!("CRM at {}\ntoken {}\nCtrl-C ends it.", crm.url, crm.token))?;
            let _ = tokio::signal::ctrl_c().await;
            crm.shutdown().await;
        }
        SandboxServer::Dav { port, empty } => {
            let dav = SandboxDav::start(SandboxDavOptions { port, ..SandboxDavOptions::default() }).await?;
            if !empty {
                samples::calendar::populate(&dav.handle(), SystemClock.now().date_naive());
            }
            let value = serde_json::json!({ "url": dav.url(), "user": "anna", "password": "demo" });
            announce(global, &value, &format!("CalDAV at {}, user anna, password demo\nCtrl-C ends it.", dav.url()))?;
            let _ = tokio::signal::ctrl_c().await;
            dav.shutdown().await;
        }
        SandboxServer::Imap { port, empty } => {
            let user = User::new("anna", "demo");
            let imap = SandboxImap::start(SandboxImapOptions { port, users: vec![user], ..SandboxImapOptions::default() }).await?;
            if !empty {
                samples::populate(&imap.handle());
            }
            let value = serde_json::json!({ "address": imap.addr().to_string(), "user": "anna", "password": "demo" });
            announce(global, &value, &format!("IMAP at {}, user anna, password demo\nCtrl-C ends it.", imap.addr()))?;
            let _ = tokio::signal::ctrl_c().await;
            imap.shutdown().await;
        }
    }
    Ok(Exit::Ok)
}

/// Says where a server is. At once, on one line as JSON: whoever started it waits for that.
fn announce(global: &Global, value: &serde_json::Value, text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if global.json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{text}")?;
    }
    out.flush()
}
