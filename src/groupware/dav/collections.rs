//! The collections of a home and the tokens of their state, by one PROPFIND.

use std::collections::BTreeSet;

use libdav::{PropertyName, names};

use crate::groupware::{Collection, CollectionId, GroupwareError};
use crate::model::Area;

use super::answer::Answer;
use super::dialect::Dialect;
use super::http::Http;
use super::limits::Patience;
use super::multistatus::{Name, Row};
use super::{href, requests};

const CTAG: Name = PropertyName::new(names::CALENDAR_SERVER, "getctag");
const PRIVILEGES: Name = PropertyName::new(names::DAV, "current-user-privilege-set");
/// RFC 5842 §3.1: who recreates a collection at the same address makes another resource.
const RESOURCE_ID: Name = PropertyName::new(names::DAV, "resource-id");

/// Within so many seconds a token that counts seconds may stand for two states.
const SECONDS_IN_DOUBT: i64 = 5;

/// A collection with what the adapter has to know of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) collection: Collection,
    /// It answers to sync-collection.
    pub(super) syncs: bool,
    /// What makes it itself, where the server says.
    pub(super) identity: Option<String>,
    /// In which versions it takes its items, where it says.
    pub(super) versions: BTreeSet<String>,
}

/// The collections at an address, and what the answer tells of the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) found: Vec<Found>,
    /// Classes of compliance (RFC 4918 §10.1).
    pub(super) classes: BTreeSet<String>,
    /// `Server` header.
    pub(super) server: String,
    /// A scheduling inbox or outbox lies among them (RFC 6638 §2).
    pub(super) schedules: bool,
}

/// Lists the collections at `path`: itself (`depth` 0) or what lies in it as well (1).
pub(super) async fn list(http: &Http, dialect: Dialect, path: &str, depth: &'static str) -> Result<Listing, GroupwareError> {
    // Only properties of this kind: asked for another kind's, Stalwart 0.15.5 answers what is no XML.
    let mut properties = vec![
        &names::RESOURCETYPE,
        &names::DISPLAY_NAME,
        &CTAG,
        &names::SYNC_TOKEN,
        &PRIVILEGES,
        &names::SUPPORTED_REPORT_SET,
        &RESOURCE_ID,
    ];
    properties.extend(dialect.components());
    properties.extend(dialect.versions());
    let mut answer = http.send(&requests::propfind(path, depth, &properties, Patience::Listing)).await?;
    // One broken file in one calendar, and Radicale 3.1.8 cannot say the state of any; without it the others can be synchronised.
    if answer.status == 500 {
        properties.retain(|name| **name != CTAG && **name != names::SYNC_TOKEN);
        answer = http.send(&requests::propfind(path, depth, &properties, Patience::Listing)).await?;
    }
    answer.rows(|rows| {
        let types = |row: &Row<'_, '_>| row.element_names(&names::RESOURCETYPE).unwrap_or_default();
        let mut found: Vec<Found> = rows.iter().filter_map(|row| collection(row, &types(row), dialect, &answer)).collect();
        found.sort_by(|a, b| a.collection.id.cmp(&b.collection.id));
        found.dedup_by(|a, b| a.collection.id == b.collection.id);
        Listing {
            found,
            classes: answer.words("dav"),
            server: answer.header("server").unwrap_or_default().to_owned(),
            schedules: rows.iter().any(|row| types(row).iter().any(|name| matches!(name.as_str(), "schedule-inbox" | "schedule-outbox"))),
        }
    })
}

fn collection(row: &Row<'_, '_>, types: &BTreeSet<String>, dialect: Dialect, answer: &Answer) -> Option<Found> {
    // Nextcloud keeps removed calendars beside the others for some weeks.
    let other = ["schedule-inbox", "schedule-outbox", "deleted-calendar", "notification"];
    if row.is_gone() || !types.contains(dialect.resource_type()) || other.iter().any(|name| types.contains(*name)) {
        return None;
    }
    let areas = areas(row, dialect);
    if areas.is_empty() {
        return None;
    }
    let path = href::collection(&row.path);
    let writable = row.element_names(&PRIVILEGES).is_none_or(|names| {
        // Servers name the aggregates, their parts, or both (RFC 3744 §3).
        names.is_empty() || ["all", "write", "write-content", "bind"].iter().any(|name| names.contains(*name))
    });
    let reports = row.element_names(&names::SUPPORTED_REPORT_SET).unwrap_or_default();
    let token = row.text(&names::SYNC_TOKEN);
    let collection = Collection {
        name: row.text(&names::DISPLAY_NAME).unwrap_or_else(|| href::readable(&path)),
        id: CollectionId(path),
        areas,
        writable,
        state: row.text(&CTAG).or_else(|| token.clone()).filter(|state| !is_in_doubt(state, answer)),
    };
    let identity = row.prop(&RESOURCE_ID).map(|node| node.descendants().filter_map(|n| n.text()).collect::<String>().trim().to_owned());
    let syncs = token.is_some() || reports.contains("sync-collection");
    let versions = dialect.versions().and_then(|name| row.prop(name)).into_iter().flat_map(|node| node.descendants());
    let versions = versions.filter_map(|node| node.attributes().find(|a| a.name() == "version").map(|a| a.value().trim().to_owned()));
    Some(Found { collection, syncs, identity: identity.filter(|id| !id.is_empty()), versions: versions.collect() })
}

/// The areas whose items a collection takes. One that does not say takes all (RFC 4791 §5.2.3).
fn areas(row: &Row<'_, '_>, dialect: Dialect) -> BTreeSet<Area> {
    let Some(name) = dialect.components() else { return BTreeSet::from([Area::Contacts]) };
    let components = row.prop(name).map(|set| {
        let names =
            set.children().filter_map(|comp| comp.attributes().find(|a| a.name() == "name").map(|a| a.value().to_ascii_uppercase()));
        names.collect::<BTreeSet<String>>()
    });
    match components.filter(|names| !names.is_empty()) {
        None => BTreeSet::from([Area::Calendar, Area::Tasks]),
        Some(names) => {
            let area = |component: &str, area: Area| names.contains(component).then_some(area);
            [area("VEVENT", Area::Calendar), area("VTODO", Area::Tasks)].into_iter().flatten().collect()
        }
    }
}

/// SOGo 5.8 counts Unix seconds: two changes within the second in which it is asked have one token.
fn is_in_doubt(state: &str, answer: &Answer) -> bool {
    match (state.parse::<i64>(), answer.date()) {
        (Ok(seconds), Some(date)) => (date.timestamp() - seconds).abs() <= SECONDS_IN_DOUBT,
        _ => false,
    }
}

/// Whether there is a collection at `path`.
pub(super) async fn exists(http: &Http, path: &str) -> Result<bool, GroupwareError> {
    let answer = http.send(&requests::propfind(path, "0", &[&names::RESOURCETYPE], Patience::Question)).await?;
    match answer.rows(|_| ()) {
        Ok(()) => Ok(true),
        Err(GroupwareError::NoSuchMailbox { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `getctag` of one collection.
pub(super) async fn ctag(http: &Http, path: &str) -> Result<Option<String>, GroupwareError> {
    let answer = http.send(&requests::propfind(path, "0", &[&CTAG], Patience::Listing)).await?;
    let token = answer.rows(|rows| rows.iter().find_map(|row| row.text(&CTAG)))?;
    Ok(token.filter(|token| !is_in_doubt(token, &answer)))
}
