//! What must be true when the world is sound and silent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use crmsync::crm::RecordKind;
use crmsync::groupware::Part;
use crmsync::journal::{Journal, Pair, PairState, Parked};
use crmsync::model::{Area, Field, Fields, Instant, Moment, Value};
use crmsync::settings::{ConflictPolicy, PrivateItems, SyncDirection};

use crate::book::{TAGGED, Tag, head, tag_of, tags_of};
use crate::cards;
use crate::groupware::Entry;
use crate::play::{FUTURE, PAST, Stage};
use crate::script::{Cast, Step};
use crate::world::State;

/// Fields that say the same on both sides.
const SHARED: [Field; 16] = [
    Field::Subject,
    Field::Location,
    Field::Note,
    Field::Slot,
    Field::Due,
    Field::Private,
    Field::Priority,
    Field::Reminder,
    Field::TaskStatus,
    Field::Percent,
    Field::Completed,
    Field::FamilyName,
    Field::Company,
    Field::JobTitle,
    Field::Phones,
    Field::Photo,
];

/// Deletions and emptied fields within a day; areas here have fewer than 50 pairs.
const RISKY: usize = 10;

/// What an agent's journal says of the world.
pub(crate) fn agent(stage: &Stage, number: usize, journal: &Journal) {
    let agent = &stage.agents[number];
    let (account, mailbox) = (&agent.account, agent.mailbox);
    let state = &mut *stage.world.state();
    let intents = journal.intents(account).unwrap();
    if !intents.is_empty() {
        state.book.blame("V2 every write has its outcome", format!("{intents:?}"));
    }
    let parked = journal.parked(Some(account)).unwrap();
    for (index, area) in stage.areas().iter().copied().enumerate() {
        let mut pairs = BTreeMap::new();
        for (key, pair) in journal.pairs_page(account, area, None, 10_000).unwrap() {
            pairs.insert(key.0, pair);
        }
        if stage.settings.direction == SyncDirection::Both {
            for (key, pair) in &pairs {
                compare(state, stage, mailbox, key, pair, &parked);
            }
        }
        let view = Seen { mailbox, area, future: FUTURE[index], pairs: &pairs, parked: &parked, now: stage.world.instant() };
        if area == Area::Contacts {
            cards::are_settled(state, stage, &view);
        } else {
            items_are_settled(state, stage, &view);
            records_are_settled(state, stage, &view);
        }
        guard_held(state, number, area);
    }
}

/// V8: never more than so many within 24 hours without asking.
fn guard_held(state: &mut State, number: usize, area: Area) {
    let times = state.book.risky.get(&(number, area.name())).cloned().unwrap_or_default();
    let worst = times.iter().map(|from| times.iter().filter(|at| *at >= from && **at - *from < TimeDelta::hours(23)).count()).max();
    if worst.unwrap_or_default() > RISKY {
        state.book.blame("V8 many deletions are asked about", format!("{worst:?} by agent {number} in {area:?}"));
    }
}

pub(crate) struct Seen<'a> {
    pub mailbox: usize,
    pub area: Area,
    pub future: u32,
    pub pairs: &'a BTreeMap<String, Pair>,
    pub parked: &'a [Parked],
    pub now: Instant,
}

/// Whether something is on the list of what waits.
pub(crate) fn waits(parked: &[Parked], uid: Option<&str>, item: Option<&str>, record: Option<&str>) -> bool {
    parked.iter().any(|entry| {
        uid.is_some_and(|uid| entry.id.starts_with(&format!("uid:{uid}")))
            || item.is_some_and(|id| entry.item.as_ref().is_some_and(|place| place.id == id))
            || record.is_some_and(|id| entry.record.as_deref() == Some(id))
    })
}

/// Both sides say the same, unless the pair waits.
fn compare(state: &mut State, stage: &Stage, mailbox: usize, key: &str, pair: &Pair, parked: &[Parked]) {
    if pair.state != PairState::Active || state.book.ambiguous.contains(&pair.uid) {
        return;
    }
    let record = pair.record.as_ref().map(|link| link.id.clone());
    if waits(parked, Some(&pair.uid), None, record.as_deref()) {
        return;
    }
    let Some(record) = record.and_then(|id| state.crm.records.get(&id)).filter(|record| record.is_seen_by(mailbox)).cloned() else {
        return;
    };
    let entries = state.mailboxes[mailbox].by_uid(&pair.uid);
    let Some(entry) = entries.first().copied().filter(|entry| entry.readable) else { return };
    let Some(part) = entry.part(pair.recurrence_id.as_ref()).map(|index| &entry.parts[index]) else { return };
    // What the CRM said before a first pairing is not asked for again where it cannot be written (V9).
    if entry.is_scheduled() && state.mailboxes[mailbox].quirks.schedules {
        return;
    }
    let private = entry.is_private();
    let policy = stage.settings.private;
    // A change of that policy concerns what changes from then on.
    let changed = stage.script.setup.settings.private != policy
        || stage.script.steps.iter().any(|step| matches!(step, Step::Set(settings) if settings.private != policy));
    if private && (policy == PrivateItems::Skip || changed) {
        return;
    }
    let drops = &state.mailboxes[mailbox].quirks.drops;
    let mut wrong = Vec::new();
    for field in SHARED {
        let busy = private && policy == PrivateItems::BusyOnly && !matches!(field, Field::Slot | Field::Due);
        if busy || drops.contains(&field) || state.crm.quirks.drops.contains(&field) {
            continue;
        }
        let (a, b) = (part.fields.get(&field), record.view.fields.get(&field));
        if !is_same(field, a, b) {
            wrong.push(format!("{field} of {key}: {a:?} in the groupware, {b:?} in {}", record.view.link.id));
        }
    }
    if let Some(first) = wrong.into_iter().next() {
        state.book.blame("both sides say the same", first);
    }
}

fn is_same(field: Field, a: Option<&Value>, b: Option<&Value>) -> bool {
    let tag = |value: Option<&Value>| value.and_then(tag_of);
    if TAGGED.contains(&field) && (tag(a).is_some() || tag(b).is_some()) { tag(a) == tag(b) } else { a == b }
}

fn begin(fields: &Fields) -> Option<(Instant, Instant)> {
    match (fields.get(&Field::Slot), fields.get(&Field::Due)) {
        (Some(Value::Slot(slot)), _) => Some((slot.start.approximate_instant(), slot.end.approximate_instant())),
        (None, Some(Value::Moment(due))) => Some((due.approximate_instant(), due.approximate_instant())),
        _ => None,
    }
}

fn is_over(fields: &Fields) -> bool {
    fields.contains_key(&Field::Cancelled) || matches!(fields.get(&Field::TaskStatus), Some(Value::Text(status)) if status != "in-process")
}

/// Every item that belongs into the CRM is there, or waits with a reason.
fn items_are_settled(state: &mut State, stage: &Stage, seen: &Seen<'_>) {
    if stage.settings.direction == SyncDirection::ToGroupware {
        return;
    }
    let mut missing = Vec::new();
    for (folder, id, entry) in state.mailboxes[seen.mailbox].items() {
        let Some(master) = entry.master().filter(|_| entry.area == seen.area && entry.readable) else { continue };
        if !is_wanted(state, stage, seen, entry, master) || waits(seen.parked, Some(&entry.uid), Some(id), None) {
            continue;
        }
        let ended = seen.pairs.get(&format!("uid:{}", entry.uid)).is_some_and(|pair| pair.state != PairState::Active);
        let records = state.crm.of_uid(seen.mailbox, &entry.uid);
        let there = records.iter().any(|record| record.is_seen_by(seen.mailbox) && record.view.recurrence_id.is_none());
        let was = records.iter().any(|record| record.deleted || record.hidden.contains(&seen.mailbox));
        if !there && !was && !ended {
            missing.push(format!("{} in {folder} is neither in the CRM nor parked", entry.uid));
        }
    }
    for what in missing {
        state.book.blame("nothing is passed over", what);
    }
}

fn is_wanted(state: &State, stage: &Stage, seen: &Seen<'_>, entry: &Entry, master: &Part) -> bool {
    let repeats = master.fields.contains_key(&Field::Recurrence);
    let Some((_, end)) = begin(&master.fields) else { return false };
    !state.book.ambiguous.contains(&entry.uid)
        && (!repeats || state.crm.quirks.takes_series)
        && (!entry.is_private() || stage.settings.private != PrivateItems::Skip)
        && !is_over(&master.fields)
        && end > seen.now - TimeDelta::days(i64::from(PAST) - 2)
}

/// Every record that belongs into the groupware is there, or waits with a reason.
fn records_are_settled(state: &mut State, stage: &Stage, seen: &Seen<'_>) {
    if stage.settings.direction == SyncDirection::ToCrm {
        return;
    }
    let mut missing = Vec::new();
    let kind = if seen.area == Area::Tasks { RecordKind::Task } else { RecordKind::Appointment };
    for (id, record) in &state.crm.records {
        if record.view.kind != kind
            || !record.is_seen_by(seen.mailbox)
            || record.view.recurrence_id.is_some()
            || is_over(&record.view.fields)
        {
            continue;
        }
        let Some((start, end)) = begin(&record.view.fields) else { continue };
        let (from, to) = (seen.now - TimeDelta::days(i64::from(PAST) - 2), seen.now + TimeDelta::days(i64::from(seen.future) - 2));
        if end < from || start > to || waits(seen.parked, record.view.uid.as_deref(), None, Some(id)) {
            continue;
        }
        let uid = record.view.uid.clone().unwrap_or_default();
        let server = &state.mailboxes[seen.mailbox];
        let ended = seen.pairs.values().any(|pair| {
            let there = pair.state == PairState::Active && !server.by_uid(&pair.uid).is_empty();
            pair.record.as_ref().is_some_and(|link| link.id == *id) && (pair.state != PairState::Active || there)
        });
        let removed = state.book.removed_items.contains(&(seen.mailbox, uid.clone()));
        // An item made from a record is there before the record is bound to it; private since, it never is.
        let of_record = origin(state, &record.view.fields);
        let is_of_record = |entry: &Entry| entry.master().is_some_and(|part| origin(state, &part.fields) == of_record);
        let unbound = record.view.uid.is_none() && of_record.is_some() && server.items().any(|(_, _, entry)| is_of_record(entry));
        if server.by_uid(&uid).is_empty() && !unbound && !ended && !removed {
            missing.push(format!("{id} ({uid:?}) is neither in the groupware nor parked"));
        }
    }
    for what in missing {
        state.book.blame("nothing is passed over", what);
    }
}

/// What is true of the world whatever the journals say.
pub(crate) fn world(stage: &Stage) {
    let state = &mut *stage.world.state();
    nothing_doubled(state);
    foreign_parts_survive(state);
    nothing_lost(state, stage);
    nothing_stale(state, stage);
}

/// What an object was when it was new.
pub(crate) fn origin(state: &State, fields: &Fields) -> Option<Tag> {
    head(fields).and_then(tag_of).map(|tag| state.book.root(tag))
}

fn nothing_doubled(state: &mut State) {
    let mut troubles = Vec::new();
    for server in &state.mailboxes {
        let mut seen: BTreeMap<Tag, Vec<&str>> = BTreeMap::new();
        for (_, _, entry) in server.items() {
            let origin = entry.master().and_then(|part| origin(state, &part.fields));
            if let Some(origin) = origin.filter(|_| !state.book.ambiguous.contains(&entry.uid)) {
                seen.entry(origin).or_default().push(&entry.uid);
            }
        }
        troubles.extend(seen.into_values().filter(|uids| uids.len() > 1).map(|uids| format!("items {uids:?}")));
    }
    let mut seen: BTreeMap<(Tag, Option<String>), Vec<&str>> = BTreeMap::new();
    let mut keys: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    for (id, record) in state.crm.records.iter().filter(|(_, record)| !record.deleted) {
        let view = &record.view;
        let occurrence = view.recurrence_id.as_ref().map(Moment::key);
        let of_cards = record.contact.iter().flat_map(|standing| standing.cards.iter().map(|(employee, uid)| format!("{employee}: {uid}")));
        for uid in view.uid.clone().filter(|_| record.contact.is_none()).into_iter().chain(of_cards) {
            if !keys.insert((uid.clone(), occurrence.clone())) {
                troubles.push(format!("records of {uid} {occurrence:?}"));
            }
        }
        if let Some(origin) = origin(state, &view.fields) {
            seen.entry((origin, occurrence)).or_default().push(id);
        }
    }
    troubles.extend(seen.into_values().filter(|ids| ids.len() > 1).map(|ids| format!("records {ids:?}")));
    for what in troubles {
        state.book.blame("V12 nothing is doubled", what);
    }
}

/// V7.
fn foreign_parts_survive(state: &mut State) {
    let mut troubles = Vec::new();
    for (number, entry) in state.mailboxes.iter().flat_map(|server| server.items().map(|(_, _, entry)| (server.number, entry))) {
        // What its user removed another agent, who never knew it, may make again from the record; so may what lost its selection come back.
        let mine = [format!("u{number}-"), format!("c{number}-")].iter().any(|prefix| entry.uid.starts_with(prefix));
        let key = (number, entry.uid.clone());
        let by_user = mine && !state.book.removed_items.contains(&key) && !state.book.taken.contains(&key);
        if by_user && entry.opaque != format!("X-FOREIGN:{}", entry.uid) {
            troubles.push(format!("{}: {}", entry.uid, entry.opaque));
        }
    }
    for what in troubles {
        state.book.blame("V7 foreign parts survive", what);
    }
}

/// Every value of a user that an agent replaced was known to who wrote the new one, or is kept among the losers.
fn nothing_lost(state: &mut State, stage: &Stage) {
    let losers = || stage.agents.iter().flat_map(|agent| &agent.losers);
    let kept: BTreeSet<(Field, Tag)> =
        losers().flat_map(|loser| loser.lost.iter().flat_map(tags_of).map(|tag| (loser.field, tag))).collect();
    // A private item's words are taken out of the CRM by that policy.
    let takes_out = stage.script.setup.settings.private == PrivateItems::BusyOnly
        || stage.script.steps.iter().any(|step| matches!(step, Step::Set(settings) if settings.private == PrivateItems::BusyOnly));
    let mut troubles = Vec::new();
    for case in &state.book.run_over {
        let dropped =
            state.crm.quirks.drops.contains(&case.field) || state.mailboxes.iter().any(|server| server.quirks.drops.contains(&case.field));
        if dropped || (takes_out && case.won.is_none()) || kept.contains(&(case.field, case.lost)) || state.book.is_fair(case) {
            continue;
        }
        troubles.push(format!("{case:?}"));
    }
    for what in troubles {
        state.book.blame("nothing is lost", what);
    }
}

/// V5: with a base at hand, a value never gives way to the one its author replaced.
fn nothing_stale(state: &mut State, stage: &Stage) {
    let script = &stage.script;
    let has_base = script.setup.cast == Cast::One
        && script.setup.settings.conflicts == ConflictPolicy::TwoWay
        && !script.steps.iter().any(|step| match step {
            Step::Set(_) | Step::LoseJournal { .. } => true,
            Step::Run { crash_commit, crash_write, faults, .. } => crash_commit.is_some() || crash_write.is_some() || !faults.is_empty(),
            _ => false,
        });
    if !has_base {
        return;
    }
    let stale = state.book.run_over.iter().find(|case| case.won.is_some_and(|won| state.book.lineage(Some(case.lost)).contains(&won)));
    if let Some(case) = stale.cloned() {
        state.book.blame("V5 only a change wins", format!("{case:?}"));
    }
}
