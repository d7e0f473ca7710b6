//! Decides units and carries the decisions out, in rounds: what changed while it was being written is read and decided again.

use crate::crm::CrmRecords;
use crate::engine::error::EngineError;
use crate::groupware::{Draft, DraftPart, ItemStore, PartEdit};
use crate::journal::{Base, Change, ItemPlace, LinkState, Pair, PairState};
use crate::model::{Action, Intent, ItemEdit, ItemKey, OpId, Operation, Reason, ReasonCode};
use crate::sync::NextTry;
use crate::sync::items::identity::op_id;
use crate::sync::items::{Decision, GroupwareWrite, Guard, PartDecision, What, guard};

use super::Sync;
use super::deliver::RecordOutcome;
use super::unit::Unit;
use super::write::ItemOutcome;

/// How often a unit is decided in one run.
const ROUNDS: usize = 4;

/// A unit with what is decided for it and what became of it.
pub(super) struct Work {
    pub unit: Unit,
    pub decision: Decision,
    /// Writes that are on disk for it.
    pub intents: Vec<Intent>,
    /// What became of the groupware write.
    pub item: ItemOutcome,
    /// What became of the CRM writes, by part.
    pub records: std::collections::BTreeMap<ItemKey, RecordOutcome>,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Decides and carries out. What is risky waits for the guard.
    pub(super) async fn carry(&mut self, units: Vec<Unit>) -> Result<(), EngineError> {
        let mut todo = units;
        for _ in 0..ROUNDS {
            let mut works = Vec::new();
            let mut held = Vec::new();
            for mut unit in todo {
                if !unit.counted {
                    unit.counted = true;
                    self.count_one();
                }
                let mut decision = self.decide(&unit);
                if unit.follows_unread(&decision) {
                    self.ask_records(&mut unit).await?;
                    decision = self.decide(&unit);
                }
                if decision.risky && !unit.cleared {
                    held.push(unit);
                } else {
                    let records = std::collections::BTreeMap::new();
                    works.push(Work { unit, decision, intents: Vec::new(), item: ItemOutcome::NotNeeded, records });
                }
            }
            self.hold(held).await?;
            if self.dry.is_some() {
                self.note_plan(&works);
                return Ok(());
            }
            if works.is_empty() {
                return Ok(());
            }
            self.intend(&mut works).await?;
            let mut stop = self.write_items(&mut works).await;
            if stop.is_none() {
                stop = self.write_records(&mut works).await;
            }
            todo = self.settle(works).await?;
            if let Some(error) = stop {
                return Err(error);
            }
            if todo.is_empty() {
                return Ok(());
            }
        }
        let mut changes = Vec::new();
        for unit in todo {
            self.park_unit(&unit, None, ReasonCode::KeepsChanging.into(), NextTry::Backoff, &mut changes)?;
        }
        self.ctx.commit(changes).await
    }

    /// Keeps what is risky for the guard; what it has stopped before stays stopped until the user has spoken. When it is clear that there
    /// is too much, what waits is parked, so that nobody has to remember it.
    async fn hold(&mut self, units: Vec<Unit>) -> Result<(), EngineError> {
        let (stopped, open): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(|unit| unit.waits_for(ReasonCode::MassChange));
        self.park_risky(stopped).await?;
        self.risky.extend(open);
        if self.risky.is_empty() {
            return Ok(());
        }
        if !self.tripped {
            let tally = self.ctx.journal.area_tally(&self.ctx.account, self.job.area)?;
            self.tripped = self.job.guards.on(Guard::MassChange) && guard::trips(&tally, self.risky.len() as u64, self.started);
        }
        if self.tripped {
            let units = std::mem::take(&mut self.risky);
            self.park_risky(units).await?;
        }
        Ok(())
    }

    /// Parks what would be too much at once.
    pub(super) async fn park_risky(&mut self, units: Vec<Unit>) -> Result<(), EngineError> {
        let mut changes = Vec::new();
        for unit in &units {
            self.park_unit(unit, None, Reason::from(ReasonCode::MassChange), NextTry::User, &mut changes)?;
        }
        if self.dry.is_some() {
            for unit in units {
                self.note_stopped(&unit);
            }
            return Ok(());
        }
        self.ctx.commit(changes).await
    }

    /// Puts every write on disk before it is sent, with the pairs that a creation begins (V2).
    async fn intend(&mut self, works: &mut [Work]) -> Result<(), EngineError> {
        let mut changes = Vec::new();
        for work in works.iter_mut() {
            let unit_key = work.unit.id();
            if let Some(write) = &work.decision.groupware
                && let Some(action) = self.item_action(&work.unit, &work.decision, write)
            {
                work.intents.push(self.intent(&work.unit, &unit_key, action));
            }
            for part in &work.decision.parts {
                if let Some(write) = &part.write {
                    work.intents.push(self.intent(&work.unit, &part.key, record_action(write)));
                }
                // After a crash both sides say the same, and nobody could tell that a value was lost.
                self.note_losers(part, &mut changes);
                if let Some(pair) = self.begun(&work.unit, part) {
                    changes.push(Change::PutPair {
                        account: self.ctx.account.clone(),
                        area: self.job.area,
                        key: part.key.clone(),
                        pair: Box::new(pair),
                    });
                }
            }
            changes.extend(work.intents.iter().cloned().map(Change::PutIntent));
        }
        if self.job.guards.on(Guard::IntendFirst) { self.ctx.commit(changes).await } else { Ok(()) }
    }

    fn intent(&self, unit: &Unit, key: &ItemKey, action: Action) -> Intent {
        // Employees call their accounts alike; the same write of another one is another write.
        let salt = format!("{} {}", self.ctx.journal.instance(), unit.salt(key));
        let id = op_id(&self.ctx.account, &self.job.crm_instance, self.job.area, key, &action, &salt);
        let operation = Operation { id, area: self.job.area, account: self.ctx.account.clone(), item: key.clone(), action };
        Intent { operation, run: self.ctx.run.clone(), decided_at: self.ctx.now() }
    }

    /// The identity under which a part's record is written: that of its intent.
    pub(super) fn record_op(work: &Work, key: &ItemKey) -> Option<OpId> {
        let of_record = |action: &Action| matches!(action, Action::CreateRecord { .. } | Action::UpdateRecord { .. });
        work.intents
            .iter()
            .find(|intent| intent.operation.item == *key && of_record(&intent.operation.action))
            .map(|intent| intent.operation.id.clone())
    }

    fn item_action(&self, unit: &Unit, decision: &Decision, write: &GroupwareWrite) -> Option<Action> {
        let (collection, item, version) = match (&unit.place, &unit.stored) {
            (Some(place), Some(stored)) => (place.collection.clone(), place.id.clone(), stored.version.clone()),
            _ => (self.target.clone()?, String::new(), None),
        };
        Some(match write {
            GroupwareWrite::Create(Draft { create_id, .. }) => {
                let created = decision.parts.iter().filter(|part| part.what == What::CreateItem);
                let records = created.filter_map(|part| unit.record_link(&part.key)).map(|link| link.id).collect();
                Action::CreateItem { collection, create_id: create_id.clone(), records }
            }
            GroupwareWrite::Edit(edits) => Action::EditItem { collection, item, version, edits: edits.iter().map(item_edit).collect() },
            GroupwareWrite::Remove => Action::RemoveItem { collection, item, version },
        })
    }

    /// The pair that a creation begins, with one side missing: its base is what is sent.
    fn begun(&self, unit: &Unit, part: &PartDecision) -> Option<Pair> {
        let (item, record, base): (Option<ItemPlace>, _, Base) = match part.what {
            What::CreateRecord => {
                let place = unit.place.clone()?;
                let before = unit.pairs.get(&part.key).filter(|pair| pair.record.is_none());
                // What an earlier attempt has sent may be what the CRM has: its base stays until the CRM has answered.
                let base = before.map_or_else(|| Base::of(part.item.clone(), &part.item), |pair| pair.base.clone());
                (Some(place), None, base)
            }
            What::CreateItem => {
                let record = unit.record_link(&part.key)?;
                (unit.stored.as_ref().and(unit.place.clone()), Some(record), Base::of(part.item.clone(), &part.record))
            }
            _ => return None,
        };
        let since = unit.pairs.get(&part.key).map_or_else(|| self.ctx.now(), |pair| pair.since);
        Some(Pair {
            uid: unit.uid.clone(),
            recurrence_id: part.recurrence_id.clone(),
            item,
            record,
            kind: part.kind,
            activity_type: part.activity_type.clone(),
            base,
            state: PairState::Active,
            link: LinkState::None,
            choices: std::collections::BTreeMap::new(),
            since,
        })
    }
}

/// What the journal keeps of an edit.
fn item_edit(edit: &PartEdit) -> ItemEdit {
    match edit {
        PartEdit::Set { recurrence_id, changes, link } => ItemEdit {
            recurrence_id: recurrence_id.clone(),
            excluded: false,
            link: link.as_ref().and_then(Option::as_ref).map(|link| link.record.clone()),
            changes: changes.clone(),
        },
        PartEdit::Exclude { recurrence_id } => {
            ItemEdit { recurrence_id: Some(recurrence_id.clone()), excluded: true, link: None, changes: crate::model::FieldChanges::new() }
        }
    }
}

/// What the journal keeps of a write into the CRM.
fn record_action(write: &crate::crm::RecordAction) -> Action {
    use crate::crm::RecordAction;
    match write {
        RecordAction::Create { activity_type, fields, .. } => {
            Action::CreateRecord { activity_type: activity_type.clone(), fields: fields.clone() }
        }
        RecordAction::CreateContact { kind, fields, .. } => {
            Action::CreateRecord { activity_type: crate::crm::contract::kind_name(*kind).to_owned(), fields: fields.clone() }
        }
        RecordAction::Update { id, if_version, bind, activity_type, changes } => Action::UpdateRecord {
            record: id.clone(),
            if_version: if_version.clone(),
            activity_type: activity_type.clone(),
            bind: bind.is_some(),
            changes: changes.clone(),
        },
        RecordAction::Delete { id, if_version } => Action::UpdateRecord {
            record: id.clone(),
            if_version: if_version.clone(),
            activity_type: None,
            bind: false,
            changes: crate::model::FieldChanges::new(),
        },
    }
}

/// The links of a new item, by part, for its pairs.
pub(super) fn drafted<'a>(draft: &'a Draft, part: &PartDecision) -> Option<&'a DraftPart> {
    draft.parts.iter().find(|drafted| drafted.recurrence_id == part.recurrence_id)
}
