//! `crmsync why`: what is known of one mail, appointment or task (X16).

use serde::Serialize;

use crate::journal::{Parked, RunItem, SettledMail};
use crate::model::{AccountId, RunId};

use super::arguments::{Global, Why};
use super::exit::{Exit, Outcome};
use super::pairs::{Found, find, state};
use super::session::Session;
use super::status::local;

#[derive(Serialize)]
struct Report {
    message_id: String,
    settled: Vec<(AccountId, SettledMail)>,
    parked: Vec<Parked>,
    history: Vec<(RunId, RunItem)>,
    pairs: Vec<Found>,
}

pub(super) fn run(global: &Global, arguments: &Why) -> Outcome {
    let session = Session::offline(global)?;
    let message_id = arguments.what.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let pairs = find(&session, arguments.what.trim())?;
    let concerned = |entry: &Parked| {
        entry.message_id.as_deref() == Some(message_id.as_str())
            || entry.record.as_deref() == Some(message_id.as_str())
            || [entry.id.as_str(), entry.id.trim_start_matches("uid:")].contains(&message_id.as_str())
            || pairs.iter().any(|found| found.key.as_str() == entry.id)
    };
    let report = Report {
        settled: session
            .journal
            .settled_mails_by_message_id(None, &message_id)?
            .into_iter()
            .map(|(account, _, mail)| (account, mail))
            .collect(),
        parked: session.journal.parked(None)?.into_iter().filter(concerned).collect(),
        history: session.journal.run_items_by_message_id(&message_id)?,
        message_id,
        pairs,
    };
    let unknown = report.settled.is_empty() && report.parked.is_empty() && report.history.is_empty() && report.pairs.is_empty();
    session.output.answer(&report, |out| {
        if unknown {
            writeln!(out, "crmsync has never seen a mail with the Message-ID, nor an appointment, task or contact with the UID or record {}.", report.message_id)?;
            return writeln!(
                out,
                "It looks only into the folders or for the category of the settings: see `crmsync config show` and `crmsync sync --dry-run`."
            );
        }
        for (account, mail) in &report.settled {
            let record = mail.record.as_ref().map_or("no record", |record| record.id.as_str());
            writeln!(out, "In the CRM as {record} ({:?}) since {}, account {account}, from {}.", mail.verdict, local(mail.settled_at), mail.mailbox)?;
            for linked in &mail.linked {
                writeln!(out, "  linked to {} ({})", linked.name, linked.kind)?;
            }
        }
        for found in &report.pairs {
            let record = found.pair.record.as_ref().map_or("a record under way", |record| record.id.as_str());
            writeln!(out, "{} belongs to {record}, {}, since {}, account {}.", found.key, state(&found.pair), local(found.pair.since), found.account)?;
        }
        for entry in &report.parked {
            writeln!(out, "Waits since {}: {}.", local(entry.since), entry.reason)?;
            writeln!(out, "  {}", entry.reason.code.repair())?;
            for address in &entry.addresses {
                writeln!(out, "  address: {address}")?;
            }
        }
        for (run, item) in &report.history {
            let reason = item.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            writeln!(out, "Run {run}: {:?} in {}{reason}", item.outcome, item.collection)?;
        }
        Ok(())
    })?;
    Ok(if unknown { Exit::NoInput } else { Exit::Ok })
}
