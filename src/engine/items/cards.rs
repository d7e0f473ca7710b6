//! What is particular to cards and contacts in a run: which cards may be looked at, which contacts are chosen, and what several cards with
//! the id of one contact mean.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmRecords, RecordChange, RecordState, RecordView};
use crate::engine::error::EngineError;
use crate::groupware::{Collection, ItemStore, StoredItem};
use crate::journal::{Change, ItemPlace, PairState};
use crate::model::{ItemKey, Reason, ReasonCode};
use crate::sync::NextTry;
use crate::sync::contacts::{Admission, admit};
use crate::sync::items::identity::{item_id, record_of};
use crate::sync::items::{Guard, Will, spoken};

use super::Sync;
use super::process::BATCH;
use super::unit::Unit;

/// What a card's id of a contact says.
pub(super) enum Claim {
    /// Nothing that would be in the way.
    Unit,
    /// It is the card of this unpaired contact, if no other one is.
    Marked(String),
    /// Another card is paired with the contact.
    Copy,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Whether this is the collection that contacts of the CRM go into.
    pub(super) fn is_address_book(&self, collection: &Collection) -> bool {
        self.job.contacts.as_ref().is_some_and(|policy| policy.address_book == collection.name || policy.address_book == collection.id.0)
    }

    /// Whether no rule chooses a contact.
    pub(super) fn leaves_out(&self, view: &RecordView) -> bool {
        self.job.contacts.as_ref().is_some_and(|policy| policy.leaves_out(view))
    }

    /// Whether a contact that says what it said before came into the selection or left it, or waits because of it.
    pub(super) fn changes_sides(&self, view: &RecordView, state: PairState, key: &ItemKey) -> Result<bool, EngineError> {
        if self.job.contacts.is_none() {
            return Ok(false);
        }
        let out = self.leaves_out(view);
        Ok(match state {
            PairState::Active if !out => self.ctx.journal.parked_entry(self.job.area, &self.ctx.account, key.as_str())?.is_some(),
            PairState::Active | PairState::RemovedByUser => out,
            PairState::RecordGone => !out,
            PairState::Unlinked => false,
        })
    }

    /// Contacts that the saved search found and the CRM did not tell of, because they are not the employee's.
    pub(super) async fn find_chosen(&mut self, told: &BTreeMap<String, RecordChange>) -> Result<(), EngineError> {
        let Some(policy) = self.job.contacts.clone() else { return Ok(()) };
        // Of several cards with the id of one contact none is its own yet, and no further one is made (V4).
        let waiting = self.ctx.journal.parked(Some(&self.ctx.account))?;
        let of_copies = waiting.into_iter().filter(|entry| entry.area == self.job.area && entry.reason.code == ReasonCode::Ambiguous);
        self.barred = of_copies.filter_map(|entry| entry.record).collect();
        for id in policy.export.found.iter().filter(|id| !told.contains_key(*id)) {
            if !self.barred.contains(id) && self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, id)?.is_none() {
                self.look_at(id).await?;
            }
        }
        Ok(())
    }

    /// Gives a contact to the card that the user chose for it, unless it has one.
    pub(super) async fn take_linked(&mut self, uid: &str, record: &str) -> Result<(), EngineError> {
        if let Some((key, pair)) = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, record)?
            && pair.uid != uid
            && !self.end_former(&key, pair.state).await?
        {
            return Ok(());
        }
        if let RecordState::Present(view) = self.crm.record(record).await? {
            if self.has_other_card(uid, &view).await? {
                return Ok(());
            }
            self.release(record);
            self.uid_of.entry(uid.to_owned()).or_default().insert(record.to_owned());
            self.records.insert(record.to_owned(), RecordState::Present(view));
        }
        Ok(())
    }

    /// Whether a contact has, or may have, a card with another UID than this.
    async fn has_other_card(&mut self, uid: &str, view: &RecordView) -> Result<bool, EngineError> {
        let id = &view.link.id;
        let other = view.uid.clone().unwrap_or_else(|| item_id(&self.job.crm_instance, id));
        if other == uid {
            return Ok(false);
        }
        let found = Box::pin(self.search_everywhere([(other, [id.clone()].into())].into())).await?;
        for unit in &found.units {
            // It was only looked at: what it says is for the rest of the run.
            self.seen.remove(&unit.uid);
        }
        Ok(!found.units.is_empty() || !found.doubts.is_empty())
    }

    /// Forgets a pair that has ended, so that its contact can have another card. Whether it has.
    async fn end_former(&self, key: &ItemKey, state: PairState) -> Result<bool, EngineError> {
        if state == PairState::Active {
            return Ok(false);
        }
        if self.dry.is_none() {
            let (account, area) = (self.ctx.account.clone(), self.job.area);
            self.ctx.commit(vec![Change::RemovePair { account, area, key: key.clone() }]).await?;
        }
        Ok(true)
    }

    /// A card that is neither paired nor marked nor chosen by the user is none of our business (R90, V13): nothing of it is kept but the
    /// version, and of one that may be imported the UID.
    pub(super) fn keeps_out(&mut self, stored: &StoredItem, place: &ItemPlace) -> Result<Option<Vec<Change>>, EngineError> {
        let Some(policy) = self.job.contacts.clone() else { return Ok(None) };
        let uid = &stored.item.uid;
        let Some(part) = stored.item.parts.first() else { return Ok(None) };
        let admission = admit(part.fields.clone(), None, &policy.category);
        if part.record.is_none() && admission == Admission::Private && self.pairs_of(uid)?.is_empty() {
            self.take_back_choice(uid);
        }
        let ours = part.record.is_some()
            // No server drops a UID, and some drop every other mark.
            || record_of(&self.job.crm_instance, uid).is_some()
            || self.uid_of.contains_key(uid)
            || self.wills.contains_key(uid)
            || self.stale.contains_key(uid)
            || !self.pairs_of(uid)?.is_empty();
        if ours {
            return Ok(None);
        }
        let known = match admission {
            Admission::Offered(_) => self.known(stored.version.clone(), uid.clone(), Some(ReasonCode::AwaitsImport.into())),
            Admission::Linked(_) | Admission::Private => {
                self.known(stored.version.clone(), String::new(), Some(ReasonCode::NoCategory.into()))
            }
        };
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        Ok(Some(vec![self.unpark_place(place), Change::KnowItem { account, area, place: place.clone(), known }]))
    }

    /// The user chose a card, and has taken the category off since, or marked it private: that is his last word. A contact that the card was
    /// for goes on without it.
    fn take_back_choice(&mut self, uid: &str) {
        let is_choice = |(will, _): &(Will, BTreeSet<String>)| will.import.is_some() || will.link;
        if !self.wills.get(uid).is_some_and(is_choice) {
            return;
        }
        if let Some((_, wishes)) = self.wills.remove(uid) {
            self.void_wishes.extend(wishes);
        }
        for id in self.uid_of.remove(uid).unwrap_or_default() {
            if let Some(RecordState::Present(view)) = self.records.get(&id) {
                let own = self.uid_of_record(view);
                self.uid_of.entry(own).or_default().insert(id);
            }
        }
    }

    /// What a card's id of a contact says.
    pub(super) async fn claim_card(&mut self, unit: &mut Unit, stored: &StoredItem) -> Result<Claim, EngineError> {
        let marks = || {
            let marked = stored.item.parts.first().and_then(|part| part.record.clone());
            marked.or_else(|| record_of(&self.job.crm_instance, &unit.uid))
        };
        if self.job.contacts.is_none() || !self.job.guards.on(Guard::MatchByIdentity) || !unit.pairs.is_empty() || !unit.records.is_empty()
        {
            return Ok(Claim::Unit);
        }
        let Some(id) = marks() else { return Ok(Claim::Unit) };
        if let Some((key, pair)) = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, &id)?
            && !self.end_former(&key, pair.state).await?
        {
            return Ok(Claim::Copy);
        }
        let state = match self.records.get(&id) {
            Some(state) => state.clone(),
            None => self.crm.record(&id).await?,
        };
        match state {
            RecordState::Present(view) if self.job.kinds().contains(&view.kind) => {
                let own = item_id(&self.job.crm_instance, &id) == unit.uid;
                if view.uid.as_ref() == Some(&unit.uid) || view.uid.is_none() && own {
                    self.release(&id);
                    unit.records.insert(unit.id(), RecordState::Present(view));
                    return Ok(Claim::Unit);
                }
                Ok(Claim::Marked(id))
            }
            // Made from a contact that is out of sight, by whoever: it stands for it.
            RecordState::Withheld if unit.uid == item_id(&self.job.crm_instance, &id) => {
                unit.records.insert(unit.id(), RecordState::Withheld);
                Ok(Claim::Unit)
            }
            RecordState::Present(_) | RecordState::Withheld | RecordState::Deleted => Ok(Claim::Unit),
        }
    }

    /// Parks a card that bears the id of a contact which has another card.
    pub(super) fn set_aside_copy(&mut self, unit: &Unit, stored: &StoredItem) -> Result<Vec<Change>, EngineError> {
        let mut changes = Vec::new();
        let Some(place) = &unit.place else { return Ok(changes) };
        self.count_one();
        let reason = Reason::new(ReasonCode::Ambiguous, "several cards bear the id of one contact");
        let title = stored.item.parts.first().map(|part| spoken::title(&part.fields)).unwrap_or_default();
        let record = stored.item.parts.first().and_then(|part| part.record.clone());
        self.park_place(place, record, (&title, None), reason.clone(), NextTry::Backoff, &mut changes)?;
        let known = self.known(stored.version.clone(), unit.uid.clone(), Some(reason));
        changes.push(Change::KnowItem { account: self.ctx.account.clone(), area: self.job.area, place: place.clone(), known });
        Ok(changes)
    }

    /// Cards with the ids of contacts that are paired with none: one alone is the contact's, of several none is (V4).
    pub(super) async fn process_marked(&mut self, marked: BTreeMap<String, Vec<Unit>>) -> Result<(), EngineError> {
        let (mut ready, mut aside) = (Vec::new(), Vec::new());
        for (id, mut units) in marked {
            let taken = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, &id)?.is_some();
            if let (1, false) = (units.len(), taken)
                && let Some(mut unit) = units.pop()
            {
                let state = match self.release(&id) {
                    Some(state) => state,
                    None => self.crm.record(&id).await?,
                };
                unit.records.insert(unit.id(), state);
                ready.push(unit);
                continue;
            }
            // Which of them is the contact's is for the user to say; no further one is made meanwhile.
            self.release(&id);
            for unit in units {
                if let Some(stored) = &unit.stored {
                    aside.append(&mut self.set_aside_copy(&unit, stored)?);
                }
            }
        }
        self.note_aside(aside).await?;
        for chunk in ready.chunks(BATCH) {
            self.carry(chunk.to_vec()).await?;
        }
        Ok(())
    }
}
