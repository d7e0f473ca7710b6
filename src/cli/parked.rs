//! `crmsync parked`: what waits, and the one-step repairs (X3).

use crate::journal::{Change, Parked, Wish};
use crate::model::ItemKey;

use super::arguments::{Global, Parked as Arguments, ParkedAction};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::session::Session;
use super::status::local;

pub(super) async fn run(global: &Global, arguments: Arguments) -> Outcome {
    let mut session = Session::offline(global)?;
    match arguments.action.unwrap_or(ParkedAction::List) {
        ParkedAction::List => list(&session),
        ParkedAction::Retry { ids } => retry(&session, &ids).await,
        ParkedAction::Confirm { ids } => decide(&session, &ids, true).await,
        ParkedAction::Refuse { ids } => decide(&session, &ids, false).await,
        ParkedAction::Ignore { who } => ignore(&mut session, &who).await,
    }
}

fn list(session: &Session) -> Outcome {
    let parked = session.journal.parked(None)?;
    session.output.answer(&parked, |out| {
        if parked.is_empty() {
            return writeln!(out, "Nothing waits.");
        }
        let rows: Vec<Vec<String>> = parked
            .iter()
            .map(|entry| {
                vec![
                    short(&entry.id),
                    entry.title.clone(),
                    entry.date.clone().unwrap_or_default().chars().take(16).collect(),
                    entry.next_try.map_or_else(|| "when you say so".to_owned(), local),
                    entry.reason.to_string(),
                ]
            })
            .collect();
        table(out, &["ID", "TITLE", "DATE", "NEXT TRY", "WHY"], &rows)?;
        writeln!(out)?;
        let mut codes: Vec<_> = parked.iter().map(|entry| entry.reason.code).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            writeln!(out, "{}: {}", code.sentence(), code.repair())?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Makes items due, so that the next run takes them up.
async fn retry(session: &Session, ids: &[String]) -> Outcome {
    let parked = session.journal.parked(None)?;
    for id in ids {
        if !parked.iter().any(|entry| matches(entry, id)) {
            return Err(Failure::new(Exit::NoInput, format!("nothing is parked as \"{id}\"; `crmsync parked` lists what waits")));
        }
    }
    let chosen: Vec<Parked> = parked.into_iter().filter(|entry| ids.is_empty() || ids.iter().any(|id| matches(entry, id))).collect();
    let now = chrono::Utc::now();
    let changes = chosen.iter().map(|entry| Change::Park(Parked { next_try: Some(now), ..entry.clone() })).collect();
    session.journal.commit(changes).await?;
    let count = chosen.len();
    session
        .output
        .answer(&serde_json::json!({ "due": count }), |out| writeln!(out, "{count} items are tried again at the next `crmsync sync`."))?;
    Ok(Exit::Ok)
}

/// The user's word on what waits for it.
async fn decide(session: &Session, ids: &[String], confirm: bool) -> Outcome {
    let parked = session.journal.parked(None)?;
    let mut changes = Vec::new();
    for id in ids {
        let Some(entry) = parked.iter().find(|entry| matches(entry, id) && entry.reason.code.waits_for_word()) else {
            return Err(Failure::new(Exit::NoInput, format!("nothing waits for your word as \"{id}\"; `crmsync parked` lists what waits")));
        };
        let key = ItemKey(entry.id.clone());
        let wish = if confirm { Wish::Confirm { key } } else { Wish::Refuse { key } };
        changes.push(Change::PutWish { account: entry.account.clone(), area: entry.area, wish });
    }
    let count = changes.len();
    session.journal.commit(changes).await?;
    session.output.answer(&serde_json::json!({ "decided": count, "confirmed": confirm }), |out| {
        writeln!(out, "{count} items are dealt with so at the next `crmsync sync`.")
    })?;
    Ok(Exit::Ok)
}

/// Puts an address or domain on the never-log list and lets go of what waits for it.
async fn ignore(session: &mut Session, who: &str) -> Outcome {
    let who = who.trim().trim_start_matches('@').to_lowercase();
    session.add_never_log(&who)?;
    let concerned: Vec<Parked> =
        session.journal.parked(None)?.into_iter().filter(|entry| entry.addresses.iter().any(|address| concerns(address, &who))).collect();
    let mut changes = Vec::new();
    for entry in &concerned {
        changes.push(Change::Unpark { area: entry.area, account: entry.account.clone(), id: entry.id.clone() });
        if let Some(location) = &entry.location {
            changes.push(Change::RemoveCursor { account: entry.account.clone(), area: entry.area, collection: location.mailbox.0.clone() });
        }
        changes.extend(entry.location.clone().map(Change::ForgetLocation));
    }
    session.journal.commit(changes).await?;
    let count = concerned.len();
    session.output.answer(&serde_json::json!({ "ignored": who, "released": count }), |out| {
        writeln!(out, "Mail of {who} is never imported again; {count} waiting items were let go.")
    })?;
    Ok(Exit::Ok)
}

/// Whether an address is this one or of this domain.
fn concerns(address: &str, who: &str) -> bool {
    let address = address.to_lowercase();
    if who.contains('@') {
        return address == who;
    }
    address.rsplit_once('@').is_some_and(|(_, domain)| domain == who || domain.strip_suffix(who).is_some_and(|head| head.ends_with('.')))
}

/// Ids are long hashes: their first digits are enough to name them.
fn short(id: &str) -> String {
    match id.strip_prefix("mail:") {
        Some(hash) => hash.chars().take(12).collect(),
        None => id.to_owned(),
    }
}

fn matches(entry: &Parked, id: &str) -> bool {
    entry.id == id || (id.len() >= 6 && entry.id.strip_prefix("mail:").is_some_and(|hash| hash.starts_with(id)))
}
