//! A server of appointments and tasks in memory. It keeps a foreign part of every item that no mapper knows, and tells of every write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crmsync::groupware::{
    Collection, CollectionId, CrmLink, Delta, Draft, Fetched, GroupwareError, Item, ItemConnector, ItemId, ItemRef, ItemStore,
    ItemStoreFeatures, LoginRefusal, Part, PartEdit, Removed, StoredItem, Written,
};
use crmsync::model::{Area, Field, Fields, Instant, Moment, Note, Recurrence, Slot, Value};

use crate::book::{Side, head, tag_of};
use crate::world::{State, World};

/// What a server does otherwise than the ideal one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quirks {
    /// Mails attendees by itself.
    pub schedules: bool,
    /// A write is answered without a version.
    pub versionless_writes: bool,
    /// Versions count from 0 for every item: deleted and made again, an item has the same.
    pub repeating_versions: bool,
    /// Texts come back in capitals.
    pub shouts: bool,
    /// Fields it does not keep.
    pub drops: BTreeSet<Field>,
    /// It does not keep the record's id.
    pub drops_record: bool,
    /// It does not keep the block at the end of the text.
    pub drops_block: bool,
    /// No cursor: a listing every time.
    pub no_delta: bool,
    /// No state token of the collection.
    pub no_state: bool,
    /// After an unknown cursor everything is listed, without a word that it is.
    pub silent_reset: bool,
    /// Deltas name items that did not change, in no order.
    pub repeats: bool,
    /// Deltas come in pieces.
    pub pieces: bool,
    /// What was written is listed only after a while.
    pub delayed: bool,
    /// Two items may have one UID.
    pub double_uids: bool,
    /// An appointment may lie among the tasks and the reverse.
    pub one_collection: bool,
    /// Conditions on writes are not honoured (the adapter looks before and after).
    pub no_conditions: bool,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    pub number: usize,
    pub quirks: Quirks,
    pub folders: BTreeMap<String, Folder>,
    pub password_is_right: bool,
    pub logins: u64,
    pub next: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub areas: BTreeSet<Area>,
    pub items: BTreeMap<String, Entry>,
    /// Ids in the order of their changes.
    pub log: Vec<String>,
    /// Cursors of another generation are unknown.
    pub generation: u64,
    /// It was made anew so often: a cursor of an earlier one belongs to another collection.
    pub incarnation: u64,
    /// The next listing lacks some items, and says it is whole.
    pub truncate: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub version: u64,
    pub uid: String,
    pub area: Area,
    pub parts: Vec<Part>,
    /// What only this server knows.
    pub opaque: String,
    pub seen_from: u64,
    pub readable: bool,
}

impl Mailbox {
    pub(crate) fn new(number: usize, quirks: Quirks, contacts: bool) -> Self {
        let mut folders = BTreeMap::new();
        let of = |areas: &[Area]| Folder { areas: areas.iter().copied().collect(), ..Folder::default() };
        if contacts {
            // The address book of the CRM is made by the first run.
            folders.insert("own".to_owned(), of(&[Area::Contacts]));
            folders.insert("team".to_owned(), of(&[Area::Contacts]));
        } else if quirks.one_collection {
            folders.insert("all".to_owned(), of(&[Area::Calendar, Area::Tasks]));
            folders.insert("more".to_owned(), of(&[Area::Calendar, Area::Tasks]));
        } else {
            folders.insert("cal".to_owned(), of(&[Area::Calendar]));
            folders.insert("cal2".to_owned(), of(&[Area::Calendar]));
            folders.insert("tasks".to_owned(), of(&[Area::Tasks]));
        }
        Self { number, quirks, folders, password_is_right: true, logins: 0, next: 0 }
    }

    /// Every item with its place.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&String, &String, &Entry)> {
        self.folders.iter().flat_map(|(folder, content)| content.items.iter().map(move |(id, entry)| (folder, id, entry)))
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Vec<&Entry> {
        self.items().filter(|(_, _, entry)| entry.uid == uid).map(|(_, _, entry)| entry).collect()
    }

    /// Stores an item as the server would: some things altered, some dropped.
    pub(crate) fn store(&mut self, folder: &str, id: &str, mut entry: Entry) {
        for part in &mut entry.parts {
            normalise(&self.quirks, part);
        }
        self.next += 1;
        let Some(content) = self.folders.get_mut(folder) else { return };
        let before = content.items.get(id).map(|before| before.version);
        entry.version = match (self.quirks.repeating_versions, before) {
            (true, Some(before)) => before + 1,
            (true, None) => 0,
            (false, _) => self.next,
        };
        content.items.insert(id.to_owned(), entry);
        content.log.push(id.to_owned());
    }

    pub(crate) fn delete(&mut self, folder: &str, id: &str) -> Option<Entry> {
        let content = self.folders.get_mut(folder)?;
        let entry = content.items.remove(id)?;
        content.log.push(id.to_owned());
        Some(entry)
    }
}

fn normalise(quirks: &Quirks, part: &mut Part) {
    part.fields.retain(|field, _| !quirks.drops.contains(field));
    if quirks.shouts {
        for value in part.fields.values_mut() {
            match value {
                Value::Text(text) if text.starts_with(['t', 'T']) => *text = text.to_uppercase(),
                Value::Note(note) => note.text = note.text.to_uppercase(),
                _ => {}
            }
        }
    }
    // A card shows a name (RFC 6350 §6.2.1).
    if !part.fields.contains_key(&Field::FileAs)
        && let Some(name) = part.fields.get(&Field::FamilyName).cloned()
    {
        part.fields.insert(Field::FileAs, name);
    }
    if quirks.drops_record {
        part.record = None;
    }
    if quirks.drops_block {
        part.link_block = None;
    }
}

impl Entry {
    pub(crate) fn master(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.recurrence_id.is_none())
    }

    pub(crate) fn part(&self, recurrence_id: Option<&Moment>) -> Option<usize> {
        let key = recurrence_id.map(Moment::key);
        self.parts.iter().position(|part| part.recurrence_id.as_ref().map(Moment::key) == key)
    }

    pub(crate) fn is_scheduled(&self) -> bool {
        self.parts.iter().any(|part| part.fields.contains_key(&Field::Participants))
    }

    pub(crate) fn is_private(&self) -> bool {
        self.parts.iter().any(|part| part.fields.contains_key(&Field::Private))
    }

    fn item(&self) -> Item {
        let mut parts = self.parts.clone();
        parts.sort_by_key(|part| part.recurrence_id.as_ref().map(Moment::key));
        Item { uid: self.uid.clone(), area: self.area, parts, scheduled: self.is_scheduled(), original: Arc::from(self.opaque.as_str()) }
    }

    fn stored(&self, id: &str) -> StoredItem {
        StoredItem { id: ItemId(id.to_owned()), version: Some(self.version.to_string()), item: self.item() }
    }
}

/// Days between the occurrences of a series, and how many there are.
pub(crate) fn rule_of(recurrence: &Recurrence) -> Option<(i64, i64)> {
    let rule = recurrence.rules.first()?;
    let days = if rule.contains("WEEKLY") { 7 } else { 1 };
    let count = rule.rsplit("COUNT=").next()?.parse().ok()?;
    Some((days, count))
}

/// The slots of the occurrences that the rule gives, cancelled ones too.
pub(crate) fn occurrences(master: &Fields) -> Vec<Slot> {
    let (Some(Value::Slot(slot)), Some(Value::Recurrence(recurrence))) = (master.get(&Field::Slot), master.get(&Field::Recurrence)) else {
        return Vec::new();
    };
    let Some((days, count)) = rule_of(recurrence) else { return Vec::new() };
    let shifted = |n: i64| Slot { start: shift(&slot.start, n * days * 86_400), end: shift(&slot.end, n * days * 86_400) };
    (0..count).map(shifted).collect()
}

/// A time moved by seconds.
pub(crate) fn shift(moment: &Moment, seconds: i64) -> Moment {
    let delta = chrono::TimeDelta::seconds(seconds);
    match moment {
        Moment::Day(day) => Moment::Day(*day + delta),
        Moment::Floating(local) => Moment::Floating(*local + delta),
        Moment::Zoned { local, zone, instant } => Moment::Zoned { local: *local + delta, zone: zone.clone(), instant: *instant + delta },
    }
}

/// What the adapter's line editor does to an item, in place.
fn edit(entry: &mut Entry, edits: &[PartEdit]) -> Result<(), String> {
    for change in edits {
        match change {
            PartEdit::Set { recurrence_id, changes, link } => {
                let index = match entry.part(recurrence_id.as_ref()) {
                    Some(index) => index,
                    None => add_override(entry, recurrence_id.as_ref())?,
                };
                let part = &mut entry.parts[index];
                for (field, value) in changes {
                    match value {
                        Some(value) => drop(part.fields.insert(*field, value.clone())),
                        None => drop(part.fields.remove(field)),
                    }
                }
                if let Some(link) = link {
                    part.record = link.as_ref().map(|link| link.record.clone());
                    part.link_block = link.as_ref().map(block);
                }
            }
            PartEdit::Exclude { recurrence_id } => {
                let key = recurrence_id.key();
                entry.parts.retain(|part| part.recurrence_id.as_ref().is_none_or(|other| other.key() != key));
                let master = entry.part(None).ok_or("no master")?;
                let fields = &mut entry.parts[master].fields;
                let Some(Value::Recurrence(recurrence)) = fields.get_mut(&Field::Recurrence) else { return Err("no series".into()) };
                if recurrence.excluded.iter().all(|other| other.key() != key) {
                    recurrence.excluded.push(recurrence_id.clone());
                    recurrence.excluded.sort_by_key(Moment::key);
                }
            }
        }
    }
    Ok(())
}

fn add_override(entry: &mut Entry, recurrence_id: Option<&Moment>) -> Result<usize, String> {
    let recurrence_id = recurrence_id.ok_or("no master")?;
    let master = entry.master().ok_or("no master")?;
    let slot = occurrences(&master.fields).into_iter().find(|slot| slot.start.key() == recurrence_id.key());
    let mut fields = master.fields.clone();
    fields.remove(&Field::Recurrence);
    fields.insert(Field::Slot, Value::Slot(slot.ok_or("no such occurrence")?));
    entry.parts.push(Part { recurrence_id: Some(recurrence_id.clone()), fields, record: None, link_block: None });
    Ok(entry.parts.len() - 1)
}

fn block(link: &CrmLink) -> String {
    format!("-- CRM --\n{}\n{}", link.url.clone().unwrap_or_default(), link.lines.join("\n"))
}

fn refuses(parts: &[Part]) -> bool {
    let unspeakable =
        |part: &Part| part.fields.values().any(|value| matches!(value, Value::Text(text) if text.to_lowercase().contains("unspeakable")));
    parts.iter().any(unspeakable)
}

/// A picture is written with its bytes.
fn watch_pictures<'a>(state: &mut State, mut pictures: impl Iterator<Item = &'a Value>) {
    if pictures.any(|value| matches!(value, Value::Photo(photo) if photo.bytes.is_none())) {
        state.book.blame("a picture is put with its bytes", "in a card");
    }
}

/// Signs an agent in.
pub(crate) struct Connector {
    pub world: World,
    pub mailbox: usize,
    pub agent: usize,
}

/// The server as a signed-in agent sees it.
pub(crate) struct FakeGroupware {
    world: World,
    mailbox: usize,
    agent: usize,
    features: ItemStoreFeatures,
}

fn trouble(busy: bool) -> GroupwareError {
    if busy {
        GroupwareError::Unavailable { server: "fake:443".into(), text: "503".into(), retry_after: None }
    } else {
        GroupwareError::Offline { server: "fake:443".into(), cause: "cut off".into() }
    }
}

impl ItemConnector for Connector {
    type Store = FakeGroupware;

    async fn connect(&self) -> Result<FakeGroupware, GroupwareError> {
        let (mailbox, agent) = (self.mailbox, self.agent);
        self.world.request("sign in", trouble, move |state| {
            let server = &mut state.mailboxes[mailbox];
            server.logins += 1;
            if server.password_is_right {
                return Ok(());
            }
            *state.book.rejected.entry(agent).or_default() += 1;
            let refusal = LoginRefusal { code: None, text: "401 Unauthorized".into() };
            Err(GroupwareError::LoginRejected { server: "fake:443".into(), refusal })
        })?;
        let quirks = self.world.state().mailboxes[mailbox].quirks.clone();
        let features = ItemStoreFeatures {
            server: "Fake".into(),
            schedules: quirks.schedules,
            delta: !quirks.no_delta,
            conditional_writes: !quirks.no_conditions,
        };
        Ok(FakeGroupware { world: self.world.clone(), mailbox, agent, features })
    }
}

impl FakeGroupware {
    fn ask<T: 'static>(
        &self,
        name: &str,
        work: impl Fn(&mut State, usize, usize) -> Result<T, GroupwareError> + Send + 'static,
    ) -> Result<T, GroupwareError> {
        let (mailbox, agent) = (self.mailbox, self.agent);
        self.world.request(name, trouble, move |state| work(state, mailbox, agent))
    }
}

fn folder<'a>(server: &'a mut Mailbox, id: &CollectionId) -> Result<&'a mut Folder, GroupwareError> {
    server.folders.get_mut(&id.0).ok_or_else(|| GroupwareError::NoSuchMailbox { name: id.0.clone() })
}

/// V9: whatever the server is, nobody is mailed and nobody's invitation is written.
fn watch_scheduling(state: &mut State, mailbox: usize, what: &str, scheduled: bool, writes_people: bool) {
    if writes_people {
        state.book.blame("V9 no ORGANIZER or ATTENDEE is written", what);
    }
    if scheduled && state.mailboxes[mailbox].quirks.schedules {
        state.book.blame("V9 no sync mails anybody", what);
    }
}

impl ItemStore for FakeGroupware {
    fn named(&self, create_id: &str) -> ItemId {
        ItemId(create_id.to_owned())
    }

    fn features(&self) -> &ItemStoreFeatures {
        &self.features
    }

    async fn collections(&self, area: Area) -> Result<Vec<Collection>, GroupwareError> {
        self.ask("collections", move |state, mailbox, _| {
            let server = &state.mailboxes[mailbox];
            let fits = |(_, folder): &(&String, &Folder)| folder.areas.contains(&area);
            let collection = |(id, folder): (&String, &Folder)| Collection {
                id: CollectionId(id.clone()),
                name: id.clone(),
                areas: folder.areas.clone(),
                writable: true,
                state: (!server.quirks.no_state).then(|| format!("{}:{}", folder.generation, folder.log.len())),
            };
            Ok(server.folders.iter().filter(fits).map(collection).collect())
        })
    }

    async fn changes(&self, collection: &CollectionId, cursor: Option<&str>) -> Result<Delta, GroupwareError> {
        let (collection, cursor) = (collection.clone(), cursor.map(str::to_owned));
        self.ask("changes", move |state, mailbox, _| {
            let requests = state.requests;
            let server = &mut state.mailboxes[mailbox];
            let quirks = server.quirks.clone();
            let folder = folder(server, &collection)?;
            let earlier =
                |cursor: &str| cursor.split_once('/').is_none_or(|(incarnation, _)| incarnation != folder.incarnation.to_string());
            if cursor.as_deref().is_some_and(earlier) {
                return Err(GroupwareError::NoSuchMailbox { name: collection.0.clone() });
            }
            Ok(delta(folder, &quirks, cursor.as_deref(), requests))
        })
    }

    async fn fetch(&self, collection: &CollectionId, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
        let (collection, ids) = (collection.clone(), ids.to_vec());
        self.ask("fetch", move |state, mailbox, _| {
            let folder = folder(&mut state.mailboxes[mailbox], &collection)?;
            let answer = |id: &ItemId| match folder.items.get(&id.0) {
                None => Fetched::Gone(id.clone()),
                Some(entry) if entry.readable => Fetched::Item(entry.stored(&id.0)),
                Some(entry) => {
                    let item = ItemRef { id: id.clone(), version: Some(entry.version.to_string()) };
                    Fetched::Unreadable { item, uid: None, why: "no END:VEVENT".into() }
                }
            };
            Ok(ids.iter().map(answer).collect())
        })
    }

    async fn with_uids(&self, collection: &CollectionId, area: Area, uids: &[String]) -> Result<Vec<(String, ItemId)>, GroupwareError> {
        let (collection, uids) = (collection.clone(), uids.to_vec());
        self.ask("search", move |state, mailbox, _| {
            let requests = state.requests;
            let folder = folder(&mut state.mailboxes[mailbox], &collection)?;
            let is_hit = |entry: &Entry| entry.readable && entry.seen_from <= requests && entry.area == area && uids.contains(&entry.uid);
            let hits = folder.items.iter().filter(|(_, entry)| is_hit(entry));
            Ok(hits.map(|(id, entry)| (entry.uid.clone(), ItemId(id.clone()))).collect())
        })
    }

    async fn create(&self, collection: &CollectionId, draft: &Draft) -> Result<Written, GroupwareError> {
        let (collection, draft) = (collection.clone(), draft.clone());
        self.ask("create", move |state, mailbox, agent| create(state, mailbox, agent, &collection, &draft))
    }

    async fn update(&self, collection: &CollectionId, current: &StoredItem, edits: &[PartEdit]) -> Result<Written, GroupwareError> {
        let (collection, current, edits) = (collection.clone(), current.clone(), edits.to_vec());
        self.ask("update", move |state, mailbox, agent| update(state, mailbox, agent, &collection, &current, &edits))
    }

    async fn remove(&self, collection: &CollectionId, id: &ItemId, version: Option<&str>) -> Result<Removed, GroupwareError> {
        let (collection, id, version) = (collection.clone(), id.clone(), version.map(str::to_owned));
        let now = self.world.instant();
        self.ask("remove", move |state, mailbox, agent| remove(state, mailbox, agent, now, &collection, &id, version.as_deref()))
    }

    async fn create_collection(&self, area: Area, name: &str) -> Result<Collection, GroupwareError> {
        let name = name.to_owned();
        self.ask("create collection", move |state, mailbox, _| {
            let server = &mut state.mailboxes[mailbox];
            let folder = server.folders.entry(name.clone()).or_insert_with(|| Folder { areas: [area].into(), ..Folder::default() });
            let state = (!server.quirks.no_state).then(|| format!("{}:{}", folder.generation, folder.log.len()));
            Ok(Collection { id: CollectionId(name.clone()), name: name.clone(), areas: folder.areas.clone(), writable: true, state })
        })
    }

    fn preview(&self, current: &StoredItem, edits: &[PartEdit]) -> Result<Item, GroupwareError> {
        let mut entry = Entry {
            version: 0,
            uid: current.item.uid.clone(),
            area: current.item.area,
            parts: current.item.parts.clone(),
            opaque: current.item.original.to_string(),
            seen_from: 0,
            readable: true,
        };
        edit(&mut entry, edits).map_err(|text| GroupwareError::Refused { command: "preview", code: None, text })?;
        Ok(entry.item())
    }
}

fn delta(folder: &mut Folder, quirks: &Quirks, cursor: Option<&str>, requests: u64) -> Delta {
    let hidden = |folder: &Folder, id: &String| folder.items.get(id).is_some_and(|entry| entry.seen_from > requests);
    let reference = |folder: &Folder, id: &String| {
        folder.items.get(id).map(|entry| ItemRef { id: ItemId(id.clone()), version: Some(entry.version.to_string()) })
    };
    let parsed = cursor
        .and_then(|cursor| cursor.split_once('/')?.1.split_once(':'))
        .and_then(|(g, at)| Some((g.parse::<u64>().ok()?, at.parse::<usize>().ok()?)));
    let from = parsed.filter(|(generation, at)| *generation == folder.generation && *at <= folder.log.len() && !quirks.no_delta);
    let mut again: Vec<String> = Vec::new();
    let mut delta = Delta::default();
    let mut end = folder.log.len();
    match from {
        Some((_, from)) => {
            if quirks.pieces {
                end = end.min(from + 8);
            }
            let mut named: Vec<String> = folder.log[from..end].to_vec();
            named.sort();
            named.dedup();
            for id in named {
                if hidden(folder, &id) {
                    again.push(id);
                } else if let Some(item) = reference(folder, &id) {
                    delta.changed.push(item);
                } else {
                    delta.removed.push(ItemId(id));
                }
            }
            if quirks.repeats {
                let first = folder.items.keys().next().cloned();
                delta.changed.extend(first.filter(|id| !hidden(folder, id)).and_then(|id| reference(folder, &id)));
                delta.changed.extend(delta.changed.first().cloned());
                delta.changed.reverse();
                delta.removed.push(ItemId("never-heard-of".into()));
            }
        }
        None => {
            let lacks = std::mem::take(&mut folder.truncate);
            for (n, id) in folder.items.keys().enumerate() {
                if hidden(folder, id) || (lacks && n % 2 == 0) {
                    again.push(id.clone());
                } else {
                    delta.changed.extend(reference(folder, id));
                }
            }
            delta.whole = cursor.is_none() || quirks.no_delta || !quirks.silent_reset;
        }
    }
    delta.cursor = Some(format!("{}/{}:{end}", folder.incarnation, folder.generation));
    folder.log.extend(again);
    delta
}

fn create(state: &mut State, mailbox: usize, agent: usize, collection: &CollectionId, draft: &Draft) -> Result<Written, GroupwareError> {
    let seen_from = state.seen_from(state.mailboxes[mailbox].quirks.delayed);
    let server = &mut state.mailboxes[mailbox];
    let double_uids = server.quirks.double_uids;
    let content = folder(server, collection)?;
    let id = draft.create_id.clone();
    let twin = content.items.iter().find(|(other, entry)| **other == id || (!double_uids && entry.uid == draft.uid));
    if let Some((id, entry)) = twin {
        return Ok(Written::Exists(entry.stored(id)));
    }
    let parts: Vec<Part> = draft
        .parts
        .iter()
        .map(|part| Part {
            recurrence_id: part.recurrence_id.clone(),
            fields: part.fields.clone(),
            record: part.link.as_ref().map(|link| link.record.clone()),
            link_block: part.link.as_ref().map(block),
        })
        .collect();
    watch_pictures(state, parts.iter().filter_map(|part| part.fields.get(&Field::Photo)));
    if refuses(&parts) {
        return Ok(Written::Refused("422 unspeakable".into()));
    }
    let entry = Entry {
        version: 0,
        uid: draft.uid.clone(),
        area: draft.area,
        parts,
        opaque: format!("made by agent {agent}"),
        seen_from,
        readable: true,
    };
    let what = format!("agent {agent} creates {} in {mailbox}/{}: {:?}", draft.uid, collection.0, draft.parts);
    watch_scheduling(state, mailbox, &what, false, entry.is_scheduled());
    let number = state.mailboxes[mailbox].number;
    state.book.made.insert((number, draft.uid.clone()));
    state.book.writes += 1;
    state.book.note(format!("    {what}"));
    let server = &mut state.mailboxes[mailbox];
    server.store(&collection.0, &id, entry);
    Ok(Written::Stored(answer(server, collection, &id)))
}

/// What the server keeps now, as the answer to a write.
fn answer(server: &Mailbox, collection: &CollectionId, id: &str) -> StoredItem {
    let stored = server.folders[&collection.0].items[id].stored(id);
    if server.quirks.versionless_writes { StoredItem { version: None, ..stored } } else { stored }
}

/// Whether the item is still what the agent has seen. Without a version the content decides.
fn is_current(entry: &Entry, id: &str, version: Option<&str>, seen: Option<&StoredItem>) -> bool {
    match (version, seen) {
        (Some(version), _) => entry.version.to_string() == version,
        (None, Some(seen)) => entry.stored(id).item == seen.item,
        (None, None) => true,
    }
}

fn update(
    state: &mut State,
    mailbox: usize,
    agent: usize,
    collection: &CollectionId,
    current: &StoredItem,
    edits: &[PartEdit],
) -> Result<Written, GroupwareError> {
    let seen_from = state.seen_from(state.mailboxes[mailbox].quirks.delayed);
    let changed = edits.iter().filter_map(|edit| if let PartEdit::Set { changes, .. } = edit { Some(changes) } else { None });
    watch_pictures(state, changed.filter_map(|changes| changes.get(&Field::Photo)?.as_ref()));
    let id = current.id.0.clone();
    let content = folder(&mut state.mailboxes[mailbox], collection)?;
    let Some(before) = content.items.get(&id).cloned() else { return Ok(Written::Gone) };
    if !is_current(&before, &id, current.version.as_deref(), Some(current)) {
        return Ok(Written::Changed(before.stored(&id)));
    }
    let mut after = Entry { seen_from, ..before.clone() };
    if let Err(words) = edit(&mut after, edits) {
        return Ok(Written::Refused(words));
    }
    if refuses(&after.parts) {
        return Ok(Written::Refused("422 unspeakable".into()));
    }
    let what = format!("agent {agent} edits {} in {mailbox}/{}: {edits:?}", before.uid, collection.0);
    let people = edits.iter().any(|change| matches!(change, PartEdit::Set { changes, .. } if changes.contains_key(&Field::Participants)));
    watch_scheduling(state, mailbox, &what, before.is_scheduled(), people);
    state.book.writes += 1;
    state.book.note(format!("    {what}"));
    for change in edits {
        let PartEdit::Set { recurrence_id, changes, .. } = change else { continue };
        let Some(part) = before.part(recurrence_id.as_ref()).map(|index| &before.parts[index]) else { continue };
        let same = changes.iter().find(|(field, value)| part.fields.get(field) == value.as_ref());
        if let Some((field, _)) = same {
            state.book.blame("V7 only what changes is written", format!("{field} in: {what}"));
        }
    }
    let server = &mut state.mailboxes[mailbox];
    server.store(&collection.0, &id, after);
    let stored = answer(server, collection, &id);
    let after = server.folders[&collection.0].items[&id].clone();
    for part in &before.parts {
        let Some(now) = after.part(part.recurrence_id.as_ref()).map(|index| &after.parts[index]) else { continue };
        state.book.replaced(Side::Groupware, &before.uid, &part.fields, &now.fields);
    }
    Ok(Written::Stored(stored))
}

fn remove(
    state: &mut State,
    mailbox: usize,
    agent: usize,
    now: Instant,
    collection: &CollectionId,
    id: &ItemId,
    version: Option<&str>,
) -> Result<Removed, GroupwareError> {
    let content = folder(&mut state.mailboxes[mailbox], collection)?;
    let Some(before) = content.items.get(&id.0).cloned() else { return Ok(Removed::WasGone) };
    if !is_current(&before, &id.0, version, None) {
        return Ok(Removed::Changed(before.stored(&id.0)));
    }
    let what = format!("agent {agent} removes {} from {mailbox}/{}", before.uid, collection.0);
    watch_scheduling(state, mailbox, &what, before.is_scheduled(), false);
    state.book.writes += 1;
    state.book.note(format!("    {what}"));
    state.book.risky.entry((agent, before.area.name())).or_default().push(now);
    state.judge_removal(mailbox, &before, &what);
    if before.area == Area::Contacts {
        state.book.taken.insert((mailbox, before.uid.clone()));
    }
    state.mailboxes[mailbox].delete(&collection.0, &id.0);
    Ok(Removed::Done)
}

impl State {
    /// V8: an item goes only when its record was deleted, and only with what the deleting user had seen of it. A record that others have of
    /// the same item is not the employee's.
    fn judge_removal(&mut self, mailbox: usize, entry: &Entry, what: &str) {
        // The record it was made from may not be bound to it yet.
        let origin = |fields: &Fields| head(fields).and_then(tag_of).map(|tag| self.book.root(tag));
        let first = entry.master().and_then(|part| origin(&part.fields));
        let same = |record: &&crate::crm::Record| match record.uid(mailbox) {
            Some(uid) => *uid == entry.uid,
            None => first.is_some() && origin(&record.view.fields) == first,
        };
        let own = |record: &&crate::crm::Record| record.members.contains(&mailbox);
        let records: Vec<_> = self.crm.records.values().filter(own).filter(same).cloned().collect();
        let chosen = |record: &crate::crm::Record| record.contact.as_ref().is_none_or(|standing| standing.is_chosen_by(mailbox));
        let gone = |record: &crate::crm::Record| record.deleted || !chosen(record);
        if records.is_empty() || records.iter().any(|record| !gone(record) && record.view.recurrence_id.is_none()) {
            self.book.blame("V8 no deletion without proof", what);
        }
        for part in &entry.parts {
            let key = part.recurrence_id.as_ref().map(Moment::key);
            let twin = records.iter().find(|record| record.view.recurrence_id.as_ref().map(Moment::key) == key);
            let seen = twin.map(|record| record.view.fields.clone()).unwrap_or_default();
            self.book.replaced(Side::Groupware, &entry.uid, &part.fields, &seen);
        }
    }
}

/// A note of one line.
pub(crate) fn note(text: &Value) -> Value {
    match text {
        Value::Text(text) => Value::Note(Note { text: text.clone(), html: None }),
        other => other.clone(),
    }
}
