//! What the users do. Nobody is asked and nothing fails; an act that does not fit what is there does nothing.

use std::collections::BTreeSet;

use crmsync::crm::RecordKind;
use crmsync::groupware::Part;
use crmsync::model::{Area, Field, Fields, Instant, Moment, Person, Recurrence, Slot, Value};

use crate::book::{self, TAGGED, tag_of};
use crate::cards;
use crate::groupware::{Entry, note, occurrences, shift};
use crate::script::{CrmAct, GroupwareAct, Step};
use crate::world::State;

/// Does what a step says, if it is a user's.
pub(crate) fn act(state: &mut State, step: &Step, now: Instant) {
    let before = state.book.log.len();
    match step {
        Step::Groupware { mailbox, act, pick } => groupware(state, *mailbox, *act, *pick, now),
        Step::Crm { employee, act, pick } => crm(state, *employee, *act, *pick, now),
        _ => return,
    }
    if state.book.log.len() == before {
        state.book.note(format!("  {step:?}"));
    }
}

fn days(now: Instant, day: i64) -> Instant {
    now + chrono::TimeDelta::days(day)
}

/// A new value of a field that bears a tag.
pub(crate) fn fresh(state: &mut State, field: Field, before: Option<&Value>, now: Instant) -> Value {
    let tag = state.book.tag(before);
    match field {
        Field::Slot => {
            let day = match before {
                Some(Value::Slot(slot)) => slot.start.approximate_instant(),
                _ => now,
            };
            let start = book::time(day, tag);
            Value::Slot(Slot { end: shift(&start, 3600), start })
        }
        Field::Due => {
            let day = match before {
                Some(Value::Moment(moment)) => moment.approximate_instant(),
                _ => now,
            };
            Value::Moment(book::time(day, tag))
        }
        Field::Note => note(&book::text(tag)),
        Field::Photo => Value::Photo(book::picture(tag)),
        _ => book::text(tag),
    }
}

/// The fields of something new.
fn new_fields(state: &mut State, task: bool, day: Instant) -> Fields {
    let time = if task { Field::Due } else { Field::Slot };
    let mut fields = Fields::new();
    for field in [Field::Subject, Field::Location, Field::Note, time] {
        let value = fresh(state, field, None, day);
        fields.insert(field, value);
    }
    fields
}

fn people() -> Value {
    let person = |name: &str, role: &str| Person {
        address: format!("{name}@nordwind.example"),
        name: String::new(),
        role: role.into(),
        answer: String::new(),
    };
    Value::People(vec![person("anna", "organiser"), person("ben", "required")])
}

fn groupware(state: &mut State, mailbox: usize, act: GroupwareAct, pick: usize, now: Instant) {
    use GroupwareAct as Act;
    match act {
        Act::New { day } | Act::NewPoison { day } | Act::NewForbidden { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            let words = match act {
                Act::NewPoison { .. } => Some("poison"),
                Act::NewForbidden { .. } => Some("forbidden"),
                _ => None,
            };
            if let Some(words) = words
                && let Some(Value::Text(text)) = fields.get_mut(&Field::Location)
            {
                *text = format!("{text} {words}");
            }
            add(state, mailbox, Area::Calendar, fields);
        }
        Act::NewAllDay { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            let date = days(now, day).date_naive();
            fields.insert(Field::Slot, Value::Slot(Slot { start: Moment::Day(date), end: Moment::Day(date + chrono::TimeDelta::days(1)) }));
            add(state, mailbox, Area::Calendar, fields);
        }
        Act::NewPrivate { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            fields.insert(Field::Private, Value::Flag(true));
            add(state, mailbox, Area::Calendar, fields);
        }
        Act::NewMeeting { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            fields.insert(Field::Participants, people());
            add(state, mailbox, Area::Calendar, fields);
        }
        Act::NewSeries { day, weekly } => {
            let mut fields = new_fields(state, false, days(now, day));
            let rule = if weekly { "FREQ=WEEKLY;COUNT=4" } else { "FREQ=DAILY;COUNT=4" };
            fields.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule.into()], ..Recurrence::default() }));
            add(state, mailbox, Area::Calendar, fields);
        }
        Act::NewTask { day } => {
            let fields = new_fields(state, true, days(now, day));
            add(state, mailbox, Area::Tasks, fields);
        }
        Act::NewCard { marked } => {
            let mut fields = cards::new_fields(state);
            if marked {
                cards::toggle_mark(&mut fields);
            }
            add(state, mailbox, Area::Contacts, fields);
        }
        _ => change(state, mailbox, act, pick, now),
    }
}

fn add(state: &mut State, mailbox: usize, area: Area, fields: Fields) {
    let server = &mut state.mailboxes[mailbox];
    server.next += 1;
    let uid = format!("u{}-{}@gw", server.number, server.next);
    let opaque = format!("X-FOREIGN:{uid}");
    if fields.contains_key(&Field::Private) {
        let secrets = fields.values().filter_map(tag_of).map(|tag| (tag, (mailbox, uid.clone())));
        state.book.secrets.extend(secrets);
    }
    let part = Part { recurrence_id: None, fields, record: None, link_block: None };
    let entry = Entry { version: 0, uid: uid.clone(), area, parts: vec![part], opaque, seen_from: 0, readable: true };
    let folder = server.folders.iter().find(|(_, folder)| folder.areas.contains(&area)).map(|(name, _)| name.clone()).unwrap();
    let id = format!("{uid}.ics");
    put(state, mailbox, &folder, &id, entry, &format!("user {mailbox} makes {uid}"));
}

/// Stores what a user made of an item; notes which of his words must not get about.
fn put(state: &mut State, mailbox: usize, folder: &str, id: &str, entry: Entry, what: &str) {
    let uid = entry.uid.clone();
    state.mailboxes[mailbox].store(folder, id, entry);
    let Some(entry) = state.mailboxes[mailbox].folders.get(folder).and_then(|folder| folder.items.get(id)).cloned() else { return };
    cards::watch(state, mailbox, &entry);
    state.book.note(format!("  {what} in {folder}: {:?}", entry.parts));
    if !entry.is_private() {
        state.book.secrets.retain(|_, (owner, other)| *owner != mailbox || *other != uid);
    }
}

fn change(state: &mut State, mailbox: usize, act: GroupwareAct, pick: usize, now: Instant) {
    use GroupwareAct as Act;
    let server = &state.mailboxes[mailbox];
    let count = server.items().count();
    let Some((folder, id, entry)) = server.items().nth(pick % count.max(1)) else { return };
    let (folder, id, before) = (folder.clone(), id.clone(), entry.clone());
    let part = (pick / 7) % before.parts.len().max(1);
    let mut after = before.clone();
    after.seen_from = 0;
    match act {
        Act::Edit(field) => {
            let field = if before.area == Area::Tasks && field == Field::Slot { Field::Due } else { field };
            // The times of a series and of its exceptions hang together; MoveSeries moves them all.
            if field == Field::Slot && (before.parts.len() > 1 || before.parts[0].fields.contains_key(&Field::Recurrence)) {
                return;
            }
            let old = before.parts[part].fields.get(&field).cloned();
            let value = fresh(state, field, old.as_ref(), now);
            if before.is_private() {
                state.book.secrets.insert(tag_of(&value).unwrap(), (mailbox, before.uid.clone()));
            }
            after.parts[part].fields.insert(field, value);
            cards::follow_name(&before.parts[part].fields, &mut after.parts[part].fields);
        }
        Act::Empty(field) => {
            let old = after.parts[part].fields.remove(&field);
            state.book.empty(old.as_ref());
        }
        Act::AddEntry => {
            cards::add_entry(state, &mut after.parts[0].fields);
            if before.is_private() {
                let tags = book::entries(&after.parts[0].fields);
                let secret = tags.into_iter().max().map(|tag| (tag, (mailbox, before.uid.clone())));
                state.book.secrets.extend(secret);
            }
        }
        Act::DropEntry => cards::drop_entry(state, &mut after.parts[0].fields, pick),
        Act::Mark => cards::toggle_mark(&mut after.parts[0].fields),
        Act::Number(field) => drop(after.parts[part].fields.insert(field, Value::Number(1 + i64::try_from(pick % 9).unwrap()))),
        Act::Complete if before.area == Area::Tasks => complete(&mut after.parts[0].fields, now),
        Act::TogglePrivate => toggle_private(&mut after),
        Act::ToggleMeeting => {
            for part in &mut after.parts {
                if part.fields.remove(&Field::Participants).is_none() {
                    part.fields.insert(Field::Participants, people());
                }
            }
        }
        Act::Override { nth } => {
            let Some(master) = before.master() else { return };
            let Some(slot) = occurrences(&master.fields).into_iter().nth(nth) else { return };
            if is_excluded(&master.fields, &slot.start) || before.part(Some(&slot.start)).is_some() {
                return;
            }
            let mut fields = master.fields.clone();
            fields.remove(&Field::Recurrence);
            fields.insert(Field::Slot, Value::Slot(slot.clone()));
            for field in [Field::Subject, Field::Slot] {
                let old = fields.get(&field).cloned();
                let value = fresh(state, field, old.as_ref(), now);
                if before.is_private() {
                    state.book.secrets.insert(tag_of(&value).unwrap(), (mailbox, before.uid.clone()));
                }
                fields.insert(field, value);
            }
            after.parts.push(Part { recurrence_id: Some(slot.start), fields, record: None, link_block: None });
        }
        Act::CancelOccurrence { nth } => {
            let Some(master) = before.part(None) else { return };
            let Some(slot) = occurrences(&before.parts[master].fields).into_iter().nth(nth) else { return };
            if let Some(Value::Recurrence(recurrence)) = after.parts[master].fields.get_mut(&Field::Recurrence) {
                recurrence.excluded.retain(|moment| moment.key() != slot.start.key());
                recurrence.excluded.push(slot.start.clone());
                recurrence.excluded.sort_by_key(Moment::key);
            }
            forget_part(state, &mut after, &slot.start);
        }
        Act::DropOverride => {
            let Some(moment) = before.parts.iter().find_map(|part| part.recurrence_id.clone()) else { return };
            forget_part(state, &mut after, &moment);
        }
        Act::MoveSeries { days } => {
            if before.parts.len() > 1 {
                return;
            }
            let Some(Value::Slot(slot)) = before.parts[0].fields.get(&Field::Slot).cloned() else { return };
            let tag = state.book.tag(Some(&Value::Slot(slot.clone())));
            let start = book::time(shift(&slot.start, days * 86_400).approximate_instant(), tag);
            after.parts[0].fields.insert(Field::Slot, Value::Slot(Slot { end: shift(&start, 3600), start }));
            if let Some(Value::Recurrence(recurrence)) = after.parts[0].fields.get_mut(&Field::Recurrence) {
                recurrence.excluded.clear();
            }
        }
        Act::Delete => {
            state.mailboxes[mailbox].delete(&folder, &id);
            state.book.removed_items.insert((mailbox, before.uid.clone()));
            state.book.note(format!("  user {mailbox} deletes {} from {folder}", before.uid));
            return;
        }
        Act::Copy => return copy(state, mailbox, &folder, before),
        Act::Double if state.mailboxes[mailbox].quirks.double_uids => {
            state.book.ambiguous.insert(before.uid.clone());
            let id = format!("double-{}.ics", state.mailboxes[mailbox].next);
            return put(state, mailbox, &folder, &id, after, "user doubles an item");
        }
        Act::Invite => return invite(state, mailbox, before),
        Act::MoveToOther => {
            let server = &state.mailboxes[mailbox];
            let target = server.folders.iter().find(|(name, other)| **name != folder && other.areas.contains(&before.area));
            let Some(target) = target.map(|(name, _)| name.clone()) else { return };
            state.mailboxes[mailbox].delete(&folder, &id);
            return put(state, mailbox, &target, &id, after, &format!("user {mailbox} moves {} from {folder}", before.uid));
        }
        Act::Recreate => return recreate(state, mailbox, &folder),
        Act::Break => after.readable = !before.readable,
        _ => return,
    }
    if act != Act::Break && !before.readable {
        return;
    }
    put(state, mailbox, &folder, &id, after, &format!("user {mailbox} changes {} ({act:?})", before.uid));
}

fn is_excluded(master: &Fields, moment: &Moment) -> bool {
    matches!(master.get(&Field::Recurrence), Some(Value::Recurrence(rule)) if rule.excluded.iter().any(|other| other.key() == moment.key()))
}

/// An exception goes: its author has seen what it said.
fn forget_part(state: &mut State, entry: &mut Entry, moment: &Moment) {
    if let Some(index) = entry.part(Some(moment)) {
        let part = entry.parts.remove(index);
        for field in TAGGED {
            state.book.empty(part.fields.get(&field));
        }
    }
}

fn complete(fields: &mut Fields, now: Instant) {
    fields.insert(Field::TaskStatus, Value::Text("completed".into()));
    fields.insert(Field::Percent, Value::Number(100));
    fields.insert(Field::Completed, Value::Moment(Moment::utc(now)));
}

fn toggle_private(entry: &mut Entry) {
    let private = entry.is_private();
    for part in &mut entry.parts {
        if private {
            part.fields.remove(&Field::Private);
        } else {
            part.fields.insert(Field::Private, Value::Flag(true));
        }
    }
}

/// A copy is something new: its words count anew, the id of the record is copied along by programs that do not know it.
fn copy(state: &mut State, mailbox: usize, folder: &str, mut entry: Entry) {
    let server = &mut state.mailboxes[mailbox];
    server.next += 1;
    entry.uid = format!("c{}-{}@gw", server.number, server.next);
    entry.opaque = format!("X-FOREIGN:{}", entry.uid);
    entry.seen_from = 0;
    let id = format!("{}.ics", entry.uid);
    let secret = entry.is_private();
    for index in 0..entry.parts.len() {
        let before = entry.parts[index].fields.clone();
        for field in [Field::Subject, Field::Location, Field::Note, Field::FamilyName, Field::Company, Field::JobTitle] {
            if entry.parts[index].fields.contains_key(&field) {
                let value = fresh(state, field, None, chrono::DateTime::UNIX_EPOCH);
                if secret {
                    state.book.secrets.insert(tag_of(&value).unwrap(), (mailbox, entry.uid.clone()));
                }
                entry.parts[index].fields.insert(field, value);
            }
        }
        cards::renew(state, &before, &mut entry.parts[index].fields);
        // A secret time would be told by the copy once that is public.
        for field in [Field::Slot, Field::Due].into_iter().filter(|_| secret) {
            if let Some(before) = entry.parts[index].fields.get(&field).cloned() {
                let value = fresh(state, field, Some(&before), chrono::DateTime::UNIX_EPOCH);
                state.book.secrets.insert(tag_of(&value).unwrap(), (mailbox, entry.uid.clone()));
                entry.parts[index].fields.insert(field, value);
            }
        }
    }
    let what = format!("user {mailbox} copies an item as {}", entry.uid);
    put(state, mailbox, folder, &id, entry, &what);
}

/// The other employee has the same item in his own calendar, without what an agent wrote into the first.
fn invite(state: &mut State, mailbox: usize, mut entry: Entry) {
    let other = 1 - mailbox;
    if other >= state.mailboxes.len() || entry.is_private() || !state.mailboxes[other].by_uid(&entry.uid).is_empty() {
        return;
    }
    for part in &mut entry.parts {
        part.record = None;
        part.link_block = None;
    }
    let area = entry.area;
    let server = &state.mailboxes[other];
    let folder = server.folders.iter().find(|(_, folder)| folder.areas.contains(&area)).map(|(name, _)| name.clone()).unwrap();
    let id = format!("{}.ics", entry.uid);
    entry.opaque = format!("X-FOREIGN:{}", entry.uid);
    entry.seen_from = 0;
    let what = format!("user {mailbox} invites user {other} to {}", entry.uid);
    put(state, other, &folder, &id, entry, &what);
}

/// A collection is deleted and made again under its name, with what it held.
fn recreate(state: &mut State, mailbox: usize, folder: &str) {
    let server = &mut state.mailboxes[mailbox];
    let Some(content) = server.folders.get_mut(folder) else { return };
    content.generation += 1;
    content.incarnation += 1;
    content.log.clear();
    let items = std::mem::take(&mut content.items);
    for (id, entry) in items {
        server.store(folder, &id, entry);
    }
    state.book.note(format!("  collection {folder} of {mailbox} is made anew"));
}

fn crm(state: &mut State, employee: usize, act: CrmAct, pick: usize, now: Instant) {
    use CrmAct as Act;
    match act {
        Act::NewUnspeakable { .. } if state.contacts => cards::new_contact(state, employee, act),
        Act::New { day } | Act::NewUnspeakable { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            if let (Act::NewUnspeakable { .. }, Some(Value::Text(text))) = (act, fields.get_mut(&Field::Location)) {
                *text = format!("{text} unspeakable");
            }
            let _ = insert(state, employee, RecordKind::Appointment, "APPOINTMENT", fields);
        }
        Act::NewTask { day } => {
            let fields = new_fields(state, true, days(now, day));
            let _ = insert(state, employee, RecordKind::Task, "TASK", fields);
        }
        Act::NewMeeting { day } => {
            let mut fields = new_fields(state, false, days(now, day));
            fields.insert(Field::Participants, people());
            let _ = insert(state, employee, RecordKind::Appointment, "MEETING", fields);
        }
        Act::NewContact { .. } => cards::new_contact(state, employee, act),
        Act::DeleteAll => {
            let all: Vec<String> = state.crm.records.keys().cloned().collect();
            for id in all {
                delete(state, &id);
            }
        }
        Act::EmptyAll => {
            let all: Vec<String> = state.crm.records.keys().cloned().collect();
            for id in all {
                edit(state, &id, |state, fields| {
                    let old = fields.remove(&Field::Location).or_else(|| fields.remove(&Field::Company));
                    state.book.empty(old.as_ref());
                });
            }
        }
        _ => change_record(state, employee, act, pick, now),
    }
}

pub(crate) fn insert(state: &mut State, employee: usize, kind: RecordKind, activity_type: &str, fields: Fields) -> String {
    let number = state.crm.records.len();
    let said = format!("{fields:?}");
    let id = state.crm.insert(kind, activity_type, None, fields, employee, format!("crm only {number}"), None);
    state.book.note(format!("  CRM user makes {id} for {employee}: {said}"));
    id
}

/// A record for the beginning of a world.
pub(crate) fn first_record(state: &mut State, now: Instant, act: CrmAct) {
    crm(state, 0, act, 0, now);
}

fn edit(state: &mut State, id: &str, change: impl FnOnce(&mut State, &mut Fields)) {
    let Some(record) = state.crm.records.get(id).filter(|record| !record.deleted) else { return };
    let mut fields = record.view.fields.clone();
    change(state, &mut fields);
    if let Some(record) = state.crm.records.get_mut(id) {
        record.view.fields = fields;
    }
    state.crm.touch(id, None);
    let said = format!("{:?}", state.crm.records[id].view.fields);
    state.book.note(format!("  CRM user changes {id}: {said}"));
}

fn delete(state: &mut State, id: &str) {
    if let Some(record) = state.crm.records.get_mut(id).filter(|record| !record.deleted) {
        record.deleted = true;
        state.crm.touch(id, None);
        state.book.note(format!("  CRM user deletes {id}"));
    }
}

fn change_record(state: &mut State, employee: usize, act: CrmAct, pick: usize, now: Instant) {
    use CrmAct as Act;
    let there: Vec<String> = state.crm.records.iter().filter(|(_, record)| record.is_seen_by(employee)).map(|(id, _)| id.clone()).collect();
    let Some(id) = there.get(pick % there.len().max(1)).cloned() else { return };
    let view = state.crm.records[&id].view.clone();
    let is_task = view.kind == RecordKind::Task;
    let in_series = view.recurrence_id.is_some() || view.fields.contains_key(&Field::Recurrence);
    match act {
        Act::Edit(field) => {
            let field = if is_task && field == Field::Slot { Field::Due } else { field };
            if field == Field::Slot && in_series {
                return;
            }
            edit(state, &id, |state, fields| {
                let old = fields.get(&field).cloned();
                let value = fresh(state, field, old.as_ref(), now);
                fields.insert(field, value);
            });
        }
        Act::Empty(field) => edit(state, &id, |state, fields| {
            let old = fields.remove(&field);
            state.book.empty(old.as_ref());
        }),
        Act::Number(field) => edit(state, &id, |_, fields| {
            fields.insert(field, Value::Number(1 + i64::try_from(pick % 9).unwrap()));
        }),
        Act::Complete if is_task => edit(state, &id, |_, fields| complete(fields, now)),
        Act::TogglePrivate => edit(state, &id, |state, fields| {
            if fields.remove(&Field::Private).is_none() {
                fields.insert(Field::Private, Value::Flag(true));
            } else {
                state.book.published.extend(view.uid);
            }
        }),
        Act::AddEntry => edit(state, &id, cards::add_entry),
        Act::DropEntry => edit(state, &id, |state, fields| cards::drop_entry(state, fields, pick)),
        Act::Own | Act::Switch(_) => cards::change_standing(state, employee, &id, act),
        Act::Delete => delete(state, &id),
        Act::Hide => {
            if let Some(record) = state.crm.records.get_mut(&id) {
                record.hidden.insert(employee);
            }
            state.book.note(format!("  employee {employee} may not see {id} any more"));
        }
        Act::Share => {
            let all: BTreeSet<usize> = (0..state.mailboxes.len()).collect();
            if let Some(record) = state.crm.records.get_mut(&id) {
                record.members = all;
            }
            state.crm.touch(&id, None);
            state.book.note(format!("  {id} becomes everybody's"));
        }
        _ => {}
    }
}
