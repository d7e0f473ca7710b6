//! The other paths of the contract.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::answers::{Failure, json};
use super::directory::Employee;
use super::imports::blocking;
use super::matching::assign;
use super::server::App;
use super::store::{Store, StoreError, StoredActivity};
use crate::crm::contract::{
    ActivityDocument, ActivityPage, AddressMatch, AuditAnswer, AuditRequest, CheckAnswer, CheckAnswerItem, CheckRequest, CheckVerdictName,
    EmployeeDocument, ProblemKind, ResolveAnswer, ResolveRequest, SettingDocument, SettingLevel, SettingsDocument, SettingsPatch, schema,
};

/// Largest JSON request in bytes.
const MAX_JSON: usize = 2 * 1024 * 1024;

type SignedIn = Extension<Employee>;

pub(super) async fn capabilities(State(app): State<Arc<App>>) -> Response {
    json(&app.capabilities())
}

pub(super) async fn settings(State(app): State<Arc<App>>, Extension(employee): SignedIn) -> Response {
    if let Err(failure) = app.has_profile("settings") {
        return failure.into_response();
    }
    answer(blocking(move || settings_document(&app, &employee)).await)
}

pub(super) async fn patch_settings(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let patch: SettingsPatch = match app
        .has_profile("settings")
        .and(read(request, "SettingsPatch", &["application/merge-patch+json", "application/json"]).await)
    {
        Ok(patch) => patch,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            app.store.set_locked(&employee.id, patch.password_locked)?;
            settings_document(&app, &employee)
        })
        .await,
    )
}

pub(super) async fn check(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let request: CheckRequest = match read(request, "CheckRequest", &["application/json"]).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            let results = request.items.into_iter().map(|item| {
                let record = app.store.item(&employee.id, &item.item_key)?.and_then(|result| result.record);
                let verdict = if record.is_some() { CheckVerdictName::Have } else { CheckVerdictName::Needed };
                Ok(CheckAnswerItem { item_key: item.item_key, verdict, record, reason: String::new() })
            });
            Ok(CheckAnswer { results: results.collect::<Result<_, StoreError>>()? })
        })
        .await,
    )
}

pub(super) async fn audit(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let request: AuditRequest = match app.has_profile("audit").and(read(request, "AuditRequest", &["application/json"]).await) {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            let mut missing = Vec::new();
            for item in request.items {
                if app.store.item(&employee.id, &item.item_key)?.is_none() {
                    missing.push(item.item_key);
                }
            }
            Ok(AuditAnswer { missing })
        })
        .await,
    )
}

pub(super) async fn resolve(State(app): State<Arc<App>>, request: Request) -> Response {
    let request: ResolveRequest = match read(request, "ResolveRequest", &["application/json"]).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    let directory = app.directory();
    let results = request.addresses.into_iter().map(|address| AddressMatch {
        linked: assign(&directory, std::slice::from_ref(&address)).linked,
        internal: directory.is_internal(&address),
        address,
    });
    json(&ResolveAnswer { results: results.collect() })
}

pub(super) async fn activities(State(app): State<Arc<App>>, request: Request) -> Response {
    let filter = match app.has_profile("activities").and_then(|()| Filter::read(request.uri().query().unwrap_or_default())) {
        Ok(filter) => filter,
        Err(failure) => return failure.into_response(),
    };
    answer(blocking(move || page(&app, &filter)).await)
}

/// The filters of the quick searches.
#[derive(Debug, Default)]
struct Filter {
    run: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    unassigned: Option<bool>,
    activity_type: Option<String>,
    text: Option<String>,
    limit: usize,
    before: u64,
}

impl Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut filter = Self { limit: 50, before: u64::MAX, ..Self::default() };
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let known = schema::check_parameter("/v1/activities", "get", &name, &value);
            if known.map_err(|error| Failure::new(ProblemKind::Invalid, error))?.is_none() {
                continue;
            }
            if !seen.insert(name.clone()) {
                return Err(Failure::new(ProblemKind::Invalid, format!("parameter {name} is given twice")));
            }
            let instant = || DateTime::parse_from_rfc3339(&value).ok().map(|date| date.to_utc());
            match name.as_ref() {
                "run" => filter.run = Some(value.into_owned()),
                "importedSince" => filter.since = instant(),
                "importedUntil" => filter.until = instant(),
                "unassigned" => filter.unassigned = value.parse().ok(),
                "type" => filter.activity_type = Some(value.into_owned()),
                "text" => filter.text = Some(value.to_lowercase()),
                "limit" => filter.limit = value.parse().unwrap_or(filter.limit),
                // A cursor that never was leads to the last page.
                "cursor" => filter.before = value.strip_prefix("before-").and_then(|number| number.parse().ok()).unwrap_or(0),
                _ => {}
            }
        }
        Ok(filter)
    }

    fn takes(&self, activity: &StoredActivity) -> bool {
        activity.owners.iter().any(|owner| {
            let at = owner.origin.imported_at;
            self.run.as_ref().is_none_or(|run| owner.origin.run.as_str() == run)
                && self.since.is_none_or(|since| at >= since)
                && self.until.is_none_or(|until| at < until)
        }) && self.unassigned.is_none_or(|unassigned| activity.linked.is_empty() == unassigned)
            && self.activity_type.as_ref().is_none_or(|wanted| activity.activity_type == *wanted)
            && self.text.as_ref().is_none_or(|text| activity.subject.to_lowercase().contains(text))
    }
}

fn page(app: &App, filter: &Filter) -> Result<ActivityPage, StoreError> {
    let (mut items, mut next, mut last) = (Vec::new(), None, filter.before);
    app.store.activities(filter.before, |activity| {
        if !filter.takes(&activity) {
            return ControlFlow::Continue(());
        }
        if items.len() == filter.limit {
            next = Some(format!("before-{last}"));
            return ControlFlow::Break(());
        }
        last = activity.number;
        items.push(summary(app, activity));
        ControlFlow::Continue(())
    })?;
    Ok(ActivityPage { items, next })
}

fn summary(app: &App, activity: StoredActivity) -> ActivityDocument {
    let id = activity.id();
    ActivityDocument {
        link: Some(app.activity_link().replace("{id}", &id)),
        id,
        activity_type: activity.activity_type,
        status: activity.status,
        subject: activity.subject,
        date: activity.date,
        direction: Some(activity.direction),
        linked: activity.linked,
        origin: activity.owners.into_iter().next().map(|owner| owner.origin),
    }
}

fn settings_document(app: &App, employee: &Employee) -> Result<SettingsDocument, StoreError> {
    let setting = |key: &str, value: &str, level| SettingDocument {
        application: String::new(),
        key: key.to_owned(),
        value: value.to_owned(),
        level,
        locked: false,
    };
    Ok(SettingsDocument {
        employee: EmployeeDocument {
            id: employee.id.clone(),
            name: employee.name.clone(),
            auto_sync: employee.auto_sync,
            interactive: employee.interactive,
            password_locked: app.store.is_locked(&employee.id)?,
            addresses: employee.addresses.clone(),
            groups: Vec::new(),
            rights: vec!["import-mail".to_owned()],
        },
        internal: app.directory().internal_domains.clone(),
        settings: vec![
            setting("Outlook_SyncFolders", "Contacts;Mail;Calendar;Tasks", SettingLevel::Organisation),
            setting("CRM_MeetingFutureDays", "31", SettingLevel::Organisation),
            setting("CRM_TaskFutureDays", "3", SettingLevel::Organisation),
        ],
    })
}

/// Reads a JSON request and judges it by its published schema.
pub(super) async fn read<T: DeserializeOwned>(request: Request, schema_name: &str, media_types: &[&str]) -> Result<T, Failure> {
    let value = read_value(request, media_types).await?;
    let invalid = |detail: String| Failure::new(ProblemKind::Invalid, detail);
    schema::check(schema_name, &value).map_err(invalid)?;
    serde_json::from_value(value).map_err(|error| invalid(error.to_string()))
}

/// Reads a JSON request.
pub(super) async fn read_value(request: Request, media_types: &[&str]) -> Result<serde_json::Value, Failure> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media_types.contains(&media_type.as_str()) {
        return Err(Failure::new(ProblemKind::UnsupportedMedia, format!("send {}", media_types.join(" or "))));
    }
    let body: Body = request.into_body();
    let bytes = axum::body::to_bytes(body, MAX_JSON)
        .await
        .map_err(|_| Failure::new(ProblemKind::TooLarge, format!("a JSON request holds at most {MAX_JSON} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::new(ProblemKind::Invalid, error.to_string()))
}

fn answer(document: Result<impl serde::Serialize, Failure>) -> Response {
    match document {
        Ok(document) => json(&document),
        Err(failure) => failure.into_response(),
    }
}

/// The kept bytes of an activity, ready to be read.
fn open_raw(store: &Store, activity: &StoredActivity) -> Result<std::io::Take<std::fs::File>, StoreError> {
    let (segment, offset, len) = &activity.raw;
    let mut file = std::fs::File::open(store.dir().join(segment))?;
    file.seek(SeekFrom::Start(*offset))?;
    Ok(file.take(*len))
}

/// The kept bytes of an activity.
pub(super) fn read_raw(store: &Store, activity: &StoredActivity) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    open_raw(store, activity)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The kept bytes of an activity, block by block.
pub(super) fn read_raw_stream(
    store: &Store,
    activity: &StoredActivity,
) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static + use<>, StoreError> {
    let raw = open_raw(store, activity)?;
    let len = raw.limit();
    Ok(ReaderStream::new(tokio::fs::File::from_std(raw.into_inner()).take(len)))
}
