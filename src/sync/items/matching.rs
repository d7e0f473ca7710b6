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

#[cfg(test)]
mod tests {
    use super::super::testing::{event, slot};
    use super::*;
    use crate::crm::{RecordKind, RecordLink};

    fn view(uid: Option<&str>) -> RecordView {
        let link = RecordLink { id: "R1".into(), version: "1".into(), link: None };
        RecordView {
            link,
            kind: RecordKind::Appointment,
            activity_type: "APPOINTMENT".into(),
            uid: uid.map(str::to_owned),
            recurrence_id: None,
            fields: Fields::new(),
            origin: None,
            contact: None,
        }
    }

    #[test]
    fn x28_an_item_with_the_id_of_another_items_record_is_a_copy() {
        assert_eq!(by_mark("a", None, &view(None)), Mark::Own);
        assert_eq!(by_mark("a", None, &view(Some("a"))), Mark::Own);
        assert_eq!(by_mark("b", None, &view(Some("a"))), Mark::Copy);
    }

    #[test]
    fn v4_equal_content_pairs_only_where_it_is_unique() {
        let key = |word: &str| word.to_owned();
        let found = by_content(
            vec![(key("x"), 1), (key("y"), 2), (key("y"), 3), (key("z"), 4)],
            vec![(key("x"), 'a'), (key("y"), 'b'), (key("w"), 'c')],
        );
        assert_eq!((found.pairs, found.single), (vec![(1, 'a')], vec![4]));
        assert_eq!((found.ambiguous_items, found.ambiguous_records), (vec![2, 3], vec!['b']));
    }

    #[test]
    fn content_is_title_and_time_and_needs_both() {
        assert_eq!(content(&event("  My  Visit ", 1)), content(&event("my visit", 1)));
        assert_ne!(content(&event("visit", 1)), content(&event("visit", 2)));
        assert_eq!(content(&[(Field::Slot, slot(1))].into()), None);
        assert_eq!(content(&[(Field::Subject, Value::Text("visit".into()))].into()), None);
    }
}
