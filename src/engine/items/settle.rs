//! Writes the outcome of works into the journal, in one transaction: pairs with their new base, what is known, what waits, history, the
//! run's lines (V3, V6).

use chrono::TimeDelta;

use crate::crm::{CrmRecords, RecordLink, RecordState};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::{ItemStore, StoredItem};
use crate::journal::{
    Change, ConflictLoser, HistoryEntry, ItemOutcome as Outcome, ItemPlace, KnownItem, KnownRecord, Pair, PairState, RunItem,
};
use crate::model::{Action, ItemKey, Reason, ReasonCode};
use crate::sync::NextTry;
use crate::sync::items::parts::parts;
use crate::sync::items::{Guard, PartDecision, What};

use super::Sync;
use super::carry::Work;
use super::deliver::RecordOutcome;
use super::unit::Unit;
use super::waiting::record_id;
use super::write::ItemOutcome;

/// A series that goes to the CRM as occurrences is looked at again after so long.
const NEXT_LOOK: TimeDelta = TimeDelta::days(1);

/// What a run says of an item.
pub(super) struct Line {
    pub outcome: Outcome,
    /// Title and date.
    pub spoken: (String, Option<String>),
    pub key: ItemKey,
    pub record: Option<RecordLink>,
    pub reason: Option<Reason>,
}

impl Unit {
    /// The record of a part, as last read, or as the pair knows it.
    pub(super) fn record_link(&self, key: &ItemKey) -> Option<RecordLink> {
        match self.records.get(key) {
            Some(known) => known.view().map(|view| view.link.clone()),
            None => self.pairs.get(key).and_then(|pair| pair.record.clone()),
        }
    }
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Settles works, and gives those that are to be decided again. A work of which a write's outcome is not known is left as it is, with
    /// its intents: the next run decides it again.
    pub(super) async fn settle(&mut self, works: Vec<Work>) -> Result<Vec<Unit>, EngineError> {
        let mut changes = Vec::new();
        let mut again = Vec::new();
        for work in works {
            let unknown = matches!(work.item, ItemOutcome::Unknown)
                || work.records.values().any(|outcome| matches!(outcome, RecordOutcome::Unknown))
                || (matches!(work.item, ItemOutcome::NotNeeded | ItemOutcome::Stored(_) | ItemOutcome::Removed)
                    && work.decision.parts.iter().any(|part| part.write.is_some() && !work.records.contains_key(&part.key)));
            if unknown {
                continue;
            }
            if let Some(unit) = self.settle_work(work, &mut changes)? {
                again.push(unit);
            }
        }
        self.ctx.commit(changes).await?;
        self.ctx.tell(&RunEvent::Progress { area: self.job.area, count: self.count });
        Ok(again)
    }

    fn settle_work(&mut self, mut work: Work, changes: &mut Vec<Change>) -> Result<Option<Unit>, EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let before = work.unit.stored.clone();
        let mut again = self.take_item_outcome(&mut work);
        let refusal = match &work.item {
            ItemOutcome::Refused(reason, next) => Some((reason.clone(), *next)),
            _ => None,
        };
        let written = refusal.is_none() && !again;
        // Without its write nothing of the work was done: it is decided again, or waits.
        let after = work.unit.stored.as_ref().map(|stored| parts(&stored.item, &work.unit.pairs, self.job.expander, &self.rules()));
        let mut waits = refusal.clone();
        let mut left_out = None;
        let mut line: Option<Line> = None;
        let decided = std::mem::take(&mut work.decision.parts);
        for part in &decided {
            if !written && !matches!(part.what, What::Nothing) {
                continue;
            }
            let result = self.part_result(&mut work, part, after.as_ref());
            again |= result.again;
            if let Some((reason, next)) = &result.park {
                waits = waits.or_else(|| Some((reason.clone(), *next)));
            }
            left_out = left_out.or_else(|| result.left_out.clone());
            if let Some(outcome) = result.outcome
                && line.as_ref().is_none_or(|before| rank(outcome) > rank(before.outcome))
            {
                let record = result.pair.as_ref().and_then(|pair| pair.record.clone()).or_else(|| work.unit.record_link(&part.key));
                line = Some(Line {
                    outcome,
                    spoken: (part.title.clone(), part.date.clone()),
                    key: part.key.clone(),
                    record,
                    reason: result.left_out.clone(),
                });
            }
            if let Some((view, look_again)) = result.later {
                let reason = Reason::from(ReasonCode::OutsideWindow);
                let known = KnownRecord { version: view.link.version, reason, look_again };
                if self.remembers() {
                    changes.push(Change::KnowRecord { account: account.clone(), area, record: view.link.id, known });
                }
            } else if let Some(link) = work.unit.record_link(&part.key)
                && work.unit.pairs.get(&part.key).is_none_or(|pair| pair.record.is_none())
            {
                // It was looked at, and waits for nothing by itself.
                changes.push(Change::Unpark { area, account: account.clone(), id: record_id(&link.id) });
                changes.push(Change::ForgetRecord { account: account.clone(), area, record: link.id });
            }
            match result.pair {
                Some(pair) => {
                    if work.unit.pairs.get(&part.key) != Some(&pair) || was_moved(&work.unit, &pair) || is_begun(part) {
                        let pair = Box::new(pair.clone());
                        changes.push(Change::PutPair { account: account.clone(), area, key: part.key.clone(), pair });
                    }
                    work.unit.pairs.insert(part.key.clone(), pair);
                }
                None => {
                    if work.unit.pairs.remove(&part.key).is_some() || is_begun(part) {
                        changes.push(Change::RemovePair { account: account.clone(), area, key: part.key.clone() });
                    }
                }
            }
        }
        self.note_history(&work, before.as_ref(), changes);
        changes.extend(work.intents.iter().map(|intent| Change::RemoveIntent(intent.operation.id.clone())));
        changes.extend(std::mem::take(&mut work.unit.stale).into_iter().map(Change::RemoveIntent));
        if again {
            return Ok(Some(work.unit));
        }
        self.know_item(&work.unit, work.decision.expanded, left_out, changes);
        if let Some(place) = work.unit.place.as_ref().filter(|_| work.unit.was_aside) {
            changes.push(self.unpark_place(place));
        }
        for id in std::mem::take(&mut work.unit.wishes) {
            changes.push(Change::RemoveWish { account: account.clone(), area, id });
        }
        match waits {
            Some((reason, next)) => {
                let part = decided.iter().find(|part| part.park.is_some()).or_else(|| decided.first());
                self.park_unit(&work.unit, part, reason, next, changes)?;
            }
            None if Self::must_wait_for_item(&work.unit) => {
                self.park_unit(&work.unit, decided.first(), ReasonCode::FolderRefused.into(), NextTry::Backoff, changes)?;
            }
            None => {
                if let Some(entry) = work.unit.parked.take() {
                    changes.push(Change::Unpark { area, account: account.clone(), id: entry.id });
                }
                if let Some(line) = line {
                    self.note(&work.unit, line, changes);
                }
            }
        }
        Ok(None)
    }

    /// A record changed, but its item could not be read: its change must not be passed over.
    fn must_wait_for_item(unit: &Unit) -> bool {
        let active = |key: &ItemKey| unit.pairs.get(key).is_some_and(|pair| pair.state == PairState::Active && pair.item.is_some());
        unit.stored.is_none() && !unit.gone && unit.records.keys().any(active)
    }

    /// What the groupware's answer says of the unit. `true`: it is decided again.
    fn take_item_outcome(&self, work: &mut Work) -> bool {
        let place = |id: &str, unit: &Unit| {
            let collection = unit.place.as_ref().map(|place| place.collection.clone()).or_else(|| self.target.clone());
            collection.map(|collection| ItemPlace { collection, id: id.to_owned() })
        };
        match &work.item {
            ItemOutcome::Stored(stored) | ItemOutcome::Changed(stored) => {
                let again = matches!(work.item, ItemOutcome::Changed(_));
                work.unit.place = place(&stored.id.0, &work.unit);
                work.unit.stored = Some(stored.clone());
                again
            }
            ItemOutcome::Removed => {
                work.unit.stored = None;
                work.unit.gone = true;
                false
            }
            ItemOutcome::Gone => {
                work.unit.stored = None;
                work.unit.gone = true;
                true
            }
            ItemOutcome::NotNeeded | ItemOutcome::Refused(..) | ItemOutcome::Unknown => false,
        }
    }

    fn know_item(&self, unit: &Unit, expanded: bool, left_out: Option<Reason>, changes: &mut Vec<Change>) {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let Some(place) = unit.place.clone().filter(|_| self.remembers()) else { return };
        match &unit.stored {
            Some(stored) => {
                let paired = unit.pairs.values().any(|pair| pair.state == PairState::Active);
                let left_out = left_out.filter(|_| !paired).map(|reason| (reason, self.job.rules.clone()));
                let look_again = expanded.then(|| self.ctx.now() + NEXT_LOOK);
                let known = KnownItem { version: stored.version.clone(), uid: unit.uid.clone(), left_out, look_again };
                changes.push(Change::KnowItem { account, area, place, known });
            }
            None if unit.gone => changes.push(Change::ForgetItem { account, area, place }),
            None => {}
        }
    }

    pub(super) fn note_losers(&self, part: &PartDecision, changes: &mut Vec<Change>) {
        for loser in part.merge.losers.iter().filter(|_| self.job.guards.on(Guard::LoserKept)) {
            let loser = ConflictLoser {
                key: part.key.clone(),
                title: part.title.clone(),
                field: loser.field,
                side: loser.side,
                lost: loser.lost.clone(),
                won: loser.won.clone(),
                run: self.ctx.run.clone(),
                at: self.ctx.now(),
            };
            changes.push(Change::AddConflictLoser { account: self.ctx.account.clone(), area: self.job.area, loser });
        }
    }

    /// The state before each write that changed something (X8).
    fn note_history(&self, work: &Work, before: Option<&StoredItem>, changes: &mut Vec<Change>) {
        for intent in &work.intents {
            let before = match &intent.operation.action {
                Action::EditItem { .. } | Action::RemoveItem { .. }
                    if matches!(work.item, ItemOutcome::Stored(_) | ItemOutcome::Removed) =>
                {
                    before.map(|stored| stored.item.original.to_string())
                }
                Action::UpdateRecord { .. } => match work.unit.records.get(&intent.operation.item) {
                    Some(RecordState::Present(view)) => serde_json::to_string(&view.fields).ok(),
                    _ => work.unit.pairs.get(&intent.operation.item).and_then(|pair| serde_json::to_string(&pair.base.crm_fields()).ok()),
                },
                _ => None,
            };
            if let Some(before) = before {
                changes.push(Change::AddHistory(HistoryEntry { intent: intent.clone(), at: self.ctx.now(), before }));
            }
        }
    }

    /// Writes a line of the run, counts it, and tells the listeners.
    pub(super) fn note(&mut self, unit: &Unit, line: Line, changes: &mut Vec<Change>) {
        let Line { outcome, spoken: (title, date), key, record, reason } = line;
        match outcome {
            Outcome::Imported | Outcome::Joined | Outcome::Updated | Outcome::Exported | Outcome::Removed | Outcome::Linked => {
                self.count.changed += 1;
            }
            Outcome::AlreadyThere | Outcome::LeftOut | Outcome::NotFound | Outcome::Parked => {}
        }
        let line = RunItem {
            area: self.job.area,
            key: Some(key),
            title,
            date,
            collection: unit.place.as_ref().map(|place| self.collection_name(&place.collection)).unwrap_or_default(),
            outcome,
            reason,
            record,
            message_id: None,
        };
        self.ctx.tell(&RunEvent::Item(line.clone()));
        changes.push(Change::AddRunItem { run: self.ctx.run.clone(), item: line });
    }

    pub(super) fn collection_name(&self, id: &str) -> String {
        self.collections.get(id).map_or_else(|| id.to_owned(), |collection| collection.name.clone())
    }

    pub(super) fn count_one(&mut self) {
        self.count.count += 1;
        self.count.left = self.count.left.saturating_sub(1);
    }
}

/// Whether the journal holds an older form of the pair than the unit does: a creation was begun, or the item was moved.
const fn is_begun(part: &PartDecision) -> bool {
    matches!(part.what, What::CreateRecord | What::CreateItem)
}

fn was_moved(unit: &Unit, pair: &Pair) -> bool {
    unit.moved && pair.item.is_some()
}

/// Which of several outcomes of one item is told.
const fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::NotFound | Outcome::LeftOut => 0,
        Outcome::AlreadyThere => 1,
        Outcome::Linked => 2,
        Outcome::Updated => 3,
        Outcome::Removed => 4,
        Outcome::Joined => 5,
        Outcome::Exported => 6,
        Outcome::Imported => 7,
        Outcome::Parked => 8,
    }
}
