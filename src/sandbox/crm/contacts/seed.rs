//! What the CRM begins with, and what tests do as users of the CRM.

use std::collections::BTreeSet;

use chrono::Utc;

use super::{StoredContact, StoredGroup, photos};
use crate::model::contact::{ContactAddress, PartialDate, Phone, Place};
use crate::model::{Field, Fields, Value};
use crate::sandbox::crm::directory::{Contact, Directory, Partner};
use crate::sandbox::crm::records::Tables;
use crate::sandbox::crm::server::App;
use crate::sandbox::crm::{RunningCrm, StoreError};

impl App {
    /// Changes contacts in one commit, and the directory after it.
    pub(in crate::sandbox::crm) fn change_contacts<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (result, changed) = self.store.change_records(|tables| {
            let result = work(tables)?;
            Ok((result, std::mem::take(&mut tables.contacts.changed)))
        })?;
        if !changed.is_empty() {
            let mut directory = self.directory_mut();
            for contact in &changed {
                contact.enter(&mut directory);
            }
        }
        self.hint("records");
        Ok(result)
    }

    /// Keeps whom the directory names and the store does not know, and brings the directory to what the store knows.
    pub(in crate::sandbox::crm) fn load_contacts(&self) -> Result<(), StoreError> {
        let kept = self.store.all_contacts()?;
        let directory = self.directory().clone();
        let known: BTreeSet<&str> = kept.iter().map(|contact| contact.id.as_str()).collect();
        self.change_contacts(|tables| {
            let tables = &mut tables.contacts;
            let employs = |id: &str| directory.employees.iter().any(|employee| employee.id == id);
            if tables.groups.is_empty() {
                for group in GROUPS.map(group).into_iter().filter(|group| employs(&group.owner)) {
                    tables.put_group(group)?;
                }
            }
            for partner in directory.partners.iter().filter(|partner| !known.contains(partner.id.as_str())) {
                tables.put(&mut organisation(partner))?;
            }
            for contact in directory.contacts.iter().filter(|contact| !known.contains(contact.id.as_str())) {
                let (mut person, picture) = person(contact, &directory);
                person.owner = person.owner.filter(|owner| employs(owner));
                tables.put(&mut person)?;
                tables.put_photo(&person.id, picture.as_deref())?;
            }
            Ok(())
        })?;
        let mut directory = self.directory_mut();
        for contact in &kept {
            contact.enter(&mut directory);
        }
        Ok(())
    }

    /// Keeps what was changed in the directory.
    fn follow_directory(&self, before: &Directory, after: &Directory) -> Result<(), StoreError> {
        let contacts = after.contacts.iter().filter(|contact| !before.contacts.contains(contact));
        let partners = after.partners.iter().filter(|partner| !before.partners.contains(partner));
        let there: BTreeSet<&str> = after
            .contacts
            .iter()
            .map(|contact| contact.id.as_str())
            .chain(after.partners.iter().map(|partner| partner.id.as_str()))
            .collect();
        let ids = before.contacts.iter().map(|contact| &contact.id).chain(before.partners.iter().map(|partner| &partner.id));
        let changed: Vec<StoredContact> = contacts.map(|contact| person(contact, after).0).chain(partners.map(organisation)).collect();
        let gone: Vec<&String> = ids.filter(|id| !there.contains(id.as_str())).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        self.change_contacts(|tables| {
            let tables = &mut tables.contacts;
            for now in changed {
                let mut contact = tables.get(&now.id)?.filter(|kept| !kept.deleted).unwrap_or_else(|| now.clone());
                (contact.partner, contact.domains, contact.folder) = (now.partner, now.domains, now.folder);
                for field in [Field::GivenName, Field::FamilyName, Field::Company, Field::Emails] {
                    match now.fields.get(&field) {
                        Some(value) => contact.fields.insert(field, value.clone()),
                        None => contact.fields.remove(&field),
                    };
                }
                (contact.origin, contact.changed_at) = (None, Utc::now());
                tables.put(&mut contact)?;
            }
            for id in gone {
                if let Some(mut contact) = tables.get(id)? {
                    (contact.deleted, contact.origin) = (true, None);
                    tables.put(&mut contact)?;
                }
            }
            Ok(())
        })
    }

    /// Changes a contact as a user of the CRM; `None` when there is none, or `change` refuses.
    pub(super) fn edit_contact(
        &self,
        id: &str,
        change: impl FnOnce(&mut StoredContact) -> bool,
    ) -> Result<Option<StoredContact>, StoreError> {
        self.change_contacts(|tables| {
            let tables = &mut tables.contacts;
            let Some(mut contact) = tables.get(id)?.filter(|contact| !contact.deleted) else { return Ok(None) };
            if !change(&mut contact) {
                return Ok(None);
            }
            (contact.origin, contact.changed_at) = (None, Utc::now());
            tables.put(&mut contact)?;
            Ok(Some(contact))
        })
    }

    /// A new contact person of a user of the CRM.
    pub(super) fn add_contact(&self, partner: Option<&str>, owner: Option<&str>, fields: Fields) -> Result<StoredContact, StoreError> {
        self.change_contacts(|tables| {
            let tables = &mut tables.contacts;
            let mut contact = StoredContact::new(tables.new_id()?, false, owner.map(str::to_owned), fields);
            (contact.partner, contact.changed_at) = (partner.map(str::to_owned), Utc::now());
            tables.put(&mut contact)?;
            Ok(contact)
        })
    }

    /// Puts a picture, or takes it away, as a user of the CRM.
    pub(super) fn edit_photo(&self, id: &str, bytes: Option<&[u8]>) -> Result<bool, StoreError> {
        let photo = bytes.and_then(photos::photo);
        self.change_contacts(|tables| {
            let tables = &mut tables.contacts;
            let Some(mut contact) = tables.get(id)?.filter(|contact| !contact.deleted) else { return Ok(false) };
            tables.put_photo(id, bytes.filter(|_| photo.is_some()))?;
            match photo {
                Some(photo) => contact.fields.insert(Field::Photo, Value::Photo(photo)),
                None => contact.fields.remove(&Field::Photo),
            };
            (contact.origin, contact.changed_at) = (None, Utc::now());
            tables.put(&mut contact)?;
            Ok(true)
        })
    }
}

impl RunningCrm {
    /// Changes who is in the CRM: an address added here is known to the next import.
    pub fn change_directory(&self, change: impl FnOnce(&mut Directory)) {
        let (before, after) = {
            let mut directory = self.app.directory_mut();
            let before = directory.clone();
            change(&mut directory);
            (before, directory.clone())
        };
        if let Err(error) = self.app.follow_directory(&before, &after) {
            tracing::error!(%error, "the sandbox CRM cannot keep its contacts");
        }
    }

    /// Every contact and organisation that was not deleted, by id.
    pub fn contacts(&self) -> Result<Vec<StoredContact>, StoreError> {
        self.app.store.contacts()
    }

    /// Every group.
    pub fn groups(&self) -> Result<Vec<StoredGroup>, StoreError> {
        self.app.store.groups()
    }

    /// Makes a contact person as a user of the CRM does.
    pub fn add_contact(&self, partner: Option<&str>, owner: Option<&str>, fields: Fields) -> Result<StoredContact, StoreError> {
        self.app.add_contact(partner, owner, fields)
    }

    /// Changes a contact as a user of the CRM does; `None` when there is no such contact.
    pub fn edit_contact(&self, id: &str, change: impl FnOnce(&mut StoredContact)) -> Result<Option<StoredContact>, StoreError> {
        self.app.edit_contact(id, |contact| {
            change(contact);
            true
        })
    }

    /// Deletes a contact as a user of the CRM does.
    pub fn delete_contact(&self, id: &str) -> Result<(), StoreError> {
        self.edit_contact(id, |contact| contact.deleted = true).map(drop)
    }

    /// The bytes of a contact's picture.
    pub fn contact_photo(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.app.store.contact_photo(id)
    }

    /// Puts a picture, or takes it away, as a user of the CRM does; false when there is no such contact.
    pub fn put_contact_photo(&self, id: &str, bytes: Option<&[u8]>) -> Result<bool, StoreError> {
        self.app.edit_photo(id, bytes)
    }
}

/// Id, name, main group, owner, public, memo.
const GROUPS: [(&str, &str, &str, &str, bool, &str); 4] = [
    ("G3001", "Telefonbuch Anna", "Outlook", "anna", false, "Wer aufs Handy gehört"),
    ("G3002", "Hausmesse", "Outlook", "anna", true, "Gäste im November"),
    ("G3003", "Rotterdam", "Outlook", "ben", true, ""),
    ("G3004", "Weihnachtskarten", "Marketing", "carla", true, "Adressen bis Mitte November prüfen"),
];

fn group((id, name, main_group, owner, public, memo): (&str, &str, &str, &str, bool, &str)) -> StoredGroup {
    StoredGroup {
        id: id.to_owned(),
        name: name.to_owned(),
        main_group: main_group.to_owned(),
        owner: owner.to_owned(),
        public,
        memo: memo.to_owned(),
    }
}

/// What the samples say besides the directory.
struct Extra {
    id: &'static str,
    owner: &'static str,
    job: &'static str,
    phones: &'static [(&'static str, &'static str)],
    groups: &'static [&'static str],
    photo: bool,
}

#[rustfmt::skip]
const EXTRAS: &[Extra] = &[
    Extra { id: "CP2001", owner: "anna", job: "Leiterin Einkauf", phones: &[("work", "+49 40 5550 110"), ("mobile", "0171 5550123")], groups: &["G3001", "G3004"], photo: true },
    Extra { id: "CP2002", owner: "anna", job: "Technik", phones: &[("work", "+49 40 5550 112")], groups: &[], photo: false },
    Extra { id: "CP2003", owner: "anna", job: "Geschäftsführer", phones: &[("work", "0711 5550 20"), ("mobile", "+49 (0)160 5550456")], groups: &["G3004"], photo: true },
    Extra { id: "CP2004", owner: "ben", job: "Buchhaltung", phones: &[("work", "0711 5550 21")], groups: &["G3001"], photo: false },
    Extra { id: "CP2005", owner: "ben", job: "Directeur", phones: &[("work", "+31 10 555 0130"), ("mobile", "+31 6 5550 0131")], groups: &["G3002", "G3003"], photo: true },
    Extra { id: "CP2006", owner: "ben", job: "Planner", phones: &[("work", "+31 10 555 0132")], groups: &["G3003"], photo: false },
    Extra { id: "CP2007", owner: "carla", job: "Directrice artistique", phones: &[("mobile", "+33 6 55 50 01 40")], groups: &["G3004"], photo: true },
    Extra { id: "CP2012", owner: "anna", job: "Inhaber", phones: &[("work", "07131 5550-0"), ("mobile", "0151 55501234")], groups: &["G3002"], photo: false },
];

/// Partner, street, postal code, town, country, telephone of the switchboard.
#[rustfmt::skip]
const PLACES: [(&str, &str, &str, &str, &str, &str); 8] = [
    ("BP1001", "Speicherstadt 4", "20457", "Hamburg", "DE", "+49 40 5550 100"), ("BP1002", "Neckarstraße 88", "70190", "Stuttgart", "DE", "0711 5550 0"),
    ("BP1003", "Waalhaven 12", "3088 HH", "Rotterdam", "NL", "+31 10 555 0100"), ("BP1004", "14 rue des Teinturiers", "84000", "Avignon", "FR", "+33 4 55 50 01 00"),
    ("BP1005", "Am Kai 1", "24103", "Kiel", "DE", "0431 5550 0"), ("BP1006", "Ringstraße 1", "60311", "Frankfurt am Main", "DE", "069 5550 0"),
    ("BP1007", "Ringstraße 3", "60311", "Frankfurt am Main", "DE", "069 5551 0"), ("BP1008", "Fräserweg 7", "74076", "Heilbronn", "DE", "07131 5550-0"),
];

fn one_line(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

/// The address of a sample's organisation.
fn place(partner: &str) -> Option<Value> {
    let (_, street, postal_code, locality, country, _) = PLACES.iter().find(|(id, ..)| *id == partner)?;
    Value::places([Place {
        kind: "work".to_owned(),
        street: (*street).to_owned(),
        postal_code: (*postal_code).to_owned(),
        locality: (*locality).to_owned(),
        country: (*country).to_owned(),
        ..Place::default()
    }])
}

fn phones<'a>(list: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Value> {
    Value::phones(list.into_iter().map(|(kind, number)| Phone { kind: kind.to_owned(), number: number.to_owned(), preferred: false }))
}

fn organisation(partner: &Partner) -> StoredContact {
    let phone = PLACES.iter().find(|(id, ..)| *id == partner.id).and_then(|(.., phone)| phones([("main", *phone)]));
    let fields = [
        (Field::Organisation, Some(Value::Flag(true))),
        (Field::Company, one_line(&partner.name)),
        (Field::Phones, phone),
        (Field::Places, place(&partner.id)),
    ];
    let fields = fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
    let mut organisation = StoredContact::new(partner.id.clone(), true, None, fields);
    (organisation.domains, organisation.folder) = (partner.domains.clone(), partner.folder.clone());
    organisation
}

/// A contact person of the directory, with the bytes of the picture.
fn person(contact: &Contact, directory: &Directory) -> (StoredContact, Option<Vec<u8>>) {
    let (given, family) = contact.name.split_once(' ').unwrap_or(("", &contact.name));
    let emails = contact.addresses.iter().enumerate().map(|(number, address)| ContactAddress {
        address: address.clone(),
        kind: if contact.partner.is_some() { "work" } else { "home" }.to_owned(),
        name: String::new(),
        preferred: number == 0,
    });
    let partner = contact.partner.as_deref().and_then(|id| directory.partner(id));
    let extra = EXTRAS.iter().find(|extra| extra.id == contact.id);
    let picture = extra.filter(|extra| extra.photo).map(|_| photos::sample(&contact.name));
    let fields = [
        (Field::GivenName, one_line(given)),
        (Field::FamilyName, one_line(family)),
        (Field::Company, partner.and_then(|partner| one_line(&partner.name))),
        (Field::Emails, Value::addresses(emails)),
        (Field::Places, partner.and_then(|partner| place(&partner.id))),
        (Field::JobTitle, extra.and_then(|extra| one_line(extra.job))),
        (Field::Phones, extra.and_then(|extra| phones(extra.phones.iter().copied()))),
        (Field::Photo, picture.as_deref().and_then(photos::photo).map(Value::Photo)),
        (
            Field::Birthday,
            extra.filter(|extra| extra.photo).and_then(|_| Value::partial_date(PartialDate { year: None, month: 4, day: 17 })),
        ),
    ];
    let fields = fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
    let owner = extra.map(|extra| extra.owner.to_owned());
    let mut person = StoredContact::new(contact.id.clone(), false, owner, fields);
    person.partner.clone_from(&contact.partner);
    person.groups = extra.iter().flat_map(|extra| extra.groups).map(|&group| group.to_owned()).collect();
    (person, picture)
}
