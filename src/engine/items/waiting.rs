//! The list of what waits: units, records without a unit, items that cannot be one.

use chrono::TimeDelta;

use crate::crm::{CrmRecords, RecordState, RecordView};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::ItemStore;
use crate::journal::{Change, ItemOutcome as Outcome, ItemPlace, Parked, RunItem};
use crate::model::{Fields, ItemKey, Reason};
use crate::sync::items::PartDecision;
use crate::sync::items::spoken::{date, title};
use crate::sync::{NextTry, next_delay};

use super::Sync;
use super::unit::Unit;

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
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
        record: Option<String>,
        (title, date): (&str, Option<String>),
        reason: Reason,
        next: NextTry,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        self.park(place_id(place), None, (title.to_owned(), date), Some(place.clone()), record, reason, next, changes)
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
}

/// Id of the entry for an item that cannot be a unit.
pub(super) fn place_id(place: &ItemPlace) -> String {
    format!("item:{}/{}", place.collection, place.id)
}

/// Id of the entry for a record that cannot be a unit.
pub(super) fn record_id(record: &str) -> String {
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
