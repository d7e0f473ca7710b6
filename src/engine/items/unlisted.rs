//! Items that are there although no listing told of them. A record that names a UID had an item once: before another is made, it is looked
//! for among the items that were left out, and under the name that every agent gives it, in every collection (V4, V12).

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmRecords, RecordState};
use crate::engine::error::EngineError;
use crate::groupware::{Fetched, ItemId, ItemStore};
use crate::journal::ItemPlace;
use crate::sync::items::Guard;
use crate::sync::items::identity::item_id;

use super::Sync;
use super::unit::Unit;

/// Known items read at once.
const PAGE: usize = 500;

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Those of the UIDs that have records and no item, and had one once: with the records they may be named after.
    fn without_item(&self, uids: &[String]) -> Result<BTreeMap<String, BTreeSet<String>>, EngineError> {
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

    /// The items of such UIDs, as units.
    pub(super) async fn find_unlisted(&mut self, uids: &[String]) -> Result<Vec<Unit>, EngineError> {
        if !self.job.guards.on(Guard::MatchByIdentity) {
            return Ok(Vec::new());
        }
        let wanted = self.without_item(uids)?;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = self.left_out(&wanted)?;
        let names: Vec<ItemId> =
            wanted.values().flatten().map(|record| self.store.named(&item_id(&self.job.crm_instance, record))).collect();
        let collections: Vec<String> = self.collections.keys().cloned().collect();
        for collection in collections {
            places.extend(names.iter().map(|name| ItemPlace { collection: collection.clone(), id: name.0.clone() }));
        }
        let mut by_collection: BTreeMap<String, Vec<ItemId>> = BTreeMap::new();
        for place in places {
            by_collection.entry(place.collection).or_default().push(ItemId(place.id));
        }
        let mut units = Vec::new();
        for (collection, ids) in by_collection {
            for fetched in self.fetch(&collection, &ids).await? {
                let is_wanted = matches!(&fetched, Fetched::Item(stored) if wanted.contains_key(&stored.item.uid));
                if is_wanted && let Some(unit) = self.sight_unit(&collection, fetched).await? {
                    units.push(unit);
                }
            }
        }
        Ok(units)
    }

    /// Where items of these UIDs lie that were left out.
    fn left_out(&self, wanted: &BTreeMap<String, BTreeSet<String>>) -> Result<BTreeSet<ItemPlace>, EngineError> {
        let mut places = BTreeSet::new();
        for collection in self.collections.keys() {
            let mut after: Option<String> = None;
            loop {
                let page = self.ctx.journal.known_items_page(&self.ctx.account, self.job.area, collection, after.as_deref(), PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                let found = page.into_iter().filter(|(_, known)| known.left_out.is_some() && wanted.contains_key(&known.uid));
                places.extend(found.map(|(id, _)| ItemPlace { collection: collection.clone(), id }));
            }
        }
        Ok(places)
    }
}
