//! Writes the outcome of works into the journal, in one transaction: pairs with their new base, what is known, what waits, history, the
//! run's lines (V3, V6).

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::crm::{CrmRecords, RecordLink, RecordState, RecordView};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::{ItemStore, StoredItem};
use crate::journal::{
    Base, Change, ConflictLoser, HistoryEntry, ItemOutcome as Outcome, ItemPlace, KnownItem, KnownRecord, LinkState, Pair, PairState,
    Parked, RunItem,
};
use crate::model::{Action, FieldChanges, Fields, Instant, ItemKey, Reason, ReasonCode};
use crate::sync::items::decide::{date, title};
use crate::sync::items::merge::{self, Sides};
use crate::sync::items::parts::{Parts, parts};
use crate::sync::items::{GroupwareWrite, Guard, PartDecision, What, link_back};
use crate::sync::{NextTry, next_delay};

use super::Sync;
use super::carry::{Work, drafted};
use super::deliver::RecordOutcome;
use super::unit::Unit;
use super::write::ItemOutcome;

/// A series that goes to the CRM as occurrences is looked at again after so long.
const NEXT_LOOK: TimeDelta = TimeDelta::days(1);

/// What became of one part.
struct PartResult {
    /// The pair; `None` removes it.
    pair: Option<Pair>,
    /// It is decided again with what is known now.
    again: bool,
    /// For the run's list.
    outcome: Option<Outcome>,
    /// It waits.
    park: Option<(Reason, NextTry)>,
    /// It is not paired, for this reason.
    left_out: Option<Reason>,
    /// A record that is looked at again when the window reaches it.
    later: Option<(RecordView, Instant)>,
}

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

    /// What became of one part whose groupware write, if any, was made.
    fn part_result(&self, work: &mut Work, part: &PartDecision, after: Option<&Parts>) -> PartResult {
        let pair = work.unit.pairs.get(&part.key).cloned();
        let mut result =
            PartResult { pair: pair.clone(), again: false, outcome: None, park: part.park.clone(), left_out: None, later: None };
        let record = work.records.remove(&part.key);
        let answered = match record {
            Some(RecordOutcome::Written(view)) => Some((view, false)),
            Some(RecordOutcome::Joined(view)) => Some((view, true)),
            Some(RecordOutcome::Found(record)) => {
                work.unit.records.insert(part.key.clone(), record);
                result.again = true;
                None
            }
            Some(RecordOutcome::Refused(reason, next)) => {
                result.park = Some((reason, next));
                None
            }
            Some(RecordOutcome::Unknown) | None => None,
        };
        let wrote_item = matches!(work.item, ItemOutcome::Stored(_));
        let fields_after = after.and_then(|after| after.list.get(&part.key)).map(|part| part.fields.clone());
        match &part.what {
            What::Nothing => {}
            What::LeaveOut(reason) => {
                result.left_out = Some(reason.clone());
                result.outcome = Some(Outcome::LeftOut);
            }
            What::Later(at) => {
                if let Some(RecordState::Present(view)) = work.unit.records.get(&part.key) {
                    result.later = Some((view.clone(), *at));
                }
            }
            What::Forget => {
                result.pair = None;
                result.outcome = Some(Outcome::Removed);
            }
            What::Become(state) => {
                let mut changed = pair.unwrap_or_else(|| self.new_pair(&work.unit, part));
                if let Some((view, _)) = answered {
                    // The item is taken to say it too: should it come back, that is a change.
                    let mut groupware = changed.base.groupware.clone();
                    groupware.extend(part.merge.to_crm.iter().filter_map(|(field, value)| value.clone().map(|value| (*field, value))));
                    changed.base = Base::of(groupware, &view.fields);
                    changed.record = Some(view.link);
                }
                changed.record = changed.record.or_else(|| work.unit.record_link(&part.key));
                if !result.again {
                    changed.state = *state;
                    result.outcome = Some(Outcome::Removed);
                }
                result.pair = Some(changed);
            }
            What::Remove(state) => {
                result.outcome = Some(Outcome::Removed);
                result.pair = match (state, pair) {
                    (Some(state), Some(pair)) => Some(Pair { state: *state, ..pair }),
                    _ => None,
                };
            }
            What::CreateRecord => self.record_created(work, part, pair, answered, &mut result),
            What::CreateItem => {
                let mut made = self.new_pair(&work.unit, part);
                let fields = fields_after.unwrap_or_else(|| part.item.clone());
                let mut record = part.record.clone();
                if let Some((view, _)) = answered {
                    record.clone_from(&view.fields);
                    made.record = Some(view.link);
                }
                made.base = Base::of(fields, &record);
                made.link = match &work.decision.groupware {
                    Some(GroupwareWrite::Create(draft)) => {
                        drafted(draft, part).and_then(|part| part.link.as_ref()).map_or(LinkState::None, |_| Self::written_link(&made))
                    }
                    _ => LinkState::None,
                };
                result.outcome = Some(Outcome::Exported);
                result.pair = Some(made);
            }
            What::Follow => self.followed(work, part, pair, answered, fields_after.as_ref().filter(|_| wrote_item), &mut result),
        }
        if result.again {
            result.outcome = None;
            result.park = None;
        }
        result
    }

    fn record_created(
        &self,
        work: &mut Work,
        part: &PartDecision,
        pair: Option<Pair>,
        answered: Option<(RecordView, bool)>,
        result: &mut PartResult,
    ) {
        let begun = pair.filter(|pair| pair.record.is_none());
        let Some((view, joined)) = answered else {
            // Whether the CRM has it is found out by the same write.
            let base = Base::of(part.item.clone(), &part.item);
            result.pair = begun.or_else(|| Some(Pair { base, ..self.new_pair(&work.unit, part) }));
            return;
        };
        let mut made = self.new_pair(&work.unit, part);
        made.record = Some(view.link.clone());
        made.kind = view.kind;
        made.activity_type.clone_from(&view.activity_type);
        made.base = if joined {
            // An earlier attempt made it, or somebody else: what differs is decided in the next round.
            result.again = part.item != view.fields;
            let sent = begun.as_ref().map_or(&part.item, |begun| &begun.base.groupware);
            work.unit.records.insert(part.key.clone(), RecordState::Present(view.clone()));
            Base::common(sent, &view.fields)
        } else {
            let stored = if self.job.guards.on(Guard::BaseIsStored) { &view.fields } else { &part.item };
            Base::of(part.item.clone(), stored)
        };
        made.link = link_back::state(
            &made,
            part.writable,
            part.component.is_some(),
            part.component.as_ref().and_then(|mark| mark.as_deref()),
            &self.rules(),
        );
        result.outcome = Some(if joined && begun.is_none() { Outcome::Joined } else { Outcome::Imported });
        result.pair = Some(made);
    }

    #[allow(clippy::too_many_arguments, reason = "one part's whole situation")]
    fn followed(
        &self,
        work: &Work,
        part: &PartDecision,
        pair: Option<Pair>,
        answered: Option<(RecordView, bool)>,
        fields_after: Option<&Fields>,
        result: &mut PartResult,
    ) {
        let refused = result.park.is_some() && part.park.is_none();
        let view = answered.map(|(view, _)| view);
        let sides = Sides {
            groupware: &part.item,
            groupware_after: fields_after,
            crm: &part.record,
            crm_after: view.as_ref().map(|view| &view.fields),
        };
        let sent = (written(&part.item, &part.merge.to_groupware), written(&part.record, &part.merge.to_crm));
        let sides = if self.job.guards.on(Guard::BaseIsStored) {
            sides
        } else {
            Sides { groupware_after: Some(&sent.0), crm_after: Some(&sent.1), ..sides }
        };
        let first = pair.is_none();
        let mut now = pair.unwrap_or_else(|| self.new_pair(&work.unit, part));
        now.base = merge::advance(part.base.as_ref(), &part.merge, &sides);
        now.item.clone_from(&work.unit.place);
        now.state = PairState::Active;
        if let Some(link) = view.map(|view| view.link).or_else(|| work.unit.record_link(&part.key)) {
            now.record = Some(link);
        }
        now.kind = part.kind;
        if !refused {
            now.activity_type.clone_from(&part.activity_type);
        }
        if part.park.is_none() {
            now.choices.clear();
        }
        let component = part.component.as_ref();
        now.link = link_back::state(&now, part.writable, component.is_some(), component.and_then(|mark| mark.as_deref()), &self.rules());
        result.outcome = match (part.merge.is_quiet(), first) {
            (false, _) => Some(Outcome::Updated),
            (true, true) => Some(Outcome::AlreadyThere),
            (true, false) => None,
        };
        result.pair = Some(now);
    }

    /// A pair as it begins, without a base.
    fn new_pair(&self, unit: &Unit, part: &PartDecision) -> Pair {
        Pair {
            uid: unit.uid.clone(),
            recurrence_id: part.recurrence_id.clone(),
            item: unit.place.clone(),
            record: unit.record_link(&part.key),
            kind: part.kind,
            activity_type: part.activity_type.clone(),
            base: Base::default(),
            state: PairState::Active,
            link: LinkState::None,
            choices: BTreeMap::new(),
            since: unit.pairs.get(&part.key).map_or_else(|| self.ctx.now(), |pair| pair.since),
        }
    }

    /// The state of a link that was written with the item.
    pub(super) fn written_link(pair: &Pair) -> LinkState {
        pair.record
            .as_ref()
            .map_or(LinkState::None, |record| LinkState::Written { digest: link_back::digest(&link_back::wanted(record, &Fields::new())) })
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

    /// Parks a unit, with a line in the run unless it waited for the same before.
    pub(super) fn park_unit(
        &mut self,
        unit: &Unit,
        part: Option<&PartDecision>,
        reason: Reason,
        next: NextTry,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let (title, date) = part.map_or_else(|| spoken(unit), |part| (part.title.clone(), part.date.clone()));
        let record = unit.records.values().find_map(|record| record.view()).map(|view| view.link.id.clone());
        let record = record.or_else(|| unit.pairs.values().find_map(|pair| pair.record.as_ref().map(|record| record.id.clone())));
        let (key, place) = (unit.id(), unit.place.clone());
        let wishes =
            unit.wishes.iter().map(|id| Change::RemoveWish { account: self.ctx.account.clone(), area: self.job.area, id: id.clone() });
        changes.extend(wishes);
        changes.extend(unit.stale.iter().cloned().map(Change::RemoveIntent));
        self.park(key.0.clone(), Some(key), (title, date), place, record, reason, next, changes)
    }

    /// Parks a record that cannot be a unit.
    pub(super) fn park_record(
        &mut self,
        id: &str,
        view: &RecordView,
        reason: Reason,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let spoken = (title(&view.fields), date(&view.fields));
        self.park(record_id(id), None, spoken, None, Some(id.to_owned()), reason, NextTry::User, changes)
    }

    /// Parks an item that cannot be a unit.
    pub(super) fn park_place(
        &mut self,
        place: &ItemPlace,
        title: &str,
        date: Option<String>,
        reason: Reason,
        next: NextTry,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        self.park(place_id(place), None, (title.to_owned(), date), Some(place.clone()), None, reason, next, changes)
    }

    pub(super) fn unpark_place(&self, place: &ItemPlace) -> Change {
        Change::Unpark { area: self.job.area, account: self.ctx.account.clone(), id: place_id(place) }
    }

    #[allow(clippy::too_many_arguments, reason = "an entry's whole content")]
    fn park(
        &mut self,
        id: String,
        key: Option<ItemKey>,
        (title, date): (String, Option<String>),
        item: Option<ItemPlace>,
        record: Option<String>,
        reason: Reason,
        next: NextTry,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let before = self.ctx.journal.parked_entry(area, &account, &id)?;
        let same = before.as_ref().is_some_and(|entry| entry.reason == reason);
        let tries = before.as_ref().map_or(0, |entry| entry.tries).saturating_add(1);
        let now = self.ctx.now();
        let next_try = match next {
            NextTry::User => None,
            NextTry::Backoff | NextTry::NotFound => {
                TimeDelta::from_std(next_delay(tries, self.ctx.random.next_u64())).ok().map(|delay| now + delay)
            }
        };
        if !same {
            self.count.errors += 1;
            let line = RunItem {
                area,
                key,
                title: title.clone(),
                date: date.clone(),
                collection: item.as_ref().map(|place| self.collection_name(&place.collection)).unwrap_or_default(),
                outcome: Outcome::Parked,
                reason: Some(reason.clone()),
                record: None,
                message_id: None,
            };
            self.ctx.tell(&RunEvent::Item(line.clone()));
            changes.push(Change::AddRunItem { run: self.ctx.run.clone(), item: line });
        }
        changes.push(Change::Park(Parked {
            id,
            area,
            account,
            title,
            date,
            reason,
            since: before.map_or(now, |entry| entry.since),
            tries,
            next_try,
            location: None,
            message_id: None,
            addresses: Vec::new(),
            item,
            record,
        }));
        Ok(())
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

/// What a side would say if it kept what it was sent.
fn written(before: &Fields, changes: &FieldChanges) -> Fields {
    let mut after = before.clone();
    for (field, value) in changes {
        match value {
            Some(value) => drop(after.insert(*field, value.clone())),
            None => drop(after.remove(field)),
        }
    }
    after
}

fn was_moved(unit: &Unit, pair: &Pair) -> bool {
    unit.moved && pair.item.is_some()
}

/// Id of the entry for an item that cannot be a unit.
pub(super) fn place_id(place: &ItemPlace) -> String {
    format!("item:{}/{}", place.collection, place.id)
}

/// Id of the entry for a record that cannot be a unit.
fn record_id(record: &str) -> String {
    format!("record:{record}")
}

/// Title and date for people, from whatever is known of a unit.
fn spoken(unit: &Unit) -> (String, Option<String>) {
    let of = |fields: &Fields| (title(fields), date(fields));
    let item = unit.stored.as_ref().and_then(|stored| stored.item.parts.first()).map(|part| &part.fields);
    let record = unit.records.values().find_map(RecordState::view).map(|view| &view.fields);
    let base = unit.pairs.values().next().map(|pair| &pair.base.groupware);
    item.or(record).or(base).map(of).unwrap_or_default()
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
