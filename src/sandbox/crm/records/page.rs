//! The pages of appointments, tasks and other activities. They are the CRM's own desk, so they show private records as well.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::form::{Texts, is_task};
use super::{StoredRecord, SyncAs, number};
use crate::crm::RecordKind;
use crate::crm::contract::{FieldFault, ProblemKind, kind_name};
use crate::model::{FieldChanges, Fields, Moment};
use crate::sandbox::crm::answers::{Failure, method_not_allowed};
use crate::sandbox::crm::imports::blocking;
use crate::sandbox::crm::page::{NAVIGATION, checked_form, no_such_activity, rendered};
use crate::sandbox::crm::server::App;

/// Records on one page.
const ROWS: usize = 100;

pub(in crate::sandbox::crm) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/records", get(list).fallback(|| async { method_not_allowed("GET, HEAD") }))
        .route("/records/new", get(empty).post(add).fallback(|| async { method_not_allowed("GET, HEAD, POST") }))
}

#[derive(Template)]
#[template(path = "records.html")]
struct ListPage {
    current: &'static str,
    rows: Vec<Row>,
    older: Option<u64>,
    message: Option<&'static str>,
}

struct Row {
    id: String,
    subject: String,
    activity_type: String,
    kind: &'static str,
    when: String,
    owners: String,
    linked: String,
    private: bool,
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    current: &'static str,
    heading: String,
    action: String,
    token: String,
    message: Option<&'static str>,
    /// `None` for a new record.
    record: Option<Shown>,
    types: Vec<(String, String)>,
    owners: Vec<(String, String)>,
    task: bool,
    texts: Texts,
}

struct Shown {
    id: String,
    version: u64,
    activity_type: String,
    kind: &'static str,
    uid: String,
    series: bool,
    owners: String,
    linked: String,
    author: String,
    can_be_sent: bool,
    has_entry: bool,
}

async fn list(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let before = query.get("before").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    let message = query.contains_key("deleted").then_some("The record is deleted.");
    let page = blocking(move || {
        let (mut rows, mut older, mut last) = (Vec::new(), None, before);
        app.store.records(before, |record| {
            if record.deleted {
                return ControlFlow::Continue(());
            }
            if rows.len() == ROWS {
                older = Some(last);
                return ControlFlow::Break(());
            }
            last = record.number;
            rows.push(row(&record));
            ControlFlow::Continue(())
        })?;
        Ok(ListPage { current: "/records", rows, older, message })
    });
    rendered(page.await)
}

fn row(record: &StoredRecord) -> Row {
    Row {
        id: record.id(),
        subject: title(record.subject()),
        activity_type: record.activity_type.clone(),
        kind: synced(record),
        when: record.moment().map_or_else(|| "no date".to_owned(), when),
        owners: record.owners.join(", "),
        linked: names(record),
        private: record.is_private(),
    }
}

fn title(subject: &str) -> String {
    if subject.is_empty() { "(no subject)".to_owned() } else { subject.to_owned() }
}

fn synced(record: &StoredRecord) -> &'static str {
    match record.kind() {
        RecordKind::Other => "not in the groupware",
        kind => kind_name(kind),
    }
}

fn when(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Floating(local) => local.format("%Y-%m-%d %H:%M").to_string(),
        Moment::Zoned { local, zone, .. } => format!("{} {zone}", local.format("%Y-%m-%d %H:%M")),
    }
}

fn names(record: &StoredRecord) -> String {
    record.linked.iter().map(|linked| linked.name.as_str()).collect::<Vec<_>>().join(" · ")
}

/// The page of one record.
pub(in crate::sandbox::crm) async fn show(app: Arc<App>, id: String, query: &BTreeMap<String, String>) -> Response {
    let message = match query.keys().next().map(String::as_str) {
        Some("saved") => Some("Saved."),
        Some("changed") => Some("Not saved: the record changed meanwhile. This is what it says now."),
        Some("sent") => Some("The next synchronisation takes it to the groupware."),
        Some("ended") => Some("The next synchronisation deletes its groupware entry."),
        _ => None,
    };
    let store = Arc::clone(&app);
    let found = blocking(move || Ok(number(&id).map(|number| store.store.record(number)).transpose()?.flatten())).await;
    match found {
        Ok(Some(record)) if !record.deleted => rendered(Ok(RecordPage {
            current: "/records",
            heading: title(record.subject()),
            action: format!("/activities/{}", record.id()),
            token: app.form_token.clone(),
            message,
            types: Vec::new(),
            owners: Vec::new(),
            task: is_task(&record),
            texts: Texts::of(&record.fields),
            record: Some(shown(&record)),
        })),
        Ok(_) => no_such_activity(),
        Err(failure) => failure.into_response(),
    }
}

fn shown(record: &StoredRecord) -> Shown {
    Shown {
        id: record.id(),
        version: record.version,
        activity_type: record.activity_type.clone(),
        kind: synced(record),
        uid: record.uid.clone().unwrap_or_else(|| "none yet".to_owned()),
        series: record.fields.contains_key(&crate::model::Field::Recurrence),
        owners: record.owners.join(", "),
        linked: names(record),
        author: match &record.origin {
            Some(origin) => format!("agent {}, operation {}", origin.agent, origin.op),
            None => "a user of the CRM".to_owned(),
        },
        can_be_sent: record.can_be_sent(),
        has_entry: record.kind() != RecordKind::Other,
    }
}

async fn empty(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let task = query.contains_key("task");
    let types = app.types.iter().filter(|known| known.selectable && !known.key.starts_with("MAIL"));
    let types = types.filter(|known| (known.key == "TASK") == task).map(|known| (known.key.clone(), known.name.clone())).collect();
    let owners = app.directory().employees.iter().map(|employee| (employee.id.clone(), employee.name.clone())).collect();
    rendered(Ok(RecordPage {
        current: "/records",
        heading: if task { "New task" } else { "New appointment" }.to_owned(),
        action: "/records/new".to_owned(),
        token: app.form_token.clone(),
        message: None,
        record: None,
        types,
        owners,
        task,
        texts: Texts::default(),
    }))
}

async fn add(State(app): State<Arc<App>>, request: Request) -> Response {
    let mut form = match checked_form(&app, request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let (activity_type, owner) = (form.remove("type").unwrap_or_default(), form.remove("owner").unwrap_or_default());
    let known = app.types.iter().any(|known| known.key == activity_type && known.selectable && !known.key.starts_with("MAIL"));
    if !known || !app.directory().employees.iter().any(|employee| employee.id == owner) {
        return Failure::new(ProblemKind::Invalid, "the type or the owner is unknown").into_response();
    }
    let fields: Fields = match edited(form, &Fields::new()) {
        Ok(changes) => changes.into_iter().filter_map(|(field, value)| Some((field, value?))).collect(),
        Err(failure) => return failure.into_response(),
    };
    match blocking(move || app.add_record(&activity_type, &owner, fields)).await {
        Ok(record) => Redirect::to(&format!("/activities/{}?saved", record.id())).into_response(),
        Err(failure) => failure.into_response(),
    }
}

fn edited(form: BTreeMap<String, String>, fields: &Fields) -> Result<FieldChanges, Failure> {
    let texts = Texts::sent(form, Texts::of(fields));
    if texts.subject.is_empty() {
        return Err(Failure::new(ProblemKind::Invalid, "subject: it must not be empty"));
    }
    texts.changes(fields).map_err(|fault: FieldFault| Failure::new(ProblemKind::Invalid, fault.to_string()))
}

/// A button of a record's page.
pub(in crate::sandbox::crm) async fn act(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Response {
    let mut form = match checked_form(&app, request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let done = match form.remove("do").unwrap_or_default().as_str() {
        "save" => return save(app, id, form).await,
        "delete" => {
            let record = id.clone();
            blocking(move || app.delete_record(&record).map(|()| true)).await.map(|_| "/records?deleted".to_owned())
        }
        "sync-appointment" => send(&app, &id, SyncAs::Appointment, "sent").await,
        "sync-task" => send(&app, &id, SyncAs::Task, "sent").await,
        "delete-entry" => send(&app, &id, SyncAs::Nothing, "ended").await,
        _ => Err(Failure::new(ProblemKind::Invalid, "there is no such button")),
    };
    match done {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn send(app: &Arc<App>, id: &str, sync_as: SyncAs, message: &str) -> Result<String, Failure> {
    let (app, record) = (Arc::clone(app), id.to_owned());
    if blocking(move || app.send_record(&record, sync_as)).await? {
        Ok(format!("/activities/{id}?{message}"))
    } else {
        Err(Failure::new(ProblemKind::Forbidden, "this button is disabled for this record"))
    }
}

async fn save(app: Arc<App>, id: String, mut form: BTreeMap<String, String>) -> Response {
    let version = form.remove("version").unwrap_or_default();
    let record_id = id.clone();
    let saved = blocking(move || {
        let mut refused = None;
        let saved = app.change_record(&record_id, |record| {
            if record.version.to_string() != version {
                return false;
            }
            match edited(form, &record.fields) {
                Ok(changes) => {
                    let is_change = !changes.is_empty();
                    record.set_fields(changes);
                    is_change
                }
                Err(failure) => {
                    refused = Some(failure);
                    false
                }
            }
        })?;
        let current = number(&record_id).map(|number| app.store.record(number)).transpose()?.flatten();
        Ok((saved.is_some(), refused, current.is_some_and(|current| current.version.to_string() == version)))
    });
    match saved.await {
        Ok((_, Some(failure), _)) | Err(failure) => failure.into_response(),
        // Nothing edited is saved as well.
        Ok((saved, None, same)) => {
            Redirect::to(&format!("/activities/{id}?{}", if saved || same { "saved" } else { "changed" })).into_response()
        }
    }
}
