//! A signed-in DAV account: the port on top of the parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use crate::groupware::{
    Collection, CollectionId, Delta, Draft, Fetched, GroupwareError, Item, ItemId, ItemStore, ItemStoreFeatures, PartEdit, Removed,
    StoredItem, Written,
};
use crate::model::Area;

use super::collections::{self, Found};
use super::dialect::Dialect;
use super::discovery::{DiscoveryStep, Listed, ServerKind, Site};
use super::format::Format;
use super::http::Http;
use super::{by_uid, changes, create_collection, fetch, write};

/// An account on a CalDAV or CardDAV server. Requests may run side by side.
pub struct DavStore {
    pub(super) http: Arc<Http>,
    pub(super) dialect: Dialect,
    pub(super) site: Arc<Site>,
    pub(super) format: Arc<dyn Format>,
    pub(super) invitations: bool,
    /// The server was seen to take one write at a time.
    pub(super) takes_one_write: AtomicBool,
    /// Held by the write under way, where that is so.
    pub(super) writing: tokio::sync::Mutex<()>,
    features: ItemStoreFeatures,
    /// What the last listing said of each collection.
    known: Mutex<BTreeMap<String, Facts>>,
    /// Where the connector keeps the way to the homes; emptied when it turns out wrong.
    way: Arc<Mutex<Option<Arc<Site>>>>,
}

/// What is known of a collection besides its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Whether it answers to sync-collection, if that is known.
    pub(super) syncs: Option<bool>,
    pub(super) identity: Option<String>,
    /// In which versions it takes its items, where it says.
    pub(super) versions: BTreeSet<String>,
}

impl std::fmt::Debug for DavStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DavStore").field("server", &self.http.server()).finish_non_exhaustive()
    }
}

impl DavStore {
    pub(super) fn new(
        http: Arc<Http>,
        dialect: Dialect,
        site: Arc<Site>,
        format: Arc<dyn Format>,
        invitations: bool,
        way: Arc<Mutex<Option<Arc<Site>>>>,
    ) -> Self {
        let features = ItemStoreFeatures {
            server: site.server.clone(),
            schedules: site.schedules,
            delta: site.syncs,
            conditional_writes: site.kind == ServerKind::Usual,
        };
        let (takes_one_write, writing) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { http, dialect, site, format, invitations, takes_one_write, writing, features, known: Mutex::default(), way }
    }

    /// How the collections were found, for people who look for a fault.
    #[must_use]
    pub fn discovery(&self) -> &[DiscoveryStep] {
        &self.site.steps
    }

    /// Name of a new item's file.
    pub(super) fn name_of(&self, create_id: &str) -> String {
        format!("{create_id}{}", self.dialect.extension())
    }

    pub(super) fn facts(&self, path: &str) -> Facts {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().unwrap_or_default()
    }

    pub(super) async fn fetch_items(&self, path: &str, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
        fetch::fetch(self, path, ids).await
    }

    /// The collections of every home.
    async fn found(&self) -> Result<Vec<Found>, GroupwareError> {
        let listed = |listed: &Option<Listed>| listed.as_ref().and_then(|listed| listed.found(&self.http));
        let before = listed(&self.site.listed.lock().unwrap_or_else(PoisonError::into_inner));
        let found = match before {
            Some(found) => found,
            None => self.list().await?,
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = found
            .iter()
            .map(|one| {
                let facts = Facts { syncs: Some(one.syncs), identity: one.identity.clone(), versions: one.versions.clone() };
                (one.collection.id.0.clone(), facts)
            })
            .collect();
        Ok(found)
    }

    async fn list(&self) -> Result<Vec<Found>, GroupwareError> {
        let mut found = BTreeMap::new();
        let places = self.site.homes.iter().map(|home| (home, "1")).chain(self.site.single.iter().map(|path| (path, "0")));
        for (path, depth) in places {
            let listing = collections::list(&self.http, self.dialect, path, depth).await.inspect_err(|error| {
                if matches!(error, GroupwareError::NoSuchMailbox { .. }) {
                    *self.way.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
            })?;
            found.extend(listing.found.into_iter().map(|one| (one.collection.id.clone(), one)));
        }
        let found: Vec<Found> = found.into_values().collect();
        *self.site.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listed::new(&self.http, found.clone()));
        Ok(found)
    }
}

impl ItemStore for DavStore {
    fn named(&self, create_id: &str) -> ItemId {
        ItemId(self.name_of(create_id))
    }

    fn features(&self) -> &ItemStoreFeatures {
        &self.features
    }

    async fn collections(&self, area: Area) -> Result<Vec<Collection>, GroupwareError> {
        let found = self.found().await?;
        Ok(found.into_iter().map(|one| one.collection).filter(|collection| collection.areas.contains(&area)).collect())
    }

    async fn changes(&self, collection: &CollectionId, cursor: Option<&str>) -> Result<Delta, GroupwareError> {
        changes::changes(self, collection, cursor).await
    }

    async fn fetch(&self, collection: &CollectionId, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
        self.fetch_items(&collection.0, ids).await
    }

    async fn with_uids(&self, collection: &CollectionId, area: Area, uids: &[String]) -> Result<Vec<(String, ItemId)>, GroupwareError> {
        by_uid::find(self, &collection.0, area, uids).await
    }

    async fn create(&self, collection: &CollectionId, draft: &Draft) -> Result<Written, GroupwareError> {
        write::create(self, &collection.0, draft).await
    }

    async fn update(&self, collection: &CollectionId, current: &StoredItem, edits: &[PartEdit]) -> Result<Written, GroupwareError> {
        write::update(self, &collection.0, current, edits).await
    }

    async fn remove(&self, collection: &CollectionId, id: &ItemId, version: Option<&str>) -> Result<Removed, GroupwareError> {
        write::remove(self, &collection.0, id, version).await
    }

    async fn create_collection(&self, area: Area, name: &str) -> Result<Collection, GroupwareError> {
        create_collection::create_collection(self, area, name).await
    }

    fn preview(&self, current: &StoredItem, edits: &[PartEdit]) -> Result<Item, GroupwareError> {
        let edited = self.format.edit(&current.item, edits).and_then(|text| self.format.read(&text));
        let named = edited.map(|item| fetch::named(item, &current.id));
        named.map_err(|fault| GroupwareError::Refused { command: "edit", code: None, text: fault.to_string() })
    }
}
