//! `crmsync journal`: check, compact, export, forget an account.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use crate::model::AccountId;

use super::arguments::{Global, Journal as Arguments, JournalAction};
use super::exit::{Exit, Failure, Outcome};
use super::progress::ask;
use super::session::Session;

pub(super) fn run(global: &Global, arguments: Arguments) -> Outcome {
    let session = Session::offline(global)?;
    let journal = &session.journal;
    match arguments.action {
        JournalAction::Check => {
            let report = journal.check()?;
            let sound = report.is_sound();
            session.output.answer(&report, |out| {
                for (table, records) in &report.records {
                    writeln!(out, "{table:<20} {records:>9}")?;
                }
                for fault in &report.faults {
                    writeln!(out, "FAULT {fault}")?;
                }
                writeln!(
                    out,
                    "{}",
                    if sound {
                        "The journal is sound."
                    } else {
                        "The journal has faults; moving it away is safe: nothing is imported twice."
                    }
                )
            })?;
            Ok(if sound { Exit::Ok } else { Exit::Data })
        }
        JournalAction::Compact => {
            let compacted = journal.compact()?;
            session.output.answer(&compacted, |out| writeln!(out, "{} bytes before, {} after.", compacted.before, compacted.after))?;
            Ok(Exit::Ok)
        }
        JournalAction::Export { output } => {
            match output {
                Some(path) => {
                    let mut file = BufWriter::new(File::create(path)?);
                    journal.export(&mut file)?;
                    file.flush()?;
                }
                None => {
                    journal.export(&mut std::io::stdout().lock())?;
                }
            }
            Ok(Exit::Ok)
        }
        JournalAction::ForgetAccount { account, yes } => {
            if !yes && !ask(session.output, &format!("Forget everything about account \"{account}\"? Its mails stay in the CRM."))? {
                return Err(Failure::new(Exit::NoPermission, "nothing was forgotten; agree with --yes"));
            }
            let forgotten = journal.forget_account(&AccountId(account.clone()))?;
            session.output.answer(&forgotten, |out| writeln!(out, "Account {account} is forgotten."))?;
            Ok(Exit::Ok)
        }
    }
}
