//! Goes through what was collected: items that are there, items that are gone, records without an item; then what the guard let wait.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmRecords, RecordState, RecordView};
use crate::engine::error::EngineError;
use crate::groupware::{Fetched, GroupwareError, ItemId, ItemRef, ItemStore, StoredItem};
use crate::journal::{Change, ItemPlace, KnownItem};
use crate::model::{Reason, ReasonCode};
use crate::sync::items::identity::{item_id, part_key, record_of};
use crate::sync::items::{Guard, guard, matching, spoken};
use crate::sync::{NextTry, Remedy, classify};

use super::Sync;
use super::cards::Claim;
use super::collect::belongs;
use super::unit::Unit;
use super::unlisted::Unlisted;

/// Items fetched, decided and written together.
pub(super) const BATCH: usize = 100;

/// What a fetched item turned out to be.
enum Sighting {
    /// To be decided.
    Unit(Box<Unit>),
    /// Like an unpaired record by content: decided when all items are known.
    Candidate(String, Box<Unit>),
    /// A card that bears the id of an unpaired contact: decided when all cards are known, because another one may bear it too.
    Marked(String, Box<Unit>),
    /// Settled by these changes.
    Aside(Vec<Change>),
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Returns whether the user stopped it.
    pub(super) async fn process(&mut self, fetch: BTreeSet<ItemPlace>) -> Result<bool, EngineError> {
        let by_content = self.unpaired_by_content();
        let mut candidates: Vec<(String, Unit)> = Vec::new();
        let mut marked: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        let mut by_collection: BTreeMap<String, Vec<ItemId>> = BTreeMap::new();
        for place in fetch {
            by_collection.entry(place.collection).or_default().push(ItemId(place.id));
        }
        for (collection, ids) in by_collection {
            for chunk in ids.chunks(BATCH) {
                if self.stopped() {
                    return Ok(true);
                }
                let mut units = Vec::new();
                let mut aside = Vec::new();
                for fetched in self.fetch(&collection, chunk).await? {
                    match self.sight(&collection, fetched, &by_content).await? {
                        Some(Sighting::Unit(unit)) => units.push(*unit),
                        Some(Sighting::Candidate(content, unit)) => candidates.push((content, *unit)),
                        Some(Sighting::Marked(record, unit)) => marked.entry(record).or_default().push(*unit),
                        Some(Sighting::Aside(mut changes)) => aside.append(&mut changes),
                        None => {}
                    }
                }
                self.note_aside(aside).await?;
                self.carry(units).await?;
            }
        }
        self.process_marked(marked).await?;
        self.process_candidates(candidates).await?;
        if self.process_gone().await? || self.process_records().await? {
            return Ok(true);
        }
        self.process_risky().await?;
        Ok(false)
    }

    fn stopped(&self) -> bool {
        self.ctx.cancel.is_cancelled()
    }

    pub(super) async fn note_aside(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        if self.dry.is_some() || !self.remembers() { Ok(()) } else { self.ctx.commit(changes).await }
    }

    /// Items with their content. Where one spoils the answer, the halves are asked for; alone it is unreadable (V10).
    pub(super) async fn fetch(&self, collection: &str, ids: &[ItemId]) -> Result<Vec<Fetched>, EngineError> {
        let collection = crate::groupware::CollectionId(collection.to_owned());
        let mut fetched = Vec::new();
        let mut queue = vec![ids];
        while let Some(ids) = queue.pop() {
            match self.store.fetch(&collection, ids).await {
                Ok(mut answers) => fetched.append(&mut answers),
                Err(error) => match (classify::groupware(&error), ids) {
                    (Remedy::Bisect { .. }, [_, _, ..]) => {
                        let (first, second) = ids.split_at(ids.len() / 2);
                        queue.push(second);
                        queue.push(first);
                    }
                    (Remedy::Bisect { reason }, [id]) => {
                        let item = ItemRef { id: id.clone(), version: None };
                        fetched.push(Fetched::Unreadable { item, uid: None, why: reason.detail });
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        Ok(fetched)
    }

    /// Makes a unit of a fetched item.
    async fn sight(&mut self, collection: &str, fetched: Fetched, by_content: &BTreeSet<String>) -> Result<Option<Sighting>, EngineError> {
        let place = |id: &ItemId| ItemPlace { collection: collection.to_owned(), id: id.0.clone() };
        let stored = match fetched {
            Fetched::Gone(id) => {
                self.gone.insert(place(&id));
                return Ok(None);
            }
            Fetched::Unreadable { item, uid, why } => {
                self.count_one();
                if !self.job.guards.on(Guard::IsolatePoison) {
                    return Err(GroupwareError::TooLarge { server: String::new(), text: why }.into());
                }
                let place = place(&item.id);
                let before = self.ctx.journal.known_item(&self.ctx.account, self.job.area, &place)?;
                let uid = uid.or_else(|| before.map(|known| known.uid)).unwrap_or_default();
                self.broken.insert(place.clone(), uid.clone());
                let known = self.known(item.version, uid, Some(Reason::new(ReasonCode::BrokenItem, why)));
                return self.set_aside(place, known, "", None).map(Some);
            }
            Fetched::Item(stored) => stored,
        };
        let place = place(&stored.id);
        if !belongs(self.job.area, stored.item.area) {
            let known = self.known(stored.version, stored.item.uid, Some(ReasonCode::OtherArea.into()));
            let change = Change::KnowItem { account: self.ctx.account.clone(), area: self.job.area, place, known };
            return Ok(Some(Sighting::Aside(vec![change])));
        }
        if let Some(changes) = self.keeps_out(&stored, &place)? {
            return Ok(Some(Sighting::Aside(changes)));
        }
        let uid = stored.item.uid.clone();
        if let Some(Some(other)) = self.seen.get(&uid)
            && *other == place
        {
            return Ok(None);
        }
        let elsewhere = match self.seen.get(&uid) {
            Some(Some(_)) => true,
            _ => self.lies_elsewhere(&uid, &place).await?,
        };
        if elsewhere {
            // Two items of one UID: which of them is the pair's cannot be told from anything but where it lies (V4).
            self.count_one();
            let title = stored.item.parts.first().map(|part| spoken::title(&part.fields)).unwrap_or_default();
            let known = self.known(stored.version, uid, Some(ReasonCode::Ambiguous.into()));
            return self.set_aside(place, known, &title, None).map(Some);
        }
        self.seen.insert(uid.clone(), Some(place.clone()));
        let mut unit = self.unit(&uid).await?;
        for pair in unit.pairs.values_mut().filter(|pair| pair.item.as_ref().is_some_and(|before| *before != place)) {
            pair.item = Some(place.clone());
            unit.moved = true;
        }
        // What waited because it could not be read, or told apart, goes on under its own key.
        unit.was_aside = self.ctx.journal.parked_entry(self.job.area, &self.ctx.account, &super::waiting::place_id(&place))?.is_some();
        unit.place = Some(place);
        match self.claim_card(&mut unit, &stored).await? {
            Claim::Unit => {}
            Claim::Marked(record) => {
                unit.stored = Some(stored);
                return Ok(Some(Sighting::Marked(record, Box::new(unit))));
            }
            Claim::Copy => return self.set_aside_copy(&unit, &stored).map(|changes| Some(Sighting::Aside(changes))),
        }
        self.claim_marked(&mut unit, &stored).await?;
        let unpaired = unit.pairs.is_empty() && unit.records.is_empty() && stored.item.parts.len() == 1;
        let content = stored.item.parts.first().and_then(|part| matching::content(&part.fields));
        unit.stored = Some(stored);
        Ok(Some(match content.filter(|content| unpaired && by_content.contains(content)) {
            Some(content) => Sighting::Candidate(content, Box::new(unit)),
            None => Sighting::Unit(Box::new(unit)),
        }))
    }

    /// Makes a unit of an item that is known to have records.
    pub(super) async fn sight_unit(&mut self, collection: &str, fetched: Fetched) -> Result<Option<Unit>, EngineError> {
        match self.sight(collection, fetched, &BTreeSet::new()).await? {
            Some(Sighting::Unit(unit) | Sighting::Candidate(_, unit) | Sighting::Marked(_, unit)) => Ok(Some(*unit)),
            Some(Sighting::Aside(changes)) => {
                self.note_aside(changes).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    pub(super) fn known(&self, version: Option<String>, uid: String, reason: Option<Reason>) -> KnownItem {
        KnownItem { version, uid, left_out: reason.map(|reason| (reason, self.job.rules.clone())), look_again: None }
    }

    /// Parks an item that cannot be a unit, and remembers its version.
    fn set_aside(&mut self, place: ItemPlace, known: KnownItem, title: &str, date: Option<String>) -> Result<Sighting, EngineError> {
        let mut changes = Vec::new();
        if let Some((reason, _)) = known.left_out.clone() {
            let next = if reason.code == ReasonCode::Ambiguous { NextTry::Backoff } else { NextTry::User };
            self.park_place(&place, None, (title, date), reason, next, &mut changes)?;
        }
        changes.push(Change::KnowItem { account: self.ctx.account.clone(), area: self.job.area, place, known });
        Ok(Sighting::Aside(changes))
    }

    /// Whether the pairs of a UID have an item at another place that is still there. An item that was moved is not.
    async fn lies_elsewhere(&mut self, uid: &str, place: &ItemPlace) -> Result<bool, EngineError> {
        let other = self.pairs_of(uid)?.into_values().find_map(|pair| pair.item).filter(|other| other != place);
        let Some(other) = other.filter(|other| !self.gone.contains(other)) else { return Ok(false) };
        if !self.collections.contains_key(&other.collection) {
            // Its collection is not there any more, or does not take part.
            return Ok(false);
        }
        let answer = match self.fetch(&other.collection, &[ItemId(other.id.clone())]).await {
            Err(EngineError::Groupware(GroupwareError::NoSuchMailbox { .. })) => return Ok(false),
            answer => answer?,
        };
        if matches!(answer.first(), Some(Fetched::Gone(_))) {
            self.gone.insert(other);
            return Ok(false);
        }
        Ok(true)
    }

    /// Gives the unit the records whose ids its parts carry, unless it is a copy of another item (X28).
    async fn claim_marked(&mut self, unit: &mut Unit, stored: &StoredItem) -> Result<(), EngineError> {
        for part in stored.item.parts.iter().filter(|_| self.job.guards.on(Guard::MatchByIdentity)) {
            // A UID survives where a mark does not.
            let named = || record_of(&self.job.crm_instance, &unit.uid).filter(|_| part.recurrence_id.is_none());
            let Some(id) = &part.record.clone().or_else(named) else { continue };
            let key = part_key(&unit.uid, part.recurrence_id.as_ref());
            if unit.pairs.contains_key(&key) || unit.records.contains_key(&key) {
                continue;
            }
            let pair = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, id)?.map(|(_, pair)| pair);
            if pair.is_some() {
                continue;
            }
            let view: Option<RecordView> = match self.records.get(id) {
                Some(known) => known.view().cloned(),
                None => match self.crm.record(id).await? {
                    RecordState::Present(view) => Some(view).filter(|view| self.job.kinds().contains(&view.kind)),
                    // Made from a record that is out of sight, by whoever: it stands for that record.
                    RecordState::Withheld if unit.uid == item_id(&self.job.crm_instance, id) => {
                        unit.records.insert(key, RecordState::Withheld);
                        continue;
                    }
                    RecordState::Withheld | RecordState::Deleted => None,
                },
            };
            let Some(view) = view else { continue };
            if view.uid.is_none() && self.is_copy_of_own(&unit.uid, id).await? {
                continue;
            }
            if matching::by_mark(&unit.uid, pair.as_ref(), &view) == matching::Mark::Own {
                self.release(id);
                unit.records.insert(key, RecordState::Present(view));
            }
        }
        Ok(())
    }

    /// Whether an item with the mark of an unbound record is a copy of the one that was made from the record (X28).
    async fn is_copy_of_own(&self, uid: &str, record: &str) -> Result<bool, EngineError> {
        let own = item_id(&self.job.crm_instance, record);
        if uid == own {
            return Ok(false);
        }
        let name = self.store.named(&own);
        for collection in self.collections.keys().filter(|id| !self.unread.contains_key(*id)) {
            let found = self.fetch(collection, std::slice::from_ref(&name)).await?;
            if found.iter().any(|fetched| !matches!(fetched, Fetched::Gone(_))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes an unpaired record from the UID it would get by itself.
    pub(super) fn release(&mut self, id: &str) -> Option<RecordState> {
        let fact = self.records.remove(id)?;
        if let RecordState::Present(view) = &fact {
            let uid = self.uid_of_record(view);
            if let Some(ids) = self.uid_of.get_mut(&uid) {
                ids.remove(id);
            }
        }
        Some(fact)
    }

    /// What the unpaired records say, as far as an item could be recognised by it.
    fn unpaired_by_content(&self) -> BTreeSet<String> {
        self.unbound().filter_map(|view| matching::content(&view.fields)).collect()
    }

    /// Records that belong to no item yet.
    fn unbound(&self) -> impl Iterator<Item = &RecordView> {
        self.records.values().filter_map(|fact| match fact {
            RecordState::Present(view) if view.uid.is_none() && self.job.kinds().contains(&view.kind) => Some(view),
            _ => None,
        })
    }

    /// Items that say what an unpaired record says.
    async fn process_candidates(&mut self, candidates: Vec<(String, Unit)>) -> Result<(), EngineError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let mut unpaired = Vec::new();
        for view in self.unbound() {
            let paired = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, &view.link.id)?.is_some();
            if let (Some(content), false) = (matching::content(&view.fields), paired) {
                unpaired.push((content, view.link.id.clone()));
            }
        }
        let found = matching::by_content(candidates, unpaired);
        let mut units = found.single;
        for (mut unit, id) in found.pairs {
            if let Some(fact) = self.release(&id) {
                unit.records.insert(unit.id(), fact);
            }
            units.push(unit);
        }
        let mut changes = Vec::new();
        for unit in found.ambiguous_items {
            self.park_unit(&unit, None, Reason::from(ReasonCode::Ambiguous), NextTry::User, &mut changes)?;
            if let (Some(place), Some(stored)) = (unit.place.clone(), &unit.stored) {
                let known = self.known(stored.version.clone(), unit.uid.clone(), Some(ReasonCode::Ambiguous.into()));
                changes.push(Change::KnowItem { account: self.ctx.account.clone(), area: self.job.area, place, known });
            }
        }
        for id in found.ambiguous_records {
            if let Some(RecordState::Present(view)) = self.release(&id) {
                self.park_record(&id, &view, ReasonCode::Ambiguous.into(), &mut changes)?;
            }
        }
        self.note_aside(changes).await?;
        for chunk in units.chunks(BATCH) {
            self.carry(chunk.to_vec()).await?;
        }
        Ok(())
    }

    /// Items that are gone, unless they were found at another place.
    async fn process_gone(&mut self) -> Result<bool, EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let gone: Vec<ItemPlace> = self.gone.iter().cloned().collect();
        for chunk in gone.chunks(BATCH) {
            if self.stopped() {
                return Ok(true);
            }
            let mut units = Vec::new();
            let mut aside = Vec::new();
            for place in chunk {
                let known = self.ctx.journal.known_item(&account, area, place)?;
                aside.push(Change::ForgetItem { account: account.clone(), area, place: place.clone() });
                aside.push(self.unpark_place(place));
                let uid = known.map(|known| known.uid).filter(|uid| !uid.is_empty()).or_else(|| self.uid_at.get(place).cloned());
                let Some(uid) = uid.filter(|uid| !self.seen.contains_key(uid)) else { continue };
                let mut unit = self.unit(&uid).await?;
                self.seen.insert(uid, None);
                // Copies of one UID: only the pair's own item counts.
                unit.gone = unit.place.as_ref() == Some(place);
                if !unit.pairs.is_empty() {
                    units.push(unit);
                }
            }
            self.carry(units).await?;
            // After the pairs: until they are settled the place must be found again.
            self.note_aside(aside).await?;
        }
        Ok(false)
    }

    /// Records without an item, and what waits without one.
    async fn process_records(&mut self) -> Result<bool, EngineError> {
        let again = std::mem::take(&mut self.again);
        let uids: BTreeSet<String> = self.uid_of.keys().cloned().chain(again).filter(|uid| !self.seen.contains_key(uid)).collect();
        let uids: Vec<String> = uids.into_iter().collect();
        for chunk in uids.chunks(BATCH) {
            if self.stopped() {
                return Ok(true);
            }
            let Unlisted { mut units, mut doubts } = self.find_unlisted(chunk).await?;
            for uid in chunk {
                if self.seen.contains_key(uid) {
                    continue;
                }
                let mut unit = self.unit(uid).await?;
                unit.doubt = doubts.remove(uid);
                self.seen.insert(uid.clone(), None);
                if !unit.pairs.is_empty()
                    || !unit.records.is_empty()
                    || unit.parked.is_some()
                    || !unit.stale.is_empty()
                    || !unit.wishes.is_empty()
                {
                    units.push(unit);
                }
            }
            self.carry(units).await?;
        }
        Ok(false)
    }

    /// Asks the guard about deletions and emptied fields, all of the run together (V8).
    async fn process_risky(&mut self) -> Result<(), EngineError> {
        let units = std::mem::take(&mut self.risky);
        let tally = self.ctx.journal.area_tally(&self.ctx.account, self.job.area)?;
        if self.tripped || self.job.guards.on(Guard::MassChange) && guard::trips(&tally, units.len() as u64, self.started) {
            return self.park_risky(units).await;
        }
        for chunk in units.chunks(BATCH) {
            let cleared: Vec<Unit> = chunk.iter().cloned().map(|unit| Unit { cleared: true, ..unit }).collect();
            if self.dry.is_none() {
                let (account, area) = (self.ctx.account.clone(), self.job.area);
                self.ctx.commit(vec![Change::AddRisky { account, area, at: self.ctx.now(), count: cleared.len() as u64 }]).await?;
            }
            self.carry(cleared).await?;
        }
        Ok(())
    }
}
