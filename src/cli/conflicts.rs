//! `crmsync conflicts`: what lost when both sides had changed a field, what waits for a choice, and the choice (X9).

use serde::Serialize;

use crate::journal::{Change, ConflictLoser, ConflictSide, Parked, Wish};
use crate::model::{AccountId, Area, Field, ReasonCode};

use super::arguments::{Conflicts, ConflictsAction, Global, SideArgument};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::pairs::{areas, find_one};
use super::session::Session;
use super::status::local;
use super::values;

/// Lost values that are listed, newest first.
const LISTED: usize = 200;

#[derive(Serialize)]
struct Report {
    open: Vec<Parked>,
    lost: Vec<Lost>,
}

#[derive(Serialize)]
struct Lost {
    account: AccountId,
    area: Area,
    #[serde(flatten)]
    loser: ConflictLoser,
}

pub(super) async fn run(global: &Global, arguments: Conflicts) -> Outcome {
    let session = Session::offline(global)?;
    match arguments.action.unwrap_or(ConflictsAction::List) {
        ConflictsAction::List => list(&session),
        ConflictsAction::Resolve { what, keep, field } => resolve(&session, &what, keep, &field).await,
    }
}

fn list(session: &Session) -> Outcome {
    let open = session.journal.parked(None)?.into_iter().filter(|entry| entry.reason.code == ReasonCode::Conflict).collect();
    let mut lost = Vec::new();
    for account in session.settings.accounts.keys() {
        for area in areas() {
            let losers = session.journal.conflict_losers(account, area, LISTED)?;
            lost.extend(losers.into_iter().map(|loser| Lost { account: account.clone(), area, loser }));
        }
    }
    lost.sort_by_key(|lost| std::cmp::Reverse(lost.loser.at));
    let report = Report { open, lost };
    session.output.answer(&report, |out| {
        if report.open.is_empty() && report.lost.is_empty() {
            return writeln!(out, "There is no conflict.");
        }
        for entry in &report.open {
            writeln!(out, "{}: {}\n  choose: crmsync conflicts resolve {} --keep crm|groupware", entry.title, entry.reason, entry.id)?;
        }
        if !report.lost.is_empty() {
            let rows: Vec<Vec<String>> = report
                .lost
                .iter()
                .map(|Lost { loser, .. }| {
                    vec![
                        local(loser.at),
                        loser.title.clone(),
                        loser.field.to_string(),
                        format!("{} of the {}", values::value(loser.lost.as_ref()), side(loser.side)),
                        values::value(loser.won.as_ref()),
                    ]
                })
                .collect();
            table(out, &["WHEN", "SUBJECT", "FIELD", "LOST", "WON"], &rows)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

const fn side(side: ConflictSide) -> &'static str {
    match side {
        ConflictSide::Crm => "CRM",
        ConflictSide::Groupware => "groupware",
    }
}

async fn resolve(session: &Session, what: &str, keep: SideArgument, fields: &[String]) -> Outcome {
    let found = find_one(session, what)?;
    let keep = match keep {
        SideArgument::Crm => ConflictSide::Crm,
        SideArgument::Groupware => ConflictSide::Groupware,
    };
    let mut choices = std::collections::BTreeMap::new();
    for name in fields {
        let known = || Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ");
        let field =
            Field::by_name(name).ok_or_else(|| Failure::new(Exit::Usage, format!("\"{name}\" is no field; there are {}", known())))?;
        choices.insert(field, keep);
    }
    if choices.is_empty() {
        choices = Field::ALL.iter().map(|field| (*field, keep)).collect();
    }
    let wish = Wish::Resolve { key: found.key.clone(), choices };
    session.journal.commit(vec![Change::PutWish { account: found.account.clone(), area: found.area, wish }]).await?;
    session.output.answer(&serde_json::json!({ "resolved": found.key, "keep": keep }), |out| {
        writeln!(out, "The next `crmsync sync` keeps what the {} says.", side(keep))
    })?;
    Ok(Exit::Ok)
}
