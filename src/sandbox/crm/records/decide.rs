//! What becomes of a write.
//!
//! A private record is never shared: it is nobody's to join, and a private write joins nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::table::Tables;
use super::{StoredRecord, native_kind, number};
use crate::crm::contract::{ActivityType, FieldFault, ItemResultDocument, ItemVerdict, ItemWriteDocument, LinkedRecord, field_name};
use crate::crm::{RecordAction, RecordKind, RecordOrigin};
use crate::model::{Digest, Field, Fields, Moment, OpId, Value};
use crate::sandbox::crm::contacts;
use crate::sandbox::crm::contacts::decide::{ContactWrite, Writer, concerns_contacts};
use crate::sandbox::crm::directory::Directory;
use crate::sandbox::crm::faults::Faults;
use crate::sandbox::crm::matching::assign;
use crate::sandbox::crm::store::StoreError;

/// Who writes, and what the CRM goes by.
pub(super) struct Rules<'a> {
    pub(super) employee: &'a str,
    pub(super) agent: &'a str,
    pub(super) directory: &'a Directory,
    pub(super) faults: &'a Faults,
    pub(super) types: &'a [ActivityType],
    pub(super) series: bool,
    pub(super) link: &'a str,
    pub(super) contact_link: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// A result that is given again.
#[derive(Debug, Serialize, Deserialize)]
struct KeptResult {
    write: Digest,
    result: ItemResultDocument,
}

/// What became of a write, with the record that says so.
enum Ruling {
    With(ItemVerdict, Box<StoredRecord>),
    Gone,
    Retry(&'static str),
    Rejected(FieldFault),
}

fn rejected(field: &str, reason: &str) -> Ruling {
    Ruling::Rejected(FieldFault { field: field.to_owned(), reason: reason.to_owned() })
}

/// Writes, or gives the result of before.
pub(super) fn apply(tables: &mut Tables<'_>, rules: &Rules<'_>, document: ItemWriteDocument) -> Result<ItemResultDocument, StoreError> {
    let op = document.op_id.clone();
    let digest = Digest::of(&serde_json::to_vec(&document)?);
    once(tables, rules.employee, &op, &digest, |tables| {
        let of_contact = concerns_contacts(document.kind.as_deref(), document.id.as_deref());
        let ruling = match document.read() {
            Ok(write) if of_contact => {
                let Rules { employee, agent, faults, contact_link: link, now, .. } = *rules;
                let writer = Writer { employee, agent, faults, link, now };
                return contacts::decide::write(&mut tables.contacts, &writer, &op, ContactWrite::Item(write.action));
            }
            Ok(write) => rule(tables, rules, &op, write.action)?,
            Err(fault) => Ruling::Rejected(fault),
        };
        Ok(answer(rules, &op, ruling))
    })
}

/// Writes once: an operation that stored something is answered as it was first.
pub(in crate::sandbox::crm) fn once(
    tables: &mut Tables<'_>,
    employee: &str,
    op: &OpId,
    digest: &Digest,
    write: impl FnOnce(&mut Tables<'_>) -> Result<ItemResultDocument, StoreError>,
) -> Result<ItemResultDocument, StoreError> {
    if let Some(bytes) = tables.write_result(employee, op.as_str())? {
        let kept: KeptResult = serde_json::from_slice(&bytes)?;
        return Ok(if kept.write == *digest {
            kept.result
        } else {
            ItemResultDocument {
                op_id: op.clone(),
                verdict: ItemVerdict::Rejected,
                item: None,
                reason: "this operation was another write before".to_owned(),
                field: Some("opId".to_owned()),
            }
        });
    }
    let result = write(tables)?;
    // The others stored nothing and are judged anew.
    if matches!(result.verdict, ItemVerdict::Applied | ItemVerdict::Unchanged | ItemVerdict::Joined) {
        let kept = KeptResult { write: digest.clone(), result };
        tables.keep_write_result(employee, kept.result.op_id.as_str(), &serde_json::to_vec(&kept)?)?;
        return Ok(kept.result);
    }
    Ok(result)
}

fn answer(rules: &Rules<'_>, op_id: &OpId, ruling: Ruling) -> ItemResultDocument {
    let plain = |verdict| ItemResultDocument { op_id: op_id.clone(), verdict, item: None, reason: String::new(), field: None };
    match ruling {
        Ruling::With(verdict, record) => ItemResultDocument { item: Some(record.document(rules.link)), ..plain(verdict) },
        Ruling::Gone => plain(ItemVerdict::Gone),
        Ruling::Retry(reason) => ItemResultDocument { reason: reason.to_owned(), ..plain(ItemVerdict::Retry) },
        Ruling::Rejected(fault) => ItemResultDocument { reason: fault.reason, field: Some(fault.field), ..plain(ItemVerdict::Rejected) },
    }
}

fn rule(tables: &mut Tables<'_>, rules: &Rules<'_>, op: &OpId, action: RecordAction) -> Result<Ruling, StoreError> {
    match action {
        // Such a write goes to the contacts.
        RecordAction::CreateContact { .. } => Ok(rejected("kind", "it is no activity")),
        RecordAction::Create { activity_type, uid, recurrence_id, fields } => {
            create(tables, rules, op, &activity_type, uid, recurrence_id, fields)
        }
        RecordAction::Update { id, if_version, activity_type, bind, changes } => {
            let Some(before) = own(tables, rules, &id)? else { return Ok(Ruling::Gone) };
            if before.version.to_string() != if_version {
                return Ok(Ruling::With(ItemVerdict::Conflict, Box::new(before)));
            }
            let mut record = before.clone();
            record.set_fields(changes);
            if let Some(activity_type) = activity_type {
                record.activity_type = activity_type;
            }
            forget_dropped(&mut record.fields, rules.faults);
            if let Some((uid, recurrence_id)) = bind {
                (record.uid, record.recurrence_id) = (Some(uid), recurrence_id);
            }
            if let Some(ruling) = objection(rules, &record.activity_type, &record.fields) {
                return Ok(ruling);
            }
            if record.is_private() && record.owners.len() > 1 {
                return Ok(rejected("private", "others take part in this record"));
            }
            if let Some(uid) = record.uid.as_deref()
                && claimed(tables, rules, uid, record.recurrence_id.as_ref(), record.is_private(), record.number)?.is_some()
            {
                return Ok(rejected("uid", "another record belongs to this groupware item"));
            }
            if record == before {
                return Ok(Ruling::With(ItemVerdict::Unchanged, Box::new(before)));
            }
            store(tables, rules, op, record, ItemVerdict::Applied)
        }
        RecordAction::Delete { id, if_version } => {
            let Some(mut record) = own(tables, rules, &id)? else { return Ok(Ruling::Gone) };
            if record.version.to_string() != if_version {
                return Ok(Ruling::With(ItemVerdict::Conflict, Box::new(record)));
            }
            let last = record.clone();
            leave(&mut record, rules.employee);
            record.origin = Some(origin(rules, op));
            tables.put(&mut record)?;
            Ok(Ruling::With(ItemVerdict::Applied, Box::new(StoredRecord { version: record.version, origin: record.origin, ..last })))
        }
    }
}

fn create(
    tables: &mut Tables<'_>,
    rules: &Rules<'_>,
    op: &OpId,
    activity_type: &str,
    uid: String,
    recurrence_id: Option<Moment>,
    mut fields: Fields,
) -> Result<Ruling, StoreError> {
    forget_dropped(&mut fields, rules.faults);
    if let Some(ruling) = objection(rules, activity_type, &fields) {
        return Ok(ruling);
    }
    match rules.types.iter().find(|known| known.key == activity_type) {
        None => return Ok(rejected("type", "the activity type is unknown")),
        Some(known) if !known.selectable => return Ok(rejected("type", "no new activities of this type are made")),
        Some(_) => {}
    }
    if native_kind(activity_type) == RecordKind::Other {
        return Ok(rejected("type", "this type is no appointment and no task"));
    }
    let private = fields.contains_key(&Field::Private);
    if let Some(mut twin) = claimed(tables, rules, &uid, recurrence_id.as_ref(), private, 0)? {
        if twin.is_of(rules.employee) {
            let verdict = if twin.fields == fields { ItemVerdict::Unchanged } else { ItemVerdict::Joined };
            return Ok(Ruling::With(verdict, Box::new(twin)));
        }
        twin.former.remove(rules.employee);
        twin.owners.push(rules.employee.to_owned());
        return store(tables, rules, op, twin, ItemVerdict::Joined);
    }
    let mut record = StoredRecord::new(activity_type, rules.employee, fields);
    (record.uid, record.recurrence_id, record.imported_at) = (Some(uid), recurrence_id, Some(rules.now));
    store(tables, rules, op, record, ItemVerdict::Applied)
}

fn store(
    tables: &mut Tables<'_>,
    rules: &Rules<'_>,
    op: &OpId,
    mut record: StoredRecord,
    verdict: ItemVerdict,
) -> Result<Ruling, StoreError> {
    record.linked = linked(rules.directory, &record.fields);
    record.origin = Some(origin(rules, op));
    tables.put(&mut record)?;
    Ok(Ruling::With(verdict, Box::new(record)))
}

fn origin(rules: &Rules<'_>, op: &OpId) -> RecordOrigin {
    RecordOrigin { agent: rules.agent.to_owned(), op: op.clone() }
}

/// The employee's part in a record ends; with the last one the record goes.
pub(super) fn leave(record: &mut StoredRecord, employee: &str) {
    record.former.insert(employee.to_owned());
    record.owners.retain(|owner| owner != employee);
    record.deleted = record.owners.is_empty();
}

fn own(tables: &Tables<'_>, rules: &Rules<'_>, id: &str) -> Result<Option<StoredRecord>, StoreError> {
    let record = number(id).map(|number| tables.get(number)).transpose()?.flatten();
    Ok(record.filter(|record| record.is_of(rules.employee)))
}

/// The record that a key stands for, as far as the employee is concerned: the organisation's, or the employee's own private one; not the
/// one with the number `except`.
fn claimed(
    tables: &Tables<'_>,
    rules: &Rules<'_>,
    uid: &str,
    recurrence_id: Option<&Moment>,
    private: bool,
    except: u64,
) -> Result<Option<StoredRecord>, StoreError> {
    let mut candidates = tables.with_key(uid, recurrence_id)?;
    candidates.retain(|record| record.number != except);
    let own = candidates.iter().find(|record| record.is_of(rules.employee)).cloned();
    Ok(own.or_else(|| candidates.into_iter().find(|record| !private && !record.is_private())))
}

/// What speaks against a record with these fields.
fn objection(rules: &Rules<'_>, activity_type: &str, fields: &Fields) -> Option<Ruling> {
    let subject = match fields.get(&Field::Subject) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    if Faults::hits(&rules.faults.reject_subject, subject) {
        return Some(rejected("subject", "the sandbox was told to reject this subject"));
    }
    if Faults::hits(&rules.faults.retry_subject, subject) {
        return Some(Ruling::Retry("the sandbox was told to ask for a later try"));
    }
    if fields.contains_key(&Field::Recurrence) && !rules.series {
        return Some(rejected("recurrence", "the CRM takes no series"));
    }
    let mandatory = rules.types.iter().find(|known| known.key == activity_type).map(|known| known.mandatory.as_slice()).unwrap_or_default();
    let missing = mandatory.iter().find(|name| !fields.keys().any(|&field| field_name(field) == **name))?;
    Some(rejected(missing, "this field must not be empty"))
}

/// A CRM that silently keeps less than it was given.
fn forget_dropped(fields: &mut Fields, faults: &Faults) {
    fields.retain(|&field, _| field_name(field) != faults.drop_field);
}

/// R74: contact persons only through whom the record names, and their business partners.
pub(super) fn linked(directory: &Directory, fields: &Fields) -> Vec<LinkedRecord> {
    let people = [Field::Participants, Field::Contacts].into_iter().filter_map(|field| match fields.get(&field) {
        Some(Value::People(people)) => Some(people),
        _ => None,
    });
    let addresses: Vec<String> = people.flatten().map(|person| person.address.clone()).filter(|address| !address.is_empty()).collect();
    let assignment = assign(directory, &addresses);
    if assignment.known { assignment.linked } else { Vec::new() }
}
