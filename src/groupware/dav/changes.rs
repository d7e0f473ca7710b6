//! What changed in a collection: by sync-collection (RFC 6578), else by CTag and a listing of ETags.
//!
//! What servers make of tokens decides the form of it (`tests.rs` plays them):
//! - an invalid token is 403, 409, 410, 412, 400 or 500 (Xandikos 0.2.8), or no error at all but a full list without deletions (DAViCal 1.1,
//!   SOGo 5.8, Stalwart 0.15). So the cursor keeps a sample of items that should not be told of: if one is, unchanged, the answer is taken
//!   for a full list, and the collection is listed;
//! - besides, once a day the collection is listed, because a deletion that was not told of is never told of later;
//! - an item without an ETag is there; an item that is 404 in the report may be there: it is asked for;
//! - the collection itself may be in the report (Stalwart), items may be twice (DAViCal, SOGo), unknown ones may be 404 (Radicale 3.9).

use std::collections::{BTreeMap, BTreeSet};

use libdav::names;
use serde::{Deserialize, Serialize};

use crate::groupware::{CollectionId, Delta, Fetched, GroupwareError, ItemId, ItemRef};

use super::answer::Answer;
use super::discovery::ServerKind;
use super::limits::Patience;
use super::multistatus::{self, Row};
use super::store::DavStore;
use super::{collections, href, requests};

/// How many items the sample holds.
const SAMPLE: usize = 8;
/// So many vanished samples are no coincidence.
const SAMPLE_LOST: usize = 3;
/// Seconds between two listings of a collection that tells its changes.
const LISTING_EVERY: i64 = 24 * 60 * 60;
/// Most parts of one report.
const MAX_PAGES: usize = 500;

/// The cursor, opaque to all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The collection it belongs to.
    collection: String,
    /// What made the collection itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ctag: Option<String>,
    /// When all was listed last, in Unix seconds by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<i64>,
    /// Some items with their versions, spread over the collection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sample: BTreeMap<String, String>,
}

/// Items with their versions.
type Versions = BTreeMap<String, Option<String>>;

/// One report, all its parts together.
#[derive(Debug, Default)]
struct Report {
    changed: Versions,
    gone: BTreeSet<String>,
    token: Option<String>,
    /// Some part was marked as cut short (RFC 6578 §3.6).
    cut: bool,
    date: Option<i64>,
}

/// How the server took a token.
enum Told {
    Report(Report),
    /// It does not know the token (any more).
    TokenInvalid,
    /// It gives no such reports.
    Unsupported,
}

/// All items of a collection.
#[derive(Debug, Default)]
struct Whole {
    items: Versions,
    complete: bool,
    date: Option<i64>,
}

pub(super) async fn changes(store: &DavStore, collection: &CollectionId, cursor: Option<&str>) -> Result<Delta, GroupwareError> {
    let path = collection.0.as_str();
    // A cursor of another collection says nothing about this one.
    let cursor = cursor.and_then(|text| serde_json::from_str::<Cursor>(text).ok()).filter(|cursor| cursor.collection == path);
    let facts = store.facts(path);
    if let (Some(before), Some(now)) = (cursor.as_ref().and_then(|cursor| cursor.identity.as_ref()), &facts.identity)
        && before != now
    {
        return Err(replaced(path));
    }
    let next = Cursor { collection: path.to_owned(), identity: facts.identity.clone(), ..Cursor::default() };
    if facts.syncs != Some(false) {
        let token = cursor.as_ref().and_then(|cursor| cursor.token.clone());
        let mut told = report(store, path, token.as_deref()).await?;
        let known = match (&told, token) {
            (Told::TokenInvalid, _) => {
                told = report(store, path, None).await?;
                None
            }
            (_, token) => token,
        };
        if let Told::Report(found) = told
            && found.token.is_some()
        {
            return match known {
                Some(_) => continued(store, path, found, cursor.unwrap_or_default(), next).await,
                None => begun(store, path, found, cursor.as_ref(), next).await,
            };
        }
    }
    by_ctag(store, path, cursor.as_ref(), next).await
}

/// A report from the beginning: all there is.
async fn begun(store: &DavStore, path: &str, report: Report, before: Option<&Cursor>, mut next: Cursor) -> Result<Delta, GroupwareError> {
    // A report that was cut lacks items on Stalwart 0.15 and Xandikos 0.4 however far it is followed; an empty one costs nothing to check.
    let whole = if report.cut || report.changed.is_empty() {
        list(store, path).await?
    } else {
        Whole { items: report.changed, complete: true, date: report.date }
    };
    if let Some(before) = before
        && whole.complete
        && lost(&before.sample, &whole.items, &BTreeSet::new(), 2)
    {
        return Err(replaced(path));
    }
    next.token = report.token;
    Ok(delta_of(whole, BTreeSet::new(), next))
}

/// A report since a token.
async fn continued(store: &DavStore, path: &str, report: Report, before: Cursor, mut next: Cursor) -> Result<Delta, GroupwareError> {
    if let (Some(old), Some(new)) = (before.token.as_deref().and_then(incarnation), report.token.as_deref().and_then(incarnation))
        && old != new
    {
        return Err(replaced(path));
    }
    let unchanged = |(id, version): (&String, &Option<String>)| version.is_some() && before.sample.get(id) == version.as_ref();
    let full_list = report.changed.iter().any(unchanged);
    let due = match (before.listed, report.date) {
        (Some(listed), Some(now)) => now - listed > LISTING_EVERY,
        (None, Some(_)) => true,
        _ => false,
    };
    next.token.clone_from(&report.token);
    if report.cut || full_list || due {
        let whole = list(store, path).await?;
        if whole.complete && lost(&before.sample, &whole.items, &report.gone, SAMPLE_LOST) {
            return Err(replaced(path));
        }
        let (gone, there) = confirmed(store, path, &report.gone).await?;
        let mut whole = whole;
        whole.items.extend(there);
        return Ok(delta_of(whole, gone, next));
    }
    let (gone, there) = confirmed(store, path, &report.gone).await?;
    let mut changed = report.changed;
    changed.extend(there);
    next.listed = before.listed;
    next.sample = before.sample;
    next.sample.retain(|id, _| !changed.contains_key(id) && !gone.contains(id));
    if next.sample.len() < SAMPLE_LOST {
        let fresh = sample(&changed);
        next.sample.extend(fresh.into_iter().take(SAMPLE));
    }
    if store.site.kind == ServerKind::Sogo {
        // SOGo 5.8 gives an item that was removed and made anew the old ETag: what it tells of is to be fetched whatever its version.
        for version in changed.values_mut() {
            *version = None;
        }
    }
    Ok(Delta { changed: refs(changed), removed: gone.into_iter().map(ItemId).collect(), whole: false, cursor: text(&next) })
}

/// By CTag, and a listing when it changed.
async fn by_ctag(store: &DavStore, path: &str, before: Option<&Cursor>, mut next: Cursor) -> Result<Delta, GroupwareError> {
    // Asked first: a change between the two questions is then found again next time.
    let ctag = collections::ctag(&store.http, path).await?;
    if let (Some(before), Some(now)) = (before, &ctag)
        && before.ctag.as_ref() == Some(now)
    {
        return Ok(Delta { cursor: text(before), ..Delta::default() });
    }
    let whole = list(store, path).await?;
    if let Some(before) = before
        && whole.complete
        && lost(&before.sample, &whole.items, &BTreeSet::new(), SAMPLE_LOST + 2)
    {
        return Err(replaced(path));
    }
    next.ctag = ctag;
    Ok(delta_of(whole, BTreeSet::new(), next))
}

fn delta_of(whole: Whole, gone: BTreeSet<String>, mut next: Cursor) -> Delta {
    next.listed = whole.date;
    next.sample = sample(&whole.items);
    // Over a listing that is not complete no cursor may move.
    let cursor = if whole.complete { text(&next) } else { None };
    Delta { changed: refs(whole.items), removed: gone.into_iter().map(ItemId).collect(), whole: whole.complete, cursor }
}

fn text(cursor: &Cursor) -> Option<String> {
    serde_json::to_string(cursor).ok()
}

fn refs(items: Versions) -> Vec<ItemRef> {
    items.into_iter().map(|(id, version)| ItemRef { id: ItemId(id), version }).collect()
}

/// Items spread evenly over the collection.
fn sample(items: &Versions) -> BTreeMap<String, String> {
    let step = items.len().div_ceil(SAMPLE).max(1);
    items.iter().step_by(step).filter_map(|(id, version)| Some((id.clone(), version.clone()?))).collect()
}

/// None of the sample is there any more, and nobody said so: another collection has taken the place.
fn lost(sample: &BTreeMap<String, String>, items: &Versions, gone: &BTreeSet<String>, at_least: usize) -> bool {
    let mut missing = sample.keys().filter(|id| !gone.contains(*id)).peekable();
    missing.peek().is_some() && sample.len() >= at_least && missing.all(|id| !items.contains_key(id))
}

/// Cyrus 3.6 begins its tokens with the UIDVALIDITY of the collection: `data:,UIDVALIDITY-MODSEQ`.
fn incarnation(token: &str) -> Option<&str> {
    let (validity, modseq) = token.strip_prefix("data:,")?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(validity) && digits(modseq)).then_some(validity)
}

/// A collection that was removed and made anew is another one: what is missing from it was not deleted by anybody.
fn replaced(path: &str) -> GroupwareError {
    GroupwareError::NoSuchMailbox { name: href::readable(path) }
}

/// Of the items that are said to be gone, those that are, and those that are not.
async fn confirmed(store: &DavStore, path: &str, gone: &BTreeSet<String>) -> Result<(BTreeSet<String>, Versions), GroupwareError> {
    let ids: Vec<ItemId> = gone.iter().cloned().map(ItemId).collect();
    let (mut confirmed, mut there) = (BTreeSet::new(), Versions::new());
    for fetched in store.fetch_items(path, &ids).await? {
        match fetched {
            Fetched::Gone(id) => {
                confirmed.insert(id.0);
            }
            Fetched::Item(item) => {
                there.insert(item.id.0, item.version);
            }
            Fetched::Unreadable { item, .. } => {
                there.insert(item.id.0, item.version);
            }
        }
    }
    Ok((confirmed, there))
}

/// A sync report, followed to its end.
async fn report(store: &DavStore, path: &str, token: Option<&str>) -> Result<Told, GroupwareError> {
    let mut report = Report::default();
    let mut at = token.map(str::to_owned);
    for page in 0..MAX_PAGES {
        let answer = store.http.send(&requests::sync_collection(path, at.as_deref())).await?;
        match answer.status {
            207 => {}
            404 | 410 if at.is_none() || !collections::exists(&store.http, path).await? => return Err(answer.failure()),
            400 | 403 | 404 | 405 | 409 | 410 | 412 | 415 | 500 | 501 | 507 if at.is_none() => return Ok(Told::Unsupported),
            400 | 403 | 404 | 409 | 410 | 412 | 415 | 500 | 507 => return Ok(Told::TokenInvalid),
            _ => return Err(answer.failure()),
        }
        let cut = answer.rows(|rows| collect(rows, path, &mut report))?;
        let token = answer.multistatus(multistatus::sync_token)?;
        if page == 0 {
            report.date = date(&answer);
        }
        let moved = token.is_some() && token != at;
        report.token.clone_from(&token);
        report.cut |= cut;
        if !cut || !moved {
            return Ok(Told::Report(report));
        }
        at = token;
    }
    // Whatever this server is counting, a listing ends.
    report.cut = true;
    Ok(Told::Report(report))
}

/// Takes the rows into the report; the last word on an item counts. Whether the report was cut.
fn collect(rows: &[Row<'_, '_>], path: &str, report: &mut Report) -> bool {
    let mut cut = false;
    for row in rows {
        cut |= row.status == Some(507);
        if href::same(&row.path, path) || row.path.ends_with('/') || row.status == Some(507) {
            continue;
        }
        let id = super::id_of(path, &row.path);
        if row.is_gone() {
            report.changed.remove(&id);
            report.gone.insert(id);
        } else {
            report.gone.remove(&id);
            report.changed.insert(id, row.version());
        }
    }
    cut
}

/// Every item by PROPFIND.
async fn list(store: &DavStore, path: &str) -> Result<Whole, GroupwareError> {
    let request = requests::propfind(path, "1", &[&names::GETETAG, &names::RESOURCETYPE], Patience::Listing);
    let answer = store.http.send(&request).await?;
    answer.rows(|rows| {
        let mut whole = Whole { complete: true, date: date(&answer), ..Whole::default() };
        for row in rows {
            whole.complete &= row.status != Some(507);
            if !href::same(&row.path, path) && !row.is_collection() && !row.is_gone() && row.status != Some(507) {
                whole.items.insert(super::id_of(path, &row.path), row.version());
            }
        }
        whole
    })
}

fn date(answer: &Answer) -> Option<i64> {
    answer.date().map(|date| date.timestamp())
}
