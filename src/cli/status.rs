//! `crmsync status`: accounts, locks, last runs, what waits.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::journal::{AreaCount, Lock, RunEnd, RunRecord};
use crate::model::{AccountId, Area, Instant};

use super::arguments::Global;
use super::exit::{Exit, Outcome};
use super::output::table;
use super::session::Session;

#[derive(Serialize)]
struct Report {
    accounts: Vec<AccountState>,
    parked: usize,
    waiting_batches: usize,
}

#[derive(Serialize)]
struct AccountState {
    account: AccountId,
    locked: Option<Lock>,
    last_success: Option<Instant>,
    last_run: Option<RunRecord>,
    queue: Queue,
}

/// What waits for its next try, or for the user (X20).
#[derive(Default, Serialize)]
struct Queue {
    unanswered_batches: usize,
    unplaced_mails: usize,
    parked: BTreeMap<String, usize>,
}

pub(super) fn run(global: &Global) -> Outcome {
    let session = Session::offline(global)?;
    let runs = session.journal.runs(200)?;
    let mut accounts = Vec::new();
    for account in session.settings.accounts.keys() {
        let parked = session.journal.parked(Some(account))?;
        let mut by_reason = BTreeMap::new();
        for entry in &parked {
            *by_reason.entry(entry.reason.code.sentence().to_owned()).or_insert(0) += 1;
        }
        accounts.push(AccountState {
            account: account.clone(),
            locked: session.journal.lock(account)?,
            last_success: session.journal.last_success(account)?,
            last_run: runs.iter().find(|run| run.account == *account).cloned(),
            queue: Queue {
                unanswered_batches: session.journal.pending_batches(account)?.len(),
                unplaced_mails: session.journal.intents(account)?.len(),
                parked: by_reason,
            },
        });
    }
    let report = Report {
        parked: accounts.iter().flat_map(|account| account.queue.parked.values()).sum(),
        waiting_batches: accounts.iter().map(|account| account.queue.unanswered_batches).sum(),
        accounts,
    };
    session.output.answer(&report, |out| {
        for state in &report.accounts {
            write_account(out, state)?;
        }
        if report.parked > 0 {
            writeln!(out, "\n{} items wait: see `crmsync parked`.", report.parked)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

fn write_account(out: &mut dyn std::io::Write, state: &AccountState) -> std::io::Result<()> {
    writeln!(out, "{}", state.account)?;
    if let Some(lock) = &state.locked {
        writeln!(out, "  LOCKED since {}: {}", local(lock.since), lock.cause)?;
        if lock.sign_in {
            writeln!(out, "  Run `crmsync sign-in --account {}`, or ask your administrator.", state.account)?;
        } else {
            writeln!(out, "  Ask your administrator, correct the password, then run `crmsync unlock {}`.", state.account)?;
        }
    }
    match state.last_success {
        Some(at) => writeln!(out, "  last success  {}", local(at))?,
        None => writeln!(out, "  last success  never")?,
    }
    if let Some(run) = &state.last_run {
        writeln!(out, "  last run      {} ({}), {}", local(run.started_at), run.id, end(&run.end))?;
        write_areas(out, &run.areas)?;
    }
    for (reason, count) in &state.queue.parked {
        writeln!(out, "  waits         {count}: {reason}")?;
    }
    if state.queue.unanswered_batches + state.queue.unplaced_mails > 0 {
        writeln!(
            out,
            "  unfinished    {} batches without an answer, {} mails to mark or move: the next run takes them up",
            state.queue.unanswered_batches, state.queue.unplaced_mails
        )?;
    }
    Ok(())
}

/// The status table (R53).
pub(super) fn write_areas(out: &mut dyn std::io::Write, areas: &BTreeMap<Area, AreaCount>) -> std::io::Result<()> {
    let names = [(Area::Mail, "E-mail"), (Area::Contacts, "Contacts"), (Area::Tasks, "Tasks"), (Area::Calendar, "Appointments")];
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|(area, name)| match areas.get(&area) {
            Some(count) => {
                vec!["  x".into(), name.into(), count.count.to_string(), count.changed.to_string(), count.errors.to_string()]
            }
            None => vec!["  -".into(), name.into(), String::new(), String::new(), String::new()],
        })
        .collect();
    table(out, &["   ", "", "Count", "Changed", "Error"], &rows)
}

pub(super) fn end(end: &RunEnd) -> String {
    match end {
        RunEnd::Running => "running, or cut off".to_owned(),
        RunEnd::Completed => "completed".to_owned(),
        RunEnd::Cancelled => "stopped by you".to_owned(),
        RunEnd::Stopped { cause } => format!("stopped: {cause}"),
    }
}

/// An instant in the computer's own time.
pub(super) fn local(at: Instant) -> String {
    at.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S").to_string()
}
