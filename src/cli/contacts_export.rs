//! `crmsync contacts export`: search, select, go (R97, R98). What is in the address book already is selected beforehand.

use std::collections::BTreeSet;

use serde::Serialize;

use super::arguments::ContactsExport;
use super::contacts::{ListedContact, account, find, listed, rules, switch, switch_on, synchronise};
use super::exit::{Exit, Failure, Outcome};
use super::output::plain;
use super::progress::prompt;
use super::session::Session;
use super::sync::RunAnswer;
use crate::crm::Switch;
use crate::model::AccountId;

/// What was found, and what became of it.
#[derive(Serialize)]
struct Report {
    /// The hits; `replicated` says which are selected beforehand.
    found: Vec<ListedContact>,
    selected: Vec<String>,
    deselected: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunAnswer>,
}

pub(super) async fn run(session: &Session, arguments: &ContactsExport) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    let asked = !arguments.select.is_empty() || !arguments.deselect.is_empty();
    if !asked && session.output.interactive() {
        return wizard(session, &account, arguments).await;
    }
    let found = hits(session, &account, arguments.search.as_deref()).await?;
    let all = arguments.select.iter().any(|word| word == "all");
    let selected: Vec<String> =
        if all { found.iter().filter(|one| !one.replicated).map(|one| one.id.clone()).collect() } else { arguments.select.clone() };
    go(session, &account, found, selected, arguments.deselect.clone(), arguments.yes).await
}

async fn hits(session: &Session, account: &AccountId, text: Option<&str>) -> Result<Vec<ListedContact>, Failure> {
    let rule = rules(session).await?;
    let mut found = find(session, text).await?.iter().map(|view| listed(session, account, view, &rule)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    Ok(found)
}

async fn go(
    session: &Session,
    account: &AccountId,
    found: Vec<ListedContact>,
    selected: Vec<String>,
    deselected: Vec<String>,
    yes: bool,
) -> Outcome {
    for id in &selected {
        switch_on(session, account, id).await?;
    }
    for id in &deselected {
        switch(session, id, Switch::Off).await?;
    }
    let mut report = Report { found, selected, deselected, run: None };
    let mut exit = Exit::Ok;
    if !report.selected.is_empty() || !report.deselected.is_empty() {
        let (run, ended) = synchronise(session, account, yes).await?;
        (report.run, exit) = (Some(run), ended);
    }
    session.output.answer(&report, |out| {
        if report.run.is_none() {
            write_hits(out, &report.found, &selection(&report.found))?;
            return writeln!(out, "Choose with --select ID or --deselect ID.");
        }
        writeln!(out, "{} selected, {} taken out.", report.selected.len(), report.deselected.len())
    })?;
    Ok(exit)
}

fn selection(found: &[ListedContact]) -> BTreeSet<String> {
    found.iter().filter(|one| one.replicated).map(|one| one.id.clone()).collect()
}

fn write_hits(out: &mut dyn std::io::Write, found: &[ListedContact], selected: &BTreeSet<String>) -> std::io::Result<()> {
    if found.is_empty() {
        return writeln!(out, "No contact was found.");
    }
    for (number, one) in found.iter().enumerate() {
        let mark = if selected.contains(&one.id) { 'x' } else { ' ' };
        writeln!(out, "{:>4} [{mark}] {} {} · {}", number + 1, one.id, plain(&one.name), plain(&one.company))?;
    }
    Ok(())
}

async fn wizard(session: &Session, account: &AccountId, arguments: &ContactsExport) -> Outcome {
    let mut text = arguments.search.clone();
    // What was selected or taken out stays so from one search to the next.
    let (mut on, mut off) = (BTreeSet::new(), BTreeSet::new());
    loop {
        if text.is_none() {
            text = prompt("Search for a name, a company or an address (empty: your own contacts):")?;
        }
        let Some(words) = text.take() else { return Ok(aborted()) };
        let found = hits(session, account, Some(words.trim()).filter(|words| !words.is_empty())).await?;
        loop {
            let mut selected = selection(&found);
            selected.extend(on.iter().cloned());
            selected.retain(|id| !off.contains(id));
            write_hits(&mut std::io::stderr().lock(), &found, &selected)?;
            let question = "Numbers to select or take out, / to search again, o for the options, g to go, q to leave everything as it is:";
            let Some(answer) = prompt(question)? else { return Ok(aborted()) };
            match answer.trim() {
                "q" => return Ok(aborted()),
                "/" => break,
                "o" => show_options(session),
                "g" => return go(session, account, found, on.into_iter().collect(), off.into_iter().collect(), arguments.yes).await,
                numbers => {
                    for number in numbers.split([' ', ',']).filter_map(|word| word.parse::<usize>().ok()) {
                        let Some(one) = number.checked_sub(1).and_then(|at| found.get(at)) else { continue };
                        let (into, from) = if selected.contains(&one.id) { (&mut off, &mut on) } else { (&mut on, &mut off) };
                        if !from.remove(&one.id) {
                            into.insert(one.id.clone());
                        }
                    }
                }
            }
        }
    }
}

/// What an export does, by the settings.
fn show_options(session: &Session) {
    let contacts = &session.settings.contacts;
    let photos = if contacts.photos { "with pictures" } else { "without pictures" };
    super::eprint_lines(&format!(
        "into the address book \"{}\", {photos}; change it with contacts.address_book and contacts.photos in the configuration",
        contacts.address_book
    ));
}

fn aborted() -> Exit {
    super::eprint_lines("nothing was changed");
    Exit::Ok
}
