//! `/v1/changes`, `/v1/items` and `/v1/records`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chrono::Utc;

use super::decide::{Rules, apply};
use super::{StoredRecord, find, number};
use crate::crm::RecordKind;
use crate::crm::contract::{
    ChangeDocument, ChangesDocument, IDEMPOTENCY_KEY, ItemBatch, ItemBatchAnswer, ProblemKind, RecordLink, RecordList, kind_named, schema,
};
use crate::model::{Field, Value};
use crate::sandbox::crm::answers::{Failure, json};
use crate::sandbox::crm::api::{answer, parameters, read_bounded};
use crate::sandbox::crm::contacts;
use crate::sandbox::crm::contacts::decide::concerns_contacts;
use crate::sandbox::crm::directory::Employee;
use crate::sandbox::crm::faults::Faults;
use crate::sandbox::crm::imports::{InFlight, blocking};
use crate::sandbox::crm::listener::Cut;
use crate::sandbox::crm::server::App;
use crate::sandbox::crm::spoil::{deliver, keep_silent, refusal};
use crate::sandbox::crm::store::StoreError;

/// A page of changes is below so many bytes, as long as one record is.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Kinds of the profile `activities`.
const ACTIVITIES: [RecordKind; 3] = [RecordKind::Appointment, RecordKind::Task, RecordKind::Other];

/// Kinds of the profile `contacts`.
const CONTACTS: [RecordKind; 2] = [RecordKind::Contact, RecordKind::Organisation];

pub(in crate::sandbox::crm) async fn changes(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    request: Request,
) -> Response {
    let query = match ChangesQuery::read(&app, request.uri().query().unwrap_or_default()) {
        Ok(query) => query,
        Err(failure) => return failure.into_response(),
    };
    let expired = || Failure::new(ProblemKind::CursorExpired, "begin again without a cursor").into_response();
    let repeat = {
        let mut faults = app.faults();
        if Faults::take(&mut faults.changes_unavailable) {
            return Failure::new(ProblemKind::Unavailable, "the sandbox was told to be away")
                .retry_after(faults.retry_after.to_string())
                .into_response();
        }
        if query.cursor.is_some() && Faults::take(&mut faults.expired_cursors) {
            return expired();
        }
        faults.repeat_changes
    };
    match blocking(move || page(&app, &employee, &query, repeat)).await {
        Ok(Some(page)) => json(&page),
        Ok(None) => expired(),
        Err(failure) => failure.into_response(),
    }
}

struct ChangesQuery {
    kinds: BTreeSet<RecordKind>,
    cursor: Option<String>,
    limit: usize,
}

impl ChangesQuery {
    fn read(app: &App, query: &str) -> Result<Self, Failure> {
        let mut read = Self { kinds: BTreeSet::new(), cursor: None, limit: 100 };
        for (name, value) in parameters("/v1/changes", query)? {
            match name.as_str() {
                "kinds" => read.kinds = value.split(',').filter(|kind| !kind.is_empty()).map(kind_named).collect(),
                "cursor" => read.cursor = Some(value),
                "limit" => read.limit = value.parse().unwrap_or(read.limit),
                _ => {}
            }
        }
        let activities = app.has_profile("activities");
        let contacts = app.has_profile("contacts");
        if read.kinds.is_empty() {
            read.kinds.extend(ACTIVITIES.iter().filter(|_| activities.is_ok()));
            read.kinds.extend(CONTACTS.iter().filter(|_| contacts.is_ok()));
            return if read.kinds.is_empty() { activities.map(|()| read) } else { Ok(read) };
        }
        if read.asks(&ACTIVITIES) {
            activities?;
        }
        if read.asks(&CONTACTS) {
            contacts?;
        }
        Ok(read)
    }

    fn asks(&self, kinds: &[RecordKind]) -> bool {
        kinds.iter().any(|kind| self.kinds.contains(kind))
    }

    /// A cursor names the log and the kinds it was given for.
    fn prefix(&self, log: &str) -> String {
        let letter = |kind: &RecordKind| match kind {
            RecordKind::Appointment => 'a',
            RecordKind::Task => 't',
            RecordKind::Contact => 'c',
            RecordKind::Organisation => 'g',
            RecordKind::Other => 'o',
        };
        let kinds: String = self.kinds.iter().map(letter).collect();
        format!("{log}.{kinds}.")
    }
}

/// A page; `None` when the cursor is unknown.
fn page(app: &App, employee: &Employee, query: &ChangesQuery, repeat: u64) -> Result<Option<ChangesDocument>, StoreError> {
    let prefix = query.prefix(&app.store.log_name()?);
    let (after, contacts_after) = match &query.cursor {
        None => (0, 0),
        Some(cursor) => match cursor.strip_prefix(&prefix).and_then(read_numbers) {
            Some(after) => after,
            None => return Ok(None),
        },
    };
    let link = app.activity_link();
    let (mut changes, mut last, mut more, mut bytes) = (Vec::new(), after, false, 0);
    // A page that holds repetitions alone would not get on.
    let mut is_new = false;
    // At least once, so more often as well.
    let begin = |after: u64| if query.cursor.is_some() { after.saturating_sub(repeat) } else { after };
    let mut is_full = |change: &ChangeDocument, count: usize, is_new: bool| {
        bytes += serde_json::to_vec(change).map_or(0, |bytes| bytes.len());
        is_new && (count >= query.limit || bytes > PAGE_BYTES)
    };
    if query.asks(&ACTIVITIES) {
        app.store.record_changes(begin(after), |record| {
            let sequence = record.sequence;
            if let Some(change) = change(&record, employee, query, &link) {
                if is_full(&change, changes.len(), is_new) {
                    more = true;
                    return ControlFlow::Break(());
                }
                changes.push(change);
            }
            is_new |= sequence > after;
            last = last.max(sequence);
            ControlFlow::Continue(())
        })?;
    }
    let mut last_contact = contacts_after;
    if query.asks(&CONTACTS) && !more {
        let (book, link) = (app.book()?, app.contact_link());
        app.store.contact_changes(begin(contacts_after), |contact| {
            let sequence = contact.sequence;
            if query.kinds.contains(&contact.kind())
                && let Some(change) = contact.change(&book, &employee.id, query.cursor.is_some(), &link)
            {
                if is_full(&change, changes.len(), is_new) {
                    more = true;
                    return ControlFlow::Break(());
                }
                changes.push(change);
            }
            is_new |= sequence > contacts_after;
            last_contact = last_contact.max(sequence);
            ControlFlow::Continue(())
        })?;
    }
    Ok(Some(ChangesDocument { changes, cursor: format!("{prefix}{last}-{last_contact}"), more }))
}

/// The last activity and the last contact that a cursor covers.
fn read_numbers(text: &str) -> Option<(u64, u64)> {
    let (record, contact) = text.split_once('-')?;
    Some((record.parse().ok()?, contact.parse().ok()?))
}

fn change(record: &StoredRecord, employee: &Employee, query: &ChangesQuery, link: &str) -> Option<ChangeDocument> {
    if record.kinds.is_disjoint(&query.kinds) {
        return None;
    }
    if record.is_of(&employee.id) {
        return Some(ChangeDocument { item: Some(record.document(link)), deleted: None });
    }
    // A snapshot needs no tombstones.
    (query.cursor.is_some() && record.was_of(&employee.id)).then(|| ChangeDocument {
        item: None,
        deleted: Some(RecordLink { id: record.id(), version: record.version.to_string(), link: None }),
    })
}

pub(in crate::sandbox::crm) async fn item(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    Path(id): Path<String>,
) -> Response {
    let of_contact = concerns_contacts(None, Some(&id));
    if let Err(failure) = app.has_profile(if of_contact { "contacts" } else { "activities" }) {
        return failure.into_response();
    }
    let found = blocking(move || {
        if of_contact {
            return app.contact_as_told(&id, &employee.id);
        }
        let record = number(&id).map(|number| app.store.record(number)).transpose()?.flatten();
        let record = record.filter(|record| record.is_of(&employee.id) || record.deleted && record.was_of(&employee.id));
        Ok(record.map(|record| (record.deleted, record.document(&app.activity_link()))))
    });
    match found.await {
        Ok(Some((false, document))) => json(&document),
        Ok(Some((true, _))) => Failure::new(ProblemKind::Deleted, "the record was deleted").into_response(),
        Ok(None) => Failure::new(ProblemKind::NotFound, "the employee has no such record").into_response(),
        Err(failure) => failure.into_response(),
    }
}

pub(in crate::sandbox::crm) async fn write(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    match receive(&app, &employee, request).await {
        Ok(answer) => deliver(&app, &cut, answer.results, |results| ItemBatchAnswer { results }),
        Err(failed) => failed,
    }
}

async fn receive(app: &Arc<App>, employee: &Employee, request: Request) -> Result<ItemBatchAnswer, Response> {
    if app.has_profile("contacts").is_err() {
        app.has_profile("activities").map_err(Failure::into_response)?;
    }
    let key = request_key(request.headers()).map_err(Failure::into_response)?;
    let limits = app.limits();
    let max_bytes = match app.faults().max_bytes {
        0 => limits.max_bytes,
        smaller => smaller.min(limits.max_bytes),
    };
    let batch: ItemBatch = read_bounded(request, "ItemBatch", &["application/json"], max_bytes).await.map_err(Failure::into_response)?;
    for item in &batch.items {
        let profile = if concerns_contacts(item.kind.as_deref(), item.id.as_deref()) { "contacts" } else { "activities" };
        app.has_profile(profile).map_err(Failure::into_response)?;
    }
    if batch.items.len() > limits.max_items {
        let detail = format!("a batch holds at most {} writes", limits.max_items);
        return Err(Failure::new(ProblemKind::TooLarge, detail).into_response());
    }
    if let Some(refusal) = refusal(app) {
        return Err(refusal);
    }
    let _in_flight = match key {
        None => None,
        Some(key) => match InFlight::enter(app, (employee.id.clone(), format!("items {key}"))) {
            Some(in_flight) => Some(in_flight),
            None => return Err(Failure::new(ProblemKind::InFlight, "this key is being processed").into_response()),
        },
    };
    keep_silent(app).await?;
    let faults = app.faults().clone();
    let subject = |value: Option<&serde_json::Value>| value.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    if batch.items.iter().any(|item| {
        ["subject", "familyName", "company"].iter().any(|name| Faults::hits(&faults.poison_subject, &subject(item.fields.0.get(*name))))
    }) {
        return Err(Failure::new(ProblemKind::Internal, "the sandbox was told to fail at such a subject").into_response());
    }
    let (task_app, employee) = (Arc::clone(app), employee.id.clone());
    let answer = blocking(move || write_batch(&task_app, &employee, batch, &faults)).await.map_err(Failure::into_response)?;
    Ok(answer)
}

fn write_batch(app: &App, employee: &str, batch: ItemBatch, faults: &Faults) -> Result<ItemBatchAnswer, StoreError> {
    let directory = app.directory().clone();
    let (link, contact_link) = (app.activity_link(), app.contact_link());
    let rules = Rules {
        employee,
        agent: &batch.agent,
        directory: &directory,
        faults,
        types: &app.types,
        series: app.options.series,
        link: &link,
        contact_link: &contact_link,
        now: Utc::now(),
    };
    app.change_contacts(|tables| {
        let (mut results, mut seen) = (Vec::new(), BTreeSet::new());
        for item in batch.items {
            // An operation that stands in the batch twice is one operation.
            if !seen.insert(item.op_id.clone()) {
                continue;
            }
            contacts::overtake(tables, item.id.as_deref(), || Faults::take(&mut app.faults().conflicts), rules.now)?;
            let edited = item.id.as_deref().and_then(number).filter(|_| Faults::take(&mut app.faults().conflicts));
            if let Some(mut record) = edited.map(|number| tables.get(number)).transpose()?.flatten().filter(|record| !record.deleted) {
                // Somebody was quicker by a moment.
                let location = format!("moved in the CRM, version {}", record.version + 1);
                record.fields.insert(Field::Location, Value::Text(location));
                record.origin = None;
                tables.put(&mut record)?;
            }
            results.push(apply(tables, &rules, item)?);
        }
        Ok(ItemBatchAnswer { results })
    })
}

fn request_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    schema::check_parameter("/v1/items/batch", "post", "Idempotency-Key", text)
        .map_err(|detail| Failure::new(ProblemKind::Invalid, detail))?;
    Ok(Some(text.to_owned()))
}

pub(in crate::sandbox::crm) async fn find_records(State(app): State<Arc<App>>, request: Request) -> Response {
    let query = app.has_profile("activities").and_then(|()| parameters("/v1/records", request.uri().query().unwrap_or_default()));
    answer(query.and_then(|query| {
        let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let kind = value("kind").ok_or_else(|| Failure::new(ProblemKind::Invalid, "the parameter kind is missing"))?;
        let limit = value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(50);
        Ok(RecordList { items: find::records(&app.directory(), kind, value("text").unwrap_or_default(), limit) })
    }))
}
