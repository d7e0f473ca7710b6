//! The second phase: items whose record was made in this run or an earlier one get the link to it, a few at a time, and only if they have
//! not changed meanwhile (R76, R77, C18).

use std::collections::BTreeMap;

use crate::crm::CrmRecords;
use crate::engine::error::EngineError;
use crate::groupware::{Fetched, ItemId, ItemStore, PartEdit, StoredItem, Written};
use crate::journal::{Change, ItemOutcome, ItemPlace, KnownItem, LinkState, Pair};
use crate::model::{Action, FieldChanges, Intent, ItemEdit, ItemKey, Operation};
use crate::settings::UpdateScope;
use crate::sync::items::identity::{op_id, part_key};
use crate::sync::items::link_back::{self, LINKS_PER_RUN};
use crate::sync::items::merge::{Merge, Sides, advance};
use crate::sync::items::scheduling;
use crate::sync::items::spoken;
use crate::sync::{Remedy, classify};

use super::Sync;
use super::settle::Line;
use super::unit::Unit;

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    pub(super) async fn write_links(&mut self) -> Result<(), EngineError> {
        if !self.job.settings.link_back || self.job.settings.update_scope == UpdateScope::Time {
            return Ok(());
        }
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let mut items: BTreeMap<ItemPlace, BTreeMap<ItemKey, Pair>> = BTreeMap::new();
        for key in self.ctx.journal.pairs_to_link(&account, area, LINKS_PER_RUN)? {
            if let Some(pair) = self.ctx.journal.pair(&account, area, &key)?
                && let Some(place) = pair.item.clone().filter(|place| self.collections.contains_key(&place.collection))
            {
                items.entry(place).or_default().insert(key, pair);
            }
        }
        for (place, pairs) in items {
            if self.ctx.cancel.is_cancelled() {
                return Ok(());
            }
            self.link_item(&place, pairs).await?;
        }
        Ok(())
    }

    async fn link_item(&mut self, place: &ItemPlace, pairs: BTreeMap<ItemKey, Pair>) -> Result<(), EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let collection = Self::collection_id(place);
        let mut fetched = self.store.fetch(&collection, &[ItemId(place.id.clone())]).await?;
        let Some(Fetched::Item(stored)) = fetched.pop() else { return Ok(()) };
        let known = self.ctx.journal.known_item(&account, area, place)?;
        if known.is_none_or(|known| known.version.is_none() || known.version != stored.version) {
            // It changed meanwhile; the next run reads that first.
            return Ok(());
        }
        let mut edits = Vec::new();
        let mut not_now = Vec::new();
        for (key, pair) in &pairs {
            match self.link_edit(key, pair, &stored) {
                Some(edit) => edits.push(edit),
                None => not_now.push(Change::PutPair {
                    account: account.clone(),
                    area,
                    key: key.clone(),
                    pair: Box::new(Pair { link: LinkState::None, ..pair.clone() }),
                }),
            }
        }
        self.ctx.commit(not_now).await?;
        let Some((first, _)) = pairs.first_key_value() else { return Ok(()) };
        if edits.is_empty() {
            return Ok(());
        }
        let intent = self.link_intent(first, place, &stored, &edits);
        self.ctx.commit(vec![Change::PutIntent(intent.clone())]).await?;
        let done = Change::RemoveIntent(intent.operation.id);
        let after = match self.store.update(&collection, &stored, &edits).await {
            Ok(Written::Stored(after)) => after,
            Ok(Written::Refused(_)) => return self.unlinked(pairs, done).await,
            Ok(Written::Changed(_) | Written::Exists(_) | Written::Gone) => return self.ctx.commit(vec![done]).await,
            Err(error) => {
                return match classify::groupware(&error) {
                    Remedy::Park { .. } | Remedy::Bisect { .. } | Remedy::StopArea { .. } => self.unlinked(pairs, done).await,
                    // Whether it was written is not known: the next run reads it.
                    _ => Err(error.into()),
                };
            }
        };
        let mut changes = vec![done];
        self.linked(place, pairs, &stored, &after, &mut changes);
        self.ctx.commit(changes).await
    }

    /// The edit that writes the link, if it may be written.
    fn link_edit(&self, key: &ItemKey, pair: &Pair, stored: &StoredItem) -> Option<PartEdit> {
        let rules = self.rules();
        let writable = self.collections.get(&pair.item.as_ref().map(|place| place.collection.clone()).unwrap_or_default());
        let part = stored.item.parts.iter().find(|part| part_key(&stored.item.uid, part.recurrence_id.as_ref()) == *key);
        let (Some(part), Some(record), true) = (part, &pair.record, writable.is_some_and(|collection| collection.writable)) else {
            return None;
        };
        if !scheduling::may_write(&stored.item, &rules) || !link_back::may_link(pair, stored, &part.fields, &rules) {
            return None;
        }
        let wanted = link_back::wanted(record, &pair.base.crm_fields());
        Some(PartEdit::Set { recurrence_id: part.recurrence_id.clone(), changes: FieldChanges::new(), link: Some(Some(wanted)) })
    }

    fn link_intent(&self, key: &ItemKey, place: &ItemPlace, stored: &StoredItem, edits: &[PartEdit]) -> Intent {
        let edits = edits.iter().filter_map(|edit| match edit {
            PartEdit::Set { recurrence_id, link, .. } => Some(ItemEdit {
                recurrence_id: recurrence_id.clone(),
                excluded: false,
                link: link.as_ref().and_then(Option::as_ref).map(|link| link.record.clone()),
                changes: FieldChanges::new(),
            }),
            PartEdit::Exclude { .. } => None,
        });
        let action = Action::EditItem {
            collection: place.collection.clone(),
            item: place.id.clone(),
            version: stored.version.clone(),
            edits: edits.collect(),
        };
        let id = op_id(&self.ctx.account, &self.job.crm_instance, self.job.area, key, &action, "link");
        let operation = Operation { id, area: self.job.area, account: self.ctx.account.clone(), item: key.clone(), action };
        Intent { operation, run: self.ctx.run.clone(), decided_at: self.ctx.now() }
    }

    /// The server does not take it: the link stays in the CRM and the journal.
    async fn unlinked(&self, pairs: BTreeMap<ItemKey, Pair>, done: Change) -> Result<(), EngineError> {
        let mut changes = vec![done];
        for (key, pair) in pairs {
            let pair = Box::new(Pair { link: LinkState::None, ..pair });
            changes.push(Change::PutPair { account: self.ctx.account.clone(), area: self.job.area, key, pair });
        }
        self.ctx.commit(changes).await
    }

    fn linked(
        &mut self,
        place: &ItemPlace,
        pairs: BTreeMap<ItemKey, Pair>,
        before: &StoredItem,
        after: &StoredItem,
        changes: &mut Vec<Change>,
    ) {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let fields = |stored: &StoredItem, key: &ItemKey| {
            let part = stored.item.parts.iter().find(|part| part_key(&stored.item.uid, part.recurrence_id.as_ref()) == *key);
            part.map(|part| part.fields.clone()).unwrap_or_default()
        };
        let unit = Unit { uid: before.item.uid.clone(), place: Some(place.clone()), ..Unit::default() };
        for (key, pair) in pairs {
            let (said, says, crm) = (fields(before, &key), fields(after, &key), pair.base.crm_fields());
            let sides = Sides { groupware: &said, groupware_after: Some(&says), crm: &crm, crm_after: None };
            let base = advance(Some(&pair.base), &Merge::default(), &sides);
            let link = Self::written_link(&pair);
            let pair = Pair { base, link, ..pair };
            let spoken = (spoken::title(&says), spoken::date(&says));
            let record = pair.record.clone();
            changes.push(Change::PutPair { account: account.clone(), area, key: key.clone(), pair: Box::new(pair) });
            self.note(&unit, Line { outcome: ItemOutcome::Linked, spoken, key, record, reason: None }, changes);
        }
        let known = self.ctx.journal.known_item(&account, area, place).ok().flatten();
        let look_again = known.and_then(|known| known.look_again);
        let known = KnownItem { version: after.version.clone(), uid: unit.uid, left_out: None, look_again };
        changes.push(Change::KnowItem { account, area, place: place.clone(), known });
    }
}
