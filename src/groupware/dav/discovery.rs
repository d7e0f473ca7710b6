//! From the address a person typed to the home collections (RFC 6764 §6, RFC 5397, RFC 4791 §6.2.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libdav::{PropertyName, names};
use url::Url;

use crate::groupware::GroupwareError;

use super::answer::Answer;
use super::collections::{self, Found, Listing};
use super::dialect::Dialect;
use super::http::{Http, Request};
use super::limits::Patience;
use super::multistatus::{Name, Row};
use super::{href, requests};

const SCHEDULE_INBOX: Name = PropertyName::new(names::CALDAV, "schedule-inbox-URL");
const SCHEDULE_OUTBOX: Name = PropertyName::new(names::CALDAV, "schedule-outbox-URL");

/// One question of the search for the calendars, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryStep {
    /// What was asked: a path on the server.
    pub path: String,
    /// What came of it.
    pub outcome: String,
}

/// A listing of the homes serves that long, until the next request: the areas of a run ask one after the other.
const LISTING_SERVES: Duration = Duration::from_secs(10);

/// What lies in the homes, as listed last.
#[derive(Debug)]
pub(super) struct Listed {
    at: Instant,
    /// Requests sent by then.
    requests: u64,
    found: Vec<Found>,
}

impl Listed {
    pub(super) fn new(http: &Http, found: Vec<Found>) -> Self {
        Self { at: Instant::now(), requests: http.requests(), found }
    }

    /// What was found, if nothing was asked since. It may be older than a change of somebody else: then the next run sees that.
    pub(super) fn found(&self, http: &Http) -> Option<Vec<Found>> {
        (self.requests == http.requests() && self.at.elapsed() < LISTING_SERVES).then(|| self.found.clone())
    }
}

/// What is known of a server and an account on it.
#[derive(Debug)]
pub(super) struct Site {
    /// Canonical paths of the homes.
    pub(super) homes: Vec<String>,
    /// The typed address, when it is a collection that lies in no home.
    pub(super) single: Option<String>,
    pub(super) steps: Vec<DiscoveryStep>,
    pub(super) server: String,
    /// The server itself mails attendees (V9).
    pub(super) schedules: bool,
    /// Some collection answers to sync-collection.
    pub(super) syncs: bool,
    pub(super) kind: ServerKind,
    pub(super) listed: Mutex<Option<Listed>>,
}

/// Servers that must be handled apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    /// SOGo 5.8: ignores `If-None-Match: *` and the condition of a DELETE; gives a recreated item an old ETag.
    Sogo,
    /// DavMail 6: ignores `If-None-Match: *`; answers 503 to whatever Exchange refuses.
    DavMail,
    /// Any other.
    Usual,
}

/// Finds the homes, and what the server is.
pub(super) async fn discover(http: &Http, dialect: Dialect) -> Result<Site, GroupwareError> {
    let mut search = Search { http, dialect, steps: Vec::new(), schedules: false, typed_collection: None, elsewhere: None };
    let homes = search.homes().await?;
    let Search { steps, mut schedules, typed_collection, .. } = search;
    let single = typed_collection.filter(|typed| !homes.iter().any(|home| typed.starts_with(home.as_str())));

    let mut listing = Listing::default();
    for (path, depth) in homes.iter().map(|home| (home, "1")).chain(single.iter().map(|path| (path, "0"))) {
        let one = collections::list(http, dialect, path, depth).await?;
        listing.found.extend(one.found);
        listing.classes.extend(one.classes);
        listing.schedules |= one.schedules;
        listing.server = one.server;
    }
    // Cyrus 3.6 and SOGo 5.8 say what they can at a collection only.
    if dialect == Dialect::CalDav && !listing.classes.contains("calendar-auto-schedule") {
        let asked = listing.found.first().map(|found| found.collection.id.0.clone()).or_else(|| homes.first().cloned());
        if let Some(path) = asked {
            let answer = http.send(&Request::new("OPTIONS", path, Patience::Question)).await?;
            listing.classes.extend(answer.words("dav"));
            if listing.server.is_empty() {
                answer.header("server").unwrap_or_default().clone_into(&mut listing.server);
            }
        }
    }
    let kind = if listing.server.contains("DavMail") {
        ServerKind::DavMail
    } else if homes.iter().chain(&single).any(|path| path.contains("/SOGo/dav/")) {
        ServerKind::Sogo
    } else {
        ServerKind::Usual
    };
    // Any sign counts: an invitation sent by mistake cannot be called back. Nobody is invited by a card.
    schedules |= listing.schedules
        || ["calendar-auto-schedule", "calendar-schedule"].iter().any(|class| listing.classes.contains(*class))
        || kind != ServerKind::Usual;
    schedules &= dialect == Dialect::CalDav;
    let syncs = listing.found.iter().any(|found| found.syncs);
    // A collection may lie in several homes.
    let found: BTreeMap<_, _> = listing.found.into_iter().map(|one| (one.collection.id.clone(), one)).collect();
    let listed = Mutex::new(Some(Listed::new(http, found.into_values().collect())));
    Ok(Site { homes, single, steps, server: listing.server, schedules, syncs, kind, listed })
}

struct Search<'a> {
    http: &'a Http,
    dialect: Dialect,
    steps: Vec<DiscoveryStep>,
    schedules: bool,
    typed_collection: Option<String>,
    /// A redirect to another host, which is not followed.
    elsewhere: Option<GroupwareError>,
}

/// What a resource says of the way.
#[derive(Default)]
struct Signposts {
    is_collection: bool,
    homes: Vec<String>,
    principal: Option<String>,
    unauthenticated: bool,
    schedules: bool,
}

impl Search<'_> {
    async fn homes(&mut self) -> Result<Vec<String>, GroupwareError> {
        let typed = self.http.typed_path();
        let mut tried = BTreeSet::new();
        let fixed = [self.dialect.well_known(), "/"].into_iter().chain(self.dialect.known_prefixes()).map(str::to_owned);
        for candidate in std::iter::once(typed.clone()).chain(fixed) {
            if !tried.insert(candidate.clone()) {
                continue;
            }
            let Some((path, signs)) = self.ask(&candidate).await? else { continue };
            if signs.is_collection && candidate == typed {
                self.note(&candidate, "is a collection itself");
                self.typed_collection = Some(href::collection(&path));
            }
            let homes = if signs.homes.is_empty() { self.homes_of_principal(&candidate, &signs).await? } else { signs.homes };
            if !homes.is_empty() {
                self.note(&candidate, &format!("leads to the home {}", homes.join(", ")));
                return Ok(homes);
            }
        }
        if self.typed_collection.is_some() {
            return Ok(Vec::new());
        }
        // The typed address may be a home on a server that names none.
        if collections::list(self.http, self.dialect, &typed, "1").await.is_ok_and(|listing| !listing.found.is_empty()) {
            self.note(&typed, "holds collections itself");
            return Ok(vec![href::collection(&typed)]);
        }
        if let Some(error) = self.elsewhere.take() {
            return Err(error);
        }
        let steps: Vec<String> = self.steps.iter().map(|step| format!("{} {}", step.path, step.outcome)).collect();
        let text =
            format!("nothing to synchronise was found at this address; set url to the one your server's help names ({})", steps.join("; "));
        Err(GroupwareError::Refused { command: "discovery", code: None, text })
    }

    async fn homes_of_principal(&mut self, candidate: &str, signs: &Signposts) -> Result<Vec<String>, GroupwareError> {
        let Some(principal) = &signs.principal else {
            let outcome = if signs.unauthenticated { "answers as to a stranger" } else { "names no principal" };
            self.note(candidate, outcome);
            return Ok(Vec::new());
        };
        self.note(candidate, &format!("names the principal {principal}"));
        match self.ask(principal).await? {
            Some((_, found)) if !found.homes.is_empty() => Ok(found.homes),
            Some(_) => {
                self.note(principal, "names no home");
                Ok(Vec::new())
            }
            None => Ok(Vec::new()),
        }
    }

    /// Asks a resource for the way. `None` where it does not answer as a DAV server does.
    async fn ask(&mut self, path: &str) -> Result<Option<(String, Signposts)>, GroupwareError> {
        let mut properties = vec![&names::RESOURCETYPE, &names::CURRENT_USER_PRINCIPAL, self.dialect.home_set()];
        if self.dialect == Dialect::CalDav {
            properties.extend([&SCHEDULE_INBOX, &SCHEDULE_OUTBOX]);
        }
        let answer = match self.http.send(&requests::propfind(path, "0", &properties, Patience::Question)).await {
            Ok(answer) => answer,
            Err(error @ GroupwareError::Refused { .. }) => {
                self.note(path, &error.to_string());
                self.elsewhere.get_or_insert(error);
                return Ok(None);
            }
            // Something in front of the server may answer with a page.
            Err(GroupwareError::Protocol { text, .. } | GroupwareError::TooLarge { text, .. }) => {
                self.note(path, &text);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if answer.status == 503 || answer.status == 429 {
            return Err(answer.failure());
        }
        match answer.rows(|rows| self.signposts(rows, &answer)) {
            Ok(Ok(signs)) => {
                self.schedules |= signs.schedules;
                Ok(Some((answer.path.clone(), signs)))
            }
            Ok(Err(error)) => {
                self.note(path, &error.to_string());
                self.elsewhere.get_or_insert(error);
                Ok(None)
            }
            Err(_) => {
                self.note(path, &answer.describe());
                Ok(None)
            }
        }
    }

    fn signposts(&self, rows: &[Row<'_, '_>], answer: &Answer) -> Result<Signposts, GroupwareError> {
        let Some(row) = rows.iter().find(|row| href::same(&row.path, &answer.path)).or_else(|| rows.first()) else {
            return Ok(Signposts::default());
        };
        let mut homes = Vec::new();
        for home in row.raw_hrefs(self.dialect.home_set()) {
            // Apple keeps an account on another host than the one that is asked.
            if let Ok(url) = Url::parse(&home)
                && url.has_host()
                && !self.http.is_own(&url)
            {
                let text = format!("the account lies on {}; set url to it", url.host_str().unwrap_or_default());
                return Err(GroupwareError::Refused { command: "PROPFIND", code: Some("REDIRECT".to_owned()), text });
            }
            // DAViCal 1.1 names several, some servers one twice.
            if let Some(path) = href::canonical(&answer.path, &home).map(|path| href::collection(&path))
                && !homes.contains(&path)
            {
                homes.push(path);
            }
        }
        let principal = row.prop(&names::CURRENT_USER_PRINCIPAL);
        Ok(Signposts {
            is_collection: row.element_names(&names::RESOURCETYPE).is_some_and(|types| types.contains(self.dialect.resource_type())),
            homes,
            principal: row.hrefs(&names::CURRENT_USER_PRINCIPAL, &answer.path).into_iter().next(),
            unauthenticated: principal.is_some_and(|node| node.descendants().any(|n| n.tag_name().name() == "unauthenticated")),
            schedules: row.prop(&SCHEDULE_INBOX).is_some_and(|node| node.has_children())
                || row.prop(&SCHEDULE_OUTBOX).is_some_and(|node| node.has_children()),
        })
    }

    fn note(&mut self, path: &str, outcome: &str) {
        tracing::debug!(outcome, "DAV discovery");
        self.steps.push(DiscoveryStep { path: path.to_owned(), outcome: outcome.to_owned() });
    }
}
