//! The tables of contacts. Each change is one commit: the contact, its place in the log, its cards, its picture.

use std::ops::ControlFlow;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::{StoredContact, StoredGroup};
use crate::sandbox::crm::store::{Store, StoreError, parse};

const CONTACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("contacts");
/// One row for each contact: its id by the sequence of its last change.
const LOG: TableDefinition<'_, u64, &str> = TableDefinition::new("contact-log");
/// Ids by employee and UID of the employee's card.
const CARDS: TableDefinition<'_, (&str, &str), &str> = TableDefinition::new("contact-cards");
/// Pictures by the contact's id.
const PHOTOS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("contact-photos");
const GROUPS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("contact-groups");

/// Makes the tables.
pub(in crate::sandbox::crm) fn create_tables(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(CONTACTS)?;
    write.open_table(LOG)?;
    write.open_table(CARDS)?;
    write.open_table(PHOTOS)?;
    write.open_table(GROUPS)?;
    Ok(())
}

/// Forgets the tombstones. The rows of the contacts stay: an id is never given twice.
pub(in crate::sandbox::crm) fn forget_tombstones(write: &WriteTransaction) -> Result<(), StoreError> {
    let (mut log, contacts) = (write.open_table(LOG)?, write.open_table(CONTACTS)?);
    let mut gone = Vec::new();
    for row in log.iter()? {
        let (sequence, id) = row?;
        let contact: Option<StoredContact> = contacts.get(id.value())?.map(|row| parse(row.value())).transpose()?;
        if contact.is_none_or(|contact| contact.deleted) {
            gone.push(sequence.value());
        }
    }
    for sequence in gone {
        log.remove(sequence)?;
    }
    Ok(())
}

/// The tables while they are changed.
pub(in crate::sandbox::crm) struct Tables<'t> {
    contacts: redb::Table<'t, &'static str, &'static [u8]>,
    log: redb::Table<'t, u64, &'static str>,
    cards: redb::Table<'t, (&'static str, &'static str), &'static str>,
    photos: redb::Table<'t, &'static str, &'static [u8]>,
    groups_table: redb::Table<'t, &'static str, &'static [u8]>,
    pub(super) groups: Vec<StoredGroup>,
    /// What was put, for the directory.
    pub(in crate::sandbox::crm) changed: Vec<StoredContact>,
}

impl<'t> Tables<'t> {
    pub(in crate::sandbox::crm) fn open(write: &'t WriteTransaction) -> Result<Self, StoreError> {
        let groups_table = write.open_table(GROUPS)?;
        let groups = groups_table.iter()?.map(|row| parse(row?.1.value())).collect::<Result<_, StoreError>>()?;
        Ok(Self {
            contacts: write.open_table(CONTACTS)?,
            log: write.open_table(LOG)?,
            cards: write.open_table(CARDS)?,
            photos: write.open_table(PHOTOS)?,
            groups_table,
            groups,
            changed: Vec::new(),
        })
    }

    /// A contact, a deleted one too.
    pub(super) fn get(&self, id: &str) -> Result<Option<StoredContact>, StoreError> {
        self.contacts.get(id)?.map(|row| parse(row.value())).transpose()
    }

    /// The contact of an employee's card.
    pub(super) fn of_card(&self, employee: &str, uid: &str) -> Result<Option<StoredContact>, StoreError> {
        let Some(id) = self.cards.get((employee, uid))?.map(|row| row.value().to_owned()) else { return Ok(None) };
        self.get(&id)
    }

    /// An id that was never given.
    pub(super) fn new_id(&self) -> Result<String, StoreError> {
        const FIRST: u64 = 5001;
        let mut number = FIRST + self.contacts.range("CP5"..)?.count() as u64;
        while self.contacts.get(format!("CP{number}").as_str())?.is_some() {
            number += 1;
        }
        Ok(format!("CP{number}"))
    }

    /// Keeps a contact in a new version.
    pub(super) fn put(&mut self, contact: &mut StoredContact) -> Result<(), StoreError> {
        let earlier = self.get(&contact.id)?;
        let mut concerned = std::collections::BTreeSet::new();
        if let Some(earlier) = &earlier {
            self.log.remove(earlier.sequence)?;
            for (employee, uid) in &earlier.cards {
                self.cards.remove((employee.as_str(), uid.as_str()))?;
            }
            concerned = earlier.concerned(&self.groups);
        }
        contact.version += 1;
        contact.sequence =
            self.log.last()?.map_or(0, |(sequence, _)| sequence.value()).max(earlier.map_or(0, |earlier| earlier.sequence)) + 1;
        contact.former.extend(concerned);
        for employee in contact.concerned(&self.groups) {
            contact.former.remove(&employee);
        }
        if contact.deleted {
            contact.fields.clear();
            contact.cards.clear();
            self.photos.remove(contact.id.as_str())?;
        }
        for (employee, uid) in &contact.cards {
            self.cards.insert((employee.as_str(), uid.as_str()), contact.id.as_str())?;
        }
        self.log.insert(contact.sequence, contact.id.as_str())?;
        self.contacts.insert(contact.id.as_str(), serde_json::to_vec(contact)?.as_slice())?;
        self.changed.push(contact.clone());
        Ok(())
    }

    /// Keeps the bytes of a picture, or lets them go.
    pub(super) fn put_photo(&mut self, id: &str, bytes: Option<&[u8]>) -> Result<(), StoreError> {
        match bytes {
            Some(bytes) => self.photos.insert(id, bytes)?,
            None => self.photos.remove(id)?,
        };
        Ok(())
    }

    pub(super) fn put_group(&mut self, group: StoredGroup) -> Result<(), StoreError> {
        self.groups_table.insert(group.id.as_str(), serde_json::to_vec(&group)?.as_slice())?;
        self.groups.push(group);
        Ok(())
    }
}

impl Store {
    /// Every contact that was not deleted, by id.
    pub(in crate::sandbox::crm) fn contacts(&self) -> Result<Vec<StoredContact>, StoreError> {
        let mut all = self.all_contacts()?;
        all.retain(|contact| !contact.deleted);
        Ok(all)
    }

    /// Every contact, deleted ones among them.
    pub(super) fn all_contacts(&self) -> Result<Vec<StoredContact>, StoreError> {
        let read = self.database()?.begin_read()?;
        read.open_table(CONTACTS)?.iter()?.map(|row| parse(row?.1.value())).collect()
    }

    pub(super) fn groups(&self) -> Result<Vec<StoredGroup>, StoreError> {
        let read = self.database()?.begin_read()?;
        read.open_table(GROUPS)?.iter()?.map(|row| parse(row?.1.value())).collect()
    }

    /// One contact, a deleted one too.
    pub(super) fn contact(&self, id: &str) -> Result<Option<StoredContact>, StoreError> {
        let read = self.database()?.begin_read()?;
        read.open_table(CONTACTS)?.get(id)?.map(|row| parse(row.value())).transpose()
    }

    pub(super) fn contact_photo(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database()?.begin_read()?;
        Ok(read.open_table(PHOTOS)?.get(id)?.map(|row| row.value().to_vec()))
    }

    /// The sequence of the last change.
    pub(super) fn last_contact_change(&self) -> Result<u64, StoreError> {
        let read = self.database()?.begin_read()?;
        Ok(read.open_table(LOG)?.last()?.map_or(0, |(sequence, _)| sequence.value()))
    }

    /// Contacts in the order of their last changes, those after `after` only, as long as `take` says so.
    pub(in crate::sandbox::crm) fn contact_changes(
        &self,
        after: u64,
        mut take: impl FnMut(StoredContact) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let read = self.database()?.begin_read()?;
        let contacts = read.open_table(CONTACTS)?;
        for row in read.open_table(LOG)?.range(after.saturating_add(1)..)? {
            let Some(contact) = contacts.get(row?.1.value())? else { continue };
            if take(parse(contact.value())?).is_break() {
                break;
            }
        }
        Ok(())
    }
}
