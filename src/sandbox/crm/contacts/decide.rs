//! What becomes of a write to a contact.

use chrono::{DateTime, Utc};

use super::table::Tables;
use super::{StoredContact, photos, title};
use crate::crm::contract::{FieldFault, ItemResultDocument, ItemVerdict, field_name};
use crate::crm::{RecordAction, RecordKind, RecordOrigin, Switch};
use crate::model::contact::{ContactAddress, Photo, Place};
use crate::model::{Field, Fields, OpId, Value};
use crate::sandbox::crm::faults::Faults;
use crate::sandbox::crm::store::StoreError;

/// Who writes, and what the CRM goes by.
pub(in crate::sandbox::crm) struct Writer<'a> {
    pub(in crate::sandbox::crm) employee: &'a str,
    pub(in crate::sandbox::crm) agent: &'a str,
    pub(in crate::sandbox::crm) faults: &'a Faults,
    /// Template of a contact's page.
    pub(in crate::sandbox::crm) link: &'a str,
    pub(in crate::sandbox::crm) now: DateTime<Utc>,
}

/// One write to a contact.
pub(in crate::sandbox::crm) enum ContactWrite {
    /// Of a batch.
    Item(RecordAction),
    /// Its picture, with its bytes; `None` takes it away.
    Photo { id: String, if_version: Option<String>, photo: Option<Photo> },
    /// A further mail address.
    Address { id: String, address: ContactAddress },
    /// The employee's switch.
    Switch { id: String, switch: Switch },
}

/// What became of a write, with the contact that says so.
enum Outcome {
    With(ItemVerdict, Box<StoredContact>),
    Gone,
    Retry(&'static str),
    Rejected(FieldFault),
}

fn rejected(field: &str, reason: impl Into<String>) -> Outcome {
    Outcome::Rejected(FieldFault { field: field.to_owned(), reason: reason.into() })
}

/// Whether a write of a batch is for a contact: a new one, or one whose id is no activity's.
pub(in crate::sandbox::crm) fn concerns_contacts(kind: Option<&str>, id: Option<&str>) -> bool {
    kind.is_some() || id.is_some_and(|id| !id.starts_with('R'))
}

/// Writes.
pub(in crate::sandbox::crm) fn write(
    tables: &mut Tables<'_>,
    writer: &Writer<'_>,
    op: &OpId,
    write: ContactWrite,
) -> Result<ItemResultDocument, StoreError> {
    let outcome = match write {
        ContactWrite::Item(RecordAction::CreateContact { kind, uid, partner, fields }) => {
            create(tables, writer, op, kind, uid, partner, fields)?
        }
        ContactWrite::Item(RecordAction::Update { id, if_version, bind, mut changes, .. }) => {
            // Pictures go their own way.
            changes.remove(&Field::Photo);
            change(tables, writer, op, &id, Some(&if_version), |contact| {
                contact.set_fields(changes);
                forget_dropped(&mut contact.fields, writer.faults);
                if let Some((uid, _)) = bind {
                    contact.cards.insert(writer.employee.to_owned(), uid);
                }
                true
            })?
        }
        // The employee's part in a contact is his card.
        ContactWrite::Item(RecordAction::Delete { id, if_version }) => change(tables, writer, op, &id, Some(&if_version), |contact| {
            contact.cards.remove(writer.employee);
            contact.switches.insert(writer.employee.to_owned(), false);
            true
        })?,
        ContactWrite::Item(RecordAction::Create { .. }) => rejected("kind", "it is missing"),
        ContactWrite::Photo { id, if_version, photo } => put_photo(tables, writer, op, &id, if_version.as_deref(), photo)?,
        ContactWrite::Address { id, address } => add_address(tables, writer, op, &id, address)?,
        ContactWrite::Switch { id, switch } => change(tables, writer, op, &id, None, |contact| {
            match switch {
                Switch::On => contact.switches.insert(writer.employee.to_owned(), true),
                Switch::Off => contact.switches.insert(writer.employee.to_owned(), false),
                Switch::Unset => contact.switches.remove(writer.employee),
            };
            true
        })?,
    };
    let plain = |verdict| ItemResultDocument { op_id: op.clone(), verdict, item: None, reason: String::new(), field: None };
    Ok(match outcome {
        Outcome::With(verdict, contact) => {
            let partner = contact.partner.as_deref().map(|id| tables.get(id)).transpose()?.flatten().map(|partner| partner.name());
            let item = contact.document(writer.employee, &tables.groups, partner.as_deref(), writer.link);
            ItemResultDocument { item: Some(item), ..plain(verdict) }
        }
        Outcome::Gone => plain(ItemVerdict::Gone),
        Outcome::Retry(reason) => ItemResultDocument { reason: reason.to_owned(), ..plain(ItemVerdict::Retry) },
        Outcome::Rejected(fault) => ItemResultDocument { reason: fault.reason, field: Some(fault.field), ..plain(ItemVerdict::Rejected) },
    })
}

fn create(
    tables: &mut Tables<'_>,
    writer: &Writer<'_>,
    op: &OpId,
    kind: RecordKind,
    uid: String,
    partner: Option<String>,
    mut fields: Fields,
) -> Result<Outcome, StoreError> {
    fields.remove(&Field::Photo);
    forget_dropped(&mut fields, writer.faults);
    if let Some(known) = tables.of_card(writer.employee, &uid)?.filter(|known| known.is_seen_by(writer.employee)) {
        let verdict = if known.fields == fields { ItemVerdict::Unchanged } else { ItemVerdict::Joined };
        return Ok(Outcome::With(verdict, Box::new(known)));
    }
    if kind == RecordKind::Organisation {
        return Ok(rejected("kind", "business partners are made in the CRM"));
    }
    if let Some(outcome) = objection(writer.faults, &fields, false) {
        return Ok(outcome);
    }
    let Some(partner) = partner else { return Ok(rejected("partner", "a contact person needs a business partner")) };
    if tables.get(&partner)?.is_none_or(|partner| !partner.organisation || partner.deleted) {
        return Ok(rejected("partner", "there is no such business partner"));
    }
    let mut contact = StoredContact::new(tables.new_id()?, false, Some(writer.employee.to_owned()), fields);
    contact.partner = Some(partner);
    contact.cards.insert(writer.employee.to_owned(), uid);
    store(tables, writer, op, contact)
}

fn store(tables: &mut Tables<'_>, writer: &Writer<'_>, op: &OpId, mut contact: StoredContact) -> Result<Outcome, StoreError> {
    contact.origin = Some(RecordOrigin { agent: writer.agent.to_owned(), op: op.clone() });
    contact.changed_at = writer.now;
    tables.put(&mut contact)?;
    Ok(Outcome::With(ItemVerdict::Applied, Box::new(contact)))
}

/// Changes a contact the employee may see, when `change` says that there is something to be said against the CRM's rules.
fn change(
    tables: &mut Tables<'_>,
    writer: &Writer<'_>,
    op: &OpId,
    id: &str,
    if_version: Option<&str>,
    change: impl FnOnce(&mut StoredContact) -> bool,
) -> Result<Outcome, StoreError> {
    let Some(before) = tables.get(id)?.filter(|contact| contact.is_seen_by(writer.employee)) else { return Ok(Outcome::Gone) };
    if if_version.is_some_and(|version| before.version.to_string() != version) {
        return Ok(Outcome::With(ItemVerdict::Conflict, Box::new(before)));
    }
    let mut contact = before.clone();
    if !change(&mut contact) || contact == before {
        return Ok(Outcome::With(ItemVerdict::Unchanged, Box::new(before)));
    }
    if contact.fields != before.fields
        && let Some(outcome) = objection(writer.faults, &contact.fields, contact.organisation)
    {
        return Ok(outcome);
    }
    if let Some(uid) = contact.cards.get(writer.employee)
        && tables.of_card(writer.employee, uid)?.is_some_and(|other| other.id != contact.id)
    {
        return Ok(rejected("uid", "another contact belongs to this card"));
    }
    store(tables, writer, op, contact)
}

fn put_photo(
    tables: &mut Tables<'_>,
    writer: &Writer<'_>,
    op: &OpId,
    id: &str,
    if_version: Option<&str>,
    photo: Option<Photo>,
) -> Result<Outcome, StoreError> {
    let bytes = photo.as_ref().and_then(|photo| photo.bytes.clone());
    if photo.is_some() && bytes.as_deref().and_then(photos::media_type).is_none() {
        return Ok(rejected("photo", "these bytes are no JPEG, PNG or GIF"));
    }
    let outcome = change(tables, writer, op, id, if_version, |contact| {
        match photo {
            Some(photo) if field_name(Field::Photo) != writer.faults.drop_field => {
                contact.fields.insert(Field::Photo, Value::Photo(photo));
            }
            _ => {
                contact.fields.remove(&Field::Photo);
            }
        }
        true
    })?;
    if let Outcome::With(ItemVerdict::Applied, contact) = &outcome {
        tables.put_photo(id, bytes.as_deref().filter(|_| contact.fields.contains_key(&Field::Photo)))?;
    }
    Ok(outcome)
}

fn add_address(tables: &mut Tables<'_>, writer: &Writer<'_>, op: &OpId, id: &str, address: ContactAddress) -> Result<Outcome, StoreError> {
    change(tables, writer, op, id, None, |contact| {
        let mut list = match contact.fields.get(&Field::Emails) {
            Some(Value::Addresses(list)) => list.clone(),
            _ => Vec::new(),
        };
        if list.iter().any(|known| known.address.eq_ignore_ascii_case(address.address.trim())) {
            return false;
        }
        // The first address is the default one (R28).
        let preferred = list.is_empty() || (address.preferred && !list.iter().any(|known| known.preferred));
        list.push(ContactAddress { preferred, ..address });
        if let Some(value) = Value::addresses(list) {
            contact.fields.insert(Field::Emails, value);
        }
        true
    })
}

/// A CRM that silently keeps less than it was given.
fn forget_dropped(fields: &mut Fields, faults: &Faults) {
    fields.retain(|&field, _| field_name(field) != faults.drop_field);
}

/// What speaks against a contact with these fields (R91).
fn objection(faults: &Faults, fields: &Fields, organisation: bool) -> Option<Outcome> {
    let name = title(fields, organisation);
    if Faults::hits(&faults.reject_subject, &name) {
        return Some(rejected("familyName", "the sandbox was told to reject this name"));
    }
    if Faults::hits(&faults.retry_subject, &name) {
        return Some(Outcome::Retry("the sandbox was told to ask for a later try"));
    }
    refusal(fields, organisation).map(Outcome::Rejected)
}

/// Which field the CRM refuses, and why.
pub(super) fn refusal(fields: &Fields, organisation: bool) -> Option<FieldFault> {
    let fault = |field: &str, reason: String| Some(FieldFault { field: field.to_owned(), reason });
    let mandatory = if organisation { Field::Company } else { Field::FamilyName };
    if !fields.contains_key(&mandatory) {
        return fault(&field_name(mandatory), "this field must not be empty".to_owned());
    }
    if let Some(Value::Addresses(list)) = fields.get(&Field::Emails)
        && let Some(entry) = list.iter().find(|entry| !is_address(&entry.address))
    {
        return fault("emails", format!("{} is no mail address", entry.address));
    }
    if let Some(Value::Phones(list)) = fields.get(&Field::Phones)
        && let Some(entry) = list.iter().find(|entry| entry.number.chars().filter(char::is_ascii_digit).count() < 3)
    {
        return fault("phones", format!("{} is no telephone number", entry.number));
    }
    match fields.get(&Field::Places) {
        Some(Value::Places(list)) => list.iter().find_map(|place| fault("places", format!("{}: {}", place.kind, place_fault(place)?))),
        _ => None,
    }
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.') && !domain.contains('@')
    }) && !text.contains(char::is_whitespace)
}

fn place_fault(place: &Place) -> Option<&'static str> {
    let digits = |count: usize| place.postal_code.len() == count && place.postal_code.bytes().all(|byte| byte.is_ascii_digit());
    if place.locality.is_empty() && !(place.street.is_empty() && place.post_box.is_empty() && place.postal_code.is_empty()) {
        return Some("the town is missing");
    }
    if !place.country.is_empty() && (place.country.len() != 2 || !place.country.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Some("the country is no ISO 3166 code");
    }
    let is_wrong = match place.country.as_str() {
        _ if place.postal_code.is_empty() => false,
        "DE" => !digits(5),
        "AT" | "CH" => !digits(4),
        _ => false,
    };
    is_wrong.then_some("the postal code is none of this country")
}
