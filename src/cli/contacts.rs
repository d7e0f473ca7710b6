//! `crmsync contacts`: which contacts are in the address book and why, the switch of each (R85), and duplicates.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::crm::{ContactQuery, CrmContacts as _, CrmRecords as _, RecordKind, RecordState, RecordView, Switch, WriteVerdict};
use crate::engine::contacts::export_rule;
use crate::journal::{Change, PairState, Wish};
use crate::model::{AccountId, Area, Field, OpId};
use crate::sync::contacts::{Belonging, ExportRule, Rule, belonging};
use crate::sync::items::spoken;
use crate::system::{Random as _, SystemRandom};

use super::arguments::{Contacts, ContactsAction, ContactsLink, ContactsList, ContactsUnlink, Global, OneAccount, Sync};
use super::contacts_found::{FoundCard, search, text};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::session::Session;
use super::sync::{RunAnswer, show, sync_account};
use super::{contacts_export, contacts_import};

/// Contacts that are listed at most.
pub(super) const LISTED: usize = 2_000;

pub(super) async fn run(global: &Global, arguments: Contacts) -> Outcome {
    let session = Session::online(global).await?;
    session.permit()?;
    match arguments.action {
        ContactsAction::List(arguments) => list(&session, &arguments).await,
        ContactsAction::Export(arguments) => contacts_export::run(&session, &arguments).await,
        ContactsAction::Import(arguments) => contacts_import::run(&session, &arguments).await,
        ContactsAction::Link(arguments) => link(&session, &arguments).await,
        ContactsAction::Unlink(arguments) => unlink(&session, &arguments).await,
        ContactsAction::Duplicates(arguments) => duplicates(&session, &arguments).await,
    }
}

/// The one account with a server of contacts, or the named one.
pub(super) fn account(session: &Session, name: Option<&str>) -> Result<AccountId, Failure> {
    let mut accounts = session.accounts(name)?;
    accounts.retain(|name| session.settings.accounts.get(name).is_some_and(|account| account.carddav.is_some()));
    match (accounts.pop(), accounts.is_empty()) {
        (Some(account), true) => Ok(account),
        (Some(_), false) => Err(Failure::new(Exit::Usage, "there are several accounts with contacts; name one with --account")),
        (None, _) => Err(Failure::new(Exit::Config, "no account has a server of contacts; set accounts.NAME.carddav.url")),
    }
}

/// A contact of the CRM.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ListedContact {
    pub id: String,
    pub name: String,
    pub company: String,
    pub organisation: bool,
    /// It belongs into the address book.
    pub replicated: bool,
    /// What says so.
    pub because: String,
    /// `on`, `off` or `unset`.
    pub switch: &'static str,
    /// What its card is: `in-sync`, `removed`, `parted`, `none`.
    pub card: &'static str,
}

/// The rules in force.
pub(super) async fn rules(session: &Session) -> Result<ExportRule, Failure> {
    let demands = session.capabilities().await?.contacts.clone();
    Ok(export_rule(session.crm()?, &session.settings.contacts, &demands).await?)
}

/// A contact with what decides about it.
pub(super) fn listed(session: &Session, account: &AccountId, view: &RecordView, rule: &ExportRule) -> Result<ListedContact, Failure> {
    let (replicated, because) = match belonging(view, rule) {
        Belonging::In(rule) => (true, words(&rule)),
        Belonging::Out(rule) => (false, words(&rule)),
    };
    let pair = session.journal.pair_of_record(account, Area::Contacts, &view.link.id)?.map(|(_, pair)| pair);
    Ok(ListedContact {
        id: view.link.id.clone(),
        name: spoken::title(&view.fields),
        company: text(&view.fields, Field::Company),
        organisation: view.kind == RecordKind::Organisation,
        replicated,
        because,
        switch: view.contact.as_ref().map_or(Switch::Unset, |facts| facts.switch).name(),
        card: match pair.map(|pair| pair.state) {
            Some(PairState::Active) => "in-sync",
            Some(PairState::RemovedByUser) => "removed",
            Some(PairState::Unlinked | PairState::RecordGone) => "parted",
            None => "none",
        },
    })
}

fn words(rule: &Rule) -> String {
    match rule {
        Rule::Switch => "its switch".to_owned(),
        Rule::Organisation => "organisations are not replicated".to_owned(),
        Rule::Owner => "you own it".to_owned(),
        Rule::Group(group) => format!("the group {group}"),
        Rule::Search => "the saved search".to_owned(),
        Rule::Nothing => "no rule names it".to_owned(),
    }
}

/// Every contact that a query finds, to a bound.
pub(super) async fn find(session: &Session, text: Option<&str>) -> Result<Vec<RecordView>, Failure> {
    let mut query = ContactQuery { text: text.map(str::to_owned), owned: text.is_none(), limit: 200, ..ContactQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = session.crm()?.find_contacts(&query).await?;
        found.extend(page.contacts);
        match page.next {
            Some(next) if found.len() < LISTED => query.cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Contacts that have a card.
pub(super) fn paired(session: &Session, account: &AccountId) -> Result<Vec<String>, Failure> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = session.journal.pairs_page(account, Area::Contacts, after.as_ref(), 500)?;
        let Some((last, _)) = page.last() else { return Ok(ids) };
        after = Some(last.clone());
        ids.extend(page.into_iter().filter_map(|(_, pair)| pair.record).map(|record| record.id));
    }
}

async fn list(session: &Session, arguments: &ContactsList) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    let rule = rules(session).await?;
    let mut views: BTreeMap<String, RecordView> =
        find(session, arguments.search.as_deref()).await?.into_iter().map(|view| (view.link.id.clone(), view)).collect();
    if arguments.search.is_none() {
        for id in paired(session, &account)?.into_iter().chain(rule.found.iter().cloned()).take(LISTED) {
            if !views.contains_key(&id)
                && let RecordState::Present(view) = session.crm()?.record(&id).await?
            {
                views.insert(id, view);
            }
        }
    }
    let mut contacts = views.values().map(|view| listed(session, &account, view, &rule)).collect::<Result<Vec<_>, _>>()?;
    contacts.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    session.output.answer(&contacts, |out| write_contacts(out, &contacts))?;
    Ok(Exit::Ok)
}

fn write_contacts(out: &mut dyn std::io::Write, contacts: &[ListedContact]) -> std::io::Result<()> {
    if contacts.is_empty() {
        return writeln!(out, "No contact was found.");
    }
    let row = |one: &ListedContact| {
        let replicated = format!("{}: {}", if one.replicated { "yes" } else { "no" }, one.because);
        vec![one.id.clone(), one.name.clone(), one.company.clone(), one.card.to_owned(), replicated]
    };
    table(out, &["CONTACT", "NAME", "COMPANY", "CARD", "IN THE ADDRESS BOOK"], &contacts.iter().map(row).collect::<Vec<_>>())
}

/// Sets the switch of a contact (R85). The contact as it is then.
pub(super) async fn switch(session: &Session, id: &str, to: Switch) -> Result<RecordView, Failure> {
    let op = OpId(SystemRandom.uuid().to_string());
    match session.crm()?.set_switch(&op, id, to).await? {
        WriteVerdict::Applied(view) | WriteVerdict::Unchanged(view) | WriteVerdict::Joined(view) => Ok(view),
        WriteVerdict::Gone => Err(Failure::new(Exit::NoInput, format!("the CRM shows you no contact \"{id}\""))),
        WriteVerdict::Conflict(_) => Err(Failure::new(Exit::TempFail, format!("{id} was changed at the same time; try again"))),
        WriteVerdict::Rejected { reason, .. } | WriteVerdict::Retry { reason } => {
            Err(Failure::new(Exit::Unavailable, format!("the CRM does not switch {id}: {reason}")))
        }
    }
}

/// One run over the contacts of an account.
pub(super) async fn synchronise(session: &Session, account: &AccountId, yes: bool) -> Result<(RunAnswer, Exit), Failure> {
    let arguments = Sync { area: vec![Area::Contacts], account: Some(account.0.clone()), dry_run: false, all: true, yes };
    let (answer, error) = sync_account(session, account, &[Area::Contacts].into(), &arguments).await?;
    show(session, &answer)?;
    let exit = error.map_or(Exit::Ok, |error| {
        let failure = Failure::from(error);
        super::eprint_lines(&failure.message);
        failure.exit
    });
    Ok((answer, exit))
}

/// What was switched, and the run that followed.
#[derive(Serialize)]
struct Switched<'a> {
    switched: &'a [String],
    run: &'a RunAnswer,
}

async fn link(session: &Session, arguments: &ContactsLink) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    if let Some(card) = &arguments.card {
        let [id] = arguments.ids.as_slice() else {
            return Err(Failure::new(Exit::Usage, "--card links one card to one contact"));
        };
        let cards = search(session, &account).await?.cards;
        let card = cards.iter().find(|found| found.uid == *card).ok_or_else(|| {
            let category = &session.settings.contacts.category;
            Failure::new(Exit::NoInput, format!("no card with the UID \"{card}\" bears the category \"{category}\" and is not linked yet"))
        })?;
        link_card(session, &account, card, id).await?;
    } else {
        for id in &arguments.ids {
            switch_on(session, &account, id).await?;
        }
    }
    finish(session, &account, &arguments.ids, arguments.yes).await
}

/// Switches a contact on, and asks for its card even where it was removed before, or is missed.
pub(super) async fn switch_on(session: &Session, account: &AccountId, id: &str) -> Result<(), Failure> {
    switch(session, id, Switch::On).await?;
    if session.journal.pair_of_record(account, Area::Contacts, id)?.is_some() {
        let wish = Wish::Push { record: id.to_owned() };
        session.journal.commit(vec![Change::PutWish { account: account.clone(), area: Area::Contacts, wish }]).await?;
    }
    Ok(())
}

/// Lets the next run pair a card with a contact that the CRM has (C17).
pub(super) async fn link_card(session: &Session, account: &AccountId, card: &FoundCard, id: &str) -> Result<(), Failure> {
    if let Some((_, pair)) = session.journal.pair_of_record(account, Area::Contacts, id)?
        && pair.state == PairState::Active
    {
        return Err(Failure::new(Exit::Usage, format!("{id} has a card already; take it away first: crmsync contacts unlink {id}")));
    }
    switch(session, id, Switch::On).await?;
    let wish = Wish::Link { key: card.key.clone(), item: card.place.clone(), record: id.to_owned() };
    Ok(session.journal.commit(vec![Change::PutWish { account: account.clone(), area: Area::Contacts, wish }]).await?)
}

async fn unlink(session: &Session, arguments: &ContactsUnlink) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    for id in &arguments.ids {
        switch(session, id, Switch::Off).await?;
    }
    finish(session, &account, &arguments.ids, arguments.yes).await
}

async fn finish(session: &Session, account: &AccountId, switched: &[String], yes: bool) -> Outcome {
    let (run, exit) = synchronise(session, account, yes).await?;
    if session.output.json {
        session.output.answer(&Switched { switched, run: &run }, |_| Ok(()))?;
    }
    Ok(exit)
}

async fn duplicates(session: &Session, arguments: &OneAccount) -> Outcome {
    let account = account(session, arguments.account.as_deref())?;
    let mut cards = search(session, &account).await?.cards;
    cards.retain(|card| !card.similar.is_empty());
    session.output.answer(&cards, |out| {
        if cards.is_empty() {
            return writeln!(out, "No card with the category \"{}\" looks like a contact of the CRM.", session.settings.contacts.category);
        }
        for card in &cards {
            writeln!(out, "{} ({}): {}", super::output::plain(&card.name), card.uid, card.duplicate)?;
            write_similar(out, card)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Whom a card may be, a line each.
pub(super) fn write_similar(out: &mut dyn std::io::Write, card: &FoundCard) -> std::io::Result<()> {
    for one in &card.similar {
        let what = if one.of == "crm" { "in the CRM" } else { "another card" };
        let evidence = super::output::plain(&one.evidence.join(", "));
        writeln!(out, "    {} {} ({what}, {} points): {evidence}", one.id, super::output::plain(&one.name), one.score)?;
    }
    Ok(())
}
