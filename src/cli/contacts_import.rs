//! `crmsync contacts import`: cards with the category become contacts of a business partner (R101 to R111).

use std::collections::BTreeMap;

use serde::Serialize;

use super::arguments::ContactsImport;
use super::contacts::{account, link_card, synchronise, write_similar};
use super::contacts_found::{FoundCard, remember, search};
use super::exit::{Exit, Failure, Outcome};
use super::output::{plain, table};
use super::progress::prompt;
use super::session::Session;
use super::sync::RunAnswer;
use crate::crm::{CrmContacts as _, PartnerName, PartnerQuery};
use crate::journal::{Change, PairState, Wish};
use crate::model::{AccountId, Area, Field};

/// What was found, and what became of it.
#[derive(Serialize)]
struct Report {
    found: Vec<FoundCard>,
    /// Cards that are linked already.
    linked: usize,
    selected: usize,
    imported: usize,
    /// Cards that were selected and not imported, with why.
    refused: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunAnswer>,
}

pub(super) async fn run(session: &Session, arguments: &ContactsImport) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    let found = search(session, &account).await?;
    let mut report = Report { found: found.cards, linked: found.linked, selected: 0, imported: 0, refused: BTreeMap::new(), run: None };
    let given = assigned(session, arguments, &mut report.found).await?;
    if arguments.select.is_empty() && session.output.interactive() && !report.found.is_empty() {
        return wizard(session, &account, report, arguments.yes).await;
    }
    let all = arguments.select.iter().any(|word| word == "all");
    let mut chosen = Vec::new();
    for card in &report.found {
        let named = arguments.select.contains(&card.uid);
        match obstacle(card) {
            None if named || all => chosen.push(card.uid.clone()),
            Some(why) if named => drop(report.refused.insert(card.uid.clone(), why)),
            _ => {}
        }
    }
    for uid in arguments.select.iter().filter(|uid| *uid != "all" && !report.found.iter().any(|card| card.uid == **uid)) {
        report.refused.insert(uid.clone(), "no such card may be imported".to_owned());
    }
    for uid in given.iter().filter(|uid| !report.found.iter().any(|card| card.uid == **uid)) {
        report.refused.insert(uid.clone(), "no such card may be imported".to_owned());
    }
    go(session, &account, report, &chosen, arguments.yes, !arguments.select.is_empty()).await
}

/// Assigns the business partners of the command line, and gives the UIDs they name.
async fn assigned(session: &Session, arguments: &ContactsImport, cards: &mut [FoundCard]) -> Result<Vec<String>, Failure> {
    let mut uids = Vec::new();
    for word in &arguments.partner {
        let (uid, id) = word.rsplit_once('=').map_or((None, word.as_str()), |(uid, id)| (Some(uid), id));
        let partner = partner(session, id).await?;
        uids.extend(uid.map(str::to_owned));
        for card in cards.iter_mut().filter(|card| uid.is_none_or(|uid| card.uid == uid)) {
            (card.partner, card.prefilled_by) = (Some(partner.clone()), None);
        }
    }
    Ok(uids)
}

/// The business partner with an id.
async fn partner(session: &Session, id: &str) -> Result<PartnerName, Failure> {
    let found = session.crm()?.partners(&PartnerQuery { text: Some(id.to_owned()), domain: None, limit: 50 }).await?;
    let found = found.into_iter().find(|partner| partner.id == id);
    found
        .map(|partner| PartnerName { id: partner.id, name: partner.name })
        .ok_or_else(|| Failure::new(Exit::NoInput, format!("the CRM has no business partner \"{id}\"")))
}

/// Why a card cannot be imported now.
fn obstacle(card: &FoundCard) -> Option<String> {
    if card.duplicate == "certain" {
        let whom = card.similar.iter().find(|one| one.of == "crm").map_or_else(String::new, |one| format!(" {}", one.id));
        return Some(format!("it is certainly in the CRM already:{whom}; link it with `crmsync contacts link{whom} --card {}`", card.uid));
    }
    if let Some(fault) = card.faults.first() {
        return Some(format!("the CRM would refuse it: {fault}"));
    }
    // An organisation is a business partner itself.
    let needs_partner = card.partner.is_none() && !card.fields.contains_key(&Field::Organisation);
    needs_partner.then(|| "it has no business partner; name one with --partner".to_owned())
}

/// Lets the next run import a card.
pub(super) fn wish(account: &AccountId, card: &FoundCard) -> Change {
    let partner = card.partner.as_ref().map(|partner| partner.id.clone());
    let wish = Wish::Import { key: card.key.clone(), item: card.place.clone(), partner };
    Change::PutWish { account: account.clone(), area: Area::Contacts, wish }
}

/// Whether nothing stands against the import of a card.
pub(super) fn may_be_imported(card: &FoundCard) -> bool {
    obstacle(card).is_none()
}

async fn go(session: &Session, account: &AccountId, mut report: Report, chosen: &[String], yes: bool, asked: bool) -> Outcome {
    let mut changes = Vec::new();
    let mut partners = Vec::new();
    for card in report.found.iter().filter(|card| chosen.contains(&card.uid)) {
        changes.push(wish(account, card));
        partners.extend(card.partner.clone().map(|partner| (&card.fields, partner)));
    }
    remember(session, &partners)?;
    report.selected = chosen.len();
    let mut exit = if report.refused.is_empty() { Exit::Ok } else { Exit::Findings };
    if !changes.is_empty() {
        session.journal.commit(changes).await?;
        let (run, ended) = synchronise(session, account, yes).await?;
        report.run = Some(run);
        if ended != Exit::Ok {
            exit = ended;
        }
        for card in report.found.iter().filter(|card| chosen.contains(&card.uid)) {
            let pair = session.journal.pair(account, Area::Contacts, &card.key)?;
            if pair.is_some_and(|pair| pair.state == PairState::Active && pair.record.is_some()) {
                report.imported += 1;
            } else {
                let waits = session.journal.parked_entry(Area::Contacts, account, card.key.as_str())?;
                let why = waits.map_or_else(|| "the run did not come to it".to_owned(), |entry| entry.reason.to_string());
                report.refused.insert(card.uid.clone(), why);
            }
        }
    }
    session.output.answer(&report, |out| write_report(out, &report, asked, &session.settings.contacts.category))?;
    Ok(exit)
}

fn write_report(out: &mut dyn std::io::Write, report: &Report, asked: bool, category: &str) -> std::io::Result<()> {
    if !asked {
        write_cards(out, &report.found)?;
    }
    for (uid, why) in &report.refused {
        writeln!(out, "{}: {}", plain(uid), plain(why))?;
    }
    if report.found.is_empty() {
        // R101.
        return writeln!(
            out,
            "There is no card left to import: {} are linked, and others do not bear the category \"{category}\".",
            report.linked
        );
    }
    if asked { writeln!(out, "{} of {} selected cards were imported.", report.imported, report.selected) } else { Ok(()) }
}

fn write_cards(out: &mut dyn std::io::Write, cards: &[FoundCard]) -> std::io::Result<()> {
    if cards.is_empty() {
        return Ok(());
    }
    let row = |(number, card): (usize, &FoundCard)| {
        let partner = match (&card.partner, card.partners.len()) {
            (Some(partner), _) => partner.name.clone(),
            (None, 0) => "?".to_owned(),
            (None, several) => format!("? one of {several}"),
        };
        vec![(number + 1).to_string(), card.uid.clone(), card.name.clone(), card.company.clone(), partner, card.duplicate.to_owned()]
    };
    let rows: Vec<Vec<String>> = cards.iter().enumerate().map(row).collect();
    table(out, &["", "UID", "NAME", "COMPANY", "BUSINESS PARTNER", "DUPLICATE"], &rows)?;
    for card in cards.iter().filter(|card| !card.similar.is_empty() || !card.faults.is_empty()) {
        writeln!(out, "{}:", plain(&card.name))?;
        write_similar(out, card)?;
        for fault in &card.faults {
            writeln!(out, "    {}", plain(fault))?;
        }
    }
    Ok(())
}

async fn wizard(session: &Session, account: &AccountId, mut report: Report, yes: bool) -> Outcome {
    let mut ticked = std::collections::BTreeSet::new();
    let mut links = false;
    loop {
        write_cards(&mut std::io::stderr().lock(), &report.found)?;
        let shown: Vec<String> = ticked.iter().map(|at: &usize| (at + 1).to_string()).collect();
        let question = format!(
            "Ticked: {}. Numbers to tick, p NUMBER TEXT for the business partner, l NUMBER to link to the contact it is already, g to import, q to leave:",
            if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
        );
        let Some(answer) = prompt(&question)? else { return Ok(Exit::Ok) };
        let mut words = answer.trim().splitn(3, ' ');
        let first = words.next().unwrap_or_default();
        let at = |word: Option<&str>| word.and_then(|word| word.parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
        match first {
            "q" => return Ok(Exit::Ok),
            "g" => {
                let chosen: Vec<String> = ticked.iter().filter_map(|at| report.found.get(*at)).map(|card| card.uid.clone()).collect();
                if chosen.is_empty() && links {
                    let (_, exit) = synchronise(session, account, yes).await?;
                    return Ok(exit);
                }
                return go(session, account, report, &chosen, yes, true).await;
            }
            "p" => {
                let card = at(words.next());
                if let Some(partner) = choose_partner(session, words.next().unwrap_or_default()).await?
                    && let Some(card) = card.and_then(|at| report.found.get_mut(at))
                {
                    (card.partner, card.prefilled_by) = (Some(partner), None);
                }
            }
            "l" => {
                let card = at(words.next()).and_then(|at| report.found.get(at));
                if let Some(card) = card
                    && let Some(one) = card.similar.iter().find(|one| one.of == "crm")
                {
                    link_card(session, account, card, &one.id).await?;
                    links = true;
                    super::eprint_lines(&format!("{} is linked to {} when you go", plain(&card.name), one.id));
                }
            }
            _ => {
                for at in answer.split([' ', ',']).filter_map(|word| at(Some(word))) {
                    let Some(card) = report.found.get(at) else { continue };
                    match obstacle(card) {
                        Some(why) => super::eprint_lines(&format!("{}: {}", plain(&card.name), plain(&why))),
                        None if ticked.remove(&at) => {}
                        None => drop(ticked.insert(at)),
                    }
                }
            }
        }
    }
}

/// Lets the user choose among the business partners that a text finds.
async fn choose_partner(session: &Session, text: &str) -> Result<Option<PartnerName>, Failure> {
    let found = session.crm()?.partners(&PartnerQuery { text: Some(text.to_owned()), domain: None, limit: 20 }).await?;
    for (number, partner) in found.iter().enumerate() {
        super::eprint_lines(&format!("{:>3} {} {} {}", number + 1, partner.id, plain(&partner.name), plain(&partner.town)));
    }
    if found.is_empty() {
        super::eprint_lines("no business partner was found");
        return Ok(None);
    }
    let answer = prompt("Which one?")?.unwrap_or_default();
    let chosen = answer.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1)).and_then(|at| found.into_iter().nth(at));
    Ok(chosen.map(|partner| PartnerName { id: partner.id, name: partner.name }))
}
