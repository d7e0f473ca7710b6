//! Appointments, tasks and other activities that are no mails: what is kept, the rules, the paths of the contract, the page.

pub(super) mod api;
mod decide;
pub(super) mod events;
mod find;
mod form;
pub(super) mod page;
mod seed;
mod table;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

pub(super) use decide::once;
pub(super) use table::{Tables, create_tables};

use crate::crm::contract::{ActivityType, ItemDocument, LinkedRecord, kind_name};
use crate::crm::{RecordKind, RecordLink, RecordOrigin, RecordView};
use crate::model::{Field, FieldChanges, Fields, Moment, Value};

/// Activity types: key, name, what it is to the groupware, whether new ones are made (R69).
const TYPES: [(&str, &str, RecordKind, bool); 8] = [
    ("MAILIN", "E-mail received", RecordKind::Other, true),
    ("MAILOUT", "E-mail sent", RecordKind::Other, true),
    ("APPOINTMENT", "Appointment", RecordKind::Appointment, true),
    ("MEETING", "Meeting", RecordKind::Appointment, true),
    ("FOLLOWUP", "Follow-up", RecordKind::Appointment, false),
    ("TASK", "Task", RecordKind::Task, true),
    ("CALL", "Telephone call", RecordKind::Other, true),
    ("VISIT", "Visit", RecordKind::Other, true),
];

/// The activity types as the capabilities state them.
pub(super) fn activity_types() -> Vec<ActivityType> {
    let document = |(key, name, kind, selectable): (&str, &str, RecordKind, bool)| ActivityType {
        key: key.to_owned(),
        name: name.to_owned(),
        mandatory: vec!["subject".to_owned()],
        kind: (kind != RecordKind::Other).then(|| kind_name(kind).to_owned()),
        selectable,
    };
    TYPES.map(document).into()
}

/// What a type is to the groupware.
fn native_kind(activity_type: &str) -> RecordKind {
    TYPES.iter().find(|(key, ..)| *key == activity_type).map_or(RecordKind::Other, |(_, _, kind, _)| *kind)
}

/// Whether the groupware gets a record, apart from its type (R78–R81).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncAs {
    /// As its type says.
    #[default]
    Native,
    /// "Sync as appointment".
    Appointment,
    /// "Sync as task".
    Task,
    /// "Delete groupware entry".
    Nothing,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Consecutive number.
    pub number: u64,
    /// Rises with every change.
    pub version: u64,
    /// Its place in the log of changes.
    pub sequence: u64,
    /// Activity type.
    pub activity_type: String,
    /// What the user said about its synchronisation.
    pub sync_as: SyncAs,
    /// UID of its groupware item.
    pub uid: Option<String>,
    /// Which occurrence of that item's series it is.
    pub recurrence_id: Option<Moment>,
    /// What it says.
    pub fields: Fields,
    /// Contact persons and business partners.
    pub linked: Vec<LinkedRecord>,
    /// Employees whose record it is, the first one first.
    pub owners: Vec<String>,
    /// Employees whose record it was.
    pub former: BTreeSet<String>,
    /// Kinds it ever was: whoever asks for one of them hears when it is none of them any longer.
    pub kinds: BTreeSet<RecordKind>,
    /// Whose write made this version, when it was an agent's.
    pub origin: Option<RecordOrigin>,
    /// When an agent made the record: the origin mark. `None` for one made in the CRM.
    pub imported_at: Option<DateTime<Utc>>,
    /// It is gone; nothing but its id and version remains.
    pub deleted: bool,
}

impl StoredRecord {
    fn new(activity_type: &str, owner: &str, fields: Fields) -> Self {
        Self {
            number: 0,
            version: 0,
            sequence: 0,
            activity_type: activity_type.to_owned(),
            sync_as: SyncAs::Native,
            uid: None,
            recurrence_id: None,
            fields,
            linked: Vec::new(),
            owners: vec![owner.to_owned()],
            former: BTreeSet::new(),
            kinds: BTreeSet::new(),
            origin: None,
            imported_at: None,
            deleted: false,
        }
    }

    /// The record id: `R` and the number.
    #[must_use]
    pub fn id(&self) -> String {
        format!("R{:06}", self.number)
    }

    /// What it is to the groupware now.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        match self.sync_as {
            SyncAs::Native => native_kind(&self.activity_type),
            SyncAs::Appointment => RecordKind::Appointment,
            SyncAs::Task => RecordKind::Task,
            SyncAs::Nothing => RecordKind::Other,
        }
    }

    /// "Sync as appointment" and "Sync as task" can be used: not on native types, and once only (R78–R80).
    #[must_use]
    pub fn can_be_sent(&self) -> bool {
        native_kind(&self.activity_type) == RecordKind::Other && matches!(self.sync_as, SyncAs::Native | SyncAs::Nothing)
    }

    /// Only its owners see it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.fields.contains_key(&Field::Private)
    }

    /// Changes fields.
    fn set_fields(&mut self, changes: FieldChanges) {
        for (field, value) in changes {
            match value {
                Some(value) => self.fields.insert(field, value),
                None => self.fields.remove(&field),
            };
        }
    }

    /// Its title.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self.fields.get(&Field::Subject) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// When it starts or is due.
    fn moment(&self) -> Option<&Moment> {
        match (self.fields.get(&Field::Slot), self.fields.get(&Field::Due), self.fields.get(&Field::Start)) {
            (Some(Value::Slot(slot)), ..) => Some(&slot.start),
            (_, Some(Value::Moment(moment)), _) | (_, _, Some(Value::Moment(moment))) => Some(moment),
            _ => None,
        }
    }

    /// The day it starts or is due, as written.
    pub(super) fn day(&self) -> Option<NaiveDate> {
        self.moment().map(|moment| match moment {
            Moment::Day(day) => *day,
            Moment::Floating(local) | Moment::Zoned { local, .. } => local.date(),
        })
    }

    /// The instant it starts or is due; none for a day and for a time of no zone.
    pub(super) fn instant(&self) -> Option<DateTime<Utc>> {
        match self.moment() {
            Some(Moment::Zoned { instant, .. }) => Some(*instant),
            _ => None,
        }
    }

    /// Status key: what it says of itself, else open.
    pub(super) fn status(&self) -> &'static str {
        let is = |wanted: &str| matches!(self.fields.get(&Field::TaskStatus), Some(Value::Text(status)) if status == wanted);
        if self.fields.contains_key(&Field::Cancelled) || is("cancelled") {
            "S"
        } else if is("completed") {
            "E"
        } else {
            "O"
        }
    }

    pub(super) fn is_of(&self, employee: &str) -> bool {
        !self.deleted && self.owners.iter().any(|owner| owner == employee)
    }

    fn was_of(&self, employee: &str) -> bool {
        self.former.contains(employee) || (self.deleted && self.owners.iter().any(|owner| owner == employee))
    }

    /// The document of the contract; `link` is the template of its page.
    fn document(&self, link: &str) -> ItemDocument {
        let id = self.id();
        let view = RecordView {
            link: RecordLink { version: self.version.to_string(), link: Some(link.replace("{id}", &id)), id },
            kind: self.kind(),
            activity_type: self.activity_type.clone(),
            uid: self.uid.clone(),
            recurrence_id: self.recurrence_id.clone(),
            fields: self.fields.clone(),
            origin: self.origin.clone(),
            contact: None,
        };
        ItemDocument { linked: self.linked.clone(), ..ItemDocument::from(&view) }
    }
}

/// The number in a record's id.
fn number(id: &str) -> Option<u64> {
    let number = id.strip_prefix('R')?.parse().ok()?;
    (format!("R{number:06}") == id).then_some(number)
}
