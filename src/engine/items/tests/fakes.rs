//! A groupware server and a CRM in memory, as small as the flow allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::crm::{
    ChangePage, ContactFacts, ContactGroup, ContactPage, ContactQuery, CrmContacts, CrmError, CrmRecords, MatchAnswer, MatchQuery, Partner,
    PartnerName, PartnerQuery, RecordAction, RecordChange, RecordKind, RecordLink, RecordState, RecordView, RecordWrite, Switch,
    WriteResult, WriteVerdict,
};
use crate::groupware::{
    Collection, CollectionId, Delta, Draft, Fetched, GroupwareError, Item, ItemId, ItemRef, ItemStore, ItemStoreFeatures, Part, PartEdit,
    Removed, StoredItem, Written,
};
use crate::model::contact::{ContactAddress, Photo};
use crate::model::{Area, Field, FieldChanges, Fields, Moment, OpId, Slot, Value};

/// What a server may do to an item while it stores it.
pub(super) type Alter = fn(&mut Fields);

#[derive(Default)]
pub(super) struct Server {
    pub items: BTreeMap<String, (u64, Item)>,
    /// Changes by number: which item, and whether it was removed.
    pub log: Vec<(String, bool)>,
    pub clock: u64,
    pub writes: u64,
    pub requests: u64,
    pub writable: bool,
    pub alter: Option<Alter>,
    /// Changes this item just before the next write reaches it.
    pub race: Option<(String, Field, Value)>,
    /// Answers of writes that get lost after they took effect.
    pub lose_answers: u64,
    /// Items that a whole listing lacks.
    pub unlisted: BTreeSet<String>,
    /// Items that cannot be read.
    pub broken: BTreeSet<String>,
    /// Two items may have one UID.
    pub takes_uids_twice: bool,
    /// No item is taken with a picture.
    pub refuses_photos: bool,
    /// The collection was made anew: what a cursor of the old one gives is an error.
    pub made_anew: bool,
}

/// The server of items.
#[derive(Clone)]
pub(super) struct FakeStore {
    pub server: Arc<Mutex<Server>>,
    pub features: ItemStoreFeatures,
}

pub(super) fn apply(fields: &mut Fields, changes: &FieldChanges) {
    for (field, value) in changes {
        match value {
            Some(value) => drop(fields.insert(*field, value.clone())),
            None => drop(fields.remove(field)),
        }
    }
}

impl FakeStore {
    pub(super) fn new() -> Self {
        let features = ItemStoreFeatures { delta: true, conditional_writes: true, ..ItemStoreFeatures::default() };
        Self { server: Arc::new(Mutex::new(Server { writable: true, ..Server::default() })), features }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// The user puts an item there.
    pub(super) fn put(&self, id: &str, uid: &str, fields: Fields) {
        let part = Part { recurrence_id: None, fields, record: None, link_block: None };
        self.put_item(id, Item { uid: uid.into(), area: Area::Calendar, parts: vec![part], scheduled: false, original: "BEGIN".into() });
    }

    pub(super) fn put_item(&self, id: &str, item: Item) {
        let mut server = self.lock();
        server.clock += 1;
        let clock = server.clock;
        server.items.insert(id.to_owned(), (clock, item));
        server.log.push((id.to_owned(), false));
    }

    pub(super) fn edit(&self, id: &str, changes: &FieldChanges) {
        let mut item = self.lock().items[id].1.clone();
        apply(&mut item.parts[0].fields, changes);
        self.put_item(id, item);
    }

    pub(super) fn delete(&self, id: &str) {
        let mut server = self.lock();
        server.clock += 1;
        server.items.remove(id);
        server.log.push((id.to_owned(), true));
    }

    pub(super) fn fields(&self, id: &str) -> Fields {
        self.lock().items[id].1.parts[0].fields.clone()
    }

    pub(super) fn writes(&self) -> u64 {
        self.lock().writes
    }
}

fn stored(id: &str, (version, item): &(u64, Item)) -> StoredItem {
    StoredItem { id: ItemId(id.to_owned()), version: Some(version.to_string()), item: item.clone() }
}

fn offline() -> GroupwareError {
    GroupwareError::Offline { server: "fake".into(), cause: "cut off".into() }
}

impl Server {
    fn race(&mut self) {
        if let Some((id, field, value)) = self.race.take() {
            self.clock += 1;
            let clock = self.clock;
            let entry = self.items.get_mut(&id).unwrap();
            entry.0 = clock;
            entry.1.parts[0].fields.insert(field, value);
            self.log.push((id, false));
        }
    }

    fn write(&mut self, id: &str, mut item: Item) -> Result<StoredItem, GroupwareError> {
        self.writes += 1;
        self.clock += 1;
        if let Some(alter) = self.alter {
            item.parts.iter_mut().for_each(|part| alter(&mut part.fields));
        }
        let entry = (self.clock, item);
        let now = stored(id, &entry);
        self.items.insert(id.to_owned(), entry);
        self.log.push((id.to_owned(), false));
        self.lost().map(|()| now)
    }

    fn lost(&mut self) -> Result<(), GroupwareError> {
        if self.lose_answers == 0 {
            return Ok(());
        }
        self.lose_answers -= 1;
        Err(offline())
    }
}

impl ItemStore for FakeStore {
    fn named(&self, create_id: &str) -> ItemId {
        ItemId(create_id.to_owned())
    }

    fn features(&self) -> &ItemStoreFeatures {
        &self.features
    }

    async fn collections(&self, _: Area) -> Result<Vec<Collection>, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        Ok(vec![Collection {
            id: CollectionId("cal".into()),
            name: "Calendar".into(),
            areas: [Area::Calendar, Area::Tasks, Area::Contacts].into(),
            writable: server.writable,
            state: Some(server.clock.to_string()),
        }])
    }

    async fn changes(&self, _: &CollectionId, cursor: Option<&str>) -> Result<Delta, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        if server.made_anew && cursor.is_some() {
            server.made_anew = false;
            return Err(GroupwareError::NoSuchMailbox { name: "cal".into() });
        }
        let item_ref = |id: &String, (version, _): &(u64, Item)| ItemRef { id: ItemId(id.clone()), version: Some(version.to_string()) };
        let next = Some(server.log.len().to_string());
        let Some(from) = cursor.filter(|_| self.features.delta) else {
            let listed = server.items.iter().filter(|(id, _)| !server.unlisted.contains(*id));
            let changed = listed.map(|(id, entry)| item_ref(id, entry)).collect();
            return Ok(Delta { changed, removed: Vec::new(), whole: true, cursor: next.filter(|_| self.features.delta) });
        };
        let ids: BTreeSet<&String> = server.log[from.parse::<usize>().unwrap()..].iter().map(|(id, _)| id).collect();
        let changed = ids.iter().filter_map(|id| server.items.get(*id).map(|entry| item_ref(id, entry))).collect();
        let removed = ids.iter().filter(|id| !server.items.contains_key(**id)).map(|id| ItemId((*id).clone())).collect();
        Ok(Delta { changed, removed, whole: false, cursor: next })
    }

    async fn fetch(&self, _: &CollectionId, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        let get = |id: &ItemId| match server.items.get(&id.0) {
            None => Fetched::Gone(id.clone()),
            Some(entry) if server.broken.contains(&id.0) => {
                let item = ItemRef { id: id.clone(), version: Some(entry.0.to_string()) };
                Fetched::Unreadable { item, uid: None, why: "no END:VEVENT".into() }
            }
            Some(entry) => Fetched::Item(stored(&id.0, entry)),
        };
        Ok(ids.iter().map(get).collect())
    }

    async fn with_uids(&self, _: &CollectionId, _: Area, uids: &[String]) -> Result<Vec<(String, ItemId)>, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        let found = server.items.iter().filter(|(id, (_, item))| uids.contains(&item.uid) && !server.broken.contains(*id));
        Ok(found.map(|(id, (_, item))| (item.uid.clone(), ItemId(id.clone()))).collect())
    }

    async fn create(&self, _: &CollectionId, draft: &Draft) -> Result<Written, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        let twin = |(id, (_, item)): &(&String, &(u64, Item))| **id == draft.create_id || !server.takes_uids_twice && item.uid == draft.uid;
        if let Some((id, entry)) = server.items.iter().find(twin) {
            return Ok(Written::Exists(stored(id, entry)));
        }
        let parts = draft.parts.iter().map(|part| Part {
            recurrence_id: part.recurrence_id.clone(),
            fields: part.fields.clone(),
            record: part.link.as_ref().map(|link| link.record.clone()),
            link_block: part.link.as_ref().map(|link| link.record.clone()),
        });
        let parts: Vec<Part> = parts.collect();
        if server.refuses_photos && parts.iter().any(|part| part.fields.contains_key(&Field::Photo)) {
            return Ok(Written::Refused("too large".into()));
        }
        let item = Item { uid: draft.uid.clone(), area: draft.area, parts, scheduled: false, original: "NEW".into() };
        server.write(&draft.create_id, item).map(Written::Stored)
    }

    async fn update(&self, _: &CollectionId, current: &StoredItem, edits: &[PartEdit]) -> Result<Written, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        server.race();
        let Some(entry) = server.items.get(&current.id.0) else { return Ok(Written::Gone) };
        if Some(entry.0.to_string()) != current.version {
            return Ok(Written::Changed(stored(&current.id.0, entry)));
        }
        let mut item = entry.1.clone();
        for edit in edits {
            let (recurrence_id, changes, link) = match edit {
                PartEdit::Set { recurrence_id, changes, link } => (recurrence_id, changes, link),
                PartEdit::Exclude { recurrence_id } => {
                    item.parts.retain(|part| part.recurrence_id.as_ref() != Some(recurrence_id));
                    let Some(Value::Recurrence(rule)) = item.parts[0].fields.get_mut(&Field::Recurrence) else { panic!("no series") };
                    rule.excluded.push(recurrence_id.clone());
                    continue;
                }
            };
            if !item.parts.iter().any(|part| part.recurrence_id == *recurrence_id) {
                let mut fields = item.parts[0].fields.clone();
                fields.remove(&Field::Recurrence);
                let start = recurrence_id.clone().unwrap();
                let end = Moment::utc(start.approximate_instant() + chrono::TimeDelta::hours(1));
                fields.insert(Field::Slot, Value::Slot(Slot { start, end }));
                item.parts.push(Part { recurrence_id: recurrence_id.clone(), fields, record: None, link_block: None });
            }
            if server.refuses_photos && matches!(changes.get(&Field::Photo), Some(Some(_))) {
                return Ok(Written::Refused("too large".into()));
            }
            let part = item.parts.iter_mut().find(|part| part.recurrence_id == *recurrence_id).unwrap();
            apply(&mut part.fields, changes);
            if let Some(link) = link {
                part.record = link.as_ref().map(|link| link.record.clone());
                part.link_block.clone_from(&part.record);
            }
        }
        server.write(&current.id.0, item).map(Written::Stored)
    }

    async fn remove(&self, _: &CollectionId, id: &ItemId, version: Option<&str>) -> Result<Removed, GroupwareError> {
        let mut server = self.lock();
        server.requests += 1;
        server.race();
        let Some(entry) = server.items.get(&id.0) else { return Ok(Removed::WasGone) };
        if Some(entry.0.to_string().as_str()) != version {
            return Ok(Removed::Changed(stored(&id.0, entry)));
        }
        server.items.remove(&id.0);
        server.clock += 1;
        server.writes += 1;
        server.log.push((id.0.clone(), true));
        server.lost().map(|()| Removed::Done)
    }

    fn preview(&self, current: &StoredItem, _: &[PartEdit]) -> Result<Item, GroupwareError> {
        Ok(current.item.clone())
    }
}

#[derive(Default)]
pub(super) struct Office {
    pub records: BTreeMap<String, RecordView>,
    pub log: Vec<String>,
    pub done: BTreeMap<OpId, WriteVerdict>,
    pub clock: u64,
    pub writes: u64,
    /// Ids of records that are there, and not for the employee.
    pub withheld: BTreeSet<String>,
    pub requests: u64,
    pub page: usize,
    pub expired: bool,
    /// Subjects that make any request fail.
    pub poison: Option<String>,
    pub lose_answers: u64,
    pub alter: Option<Alter>,
    /// New contacts are the employee's own.
    pub owns_new: bool,
    /// Pictures by contact.
    pub photos: BTreeMap<String, Photo>,
    /// The next picture that is asked for does not come.
    pub lose_photo: bool,
    pub groups: Vec<ContactGroup>,
    /// A colleague changes a contact just before it is switched.
    pub race_switch: Option<(Field, Value)>,
    /// Contacts that are there and do not concern the employee any more: the changes say that they are gone.
    pub unconcerned: BTreeSet<String>,
}

/// The CRM.
#[derive(Clone, Default)]
pub(super) struct FakeCrm(pub Arc<Mutex<Office>>);

impl FakeCrm {
    pub(super) fn lock(&self) -> MutexGuard<'_, Office> {
        self.0.lock().unwrap()
    }

    /// A colleague writes a record.
    pub(super) fn put(&self, id: &str, activity_type: &str, fields: Fields) {
        let mut office = self.lock();
        let kind = match activity_type {
            "TASK" => RecordKind::Task,
            "APPOINTMENT" | "MEETING" | "FOLLOWUP" => RecordKind::Appointment,
            _ => RecordKind::Other,
        };
        let (uid, recurrence_id) = office.records.get(id).map(|view| (view.uid.clone(), view.recurrence_id.clone())).unwrap_or_default();
        let link = RecordLink { id: id.into(), version: String::new(), link: Some(format!("https://crm.example/{id}")) };
        office.store(RecordView {
            link,
            kind,
            activity_type: activity_type.into(),
            uid,
            recurrence_id,
            fields,
            origin: None,
            contact: None,
        });
    }

    pub(super) fn edit(&self, id: &str, changes: &FieldChanges) {
        let mut view = self.lock().records[id].clone();
        apply(&mut view.fields, changes);
        self.lock().store(view);
    }

    pub(super) fn delete(&self, id: &str) {
        let mut office = self.lock();
        office.records.remove(id);
        office.log.push(id.into());
    }

    pub(super) fn fields(&self, id: &str) -> Fields {
        self.lock().records[id].fields.clone()
    }

    pub(super) fn only(&self) -> RecordView {
        let office = self.lock();
        assert_eq!(office.records.len(), 1, "{:?}", office.records);
        office.records.values().next().unwrap().clone()
    }

    pub(super) fn writes(&self) -> u64 {
        self.lock().writes
    }
}

impl Office {
    pub(super) fn store(&mut self, mut view: RecordView) -> RecordView {
        self.clock += 1;
        view.link.version = self.clock.to_string();
        self.log.push(view.link.id.clone());
        self.records.insert(view.link.id.clone(), view.clone());
        view
    }

    fn write(&mut self, write: &RecordWrite) -> WriteVerdict {
        if let Some(verdict) = self.done.get(&write.op) {
            return verdict.clone();
        }
        let verdict = match &write.action {
            RecordAction::Create { activity_type, uid, recurrence_id, fields } => {
                let same = |view: &&RecordView| view.uid.as_deref() == Some(uid) && view.recurrence_id == *recurrence_id;
                if let Some(view) = self.records.values().find(same) {
                    return WriteVerdict::Joined(view.clone());
                }
                let id = format!("R{}", self.clock + 1);
                let link = RecordLink { id: id.clone(), version: String::new(), link: Some(format!("https://crm.example/{id}")) };
                let kind = if activity_type == "TASK" { RecordKind::Task } else { RecordKind::Appointment };
                let mut fields = fields.clone();
                if let Some(alter) = self.alter {
                    alter(&mut fields);
                }
                self.writes += 1;
                WriteVerdict::Applied(self.store(RecordView {
                    link,
                    kind,
                    activity_type: activity_type.clone(),
                    uid: Some(uid.clone()),
                    recurrence_id: recurrence_id.clone(),
                    fields,
                    origin: None,
                    contact: None,
                }))
            }
            RecordAction::Update { id, if_version, bind, activity_type, changes } => {
                let Some(mut view) = self.records.get(id).cloned() else { return WriteVerdict::Gone };
                if view.link.version != *if_version {
                    return WriteVerdict::Conflict(view);
                }
                apply(&mut view.fields, changes);
                if let Some((uid, recurrence_id)) = bind {
                    (view.uid, view.recurrence_id) = (Some(uid.clone()), recurrence_id.clone());
                }
                if let Some(activity_type) = activity_type {
                    view.activity_type.clone_from(activity_type);
                }
                self.writes += 1;
                WriteVerdict::Applied(self.store(view))
            }
            RecordAction::CreateContact { kind, uid, partner, fields } => {
                if let Some(view) = self.records.values().find(|view| view.uid.as_ref() == Some(uid)) {
                    return WriteVerdict::Joined(view.clone());
                }
                let id = format!("CP{}", self.clock + 1);
                let partner = partner.clone().map(|id| PartnerName { name: id.clone(), id });
                self.writes += 1;
                WriteVerdict::Applied(self.store(RecordView {
                    link: RecordLink { id, version: String::new(), link: None },
                    kind: *kind,
                    activity_type: "CONTACT".into(),
                    uid: Some(uid.clone()),
                    recurrence_id: None,
                    fields: fields.clone(),
                    origin: None,
                    contact: Some(ContactFacts { partner, owned: self.owns_new, ..ContactFacts::default() }),
                }))
            }
            RecordAction::Delete { .. } => panic!("crmsync never deletes in the CRM"),
        };
        self.done.insert(write.op.clone(), verdict.clone());
        verdict
    }
}

impl CrmRecords for FakeCrm {
    async fn changes(&self, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
        let mut office = self.lock();
        office.requests += 1;
        if cursor.is_some() && std::mem::take(&mut office.expired) {
            return Err(CrmError::CursorExpired);
        }
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let page = if office.page == 0 { 1_000 } else { office.page };
        let end = office.log.len().min(from + page);
        let ids: BTreeSet<&String> = office.log[from..end].iter().collect();
        let mut changes = Vec::new();
        for id in ids {
            match office.records.get(id) {
                Some(_) if office.unconcerned.contains(id) => changes.push(RecordChange::Gone { id: id.clone(), version: "9".into() }),
                Some(view) if kinds.contains(&view.kind) => changes.push(RecordChange::Present(view.clone())),
                Some(_) => {}
                None if cursor.is_none() => {}
                None => changes.push(RecordChange::Gone { id: id.clone(), version: "9".into() }),
            }
        }
        Ok(ChangePage { changes, cursor: end.to_string(), more: end < office.log.len() })
    }

    async fn record(&self, id: &str) -> Result<RecordState, CrmError> {
        let mut office = self.lock();
        office.requests += 1;
        let none = if office.withheld.contains(id) { RecordState::Withheld } else { RecordState::Deleted };
        Ok(office.records.get(id).cloned().map_or(none, RecordState::Present))
    }

    async fn write_records(&self, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
        let mut office = self.lock();
        office.requests += 1;
        let poisonous = |write: &RecordWrite| {
            let text = serde_json::to_string(&write.action).unwrap();
            office.poison.as_ref().is_some_and(|poison| text.contains(poison.as_str()))
        };
        if writes.iter().any(poisonous) {
            return Err(CrmError::Failed { status: 500, title: "Internal error".into(), detail: String::new() });
        }
        let results = writes.iter().map(|write| WriteResult { op: write.op.clone(), verdict: office.write(write) }).collect();
        if office.lose_answers > 0 {
            office.lose_answers -= 1;
            return Err(CrmError::Unauthorized { detail: "cut off".into() });
        }
        Ok(results)
    }
}

impl CrmContacts for FakeCrm {
    async fn find_contacts(&self, query: &ContactQuery) -> Result<ContactPage, CrmError> {
        let office = self.lock();
        let wanted = query.text.clone().unwrap_or_default();
        let says = |view: &&RecordView| serde_json::to_string(&view.fields).unwrap().contains(&wanted);
        Ok(ContactPage { contacts: office.records.values().filter(says).cloned().collect(), next: None })
    }

    async fn match_contacts(&self, queries: &[MatchQuery]) -> Result<Vec<MatchAnswer>, CrmError> {
        Ok(queries.iter().map(|_| MatchAnswer::default()).collect())
    }

    async fn photo(&self, id: &str) -> Result<Option<Photo>, CrmError> {
        let mut office = self.lock();
        office.requests += 1;
        if std::mem::take(&mut office.lose_photo) {
            return Err(CrmError::Offline { cause: "cut off".into() });
        }
        Ok(office.photos.get(id).cloned())
    }

    async fn put_photo(&self, op: &OpId, id: &str, if_version: Option<&str>, photo: Option<&Photo>) -> Result<WriteVerdict, CrmError> {
        let mut office = self.lock();
        if let Some(verdict) = office.done.get(op) {
            return Ok(verdict.clone());
        }
        let Some(mut view) = office.records.get(id).cloned() else { return Ok(WriteVerdict::Gone) };
        if if_version.is_some_and(|version| version != view.link.version) {
            return Ok(WriteVerdict::Conflict(view));
        }
        if let Some(photo) = photo {
            assert!(photo.bytes.is_some(), "the picture is not at hand");
            office.photos.insert(id.to_owned(), photo.clone());
            view.fields.insert(Field::Photo, Value::Photo(Photo { bytes: None, ..photo.clone() }));
        } else {
            office.photos.remove(id);
            view.fields.remove(&Field::Photo);
        }
        office.writes += 1;
        let verdict = WriteVerdict::Applied(office.store(view));
        office.done.insert(op.clone(), verdict.clone());
        Ok(verdict)
    }

    async fn add_address(&self, _: &OpId, _: &str, _: &ContactAddress) -> Result<WriteVerdict, CrmError> {
        panic!("nobody adds addresses here")
    }

    async fn set_switch(&self, op: &OpId, id: &str, switch: Switch) -> Result<WriteVerdict, CrmError> {
        let mut office = self.lock();
        let Some(mut view) = office.records.get(id).cloned() else { return Ok(WriteVerdict::Gone) };
        view.fields.extend(office.race_switch.take());
        view.contact.get_or_insert_default().switch = switch;
        office.writes += 1;
        let verdict = WriteVerdict::Applied(office.store(view));
        office.done.insert(op.clone(), verdict.clone());
        Ok(verdict)
    }

    async fn partners(&self, _: &PartnerQuery) -> Result<Vec<Partner>, CrmError> {
        Ok(Vec::new())
    }

    async fn groups(&self) -> Result<Vec<ContactGroup>, CrmError> {
        Ok(self.lock().groups.clone())
    }
}
