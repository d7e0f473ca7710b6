//! Contact persons, organisations and their groups: what is kept, the rules, the paths of the contract, the page.
//!
//! An organisation is a business partner; a contact person belongs to one or is a private person. The [`Directory`] by which mails are
//! matched is made from what is kept here, and follows every change.
//!
//! [`Directory`]: super::directory::Directory

pub(super) mod api;
mod book;
pub(super) mod decide;
mod form;
pub(super) mod page;
pub(super) mod photos;
mod seed;
pub(super) mod table;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use book::Book;
pub(super) use book::Cache;
pub(super) use table::create_tables;

use super::directory::{Contact, Directory, Partner};
use super::records::Tables;
use super::store::StoreError;
use crate::crm::contract::{ChangeDocument, ItemDocument, RecordLink};
use crate::crm::{ContactFacts, ContactGroup, PartnerName, RecordKind, RecordOrigin, RecordView, Switch};
use crate::model::{Field, FieldChanges, Fields, Value};

/// The main group whose groups are replicated for their owners (R88).
const REPLICATED: &str = "Outlook";

/// A contact person or an organisation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredContact {
    /// Its id.
    pub id: String,
    /// Rises with every change.
    pub version: u64,
    /// Its place in the log of changes.
    pub sequence: u64,
    /// It is an organisation.
    pub organisation: bool,
    /// What it says.
    pub fields: Fields,
    /// The business partner of a contact person; `None` for a private person.
    pub partner: Option<String>,
    /// The employee who owns it.
    pub owner: Option<String>,
    /// Ids of the groups it is in.
    pub groups: BTreeSet<String>,
    /// What employees said about its replication; true for "on".
    pub switches: BTreeMap<String, bool>,
    /// UIDs of its cards by employee.
    pub cards: BTreeMap<String, String>,
    /// Employees whom it once concerned.
    pub former: BTreeSet<String>,
    /// Mail domains of an organisation.
    pub domains: Vec<String>,
    /// Folder of an organisation below the web folder (R37).
    pub folder: String,
    /// When it changed last.
    pub changed_at: DateTime<Utc>,
    /// Whose write made this version, when it was an agent's.
    pub origin: Option<RecordOrigin>,
    /// It is gone.
    pub deleted: bool,
}

/// A group of contacts (R88).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The main group it is under.
    pub main_group: String,
    /// The employee who owns it.
    pub owner: String,
    /// Everybody may see it.
    pub public: bool,
    /// What its owner noted.
    pub memo: String,
}

impl StoredGroup {
    fn is_seen_by(&self, employee: &str) -> bool {
        self.public || self.owner == employee
    }

    fn document(&self, employee: &str) -> ContactGroup {
        ContactGroup {
            id: self.id.clone(),
            name: self.name.clone(),
            main_group: self.main_group.clone(),
            owned: self.owner == employee,
            public: self.public,
            memo: self.memo.clone(),
        }
    }
}

/// Somebody was quicker by a moment: changes the contact that a write is for, when the fault is due.
pub(super) fn overtake(
    tables: &mut Tables<'_>,
    id: Option<&str>,
    is_due: impl FnOnce() -> bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tables = &mut tables.contacts;
    if let Some(mut contact) = id.map(|id| tables.get(id)).transpose()?.flatten().filter(|contact| !contact.deleted)
        && is_due()
    {
        contact.fields.insert(Field::Role, Value::Text(format!("changed in the CRM, version {}", contact.version + 1)));
        (contact.origin, contact.changed_at) = (None, now);
        tables.put(&mut contact)?;
    }
    Ok(())
}

/// Text of a field.
fn text(fields: &Fields, field: Field) -> &str {
    match fields.get(&field) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// The name for people.
fn title(fields: &Fields, organisation: bool) -> String {
    if organisation {
        return text(fields, Field::Company).to_owned();
    }
    let parts = [Field::Prefix, Field::GivenName, Field::MiddleName, Field::FamilyName, Field::Suffix].map(|field| text(fields, field));
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if name.is_empty() { text(fields, Field::FileAs).to_owned() } else { name }
}

impl StoredContact {
    fn new(id: String, organisation: bool, owner: Option<String>, fields: Fields) -> Self {
        Self {
            id,
            version: 0,
            sequence: 0,
            organisation,
            fields,
            partner: None,
            owner,
            groups: BTreeSet::new(),
            switches: BTreeMap::new(),
            cards: BTreeMap::new(),
            former: BTreeSet::new(),
            domains: Vec::new(),
            folder: String::new(),
            changed_at: DateTime::UNIX_EPOCH,
            origin: None,
            deleted: false,
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> String {
        title(&self.fields, self.organisation)
    }

    /// Its mail addresses, the preferred one first.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let Some(Value::Addresses(list)) = self.fields.get(&Field::Emails) else { return Vec::new() };
        let (first, others): (Vec<_>, Vec<_>) = list.iter().partition(|entry| entry.preferred);
        first.into_iter().chain(others).map(|entry| entry.address.clone()).collect()
    }

    pub(super) const fn kind(&self) -> RecordKind {
        if self.organisation { RecordKind::Organisation } else { RecordKind::Contact }
    }

    fn set_fields(&mut self, changes: FieldChanges) {
        for (field, value) in changes {
            match value {
                Some(value) => self.fields.insert(field, value),
                None => self.fields.remove(&field),
            };
        }
        if self.organisation {
            self.fields.insert(Field::Organisation, Value::Flag(true));
        } else {
            self.fields.remove(&Field::Organisation);
        }
    }

    /// Whether an employee may see it: what is private is its owner's.
    fn is_seen_by(&self, employee: &str) -> bool {
        !self.deleted && (!self.fields.contains_key(&Field::Private) || self.owner.as_deref() == Some(employee))
    }

    /// The employees whom it concerns: its owner, those who said something about it or have a card of it, and the owners of the groups
    /// under the main group for replication.
    fn concerned(&self, groups: &[StoredGroup]) -> BTreeSet<String> {
        let owners =
            groups.iter().filter(|group| group.main_group == REPLICATED && self.groups.contains(&group.id)).map(|group| &group.owner);
        let all = self.owner.iter().chain(self.switches.keys()).chain(self.cards.keys()).chain(owners);
        all.filter(|employee| self.is_seen_by(employee)).cloned().collect()
    }

    /// What an employee is told of it. `link` is the template of its page, `partner` the name of its business partner.
    fn document(&self, employee: &str, groups: &[StoredGroup], partner: Option<&str>, link: &str) -> ItemDocument {
        let seen = groups.iter().filter(|group| self.groups.contains(&group.id) && group.is_seen_by(employee));
        let view = RecordView {
            link: RecordLink { id: self.id.clone(), version: self.version.to_string(), link: Some(link.replace("{id}", &self.id)) },
            kind: self.kind(),
            activity_type: if self.organisation { "ORGANISATION" } else { "CONTACT" }.to_owned(),
            uid: self.cards.get(employee).cloned(),
            recurrence_id: None,
            fields: self.fields.clone(),
            origin: self.origin.clone(),
            contact: Some(ContactFacts {
                partner: self.partner.as_ref().map(|id| PartnerName { id: id.clone(), name: partner.unwrap_or(id).to_owned() }),
                owned: self.owner.as_deref() == Some(employee),
                groups: seen.map(|group| group.id.clone()).collect(),
                switch: match self.switches.get(employee) {
                    Some(true) => Switch::On,
                    Some(false) => Switch::Off,
                    None => Switch::Unset,
                },
            }),
        };
        ItemDocument::from(&view)
    }

    /// The change that an employee is told of; none when it never concerned him. A snapshot needs no tombstones.
    pub(super) fn change(&self, book: &Book, employee: &str, tombstones: bool, link: &str) -> Option<ChangeDocument> {
        if self.concerned(&book.groups).contains(employee) {
            return Some(ChangeDocument { item: Some(book.document(self, employee, link)), deleted: None });
        }
        (tombstones && self.former.contains(employee)).then(|| ChangeDocument {
            item: None,
            deleted: Some(RecordLink { id: self.id.clone(), version: self.version.to_string(), link: None }),
        })
    }

    /// Brings the directory to what this says.
    pub(super) fn enter(&self, directory: &mut Directory) {
        directory.contacts.retain(|contact| contact.id != self.id || (!self.organisation && !self.deleted));
        directory.partners.retain(|partner| partner.id != self.id || (self.organisation && !self.deleted));
        if self.deleted {
            return;
        }
        if self.organisation {
            let entry = Partner { id: self.id.clone(), name: self.name(), domains: self.domains.clone(), folder: self.folder.clone() };
            match directory.partners.iter_mut().find(|partner| partner.id == self.id) {
                Some(partner) => *partner = entry,
                None => directory.partners.push(entry),
            }
        } else {
            let entry = Contact { id: self.id.clone(), name: self.name(), partner: self.partner.clone(), addresses: self.addresses() };
            match directory.contacts.iter_mut().find(|contact| contact.id == self.id) {
                Some(contact) => *contact = entry,
                None => directory.contacts.push(entry),
            }
        }
    }
}
