//! One item with its pairs and records: what is decided, written and settled together.

use std::collections::{BTreeMap, BTreeSet};

use crate::groupware::StoredItem;
use crate::journal::{ItemPlace, Pair, PairState, Parked};
use crate::model::{ItemKey, OpId, Reason, ReasonCode};
use crate::sync::items::identity::{part_key, part_range};
use crate::sync::items::{Decision, Facts, PartDecision, Presence, Rules, What, Will, decide};

use super::Sync;
use crate::crm::{CrmRecords, RecordState};
use crate::engine::error::EngineError;
use crate::groupware::ItemStore;

/// One item with its pairs and records.
#[derive(Debug, Clone, Default)]
pub(super) struct Unit {
    pub uid: String,
    /// Where it lies.
    pub place: Option<ItemPlace>,
    /// What it says.
    pub stored: Option<StoredItem>,
    /// It is proved to be gone.
    pub gone: bool,
    /// It was not found, and may be what cannot be read.
    pub doubt: Option<String>,
    pub pairs: BTreeMap<ItemKey, Pair>,
    pub records: BTreeMap<ItemKey, RecordState>,
    pub will: Will,
    /// Wishes that are carried out with it.
    pub wishes: BTreeSet<String>,
    /// Intents of earlier runs that its settling supersedes.
    pub stale: Vec<OpId>,
    /// Its entry in the list of what waits.
    pub parked: Option<Parked>,
    /// The guard has let it through.
    pub cleared: bool,
    /// It was found at another place than its pairs know.
    pub moved: bool,
    /// It waited under the name of its place.
    pub was_aside: bool,
    /// It was counted.
    pub counted: bool,
}

impl Unit {
    /// The id under which it waits: the key of its master.
    pub(super) fn id(&self) -> ItemKey {
        part_key(&self.uid, None)
    }

    /// The record that a part is paired with and of which nothing was told, where another one claims the part.
    fn rival(&self, id: &str, fact: &RecordState) -> Option<(ItemKey, String)> {
        let key = part_key(&self.uid, fact.view()?.recurrence_id.as_ref());
        let paired = self.pairs.get(&key)?.record.as_ref()?;
        (paired.id != id && !self.records.contains_key(&key)).then(|| (key, paired.id.clone()))
    }

    /// Whether a record is to be followed of which nobody looked what it says now: the item would get what the CRM was last known to say, or it
    /// has come back, and nobody listened to the record meanwhile.
    pub(super) fn follows_unread(&self, decision: &Decision) -> bool {
        let is_back = |key: &ItemKey| self.pairs.get(key).is_some_and(|pair| pair.state != PairState::Active);
        let follows = |part: &PartDecision| !part.merge.to_groupware.is_empty() || part.what == What::Follow && is_back(&part.key);
        decision.parts.iter().any(|part| follows(part) && !self.records.contains_key(&part.key))
    }

    /// Why it waits, if it does.
    pub(super) fn waits_for(&self, code: ReasonCode) -> bool {
        self.parked.as_ref().is_some_and(|entry| entry.reason.code == code)
    }

    /// What tells attempts apart that must not be taken for repetitions.
    pub(super) fn salt(&self, key: &ItemKey) -> String {
        let tries = self.parked.as_ref().map_or(0, |entry| entry.tries);
        let before = self.pairs.get(key).and_then(|pair| pair.record.as_ref()).map_or("", |record| record.id.as_str());
        format!("{tries} {before}")
    }
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// The unit of a UID, with what the journal knows of it and what was collected of its records.
    pub(super) async fn unit(&mut self, uid: &str) -> Result<Unit, EngineError> {
        let mut unit = Unit { uid: uid.to_owned(), ..Unit::default() };
        unit.pairs = self.pairs_of(uid)?;
        unit.place = unit.pairs.values().find_map(|pair| pair.item.clone());
        unit.parked = self.ctx.journal.parked_entry(self.job.area, &self.ctx.account, unit.id().as_str())?;
        unit.stale = self.stale.remove(uid).unwrap_or_default();
        if let Some((will, wishes)) = self.wills.remove(uid) {
            (unit.will, unit.wishes) = (will, wishes);
        }
        let ids = self.uid_of.remove(uid).unwrap_or_default();
        let mut facts: Vec<(String, RecordState)> =
            ids.into_iter().filter_map(|id| Some((id.clone(), self.records.remove(&id)?))).collect();
        // What is gone first: another agent may have made a new record of the item meanwhile.
        facts.sort_by_key(|(_, fact)| matches!(fact, RecordState::Present(_)));
        for (id, fact) in facts {
            if let Some((key, record)) = unit.rival(&id, &fact) {
                let state = self.crm.record(&record).await?;
                unit.records.insert(key, state);
            }
            self.attach(&mut unit, &id, fact);
        }
        // What waits may be older than the changes since the cursor.
        if unit.parked.is_some() || !unit.stale.is_empty() || !unit.wishes.is_empty() {
            self.ask_records(&mut unit).await?;
        }
        Ok(unit)
    }

    pub(super) fn pairs_of(&self, uid: &str) -> Result<BTreeMap<ItemKey, Pair>, EngineError> {
        let (first, last) = part_range(uid);
        let pairs = self.ctx.journal.pairs_between(&self.ctx.account, self.job.area, &first, &last)?;
        Ok(pairs.into_iter().filter(|(_, pair)| pair.uid == uid).collect())
    }

    /// Gives a record to the part it belongs to. Of two records of one part the paired one holds; the other waits.
    pub(super) fn attach(&mut self, unit: &mut Unit, id: &str, fact: RecordState) {
        let paired = unit.pairs.iter().find(|(_, pair)| pair.record.as_ref().is_some_and(|record| record.id == id));
        let key = match (&fact, paired) {
            (_, Some((key, _))) => key.clone(),
            (RecordState::Present(view), None) => part_key(&unit.uid, view.recurrence_id.as_ref()),
            (RecordState::Deleted | RecordState::Withheld, None) => {
                self.unpaired_gone.insert(id.to_owned());
                return;
            }
        };
        let other = unit.pairs.get(&key).and_then(|pair| pair.record.as_ref()).is_some_and(|record| record.id != id);
        let replaces =
            matches!((&fact, unit.records.get(&key)), (RecordState::Present(_), Some(RecordState::Deleted | RecordState::Withheld)));
        if (other || unit.records.contains_key(&key)) && !replaces {
            self.doubled.push((id.to_owned(), fact, Reason::new(ReasonCode::Ambiguous, unit.uid.clone())));
            return;
        }
        unit.records.insert(key, fact);
    }

    /// Reads the records of the unit's pairs that were not read yet.
    pub(super) async fn ask_records(&mut self, unit: &mut Unit) -> Result<(), EngineError> {
        let mut asked: Vec<(ItemKey, String)> = Vec::new();
        for (key, pair) in &unit.pairs {
            if let (Some(record), false) = (&pair.record, unit.records.contains_key(key)) {
                asked.push((key.clone(), record.id.clone()));
            }
        }
        if let Some(entry) = &unit.parked
            && let Some(record) = &entry.record
            && unit.pairs.is_empty()
            && unit.records.is_empty()
            && let RecordState::Present(view) = self.crm.record(record).await?
        {
            unit.records.insert(part_key(&unit.uid, view.recurrence_id.as_ref()), RecordState::Present(view));
        }
        for (key, record) in asked {
            let fact = self.crm.record(&record).await?;
            unit.records.insert(key, fact);
        }
        Ok(())
    }

    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            area: self.job.area,
            settings: &self.job.settings,
            own: &self.job.own_addresses,
            takes_series: self.job.capabilities.takes_series,
            schedules: self.store.features().schedules,
            now: self.started,
            guards: self.job.guards,
            contacts: self.job.contacts.as_deref(),
        }
    }

    pub(super) fn decide(&self, unit: &Unit) -> Decision {
        let item = match &unit.stored {
            Some(stored) => Presence::Present(stored),
            None if unit.gone => Presence::Gone,
            None => unit.doubt.as_deref().map_or(Presence::Absent, Presence::Doubtful),
        };
        let collection = match (&unit.place, &unit.stored) {
            (Some(place), Some(_)) => Some(&place.collection),
            _ => self.target.as_ref(),
        };
        let collection_writable = collection.and_then(|id| self.collections.get(id)).is_some_and(|collection| collection.writable);
        let facts = Facts {
            crm_instance: &self.job.crm_instance,
            uid: &unit.uid,
            item,
            collection_writable,
            pairs: &unit.pairs,
            records: &unit.records,
            will: &unit.will,
            expander: self.job.expander,
        };
        decide(&facts, &self.rules())
    }
}
