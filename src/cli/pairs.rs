//! `crmsync pairs`: which item belongs to which record, and what both last agreed on.

use serde::Serialize;

use crate::crm::{CrmRecords as _, RecordState};
use crate::groupware::{CollectionId, Fetched, ItemId, ItemStore as _};
use crate::journal::{Change, Pair, Wish};
use crate::model::{AccountId, Area, Fields, ItemKey};

use super::arguments::{Global, Pairs, PairsAction};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::session::Session;
use super::values;

/// Pairs read at once.
const PAGE: usize = 500;

/// A pair with where it stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Found {
    pub account: AccountId,
    pub area: Area,
    pub key: ItemKey,
    #[serde(flatten)]
    pub pair: Pair,
}

pub(super) async fn run(global: &Global, arguments: Pairs) -> Outcome {
    match arguments.action.unwrap_or(PairsAction::List { area: None }) {
        PairsAction::List { area } => list(&Session::offline(global)?, area),
        PairsAction::Show { what } => show(&Session::online(global).await?, &what).await,
        PairsAction::Unlink { what } => unlink(&Session::offline(global)?, &what).await,
    }
}

fn list(session: &Session, area: Option<Area>) -> Outcome {
    let mut all = Vec::new();
    for account in session.settings.accounts.keys() {
        for area in areas().filter(|one| area.is_none_or(|area| area == *one)) {
            let mut after: Option<ItemKey> = None;
            loop {
                let page = session.journal.pairs_page(account, area, after.as_ref(), PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                all.extend(page.into_iter().map(|(key, pair)| Found { account: account.clone(), area, key, pair }));
            }
        }
    }
    session.output.answer(&all, |out| {
        if all.is_empty() {
            return writeln!(out, "There are no pairs yet.");
        }
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|found| {
                vec![
                    found.pair.record.as_ref().map_or_else(String::new, |record| record.id.clone()),
                    found.pair.activity_type.clone(),
                    state(&found.pair).to_owned(),
                    values::when(&found.pair.base.groupware),
                    values::title(&found.pair.base.groupware),
                ]
            })
            .collect();
        table(out, &["RECORD", "TYPE", "STATE", "WHEN", "SUBJECT"], &rows)
    })?;
    Ok(Exit::Ok)
}

/// The areas that have pairs.
pub(super) fn areas() -> impl Iterator<Item = Area> {
    [Area::Calendar, Area::Tasks, Area::Contacts].into_iter()
}

/// What a pair is, in words.
pub(super) const fn state(pair: &Pair) -> &'static str {
    match pair.state {
        crate::journal::PairState::Active => "in sync",
        crate::journal::PairState::RemovedByUser => "removed by you",
        crate::journal::PairState::RecordGone => "gone from the CRM, or not yours any more",
        crate::journal::PairState::Unlinked => "parted",
    }
}

/// The pairs that `what` names: a UID, a key as lists show it, or the id of a record.
pub(super) fn find(session: &Session, what: &str) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for account in session.settings.accounts.keys() {
        for area in areas() {
            let mut add = |key: ItemKey, pair: Pair| {
                if !found.iter().any(|other: &Found| (&other.account, other.area, &other.key) == (account, area, &key)) {
                    found.push(Found { account: account.clone(), area, key, pair });
                }
            };
            for key in [ItemKey(what.to_owned()), ItemKey(format!("uid:{what}"))] {
                if let Some(pair) = session.journal.pair(account, area, &key)? {
                    add(key, pair);
                }
            }
            if let Some((key, pair)) = session.journal.pair_of_record(account, area, what)? {
                add(key, pair);
            }
        }
    }
    Ok(found)
}

/// The one pair that `what` names.
pub(super) fn find_one(session: &Session, what: &str) -> Result<Found, Failure> {
    let mut found = find(session, what)?;
    match (found.pop(), found.is_empty()) {
        (Some(pair), true) => Ok(pair),
        (Some(_), false) => Err(Failure::new(Exit::Usage, format!("\"{what}\" names several pairs; name one by its record"))),
        (None, _) => Err(Failure::new(Exit::NoInput, format!("no pair has the UID, key or record \"{what}\"; `crmsync pairs` lists them"))),
    }
}

/// A pair with what each side says now.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    found: Found,
    groupware: Side,
    crm: Side,
}

/// What one side says now.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Says(Fields),
    Gone,
    Unknown(String),
}

async fn show(session: &Session, what: &str) -> Outcome {
    let found = find_one(session, what)?;
    let groupware = groupware_side(session, &found).await.unwrap_or_else(|failure| Side::Unknown(failure.message));
    let crm = match &found.pair.record {
        Some(record) => match session.crm()?.record(&record.id).await {
            Ok(RecordState::Present(view)) => Side::Says(view.fields),
            Ok(RecordState::Deleted) => Side::Gone,
            Ok(RecordState::Withheld) => Side::Unknown("the CRM does not show it to you any more".to_owned()),
            Err(error) => Side::Unknown(error.to_string()),
        },
        None => Side::Unknown("its creation is under way".to_owned()),
    };
    let shown = Shown { found, groupware, crm };
    session.output.answer(&shown, |out| {
        let pair = &shown.found.pair;
        writeln!(out, "{} · {} · {}", shown.found.key, pair.activity_type, state(pair))?;
        if let Some(place) = &pair.item {
            writeln!(out, "groupware: {}", place.id)?;
        }
        if let Some(record) = &pair.record {
            writeln!(out, "CRM:       {} (version {}) {}", record.id, record.version, record.link.as_deref().unwrap_or_default())?;
        }
        writeln!(out)?;
        let (base, base_crm) = (&pair.base.groupware, pair.base.crm_fields());
        let mut names: Vec<_> = base.keys().chain(base_crm.keys()).copied().collect();
        for side in [&shown.groupware, &shown.crm] {
            if let Side::Says(fields) = side {
                names.extend(fields.keys().copied());
            }
        }
        names.sort_unstable();
        names.dedup();
        let cell = |side: &Side, field| match side {
            Side::Says(fields) => values::value(fields.get(&field)),
            Side::Gone => "gone".to_owned(),
            Side::Unknown(_) => "?".to_owned(),
        };
        let rows: Vec<Vec<String>> = names
            .into_iter()
            .map(|field| vec![field.to_string(), values::value(base.get(&field)), cell(&shown.groupware, field), cell(&shown.crm, field)])
            .collect();
        table(out, &["FIELD", "LAST AGREED", "GROUPWARE NOW", "CRM NOW"], &rows)?;
        for (name, side) in [("groupware", &shown.groupware), ("CRM", &shown.crm)] {
            if let Side::Unknown(why) = side {
                writeln!(out, "The {name} could not be asked: {why}")?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

async fn groupware_side(session: &Session, found: &Found) -> Result<Side, Failure> {
    let Some(place) = &found.pair.item else { return Ok(Side::Unknown("its creation is under way".to_owned())) };
    if session.journal.lock(&found.account)?.is_some() {
        return Ok(Side::Unknown("the account is locked".to_owned()));
    }
    let store = match found.area {
        Area::Contacts => session.contact_connector(&found.account)?.connect().await?,
        _ => session.item_connector(&found.account)?.connect().await?,
    };
    let answers = store.fetch(&CollectionId(place.collection.clone()), &[ItemId(place.id.clone())]).await?;
    Ok(match answers.into_iter().next() {
        Some(Fetched::Item(stored)) => stored
            .item
            .parts
            .into_iter()
            .find(|part| {
                part.recurrence_id.as_ref().map(crate::model::Moment::key)
                    == found.pair.recurrence_id.as_ref().map(crate::model::Moment::key)
            })
            .map_or(Side::Gone, |part| Side::Says(part.fields)),
        Some(Fetched::Unreadable { why, .. }) => Side::Unknown(why),
        Some(Fetched::Gone(_)) | None => Side::Gone,
    })
}

async fn unlink(session: &Session, what: &str) -> Outcome {
    let found = find_one(session, what)?;
    let wish = Wish::Unlink { key: found.key.clone() };
    session.journal.commit(vec![Change::PutWish { account: found.account.clone(), area: found.area, wish }]).await?;
    session.output.answer(&serde_json::json!({ "unlink": found.key }), |out| {
        writeln!(out, "The next `crmsync sync` parts them; both sides stay as they are and are not paired again.")
    })?;
    Ok(Exit::Ok)
}
