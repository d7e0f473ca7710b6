//! A CRM of several employees in memory. It keeps a foreign part of every record that the contract does not know, and tells of every write.

use std::collections::{BTreeMap, BTreeSet};

use crmsync::crm::{
    ActivityQuery, ActivitySummary, BatchAnswer, Capabilities, ChangePage, CheckVerdict, Crm, CrmError, CrmRecords, Limits, MailBatch,
    MailIdentity, MailTypes, Profile, RecordAction, RecordChange, RecordKind, RecordLink, RecordOrigin, RecordState, RecordView,
    RecordWrite, WriteResult, WriteVerdict,
};
use crmsync::model::{BatchKey, CrmSettings, Field, FieldChanges, Fields, Instant, ItemKey, Moment, OpId, Value};
use crmsync::settings::PrivateItems;

use crate::book::{Side, tag_of, tags_of};
use crate::contacts::{self, Standing};
use crate::world::{State, World};

/// Records in a page of changes.
const PAGE: usize = 3;
/// Records in a batch.
pub(crate) const BATCH: usize = 4;

/// What a CRM does otherwise than the ideal one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quirks {
    /// It keeps a series as a master with overrides.
    pub takes_series: bool,
    /// Pages name records again, in no order.
    pub repeats: bool,
    /// Changes do not say who made them.
    pub no_origin: bool,
    /// Fields it does not keep.
    pub drops: BTreeSet<Field>,
    /// Texts come back without the words behind the first.
    pub cuts: bool,
    /// New contacts are the employee's own.
    pub owns_new: bool,
    /// Contacts that no longer concern the employee are told as gone, though they are there.
    pub tells_gone: bool,
}

pub(crate) struct CrmState {
    pub quirks: Quirks,
    pub records: BTreeMap<String, Record>,
    feed: Vec<String>,
    generation: u64,
    answers: BTreeMap<OpId, (RecordAction, WriteVerdict)>,
    next: u64,
    /// What of private items may come here, by agent.
    pub private: BTreeMap<usize, PrivateItems>,
    /// Ask for patience with the next so many writes.
    pub retries: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub view: RecordView,
    /// Employees whose record it is.
    pub members: BTreeSet<usize>,
    /// Employees who lost the right to see it.
    pub hidden: BTreeSet<usize>,
    pub deleted: bool,
    /// What only the CRM knows.
    pub opaque: String,
    /// Of a contact: what it is to each employee.
    pub contact: Option<Standing>,
}

impl Record {
    /// The record as an employee sees it.
    pub(crate) fn view(&self, employee: usize) -> RecordView {
        let mut view = self.view.clone();
        if let Some(standing) = &self.contact {
            view.uid = standing.cards.get(&employee).cloned();
            if let Some(Value::Photo(photo)) = view.fields.get_mut(&Field::Photo) {
                photo.bytes = None;
            }
            view.contact = Some(standing.facts(employee));
        }
        view
    }

    /// The UID by which an employee's item is known.
    pub(crate) fn uid(&self, employee: usize) -> Option<&str> {
        match &self.contact {
            Some(standing) => standing.cards.get(&employee).map(String::as_str),
            None => self.view.uid.as_deref(),
        }
    }

    pub(crate) fn is_seen_by(&self, employee: usize) -> bool {
        !self.deleted && self.members.contains(&employee) && !self.hidden.contains(&employee)
    }
}

impl CrmState {
    pub(crate) const fn new(quirks: Quirks) -> Self {
        Self {
            quirks,
            records: BTreeMap::new(),
            feed: Vec::new(),
            generation: 0,
            answers: BTreeMap::new(),
            next: 0,
            private: BTreeMap::new(),
            retries: 0,
        }
    }

    pub(crate) fn of_uid(&self, employee: usize, uid: &str) -> Vec<&Record> {
        self.records.values().filter(|record| record.uid(employee) == Some(uid)).collect()
    }

    /// Cursors are unknown from now on.
    pub(crate) const fn expire(&mut self) {
        self.generation += 1;
    }

    /// A new record.
    pub(crate) fn insert(
        &mut self,
        kind: RecordKind,
        activity_type: &str,
        identity: Option<(String, Option<Moment>)>,
        fields: Fields,
        employee: usize,
        opaque: String,
        origin: Option<RecordOrigin>,
    ) -> String {
        self.next += 1;
        let id = format!("R{}", self.next);
        let (uid, recurrence_id) = identity.map_or((None, None), |(uid, moment)| (Some(uid), moment));
        let link = RecordLink { id: id.clone(), version: "0".into(), link: Some(format!("https://crm.example/{id}")) };
        let view = RecordView { link, kind, activity_type: activity_type.into(), uid, recurrence_id, fields, origin: None, contact: None };
        let record = Record { view, members: [employee].into(), hidden: BTreeSet::new(), deleted: false, opaque, contact: None };
        self.records.insert(id.clone(), record);
        self.touch(&id, origin);
        id
    }

    /// A record has changed.
    pub(crate) fn touch(&mut self, id: &str, origin: Option<RecordOrigin>) {
        self.next += 1;
        let version = self.next.to_string();
        let (drops, cuts, hides) = (self.quirks.drops.clone(), self.quirks.cuts, self.quirks.no_origin);
        let Some(record) = self.records.get_mut(id) else { return };
        record.view.link.version = version;
        record.view.origin = origin.filter(|_| !hides);
        record.view.fields.retain(|field, _| !drops.contains(field));
        for value in record.view.fields.values_mut() {
            if let Value::Text(text) = value
                && cuts
                && tag_of(&Value::Text(text.clone())).is_some()
            {
                *text = text.split(' ').next().unwrap_or_default().to_owned();
            }
        }
        self.feed.push(id.to_owned());
    }
}

/// The CRM as one employee's agent sees it.
pub(crate) struct FakeCrm {
    pub world: World,
    pub employee: usize,
    pub agent: usize,
    pub instance: String,
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        product: "Fake".into(),
        contract: "1.0".into(),
        profiles: vec![Profile::Mail, Profile::Activities, Profile::Contacts],
        limits: Limits { max_items: BATCH, ..Limits::DEFAULT },
        mail_types: MailTypes { received: "MAILIN".into(), sent: "MAILOUT".into() },
        activity_types: Vec::new(),
        series_taken: true,
        statuses: Vec::new(),
        document_categories: Vec::new(),
        document_keywords: Vec::new(),
        accepts_zstd: false,
        accepts_gzip: false,
        activity_link: None,
        contacts: crmsync::crm::ContactRules::default(),
        server_time: None,
    }
}

pub(crate) fn trouble(busy: bool) -> CrmError {
    if busy { CrmError::Busy { retry_after: None, detail: "later".into() } } else { CrmError::Offline { cause: "cut off".into() } }
}

fn not_offered<T>() -> Result<T, CrmError> {
    Err(CrmError::NotOffered { what: "this".into() })
}

impl Crm for FakeCrm {
    async fn capabilities(&self) -> Result<Capabilities, CrmError> {
        Ok(capabilities())
    }
    async fn settings(&self) -> Result<CrmSettings, CrmError> {
        not_offered()
    }
    async fn mirror_lock(&self, _: bool) -> Result<(), CrmError> {
        not_offered()
    }
    async fn check_mails(&self, _: &[MailIdentity]) -> Result<Vec<CheckVerdict>, CrmError> {
        not_offered()
    }
    async fn import_mails(&self, _: &MailBatch) -> Result<BatchAnswer, CrmError> {
        not_offered()
    }
    async fn batch_answer(&self, _: &BatchKey) -> Result<Option<BatchAnswer>, CrmError> {
        not_offered()
    }
    async fn activities(&self, _: &ActivityQuery) -> Result<Vec<ActivitySummary>, CrmError> {
        not_offered()
    }
    async fn missing_mails(&self, _: &[MailIdentity]) -> Result<Vec<ItemKey>, CrmError> {
        not_offered()
    }
}

impl CrmRecords for FakeCrm {
    async fn changes(&self, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
        let (employee, kinds, cursor) = (self.employee, kinds.clone(), cursor.map(str::to_owned));
        self.world.request("CRM changes", trouble, move |state| changes(&state.crm, employee, &kinds, cursor.as_deref()))
    }

    async fn record(&self, id: &str) -> Result<RecordState, CrmError> {
        let (employee, id) = (self.employee, id.to_owned());
        self.world.request("CRM record", trouble, move |state| {
            Ok(match state.crm.records.get(&id) {
                Some(record) if record.is_seen_by(employee) => RecordState::Present(record.view(employee)),
                Some(record) if record.deleted && record.members.contains(&employee) => RecordState::Deleted,
                _ => RecordState::Withheld,
            })
        })
    }

    async fn write_records(&self, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
        let (employee, agent, instance, writes) = (self.employee, self.agent, self.instance.clone(), writes.to_vec());
        let now = self.world.instant();
        self.world.request("CRM write", trouble, move |state| {
            if writes.is_empty() || writes.len() > BATCH {
                state.book.blame("a batch keeps to the limit", writes.len());
            }
            watch_pictures(state, &writes);
            if writes.iter().any(is_poison) {
                return Err(CrmError::Failed { status: 500, title: "Internal error".into(), detail: String::new() });
            }
            let write = |write: &RecordWrite| WriteResult {
                op: write.op.clone(),
                verdict: write_once(state, Writer { employee, agent, instance: &instance, now }, write),
            };
            Ok(writes.iter().map(write).collect())
        })
    }
}

/// Pictures go their own way.
fn watch_pictures(state: &mut State, writes: &[RecordWrite]) {
    let has_photo = |write: &&RecordWrite| match &write.action {
        RecordAction::CreateContact { fields, .. } => fields.contains_key(&Field::Photo),
        RecordAction::Update { changes, .. } => changes.contains_key(&Field::Photo),
        RecordAction::Create { .. } | RecordAction::Delete { .. } => false,
    };
    if let Some(write) = writes.iter().find(has_photo) {
        state.book.blame("pictures travel by themselves", format!("{write:?}"));
    }
}

fn texts(write: &RecordWrite) -> Vec<&Value> {
    match &write.action {
        RecordAction::Create { fields, .. } | RecordAction::CreateContact { fields, .. } => fields.values().collect(),
        RecordAction::Update { changes, .. } => changes.values().flatten().collect(),
        RecordAction::Delete { .. } => Vec::new(),
    }
}

/// Text that the CRM stumbles over.
fn is_poison(write: &RecordWrite) -> bool {
    texts(write).iter().any(|value| matches!(value, Value::Text(text) if text.to_lowercase().contains("poison")))
}

/// Text that it refuses.
fn is_refused(write: &RecordWrite) -> bool {
    texts(write).iter().any(|value| matches!(value, Value::Text(text) if text.to_lowercase().contains("forbidden")))
}

/// A cursor is `generation:position`, within a snapshot `generation:position:last id`.
fn changes(crm: &CrmState, employee: usize, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
    let (generation, position, after) = match cursor {
        None => (crm.generation, crm.feed.len(), Some(String::new())),
        Some(cursor) => {
            let words: Vec<&str> = cursor.splitn(3, ':').collect();
            let number = |n: usize| words.get(n).and_then(|word| word.parse::<u64>().ok()).unwrap_or(u64::MAX);
            (number(0), usize::try_from(number(1)).unwrap_or(usize::MAX), words.get(2).map(|id| (*id).to_owned()))
        }
    };
    if generation != crm.generation || position > crm.feed.len() {
        return Err(CrmError::CursorExpired);
    }
    let of_kind = |record: &&Record| kinds.contains(&record.view.kind);
    if let Some(after) = after {
        let seen = |record: &&Record| record.is_seen_by(employee) && record.concerns(employee);
        let mut rest: Vec<&Record> =
            crm.records.iter().filter(|(id, _)| **id > after).map(|(_, record)| record).filter(seen).filter(of_kind).collect();
        let more = rest.len() > PAGE;
        rest.truncate(PAGE);
        let last = rest.last().map(|record| record.view.link.id.clone()).unwrap_or_default();
        let cursor = if more { format!("{generation}:{position}:{last}") } else { format!("{generation}:{position}") };
        return Ok(ChangePage { changes: rest.iter().map(|record| RecordChange::Present(record.view(employee))).collect(), cursor, more });
    }
    let end = crm.feed.len().min(position + PAGE);
    let begin = if crm.quirks.repeats { position.saturating_sub(2) } else { position };
    let mut named: Vec<RecordChange> = crm.feed[begin..end]
        .iter()
        .filter_map(|id| crm.records.get(id))
        .filter(of_kind)
        .filter(|record| record.members.contains(&employee) && !record.hidden.contains(&employee))
        .map(|record| {
            let RecordLink { id, version, .. } = record.view.link.clone();
            let gone = record.deleted || crm.quirks.tells_gone && !record.concerns(employee);
            if gone { RecordChange::Gone { id, version } } else { RecordChange::Present(record.view(employee)) }
        })
        .collect();
    if crm.quirks.repeats {
        named.reverse();
    }
    Ok(ChangePage { changes: named, cursor: format!("{generation}:{end}"), more: end < crm.feed.len() })
}

/// Who writes.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub employee: usize,
    pub agent: usize,
    pub instance: &'a str,
    pub now: Instant,
}

pub(crate) fn write_once(state: &mut State, writer: Writer<'_>, write: &RecordWrite) -> WriteVerdict {
    if let Some((action, verdict)) = state.crm.answers.get(&write.op) {
        let (same, verdict) = (*action == write.action, verdict.clone());
        if !same {
            state.book.blame("V2 an operation id stands for one write", format!("{write:?}"));
        }
        return verdict;
    }
    if state.crm.retries > 0 {
        state.crm.retries -= 1;
        return WriteVerdict::Retry { reason: "busy".into() };
    }
    if is_refused(write) {
        return WriteVerdict::Rejected { reason: "forbidden".into(), field: Some("location".into()) };
    }
    let verdict = match &write.action {
        RecordAction::Create { activity_type, uid, recurrence_id, fields } => {
            create(state, writer, write, activity_type, uid, recurrence_id.as_ref(), fields)
        }
        RecordAction::Update { id, if_version, bind, activity_type, changes } => {
            update(state, writer, write, id, if_version, bind.as_ref(), activity_type.as_deref(), changes)
        }
        RecordAction::CreateContact { kind, uid, fields, .. } => contacts::create(state, writer, write, *kind, uid, fields),
        RecordAction::Delete { id, .. } => {
            state.book.blame("C9 no record is deleted unasked", id);
            WriteVerdict::Rejected { reason: "no".into(), field: None }
        }
    };
    if !matches!(verdict, WriteVerdict::Conflict(_)) {
        state.crm.answers.insert(write.op.clone(), (write.action.clone(), verdict.clone()));
    }
    verdict
}

pub(crate) fn origin(writer: Writer<'_>, write: &RecordWrite) -> Option<RecordOrigin> {
    Some(RecordOrigin { agent: writer.instance.to_owned(), op: write.op.clone() })
}

fn create(
    state: &mut State,
    writer: Writer<'_>,
    write: &RecordWrite,
    activity_type: &str,
    uid: &str,
    recurrence_id: Option<&Moment>,
    fields: &Fields,
) -> WriteVerdict {
    let key = recurrence_id.map(Moment::key);
    let twin = state.crm.records.values_mut().find(|record| {
        !record.deleted && record.view.uid.as_deref() == Some(uid) && record.view.recurrence_id.as_ref().map(Moment::key) == key
    });
    if let Some(record) = twin {
        let joined = record.members.insert(writer.employee) | record.hidden.remove(&writer.employee);
        let id = record.view.link.id.clone();
        if joined {
            state.book.writes += 1;
            state.book.note(format!("    agent {} joins {id} ({uid})", writer.agent));
            state.crm.touch(&id, origin(writer, write));
        }
        return WriteVerdict::Joined(state.crm.records[&id].view.clone());
    }
    watch_privacy(state, writer, fields, fields, write);
    let kind = if activity_type == "TASK" { RecordKind::Task } else { RecordKind::Appointment };
    let identity = Some((uid.to_owned(), recurrence_id.cloned()));
    let opaque = format!("made by agent {}", writer.agent);
    let id = state.crm.insert(kind, activity_type, identity, fields.clone(), writer.employee, opaque, origin(writer, write));
    state.book.writes += 1;
    state.book.note(format!("    agent {} creates {id} ({uid} {key:?}): {fields:?}", writer.agent));
    WriteVerdict::Applied(state.crm.records[&id].view.clone())
}

#[allow(clippy::too_many_arguments, reason = "the parts of one write")]
fn update(
    state: &mut State,
    writer: Writer<'_>,
    write: &RecordWrite,
    id: &str,
    if_version: &str,
    bind: Option<&(String, Option<Moment>)>,
    activity_type: Option<&str>,
    changes: &FieldChanges,
) -> WriteVerdict {
    let Some(record) = state.crm.records.get(id).filter(|record| record.is_seen_by(writer.employee)) else { return WriteVerdict::Gone };
    if record.view.link.version != if_version {
        return WriteVerdict::Conflict(record.view(writer.employee));
    }
    let before = record.view(writer.employee);
    if let Some((uid, recurrence_id)) = bind {
        let same = |other: &RecordView| {
            other.uid.as_ref() == Some(uid)
                && other.recurrence_id.as_ref().map(Moment::key) == recurrence_id.as_ref().map(Moment::key)
                && other.link.id != id
        };
        if state.crm.records.values().any(|other| !other.deleted && same(&other.view(writer.employee))) {
            return WriteVerdict::Rejected { reason: "another record has this UID".into(), field: Some("uid".into()) };
        }
    }
    let mut after = before.clone();
    for (field, value) in changes {
        match value {
            Some(value) => drop(after.fields.insert(*field, value.clone())),
            None => drop(after.fields.remove(field)),
        }
    }
    if let Some((uid, recurrence_id)) = bind {
        after.uid = Some(uid.clone());
        after.recurrence_id.clone_from(recurrence_id);
    }
    if let Some(activity_type) = activity_type {
        activity_type.clone_into(&mut after.activity_type);
    }
    if after == before {
        return WriteVerdict::Unchanged(before);
    }
    let what = format!("agent {} updates {id} ({:?}): {bind:?} {changes:?}", writer.agent, before.uid);
    let same = changes.iter().find(|(field, value)| before.fields.get(field) == value.as_ref());
    if let Some((field, _)) = same {
        state.book.blame("V7 only what changes is written", format!("{field} in: {what}"));
    }
    let written: Fields = changes.iter().filter_map(|(field, value)| Some((*field, value.clone()?))).collect();
    watch_privacy(state, writer, &written, &after.fields, write);
    let emptied = changes.iter().filter(|(field, value)| value.is_none() && before.fields.contains_key(field)).count();
    let area = match before.kind {
        RecordKind::Task => "tasks",
        RecordKind::Contact => "contacts",
        _ => "calendar",
    };
    for _ in 0..emptied.min(1) {
        state.book.risky.entry((writer.agent, area)).or_default().push(writer.now);
    }
    state.judge_cancellation(writer.employee, &before, &after, &what);
    state.book.writes += 1;
    state.book.note(format!("    {what}"));
    let Some(record) = state.crm.records.get_mut(id) else { return WriteVerdict::Gone };
    if let Some(standing) = &mut record.contact {
        standing.cards.extend(after.uid.clone().map(|uid| (writer.employee, uid)));
    }
    record.view = after;
    state.crm.touch(id, origin(writer, write));
    let now = state.crm.records[id].view(writer.employee);
    state.book.replaced(Side::Crm, id, &before.fields, &now.fields);
    WriteVerdict::Applied(now)
}

/// V13: what was written into a private item reaches the CRM as the settings say, or not at all.
pub(crate) fn watch_privacy(state: &mut State, writer: Writer<'_>, written: &Fields, after: &Fields, write: &RecordWrite) {
    let policy = state.crm.private.get(&writer.agent).copied().unwrap_or(PrivateItems::Skip);
    for (field, tag) in written.iter().flat_map(|(field, value)| tags_of(value).into_iter().map(move |tag| (field, tag))) {
        if let Some((_, uid)) = state.book.own.get(&tag).cloned() {
            state.book.blame("V13 what is private stays private", format!("{field} of {uid}, which nobody chose: {write:?}"));
        }
        let Some((_, uid)) = state.book.secrets.get(&tag).cloned() else { continue };
        let allowed = match policy {
            PrivateItems::AsPrivate => after.contains_key(&Field::Private) || state.book.published.contains(&uid),
            PrivateItems::BusyOnly => {
                (after.contains_key(&Field::Private) || state.book.published.contains(&uid))
                    && matches!(field, Field::Slot | Field::Due | Field::Start)
            }
            PrivateItems::Skip => false,
        };
        if !allowed {
            state.book.blame("V13 what is private stays private", format!("{field} of {uid} under {policy:?}: {write:?}"));
        }
    }
}

impl State {
    /// C9: a record is cancelled only when its item was cancelled or is really gone.
    fn judge_cancellation(&mut self, employee: usize, before: &RecordView, after: &RecordView, what: &str) {
        let cancelled = |view: &RecordView| {
            view.fields.contains_key(&Field::Cancelled) || view.fields.get(&Field::TaskStatus) == Some(&Value::Text("cancelled".into()))
        };
        if cancelled(before) || !cancelled(after) {
            return;
        }
        let uid = after.uid.clone().unwrap_or_default();
        let key = after.recurrence_id.as_ref().map(Moment::key);
        let there = self.mailboxes[employee].by_uid(&uid).into_iter().any(|entry| match &key {
            None => !entry.master().is_some_and(|part| part.fields.contains_key(&Field::Cancelled)),
            Some(key) => entry.parts.iter().any(|part| {
                part.recurrence_id.as_ref().is_some_and(|moment| moment.key() == *key) && !part.fields.contains_key(&Field::Cancelled)
            }),
        });
        if there {
            self.book.blame("V8 no deletion without proof", what);
        }
    }
}
