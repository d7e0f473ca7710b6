//! What an item consists of for the CRM: a single item, a master with overrides where the CRM takes series, else occurrences.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::groupware::{Item, Part};
use crate::journal::Pair;
use crate::model::{Area, Field, Fields, Instant, ItemKey, Moment, Slot, Value};

use super::identity::part_key;
use super::{Expander, Rules, window};

/// Occurrences of one item that are looked at: a daily series over five years.
const MOST_OCCURRENCES: usize = 2_000;

/// A part of an item as the CRM is to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPart {
    /// Which occurrence of the series.
    pub recurrence_id: Option<Moment>,
    /// What it says.
    pub fields: Fields,
    /// The item has a component of its own for it.
    pub exists: bool,
    /// The record it carries the id of.
    pub record: Option<String>,
    /// It may become a new record: not an occurrence that is only looked at because it is paired.
    pub may_be_new: bool,
}

/// The parts of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// By key.
    pub list: BTreeMap<ItemKey, ItemPart>,
    /// What the master says, if there is one.
    pub master: Option<Fields>,
    /// It goes to the CRM as occurrences, so that it is looked at again as time goes on.
    pub expanded: bool,
    /// A paired part that is not in the list does not take place any more.
    pub complete: bool,
}

/// Takes an item apart. `paired` are its pairs so far: they are looked at wherever the window is.
#[must_use]
pub fn parts(item: &Item, paired: &BTreeMap<ItemKey, Pair>, expander: Expander, rules: &Rules<'_>) -> Parts {
    let master = item.parts.iter().find(|part| part.recurrence_id.is_none());
    let repeats = master.is_some_and(|master| master.fields.contains_key(&Field::Recurrence));
    let mut parts = Parts { master: master.map(|part| part.fields.clone()), expanded: repeats && !rules.takes_series, ..Parts::default() };
    if !parts.expanded {
        for part in &item.parts {
            parts.list.insert(part_key(&item.uid, part.recurrence_id.as_ref()), own(part));
        }
    }
    // Overrides that are no longer there may be occurrences like others again.
    let missing = || paired.iter().filter(|(key, _)| !parts.list.contains_key(*key)).filter_map(|(_, pair)| pair.recurrence_id.as_ref());
    let (mut from, mut to) = if parts.expanded { window::window(rules) } else { (Instant::MAX_UTC, Instant::MIN_UTC) };
    let (window_from, window_to) = (from, to);
    for moment in missing() {
        let at = moment.approximate_instant();
        // A day and a floating time may be off by most of a day.
        from = from.min(at.checked_sub_signed(TimeDelta::days(1)).unwrap_or(at));
        to = to.max(at.checked_add_signed(TimeDelta::days(1)).unwrap_or(at));
    }
    parts.complete = true;
    if !repeats || from >= to {
        return parts;
    }
    let occurrences = expander(item, from, to, MOST_OCCURRENCES);
    parts.complete = occurrences.complete;
    for occurrence in occurrences.list {
        let Some(part) = item.parts.get(occurrence.part) else { continue };
        let key = part_key(&item.uid, occurrence.recurrence_id.as_ref());
        let begin = occurrence.slot.start.approximate_instant();
        let in_window = parts.expanded && begin >= window_from && begin <= window_to;
        if !in_window && !paired.contains_key(&key) {
            continue;
        }
        let mut seen = own(part);
        seen.exists = part.recurrence_id.is_some() || occurrence.recurrence_id.is_none();
        seen.recurrence_id = occurrence.recurrence_id;
        seen.may_be_new = in_window;
        seen.fields.remove(&Field::Recurrence);
        if !seen.exists {
            seen.record = None;
            shift(&mut seen.fields, occurrence.slot, rules.area);
        }
        parts.list.entry(key).or_insert(seen);
    }
    parts
}

fn own(part: &Part) -> ItemPart {
    ItemPart {
        recurrence_id: part.recurrence_id.clone(),
        fields: part.fields.clone(),
        exists: true,
        record: part.record.clone(),
        may_be_new: true,
    }
}

/// The master's fields for one of its occurrences.
fn shift(fields: &mut Fields, slot: Slot, area: Area) {
    if area != Area::Tasks {
        fields.insert(Field::Slot, Value::Slot(slot));
        return;
    }
    let starts = fields.contains_key(&Field::Start);
    if let Some(due) = fields.get_mut(&Field::Due) {
        *due = Value::Moment(if starts { slot.end } else { slot.start.clone() });
    }
    if let Some(start) = fields.get_mut(&Field::Start) {
        *start = Value::Moment(slot.start);
    }
}
