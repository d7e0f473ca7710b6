//! What changed on both sides since the cursors. Nothing moved: two requests, one to each side.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmError, CrmRecords, RecordChange, RecordState, RecordView};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::{Collection, CollectionId, GroupwareError, ItemStore};
use crate::journal::{Change, Cursor, ItemPlace, Parked, Wish};
use crate::model::{Area, ItemKey, Reason, ReasonCode};
use crate::sync::items::identity::{item_id, uid_of};
use crate::sync::items::{Guard, Import, Will};
use crate::sync::{Remedy, StopScope, classify};

use super::Sync;

/// Name of the CRM's cursor among those of the collections.
pub(super) const CRM: &str = "crm:changes";

/// Prefix of the entry for a collection that cannot be read.
const COLLECTION: &str = "folder:";

/// Items and records that are looked at again in one run because their time has come.
const DUE: usize = 500;

/// Pairs read at once.
const PAGE: usize = 500;

/// What is to be done with the items of both sides.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Items to read.
    pub fetch: BTreeSet<ItemPlace>,
    /// Items that are proved to be gone.
    pub gone: BTreeSet<ItemPlace>,
    /// Cursors that move when all of it is settled.
    pub cursors: Vec<Change>,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    pub(super) async fn collect(&mut self) -> Result<Collected, EngineError> {
        let mut collected = Collected::default();
        let missed = self.collect_groupware(&mut collected).await?;
        self.collect_crm(&mut collected).await?;
        self.again = self.collect_waiting(&mut collected, &missed).await?;
        let uids: BTreeSet<String> = self.uid_of.keys().chain(&self.again).cloned().collect();
        for uid in uids {
            for place in self.pairs_of(&uid)?.into_values().filter_map(|pair| pair.item) {
                if !collected.gone.contains(&place) {
                    collected.fetch.insert(place.clone());
                }
                self.uid_at.insert(place, uid.clone());
            }
        }
        // What is not selected any more is left alone, and is no deletion (V8).
        collected.fetch.retain(|place| self.collections.contains_key(&place.collection));
        Ok(collected)
    }

    /// The collections of the area that take part, with what moved in them. Gives the entries of those that cannot be read.
    async fn collect_groupware(&mut self, collected: &mut Collected) -> Result<BTreeSet<String>, EngineError> {
        let chosen = &self.job.settings.collections;
        let fits = |collection: &Collection| {
            collection.areas.contains(&self.job.area)
                && (chosen.is_empty()
                    || chosen.contains(&collection.id.0)
                    || chosen.contains(&collection.name)
                    || self.is_address_book(collection))
        };
        let collections: Vec<Collection> = self.store.collections(self.job.area).await?.into_iter().filter(fits).collect();
        let is_target = |collection: &&Collection| collection.writable && (self.job.contacts.is_none() || self.is_address_book(collection));
        self.target = collections.iter().find(is_target).map(|collection| collection.id.0.clone());
        let absent = chosen.iter().filter(|word| !collections.iter().any(|one| one.id.0 == **word || one.name == **word));
        let mut missed: Vec<(String, String)> =
            absent.map(|word| (word.clone(), "the server has no such collection for these items".to_owned())).collect();
        for collection in &collections {
            match self.collect_collection(collection, collected).await {
                Ok(()) => {}
                Err(EngineError::Groupware(error))
                    if matches!(classify::groupware(&error), Remedy::StopArea { scope: StopScope::Mailbox }) =>
                {
                    // The others go on; its cursor stays.
                    missed.push((collection.name.clone(), error.to_string()));
                    self.unread.insert(collection.id.0.clone(), collection.name.clone());
                }
                Err(error) => return Err(error),
            }
        }
        self.collections = collections.into_iter().map(|collection| (collection.id.0.clone(), collection)).collect();
        let mut entries = BTreeSet::new();
        for (name, why) in missed {
            tracing::warn!("a collection cannot be read; see `crmsync parked`");
            self.count.errors += 1;
            let entry = self.waits(format!("{COLLECTION}{name}"), name, Reason::new(ReasonCode::FolderRefused, why), None);
            entries.insert(entry.id.clone());
            collected.cursors.push(Change::Park(entry));
        }
        Ok(entries)
    }

    async fn collect_collection(&self, collection: &Collection, collected: &mut Collected) -> Result<(), EngineError> {
        let (account, area, journal) = (&self.ctx.account, self.job.area, &self.ctx.journal);
        let id = &collection.id.0;
        let before = journal.cursor(account, area, id)?;
        // What did not flow by the rules before may flow by those of now: every item is looked at again.
        let anew = matches!(&before, Some(Cursor::Items { rules, .. }) if *rules != self.job.rules);
        let known = match before {
            Some(Cursor::Items { token, state, .. }) if !anew => Some((token, state)),
            _ => None,
        };
        if let Some((_, state)) = &known
            && state.is_some()
            && *state == collection.state
        {
            return Ok(());
        }
        let token = known.and_then(|(token, _)| token);
        let mut replaced = false;
        let delta = match self.store.changes(&collection.id, token.as_deref()).await {
            // It was listed a moment ago: another one stands in its place. What it lacks is asked for, and the guard asks the user (V8).
            // That a version is the same says nothing: some servers count them anew.
            Err(GroupwareError::NoSuchMailbox { .. }) if token.is_some() => {
                replaced = true;
                self.store.changes(&collection.id, None).await
            }
            answer => answer,
        }?;
        let place = |item: &str| ItemPlace { collection: id.clone(), id: item.to_owned() };
        let mut listed = BTreeSet::new();
        let mut found = 0_u64;
        for item in &delta.changed {
            listed.insert(item.id.0.as_str());
            let place = place(&item.id.0);
            let known = journal.known_item(account, area, &place)?;
            let same = !anew
                && !replaced
                && known.is_some_and(|known| {
                    known.version.is_some()
                        && known.version == item.version
                        && known.left_out.is_none_or(|(_, rules)| rules == self.job.rules)
                });
            if !same {
                collected.fetch.insert(place);
                found += 1;
            }
        }
        if delta.whole {
            let mut after: Option<String> = None;
            loop {
                let page = journal.known_items_page(account, area, id, after.as_deref(), PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                // Absence from a listing is no proof: each is asked for (V8).
                let absent = page.iter().filter(|(item, _)| !listed.contains(item.as_str()));
                let into = if self.job.guards.on(Guard::ProofOfAbsence) { &mut collected.fetch } else { &mut collected.gone };
                into.extend(absent.map(|(item, _)| place(item)));
            }
        }
        for item in &delta.removed {
            found += 1;
            collected.gone.insert(place(&item.0));
        }
        self.ctx.tell(&RunEvent::Surveyed { area, collection: collection.name.clone(), found });
        // Some servers tell in pieces without saying so: all is told when nothing more comes.
        let is_all = delta.whole || delta.changed.is_empty() && delta.removed.is_empty();
        let state = collection.state.clone().filter(|_| is_all);
        let cursor = Cursor::Items { token: delta.cursor, state, rules: self.job.rules.clone() };
        collected.cursors.push(Change::SetCursor { account: account.clone(), area, collection: id.clone(), cursor });
        Ok(())
    }

    /// The records that changed, by id, and the UIDs they belong to.
    async fn collect_crm(&mut self, collected: &mut Collected) -> Result<(), EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let before = self.ctx.journal.cursor(&account, area, CRM)?;
        let mut token = match &before {
            Some(Cursor::Items { token, rules, .. }) if *rules == self.job.rules => token.clone(),
            _ => None,
        };
        let kinds = self.job.kinds();
        let mut snapshot = token.is_none();
        let mut seen = BTreeSet::new();
        let mut changes: BTreeMap<String, RecordChange> = BTreeMap::new();
        loop {
            let page = match self.crm.changes(&kinds, token.as_deref()).await {
                Err(CrmError::CursorExpired) if token.is_some() && !snapshot => {
                    (token, snapshot) = (None, true);
                    changes.clear();
                    continue;
                }
                page => page?,
            };
            for change in page.changes {
                let id = match &change {
                    RecordChange::Present(view) => view.link.id.clone(),
                    RecordChange::Gone { id, .. } | RecordChange::Unreadable { id, .. } => id.clone(),
                };
                seen.insert(id.clone());
                changes.insert(id, change);
            }
            let moved = token.as_deref() != Some(page.cursor.as_str());
            token = Some(page.cursor);
            if !page.more || !moved {
                break;
            }
        }
        self.find_chosen(&changes).await?;
        for (id, change) in changes {
            match change {
                RecordChange::Present(view) => self.take(view)?,
                RecordChange::Gone { .. } => self.take_gone(&id).await?,
                // It goes with the cursor: the CRM tells of it again only when it changes (V10).
                RecordChange::Unreadable { reason, .. } => collected.cursors.push(Change::Park(self.unreadable(id, reason))),
            }
        }
        if snapshot && before.is_some() {
            self.find_absent(&seen).await?;
        }
        let cursor = Cursor::Items { token, state: None, rules: self.job.rules.clone() };
        collected.cursors.push(Change::SetCursor { account, area, collection: CRM.to_owned(), cursor });
        Ok(())
    }

    /// A record that changed and cannot be read.
    fn unreadable(&self, id: String, why: String) -> Parked {
        self.waits(format!("record:{id}"), id.clone(), Reason::new(ReasonCode::BrokenItem, why), Some(id))
    }

    /// What waits for the user and is no item.
    fn waits(&self, id: String, title: String, reason: Reason, record: Option<String>) -> Parked {
        Parked {
            id,
            area: self.job.area,
            account: self.ctx.account.clone(),
            title,
            date: None,
            reason,
            since: self.started,
            tries: 1,
            next_try: None,
            location: None,
            message_id: None,
            addresses: Vec::new(),
            item: None,
            record,
        }
    }

    /// A record as it is now. One that says what its pair says is an echo (I8).
    fn take(&mut self, view: RecordView) -> Result<(), EngineError> {
        let paired = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, &view.link.id)?;
        let uid = match &paired {
            Some((key, pair)) => {
                let known = pair.record.as_ref().is_some_and(|record| record.version == view.link.version);
                if known && pair.base.crm_fields() == view.fields && !self.changes_sides(&view, pair.state, key)? {
                    return Ok(());
                }
                pair.uid.clone()
            }
            // Of a contact that no rule chooses nothing is to be done, unless there may be a card of it.
            None if view.uid.is_none() && self.leaves_out(&view) || self.barred.contains(&view.link.id) => return Ok(()),
            None => self.uid_of_record(&view),
        };
        self.uid_of.entry(uid).or_default().insert(view.link.id.clone());
        self.records.insert(view.link.id.clone(), RecordState::Present(view));
        Ok(())
    }

    /// The UID that an unpaired record has, or gets.
    pub(super) fn uid_of_record(&self, view: &RecordView) -> String {
        let uid = view.uid.clone().filter(|_| self.job.guards.on(Guard::MatchByIdentity));
        uid.unwrap_or_else(|| {
            let attempt = if self.job.guards.on(Guard::StableCreateId) { "" } else { &self.ctx.run.0 };
            item_id(&format!("{}{attempt}", self.job.crm_instance), &view.link.id)
        })
    }

    /// A record of which the CRM says, or a snapshot shows, that it is gone: it is asked for itself (V8).
    async fn take_gone(&mut self, id: &str) -> Result<(), EngineError> {
        let Some((_, pair)) = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, id)? else {
            self.unpaired_gone.insert(id.to_owned());
            return Ok(());
        };
        match self.crm.record(id).await? {
            RecordState::Present(view) => return self.take(view),
            record => drop(self.records.insert(id.to_owned(), record)),
        }
        self.uid_of.entry(pair.uid).or_default().insert(id.to_owned());
        Ok(())
    }

    /// After a snapshot: paired records that were not in it.
    async fn find_absent(&mut self, seen: &BTreeSet<String>) -> Result<(), EngineError> {
        let mut after: Option<ItemKey> = None;
        loop {
            let page = self.ctx.journal.pairs_page(&self.ctx.account, self.job.area, after.as_ref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for record in page.into_iter().filter_map(|(_, pair)| pair.record).filter(|record| !seen.contains(&record.id)) {
                self.take_gone(&record.id).await?;
            }
        }
    }

    /// What waits and is due, what the user asked for, what an earlier run left in the middle. Gives the UIDs to look at.
    async fn collect_waiting(&mut self, collected: &mut Collected, missed: &BTreeSet<String>) -> Result<BTreeSet<String>, EngineError> {
        let (account, area, journal) = (self.ctx.account.clone(), self.job.area, self.ctx.journal.clone());
        let mut again = BTreeSet::new();
        for intent in journal.intents(&account)?.into_iter().filter(|intent| intent.operation.area == area) {
            let Some(uid) = uid_of(&intent.operation.item) else { continue };
            self.stale.entry(uid.clone()).or_default().push(intent.operation.id);
            if self.job.guards.on(Guard::ProbeIntents) {
                again.insert(uid);
            }
        }
        for wish in journal.wishes(&account, area)? {
            if let Some(uid) = self.take_wish(wish, collected).await? {
                again.insert(uid);
            }
        }
        let mut parked = journal.parked(Some(&account))?;
        parked.retain(|entry| entry.area == area);
        for entry in parked.iter().filter(|entry| entry.id.starts_with(COLLECTION) && !missed.contains(&entry.id)) {
            collected.cursors.push(Change::Unpark { area, account: account.clone(), id: entry.id.clone() });
        }
        let started = self.started;
        let is_due = |entry: &Parked| entry.next_try.is_some_and(|at| at <= started);
        // What could not be told apart is looked at together.
        let ambiguous = parked.iter().any(|entry| is_due(entry) && entry.reason.code == ReasonCode::Ambiguous);
        for entry in parked.into_iter().filter(|entry| is_due(entry) || ambiguous && entry.reason.code == ReasonCode::Ambiguous) {
            // What has no UID is read by where it lies, or by its record.
            again.extend(uid_of(&ItemKey(entry.id.clone())));
            collected.fetch.extend(entry.item);
            if let Some(record) = entry.record {
                self.look_at(&record).await?;
            }
        }
        collected.fetch.extend(journal.known_items_due(&account, area, self.started, DUE)?);
        for record in journal.known_records_due(&account, area, self.started, DUE)? {
            self.look_at(&record).await?;
        }
        Ok(again)
    }

    /// Reads a record that is not among the changes.
    pub(super) async fn look_at(&mut self, id: &str) -> Result<Option<String>, EngineError> {
        if let Some(RecordState::Present(view)) = self.records.get(id) {
            return Ok(Some(self.uid_of_record(view)));
        }
        let pair = self.ctx.journal.pair_of_record(&self.ctx.account, self.job.area, id)?.map(|(_, pair)| pair);
        let record = self.crm.record(id).await?;
        let uid = match (pair, record.view()) {
            (Some(pair), _) => pair.uid,
            (None, Some(view)) => self.uid_of_record(view),
            (None, None) => {
                self.unpaired_gone.insert(id.to_owned());
                return Ok(None);
            }
        };
        self.uid_of.entry(uid.clone()).or_default().insert(id.to_owned());
        self.records.insert(id.to_owned(), record);
        Ok(Some(uid))
    }

    /// What the user asked for becomes his will for a unit.
    async fn take_wish(&mut self, wish: Wish, collected: &mut Collected) -> Result<Option<String>, EngineError> {
        let id = wish.id().to_owned();
        let uid = match &wish {
            Wish::Push { record } => self.look_at(record).await?,
            Wish::RemoveItem { key } | Wish::Unlink { key } | Wish::Resolve { key, .. } | Wish::Confirm { key } | Wish::Refuse { key } => {
                uid_of(key)
            }
            Wish::Import { key, item, .. } => {
                collected.fetch.insert(item.clone());
                uid_of(key)
            }
            Wish::Link { key, item, record } => {
                collected.fetch.insert(item.clone());
                let uid = uid_of(key);
                if let Some(uid) = &uid {
                    self.take_linked(uid, record).await?;
                }
                uid
            }
        };
        let Some(uid) = uid else {
            // There is nothing any more that it could be about.
            self.void_wishes.push(id);
            return Ok(None);
        };
        let (will, wishes) = self.wills.entry(uid.clone()).or_default();
        wishes.insert(id);
        merge_will(will, wish);
        Ok(Some(uid))
    }

    /// A collection's id for the port.
    pub(super) fn collection_id(place: &ItemPlace) -> CollectionId {
        CollectionId(place.collection.clone())
    }
}

fn merge_will(will: &mut Will, wish: Wish) {
    match wish {
        Wish::Push { .. } => will.push = true,
        Wish::RemoveItem { .. } => will.remove = true,
        Wish::Unlink { .. } => will.unlink = true,
        Wish::Resolve { choices, .. } => will.choices.extend(choices),
        Wish::Import { partner, .. } => will.import = Some(Import { partner }),
        Wish::Link { .. } => will.link = true,
        Wish::Confirm { .. } => will.confirm = true,
        Wish::Refuse { .. } => will.refuse = true,
    }
}

/// Areas whose items are told apart by the data, because a collection may hold several.
pub(super) fn belongs(area: Area, of: Area) -> bool {
    area == of
}
