//! Items that are there although no listing told of them. A record that names a UID had an item once: before another is made, it is looked
//! for in every collection: among the items that were left out, under the name that every agent gives it, by the server's search. While
//! something there cannot be read, it may be the item, and none is made (V4, V12).

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmRecords, RecordState};
use crate::engine::error::EngineError;
use crate::groupware::{CollectionId, Fetched, ItemId, ItemStore};
use crate::journal::ItemPlace;
use crate::model::ReasonCode;
use crate::sync::items::Guard;
use crate::sync::items::identity::item_id;

use super::Sync;
use super::unit::Unit;

/// Known items read at once.
const PAGE: usize = 500;

/// UIDs that have records and no item, each with the records it may be named after.
pub(super) type Wanted = BTreeMap<String, BTreeSet<String>>;

/// What was found of such UIDs.
#[derive(Default)]
pub(super) struct Unlisted {
    /// Items that are there.
    pub units: Vec<Unit>,
    /// What cannot be read and may be the item, by UID.
    pub doubts: BTreeMap<String, String>,
}

/// Items that were left out.
struct Aside {
    /// Those of the wanted UIDs, by collection.
    places: BTreeMap<String, BTreeSet<(ItemPlace, String)>>,
    /// Those that cannot be read, with their UIDs where they are known.
    broken: BTreeMap<ItemPlace, String>,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Those of the UIDs that have records and no item, and had one once: with the records they may be named after.
    fn without_item(&self, uids: &[String]) -> Result<Wanted, EngineError> {
        let mut found = BTreeMap::new();
        for uid in uids {
            let pairs = self.pairs_of(uid)?;
            if pairs.values().any(|pair| pair.item.is_some()) {
                continue;
            }
            let of_pairs = pairs.values().filter_map(|pair| pair.record.as_ref()).map(|record| record.id.clone());
            let ids = self.uid_of.get(uid).into_iter().flatten();
            let of_records = ids.filter(|id| matches!(self.records.get(*id), Some(RecordState::Present(view)) if view.uid.is_some()));
            let records: BTreeSet<String> = of_pairs.chain(of_records.cloned()).collect();
            if !records.is_empty() {
                found.insert(uid.clone(), records);
            }
        }
        Ok(found)
    }

    /// Looks for the items of such UIDs: where items were left out, under the names that agents give, and by the server's own search.
    pub(super) async fn find_unlisted(&mut self, uids: &[String]) -> Result<Unlisted, EngineError> {
        let is_on = self.job.guards.on(Guard::MatchByIdentity);
        let wanted = if is_on { self.without_item(uids)? } else { Wanted::new() };
        self.search_everywhere(wanted).await
    }

    /// Looks for the items of these UIDs everywhere.
    pub(super) async fn search_everywhere(&mut self, wanted: Wanted) -> Result<Unlisted, EngineError> {
        let mut unlisted = Unlisted::default();
        if wanted.is_empty() {
            return Ok(unlisted);
        }
        let mut aside = self.aside(&wanted)?;
        let readable: Vec<String> = self.collections.keys().filter(|id| !self.unread.contains_key(*id)).cloned().collect();
        for collection in readable {
            let place = |id: ItemId| ItemPlace { collection: collection.clone(), id: id.0 };
            let mut places = std::mem::take(aside.places.entry(collection.clone()).or_default());
            for (uid, records) in &wanted {
                for record in records {
                    places.insert((place(self.store.named(&item_id(&self.job.crm_instance, record))), uid.clone()));
                }
            }
            let names: Vec<String> = wanted.keys().cloned().collect();
            let found = self.store.with_uids(&CollectionId(collection.clone()), self.job.area, &names).await?;
            places.extend(found.into_iter().map(|(uid, id)| (place(id), uid)));
            self.take_unlisted(&collection, &places, &wanted, &mut unlisted).await?;
        }
        for uid in wanted.into_keys() {
            let broken = aside.broken.iter().find(|(_, other)| other.is_empty() || **other == uid);
            let doubt = broken.map(|(place, _)| place.id.clone()).or_else(|| self.unread.values().next().cloned());
            if let Some(doubt) = doubt {
                unlisted.doubts.entry(uid).or_insert(doubt);
            }
        }
        Ok(unlisted)
    }

    /// Reads what may be there.
    async fn take_unlisted(
        &mut self,
        collection: &str,
        places: &BTreeSet<(ItemPlace, String)>,
        wanted: &Wanted,
        unlisted: &mut Unlisted,
    ) -> Result<(), EngineError> {
        let ids: BTreeSet<ItemId> = places.iter().map(|(place, _)| ItemId(place.id.clone())).collect();
        for fetched in self.fetch(collection, &Vec::from_iter(ids)).await? {
            match fetched {
                Fetched::Item(stored) if wanted.contains_key(&stored.item.uid) => {
                    unlisted.units.extend(self.sight_unit(collection, Fetched::Item(stored)).await?);
                }
                Fetched::Unreadable { item, .. } => {
                    let of_item = places.iter().filter(|(place, _)| place.id == item.id.0);
                    unlisted.doubts.extend(of_item.map(|(place, uid)| (uid.clone(), place.id.clone())));
                }
                Fetched::Item(_) | Fetched::Gone(_) => {}
            }
        }
        Ok(())
    }

    /// The items that were left out: those of these UIDs, and those that cannot be read.
    fn aside(&self, wanted: &Wanted) -> Result<Aside, EngineError> {
        let mut aside = Aside { places: BTreeMap::new(), broken: self.broken.clone() };
        for collection in self.collections.keys() {
            let mut after: Option<String> = None;
            loop {
                let page = self.ctx.journal.known_items_page(&self.ctx.account, self.job.area, collection, after.as_deref(), PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (id, known) in page {
                    let Some((reason, _)) = known.left_out else { continue };
                    let place = ItemPlace { collection: collection.clone(), id };
                    if reason.code == ReasonCode::BrokenItem {
                        aside.broken.insert(place, known.uid);
                    } else if wanted.contains_key(&known.uid) {
                        aside.places.entry(collection.clone()).or_default().insert((place, known.uid));
                    }
                }
            }
        }
        Ok(aside)
    }
}
