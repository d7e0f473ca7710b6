//! From what is decided of the parts to the writes: one of the item, one of each record.

use crate::crm::{RecordAction, RecordState};
use crate::groupware::{Draft, DraftPart, Item, PartEdit};
use crate::journal::PairState;
use crate::model::{Area, Field, Fields, Moment, ReasonCode, Value};

use super::decision::{Facts, GroupwareWrite, PartDecision, What};
use super::identity::{item_id, part_key};
use super::merge::Merge;
use super::{Guard, Rules, link_back, scheduling};

/// What the fields of a new item say; `None` where the record cannot be one.
fn draft_fields(record: &Fields, rules: &Rules<'_>) -> Fields {
    let mut fields = scheduling::without_invitations(record.clone(), rules);
    fields.remove(&Field::Declined);
    fields.remove(&Field::MeetingLink);
    if rules.area == Area::Calendar {
        fields.insert(Field::ShowAs, Value::Text(rules.settings.default_show_as.clone()));
    }
    fields
}

/// A new item of all parts that are to be created. An override without its series is not created.
pub(super) fn draft(decisions: &mut [PartDecision], facts: &Facts<'_>, rules: &Rules<'_>) -> Option<GroupwareWrite> {
    let has_master = decisions.iter().any(|part| part.what == What::CreateItem && part.recurrence_id.is_none());
    let mut parts = Vec::new();
    let mut named_after = None;
    for part in decisions.iter_mut().filter(|part| part.what == What::CreateItem) {
        if !has_master {
            part.what = What::LeaveOut(ReasonCode::NoSeries.into());
            continue;
        }
        let Some(RecordState::Present(view)) = facts.records.get(&part.key) else { continue };
        part.item = draft_fields(&part.record, rules);
        if part.recurrence_id.is_some() {
            part.item.remove(&Field::Recurrence);
        }
        let link = rules.settings.link_back.then(|| link_back::wanted(&view.link, &part.record));
        if part.recurrence_id.is_none() {
            named_after = Some(view.link.id.clone());
        }
        parts.push(DraftPart { recurrence_id: part.recurrence_id.clone(), fields: part.item.clone(), link });
    }
    parts.sort_by_key(|part| part.recurrence_id.as_ref().map(Moment::key));
    let create_id = if rules.guards.on(Guard::StableCreateId) { item_id(facts.crm_instance, &named_after?) } else { facts.uid.to_owned() };
    Some(GroupwareWrite::Create(Draft { create_id, uid: facts.uid.to_owned(), area: rules.area, parts }))
}

/// The edits of an item that is there. When its master is removed, all of it is.
pub(super) fn edits(decisions: &mut [PartDecision], item: &Item, facts: &Facts<'_>, rules: &Rules<'_>) -> Option<GroupwareWrite> {
    let removes = |part: &PartDecision| matches!(part.what, What::Remove(_));
    let whole = decisions.iter().any(|part| removes(part) && (part.recurrence_id.is_none() || item.parts.len() == 1 && is_orphan(item)));
    if whole {
        for part in decisions.iter_mut().filter(|part| facts.pairs.contains_key(&part.key)) {
            if !removes(part) {
                let state = if facts.will.remove { Some(PairState::RemovedByUser) } else { None };
                // A record of an occurrence outlives its series: it is the user's to look at.
                part.what = if matches!(facts.records.get(&part.key), Some(RecordState::Deleted)) {
                    What::Remove(None)
                } else {
                    What::Remove(state.or(Some(PairState::RemovedByUser)))
                };
                part.merge = Merge::default();
            }
        }
        for part in decisions.iter_mut().filter(|part| !facts.pairs.contains_key(&part.key)) {
            part.what = What::Nothing;
        }
        return Some(GroupwareWrite::Remove);
    }
    let mut edits = Vec::new();
    for part in decisions.iter_mut() {
        match (&part.what, &part.recurrence_id) {
            (What::Remove(_), Some(recurrence_id)) => edits.push(PartEdit::Exclude { recurrence_id: recurrence_id.clone() }),
            (What::CreateItem, _) => {
                part.item = draft_fields(&part.record, rules);
                part.item.remove(&Field::Recurrence);
                let changes = part.item.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
                edits.push(PartEdit::Set { recurrence_id: part.recurrence_id.clone(), changes, link: None });
            }
            (What::Follow, _) if !part.merge.to_groupware.is_empty() => edits.push(PartEdit::Set {
                recurrence_id: part.recurrence_id.clone(),
                changes: part.merge.to_groupware.clone(),
                link: None,
            }),
            _ => {}
        }
    }
    if edits.is_empty() { None } else { Some(GroupwareWrite::Edit(edits)) }
}

/// An override that came without its series, as invitations to one occurrence do.
fn is_orphan(item: &Item) -> bool {
    item.parts.iter().all(|part| part.recurrence_id.is_some())
}

/// The write into the CRM that a part needs.
pub(super) fn record_write(part: &PartDecision, facts: &Facts<'_>, rules: &Rules<'_>) -> Option<RecordAction> {
    if part.what == What::CreateRecord && rules.contacts.is_some() {
        return Some(RecordAction::CreateContact {
            kind: part.kind,
            uid: facts.uid.to_owned(),
            partner: facts.will.import.as_ref().and_then(|import| import.partner.clone()),
            fields: part.item.clone(),
        });
    }
    if part.what == What::CreateRecord {
        return Some(RecordAction::Create {
            activity_type: part.activity_type.clone(),
            uid: facts.uid.to_owned(),
            recurrence_id: part.recurrence_id.clone(),
            fields: part.item.clone(),
        });
    }
    if !matches!(part.what, What::Follow | What::CreateItem | What::Become(PairState::RemovedByUser)) {
        return None;
    }
    let pair = facts.pairs.get(&part.key);
    let view = facts.records.get(&part.key).and_then(RecordState::view);
    let link = view.map(|view| &view.link).or_else(|| pair.and_then(|pair| pair.record.as_ref()))?;
    let bound =
        view.is_none_or(|view| view.uid.as_deref() == Some(facts.uid) && part_key(facts.uid, view.recurrence_id.as_ref()) == part.key);
    // A record that was given to another item meanwhile stays there: two agents would take it from each other for ever.
    let free = view.is_none_or(|view| view.uid.is_none() || view.uid.as_deref() == Some(facts.uid));
    let bind = (!bound && free).then(|| (facts.uid.to_owned(), part.recurrence_id.clone()));
    let present = view.map(|view| view.activity_type.as_str()).or_else(|| pair.map(|pair| pair.activity_type.as_str()));
    let activity_type = Some(part.activity_type.clone()).filter(|now| present.is_some_and(|present| present != now));
    if part.merge.to_crm.is_empty() && bind.is_none() && activity_type.is_none() {
        return None;
    }
    Some(RecordAction::Update {
        id: link.id.clone(),
        if_version: link.version.clone(),
        bind,
        activity_type,
        changes: if rules.guards.on(Guard::ChangedFieldsOnly) {
            part.merge.to_crm.clone()
        } else {
            part.item.iter().map(|(field, value)| (*field, Some(value.clone()))).collect()
        },
    })
}
