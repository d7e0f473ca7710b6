//! What belongs together at a first pairing: by the CRM's id on the item, by UID and RECURRENCE-ID, by equal content if that is unique.
//! What is ambiguous is parked, never guessed (V4).

use std::collections::BTreeMap;

use crate::crm::RecordView;
use crate::journal::Pair;
use crate::model::{Field, Fields, Value};

/// What an item's mark, the id of a record, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The record is this item's.
    Own,
    /// The item is a copy of the one the record belongs to: something new (X28).
    Copy,
}

/// What the mark of an unpaired item with this UID says. `pair` is the pair the record has, `record` the record.
#[must_use]
pub fn by_mark(uid: &str, pair: Option<&Pair>, record: &RecordView) -> Mark {
    if let Some(pair) = pair {
        return if pair.uid == uid { Mark::Own } else { Mark::Copy };
    }
    match &record.uid {
        Some(other) if other != uid => Mark::Copy,
        _ => Mark::Own,
    }
}

/// What two unpaired sides must have in common to be taken for the same: title and time. `None`: too little to go by.
#[must_use]
pub fn content(fields: &Fields) -> Option<String> {
    let Some(Value::Text(subject)) = fields.get(&Field::Subject) else { return None };
    let time = match (fields.get(&Field::Slot), fields.get(&Field::Due)) {
        (Some(Value::Slot(slot)), _) => format!("{} {}", slot.start.key(), slot.end.key()),
        (None, Some(Value::Moment(due))) => due.key(),
        _ => return None,
    };
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let repeats = fields.contains_key(&Field::Recurrence);
    Some(format!("{time} {repeats} {subject}"))
}

/// What was found by content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByContent<I, R> {
    /// One item and one record say the same.
    pub pairs: Vec<(I, R)>,
    /// Items of which several, or several records, say the same.
    pub ambiguous_items: Vec<I>,
    /// Their records.
    pub ambiguous_records: Vec<R>,
    /// Items that no record is like.
    pub single: Vec<I>,
}

/// Pairs items and records with equal content where that is unique on both sides.
#[must_use]
pub fn by_content<I, R>(items: Vec<(String, I)>, records: Vec<(String, R)>) -> ByContent<I, R> {
    let mut alike: BTreeMap<String, (Vec<I>, Vec<R>)> = BTreeMap::new();
    for (content, item) in items {
        alike.entry(content).or_default().0.push(item);
    }
    for (content, record) in records {
        if let Some((_, records)) = alike.get_mut(&content) {
            records.push(record);
        }
    }
    let mut found = ByContent { pairs: Vec::new(), ambiguous_items: Vec::new(), ambiguous_records: Vec::new(), single: Vec::new() };
    for (mut items, mut records) in alike.into_values() {
        match (items.len(), records.len()) {
            (_, 0) => found.single.append(&mut items),
            (1, 1) => found.pairs.extend(items.into_iter().zip(records)),
            _ => {
                found.ambiguous_items.append(&mut items);
                found.ambiguous_records.append(&mut records);
            }
        }
    }
    found
}
