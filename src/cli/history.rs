//! `crmsync history`: what was written where, and what stood there before (X8).

use crate::model::Action;

use super::arguments::{Global, History};
use super::exit::{Exit, Outcome};
use super::output::table;
use super::session::Session;
use super::status::local;

pub(super) fn run(global: &Global, arguments: &History) -> Outcome {
    let session = Session::offline(global)?;
    let entries = session.journal.history(arguments.limit)?;
    session.output.answer(&entries, |out| {
        if entries.is_empty() {
            return writeln!(out, "Nothing that existed was changed yet.");
        }
        let rows: Vec<Vec<String>> = entries
            .iter()
            .map(|(number, entry)| {
                let operation = &entry.intent.operation;
                vec![
                    number.to_string(),
                    local(entry.at),
                    operation.area.to_string(),
                    what(&operation.action).to_owned(),
                    operation.item.to_string(),
                ]
            })
            .collect();
        table(out, &["NUMBER", "WHEN", "AREA", "WHAT", "ITEM"], &rows)?;
        writeln!(out, "\nWith --json, each entry shows what stood there before.")
    })?;
    Ok(Exit::Ok)
}

const fn what(action: &Action) -> &'static str {
    match action {
        Action::PlaceMail { .. } => "mail marked or moved",
        Action::CreateItem { .. } => "item created",
        Action::EditItem { .. } => "item changed",
        Action::RemoveItem { .. } => "item removed",
        Action::CreateRecord { .. } => "record created",
        Action::UpdateRecord { .. } => "record changed",
    }
}
